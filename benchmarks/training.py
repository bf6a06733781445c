"""One system's training steps, measured in a process of its own; `benchmarks.pretrain` and `benchmarks.gpu` call it.

``python -m benchmarks.training --system ours --workspace DIR --out FILE`` writes one JSON object. A step is what
`learn.loop` does: a batch made from walks, forward, a look whether the loss is finite, backward, Adam. Walks are
sampled before the clock starts, for both systems.
"""

from __future__ import annotations

import argparse
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.matrices import wait
from benchmarks.processes import peak_mib
from graphdb.console import run
from graphdb.errors import InputError
from graphdb.feature_store import FeatureStore
from graphdb.files import write_json
from graphdb.molecule_graphs import MoleculeGraphs
from graphdb.schema import NodeType
from graphdb.snapshot import Snapshot
from graphdb.walks import WalkConfig, Walks, sample
from graphdb.workspace import Workspace
from learn.batches import BatchMaker
from learn.config import TrainConfig
from learn.device import autocast, resolve_device
from learn.kernels import functions
from learn.loop import build

BATCH, ENCODER, DECODERS, BACKWARD, ADAM = "batch", "encoder", "decoders and loss", "backward", "Adam"
STAGES = (BATCH, ENCODER, DECODERS, BACKWARD, ADAM)
SHOWN_OPERATIONS = 40


class Clock:
    """Adds up the seconds of named stages; where it is off, it neither measures nor waits for the device."""

    def __init__(self, device: torch.device, *, on: bool) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.on, self._device = on, device

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the block as `name`."""
        if not self.on:
            yield
            return
        wait(self._device)
        began = time.perf_counter()
        yield
        wait(self._device)
        self.seconds[name] += time.perf_counter() - began


class System(Protocol):
    """What is measured: networks, their optimizer, and a loss of the next batch."""

    networks: nn.Module
    optimizer: torch.optim.Optimizer

    def next_batch(self) -> Any:
        """Return the next batch, on the device."""

    def loss(self, batch: Any, clock: Clock) -> Tensor:
        """Return the loss of a batch."""


class Parts:
    """What both systems read: the workspace, and the walks in a random order."""

    def __init__(self, folder: Path, seed: int = 0) -> None:
        workspace = Workspace(folder)
        self.snapshot = Snapshot.load(workspace.snapshot)
        self.features = FeatureStore.open(workspace.features)
        self.molecules = MoleculeGraphs.load(workspace.molecule_graphs)
        walks = sample(self.snapshot, self.snapshot.nodes(NodeType.MOLECULE), WalkConfig())
        self.walks: Walks = walks.take(np.random.default_rng(seed).permutation(len(walks)))

    def maker(self, device: torch.device) -> BatchMaker:
        """Return what makes our batches."""
        return BatchMaker(self.snapshot, self.features, self.molecules, device)

    @property
    def mean_atoms(self) -> float:
        """Atoms of a molecule."""
        return len(self.molecules.atom_features) / len(self.molecules)


class Published:
    """The published data path and model."""

    def __init__(self, parts: Parts, batch_size: int, device: torch.device) -> None:
        # Here, for PyTorch Geometric takes memory that is not to count as ours.
        from benchmarks.published import DensePath, PublishedModel, loss_of

        torch.manual_seed(0)
        self._loss_of = loss_of
        path = DensePath(parts.snapshot, parts.features, parts.molecules, parts.walks, device)
        self._batches = path.batches(batch_size)
        self._model = PublishedModel(path.dimensions).to(device)
        self.networks: nn.Module = self._model.train()
        config = TrainConfig()
        self.optimizer: torch.optim.Optimizer = torch.optim.Adam(
            self._model.parameters(), lr=config.lr, weight_decay=config.weight_decay
        )

    def next_batch(self) -> Any:
        """Return the next batch."""
        return next(self._batches)

    def loss(self, batch: Any, clock: Clock) -> Tensor:
        """Return the loss of a batch."""
        data, targets = batch
        with clock.stage(ENCODER):
            mu, sigma = self._model.encode(data)
        with clock.stage(DECODERS):
            outputs = [decoder(mu) for decoder in self._model.decoder_list]
            return self._loss_of(mu, sigma, outputs, data.path_weights, targets)[0]


class Ours:
    """`learn`'s batches, encoder and objective.

    `resident` (0: none) is the number of batches that are made once, before the clock starts, and gone round in: what a
    step costs without the making of its batch.
    """

    def __init__(
        self, parts: Parts, batch_size: int, config: TrainConfig, device: torch.device, compiler: str, resident: int
    ) -> None:
        # As `learn.pretrain` does.
        torch.use_deterministic_algorithms(device.type == "cpu")
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        torch.set_float32_matmul_precision("high")
        self._config, self._device = config, device
        self._maker = parts.maker(device)
        self._walks, self._size, self._at = parts.walks, batch_size, 0
        self._encoder, self._objective = build(config, self._maker, device)
        self.networks: nn.Module = nn.ModuleList([self._encoder, self._objective]).train()
        self.optimizer: torch.optim.Optimizer = torch.optim.Adam(
            self.networks.parameters(), lr=config.lr, weight_decay=config.weight_decay, fused=True
        )
        self._forward: Callable[..., Any] = self._objective
        if compiler:
            self._forward = torch.compile(self._objective, dynamic=True, backend=compiler)
        self._kept = [self._made() for _ in range(resident)]

    def next_batch(self) -> Any:
        """Return the next batch."""
        if not self._kept:
            return self._made()
        self._at += 1
        return self._kept[self._at % len(self._kept)]

    def _made(self) -> Any:
        if self._at + self._size > len(self._walks):
            self._at = 0
        self._at += self._size
        return self._maker.make(self._walks.take(slice(self._at - self._size, self._at)))

    def loss(self, batch: Any, clock: Clock) -> Tensor:
        """Return the loss of a batch; the encoder's share is seen from outside, by hooks."""
        spent: list[float] = []
        handles = []
        if clock.on:

            def before(*_: object) -> None:
                wait(self._device)
                spent.append(-time.perf_counter())

            def after(*_: object) -> None:
                wait(self._device)
                spent[-1] += time.perf_counter()

            handles = [self._encoder.register_forward_pre_hook(before), self._encoder.register_forward_hook(after)]
        with clock.stage(DECODERS), autocast(self._config, self._device):
            total: Tensor = self._forward(self._encoder, batch).total
        for handle in handles:
            handle.remove()
        if spent:
            clock.seconds[ENCODER] += sum(spent)
            clock.seconds[DECODERS] -= sum(spent)
        return total


def step(system: System, clock: Clock) -> float:
    """Do one step and return its loss."""
    with clock.stage(BATCH):
        batch = system.next_batch()
    total = system.loss(batch, clock)
    loss = total.item()
    if not math.isfinite(loss):
        raise InputError(f"the loss is {loss}")
    with clock.stage(BACKWARD):
        system.optimizer.zero_grad(set_to_none=True)
        total.backward()
    with clock.stage(ADAM):
        system.optimizer.step()
    return loss


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what the steps of one system cost."""
    device = resolve_device(arguments.device)
    if arguments.tf32:
        torch.set_float32_matmul_precision("high")
    parts = Parts(arguments.workspace)
    size = arguments.batch_size
    if size > len(parts.walks):
        raise InputError(f"batches of {size} molecules, but the graph has {len(parts.walks)}; make a larger one")
    config = TrainConfig(precision=arguments.precision, batch_size=size)
    system: System
    if arguments.system == "published":
        system = Published(parts, size, device)
    else:
        system = Ours(parts, size, config, device, arguments.compile, arguments.resident)
    loaded_mib = peak_mib()

    quiet = Clock(device, on=False)
    losses = [step(system, quiet) for _ in range(arguments.warm)]
    wait(device)
    # On a CPU nothing overlaps, so the clock costs nothing; on a GPU the split is of steps of its own.
    clock = Clock(device, on=device.type == "cpu" and not arguments.compile)
    began, began_at = time.perf_counter(), time.time()
    while (took := time.perf_counter() - began) < arguments.seconds and len(losses) - arguments.warm < arguments.steps:
        losses.append(step(system, clock))
        wait(device)
    ended_at = time.time()
    steps = split_steps = len(losses) - arguments.warm
    if device.type != "cpu" and not arguments.compile:
        clock, split_steps = Clock(device, on=True), 10
        losses += [step(system, clock) for _ in range(split_steps)]
    peak = peak_mib()
    flops = None if arguments.compile else _operations(system, quiet) / size
    if arguments.profile:
        _profile(arguments.profile, lambda: step(system, quiet), device)
    cuda = device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(device) if cuda else "cpu",
        "threads": torch.get_num_threads(),
        "molecules_per_second": steps * size / took,
        "step_ms": 1000 * took / steps,
        "split_ms": {stage: 1000 * clock.seconds[stage] / split_steps for stage in STAGES} if clock.seconds else None,
        "peak_mib": peak,
        "flops_per_molecule": flops,
        "loaded_mib": loaded_mib,
        "cuda_peak_mib": torch.cuda.max_memory_allocated(device) / 2**20 if cuda else None,
        "steps": steps,
        "first_loss": losses[0],
        "last_loss": losses[-1],
        "window": [began_at, ended_at],
        "mean_atoms": parts.mean_atoms,
        "dimensions": [space.dimension for space in parts.features.spaces()],
        "nodes": parts.snapshot.number_of_nodes,
        "molecules": len(parts.molecules),
    }


def _operations(system: System, clock: Clock) -> int:
    """Return the floating-point operations of the matrix products of a further step, as torch counts them."""
    # PyTorch counts its own products alone, not those that it hands to oneDNN: of the plain path, which does the same.
    with functions.plain_path(), FlopCounterMode(display=False) as counter:
        step(system, clock)
    return int(counter.get_total_flops())


def _profile(path: Path, one: Callable[[], object], device: torch.device) -> None:
    """Write the operations that two steps spend most time in, by their own time."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    if device.type == "cuda":
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=activities) as profiler:
        one()
        one()
        wait(device)
    key = "self_cuda_time_total" if device.type == "cuda" else "self_cpu_time_total"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(profiler.key_averages().table(sort_by=key, row_limit=SHOWN_OPERATIONS, max_name_column_width=60))


def build_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("--system", choices=("published", "ours"), required=True)
    parser.add_argument("--workspace", type=Path, required=True, help="made by benchmarks.paper_scale")
    parser.add_argument("--out", type=Path, required=True, help="JSON file")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--compile", default="", metavar="BACKEND", help="compile the objective, e.g. inductor")
    parser.add_argument("--tf32", action="store_true", help="float32 products of a GPU in TensorFloat-32")
    parser.add_argument(
        "--resident", type=int, default=0, metavar="N", help="make N batches once, and go round in them"
    )
    parser.add_argument("--device", default="auto")
    parser.add_argument("--batch-size", type=int, default=1024)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--steps", type=int, default=10**9, help="stop after so many, if the seconds are not over")
    parser.add_argument("--warm", type=int, default=1, help="steps that are not counted (default: %(default)s)")
    parser.add_argument(
        "--profile", type=Path, metavar="FILE", help="write torch.profiler's table of two further steps"
    )
    return parser


if __name__ == "__main__":
    run(lambda arguments: write_json(arguments.out, measure(arguments)), build_parser())
