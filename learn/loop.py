"""The training loop: readable from top to bottom, and the same whether it was interrupted or not.

Every random number of a step comes from (seed, step), and the order of molecules from (seed, epoch); so a run that goes
on from a checkpoint does what it would have done without the interruption.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from graphdb.errors import InfoAlignError, InputError
from graphdb.walks.shards import ShardReader
from learn import memory, ranks
from learn.batches import Batch, BatchMaker
from learn.checkpoint import Checkpoint, Position, save, save_tensors
from learn.config import CONSTANTS, TrainConfig
from learn.device import autocast
from learn.encoder import Encoder
from learn.objectives import Loss, Objective, recipe_of
from learn.runs import CHECKPOINT
from learn.validation import Data, Validation, validate

NONFINITE_BATCH = "nonfinite-batch.pt"
SMALLEST_BATCH = 2
"""Batch normalisation needs two molecules; a smaller rest of an epoch is left out of it."""


@dataclass(frozen=True)
class StepReport:
    """What one step did.

    Attributes
    ----------
    epoch, step
        Which; counted from 0.
    loss, parts
        Of the batch; what the parts are is the objective's, and one that averages over nothing is not there.
    lr
        Learning rate.
    molecules, seconds
        Size of the batch, and how long it took.
    """

    epoch: int
    step: int
    loss: float
    parts: Mapping[str, float]
    lr: float
    molecules: int
    seconds: float


class NonFiniteLossError(InfoAlignError):
    """The loss of a step is not finite; the batch was saved."""


def learning_rate(config: TrainConfig, step: int, last: int) -> float:
    """Return lr · cos(7/16 · pi · step / last), the reference's schedule."""
    return config.lr * math.cos(CONSTANTS.cosine * math.pi * step / max(1, last))


def build(config: TrainConfig, maker: BatchMaker, device: torch.device) -> tuple[Encoder, Objective]:
    """Return new networks; their weights depend on the seed alone."""
    torch.manual_seed(config.seed)
    encoder, objective = Encoder(config.layers, config.dropout), recipe_of(config).make(config, maker)
    return encoder.to(device), objective.to(device)


def train(
    start: Checkpoint,
    data: Data,
    folder: Path,
    device: torch.device,
    *,
    on_step: Callable[[StepReport], object],
    on_validation: Callable[[Validation], object],
    save_every: int,
    deadline: float = math.inf,
    earlier: Sequence[Validation] = (),
    compiled: bool = False,
) -> Checkpoint:
    """Train from `start` to the last epoch, to the deadline, or until the loss on held-out molecules no longer falls.

    Parameters
    ----------
    start
        Where the run stands.
    data
        The walks, what makes batches of them, and the walks of held-out molecules.
    folder
        Of the run: ``checkpoint.pt`` is replaced there every `save_every` steps, after every epoch, and at the end.
    device
        Where to compute.
    on_step, on_validation
        Are told of each step, and of each measurement on held-out molecules.
    save_every
        In steps.
    deadline
        By `time.monotonic`; the run stops after the step that passes it, and can go on later.
    earlier
        The measurements before `start`.
    compiled
        Whether `torch.compile` makes the step.

    Returns
    -------
    Checkpoint
        The last one, as written.

    Raises
    ------
    NonFiniteLossError
        If a loss or a weight is not finite. The batch is in ``nonfinite-batch.pt``; the last checkpoint stays.
    """
    config = start.config
    encoder, objective = build(config, data.maker, device)
    encoder.load_state_dict(dict(start.encoder_state))
    objective.load_state_dict(dict(start.objective_state))
    networks = nn.ModuleList([encoder, objective]).train()
    average = _average(encoder, start)
    # One pass over the weights in place of a dozen.
    optimizer = torch.optim.Adam(networks.parameters(), lr=config.lr, weight_decay=config.weight_decay, fused=True)
    if start.optimizer_state is not None:
        optimizer.load_state_dict(dict(start.optimizer_state))
    loss_of = torch.compile(objective, dynamic=True) if compiled else objective
    recipe = recipe_of(config)
    share, rank, world_size = share_of_batch(config), ranks.rank(), ranks.world_size()
    last = steps_in(config, data.reader)
    position = start.position
    measured = list(earlier)

    def keep(at: Position) -> Checkpoint:
        kept = replace(
            start,
            encoder_state=encoder.state_dict(),
            objective_state=objective.state_dict(),
            averaged_state=None if average is None else average.module.state_dict(),
            optimizer_state=optimizer.state_dict(),
            position=at,
        )
        _require_finite(networks, folder)
        if rank == 0:
            save(folder / CHECKPOINT, kept)
        return kept

    while position.epoch < config.epochs and not is_over(measured, config):
        batches = data.reader.batches(
            share, config.seed, position.epoch, position.batch, rank=rank, world_size=world_size
        )
        for walks in batches:
            molecules = min(config.batch_size, data.reader.number_of_walks - position.batch * config.batch_size)
            if molecules >= SMALLEST_BATCH:
                began = time.monotonic()
                batch = data.maker.make(walks, rank=rank, world_size=world_size)
                # The same numbers on every rank where the ranks share one loss; else each draws its own.
                torch.manual_seed(_step_seed(config.seed, position.step, 0 if recipe.shares else rank))
                rate = learning_rate(config, position.step, last)
                for group in optimizer.param_groups:
                    group["lr"] = rate
                with autocast(config, device):
                    result = loss_of(encoder, batch)
                if not recipe.shares:
                    result = _weighed(result, len(walks) / molecules)
                report = _report(result, position, rate, molecules, began)
                if not math.isfinite(report.loss):
                    _save_batch(folder / NONFINITE_BATCH, batch)
                    raise NonFiniteLossError(
                        f"the loss is {report.loss} at step {position.step}; the batch is in "
                        f"{folder / NONFINITE_BATCH}, the last good state in {folder / CHECKPOINT}"
                    )
                optimizer.zero_grad(set_to_none=True)
                result.total.backward()
                ranks.add_gradients(networks.parameters())
                if config.clip:
                    nn.utils.clip_grad_norm_(networks.parameters(), config.clip)
                optimizer.step()
                if average is not None:
                    average.update_parameters(encoder)
                on_step(replace(report, seconds=time.monotonic() - began))
            position = Position(position.epoch, position.batch + 1, position.step + 1)
            if device.type == "cpu" and position.step % memory.EVERY == 0:
                memory.give_back()
            if ranks.any_of(time.monotonic() > deadline):
                return keep(position)
            if position.step % save_every == 0:
                keep(position)
        if data.held_out is not None:
            measured.append(validate(encoder, objective, data, config, device, position))
            on_validation(measured[-1])
        position = Position(position.epoch + 1, 0, position.step)
        if position.epoch < config.epochs:
            keep(position)
    return keep(position)


def steps_in(config: TrainConfig, reader: ShardReader) -> int:
    """Return the number of steps of a whole run."""
    return config.epochs * reader.number_of_batches(share_of_batch(config), ranks.world_size())


def share_of_batch(config: TrainConfig) -> int:
    """Return how many molecules of a batch each rank takes.

    Raises
    ------
    InputError
        If the ranks cannot share a batch evenly.
    """
    share, rest = divmod(config.batch_size, ranks.world_size())
    if rest or not share:
        raise InputError(f"batches of {config.batch_size} cannot be shared by {ranks.world_size()} ranks")
    return share


def _average(encoder: Encoder, start: Checkpoint) -> AveragedModel | None:
    """Return the running mean of the encoder's weights as the checkpoint left it; None where none is kept."""
    if not start.config.ema:
        return None
    average = AveragedModel(encoder, multi_avg_fn=get_ema_multi_avg_fn(start.config.ema))  # type: ignore[no-untyped-call]
    if start.averaged_state is not None:
        average.module.load_state_dict(dict(start.averaged_state))
        average.n_averaged += 1  # the first update of all takes the weights as they are
    return average


def _report(result: Loss, position: Position, rate: float, molecules: int, began: float) -> StepReport:
    # Together, since each number that is asked of a GPU waits for it.
    values = ranks.total(torch.stack([result.total, *result.parts.values()]).detach())
    weights = [result.weights.get(name, values.new_ones(())).to(values) for name in result.parts]
    total, *numbers = torch.stack([*values, *weights]).tolist()
    parts = zip(result.parts, numbers[: len(weights)], numbers[len(weights) :], strict=True)
    return StepReport(
        epoch=position.epoch,
        step=position.step,
        loss=total,
        # What no walk met has no loss; 0 would look like a perfect one.
        parts={name: value for name, value, weight in parts if weight > 0},
        lr=rate,
        molecules=molecules,
        seconds=time.monotonic() - began,
    )


def _weighed(result: Loss, share: float) -> Loss:
    """Return the loss of one rank as a share of the loss of all."""
    return Loss(result.total * share, {name: part * share for name, part in result.parts.items()}, result.weights)


def is_over(measured: Sequence[Validation], config: TrainConfig) -> bool:
    """Return whether the loss on held-out molecules has not fallen for as long as the settings allow."""
    if not config.patience or not measured:
        return False
    best = min(range(len(measured)), key=lambda epoch: measured[epoch].loss)
    return len(measured) - 1 - best >= config.patience


def _require_finite(networks: nn.Module, folder: Path) -> None:
    for name, tensor in networks.state_dict().items():
        if not bool(torch.isfinite(tensor).all()):
            raise NonFiniteLossError(
                f"the weight {name} is no longer finite; the last good state is in {folder / CHECKPOINT}; "
                "try a lower --lr"
            )


def _step_seed(seed: int, step: int, rank: int) -> int:
    # Any mixing will do that keeps the steps of near seeds apart (the constants are 2^64 over the golden ratio, and a
    # prime).
    return (seed * 0x9E3779B97F4A7C15 + rank * 0xD6E8FEB86659FD93 + step) % 2**63


def _save_batch(path: Path, batch: Batch) -> None:
    graphs = batch.graphs
    content: dict[str, Any] = {
        "x": graphs.x,
        "edge_index": graphs.edge_index,
        "edge_attr": graphs.edge_attr,
        "batch": graphs.batch,
        "molecules": batch.molecules,
        "nodes": batch.nodes,
        "path_weights": batch.path_weights,
        "rows": [sums.rows for sums in batch.sums],
        "weight_sums": [sums.weights for sums in batch.sums],
        "target_sums": [sums.targets for sums in batch.sums],
    }
    save_tensors(path, content)


def as_line(report: StepReport) -> str:
    """Return a step as one line of JSON."""
    return json.dumps({**asdict(report), "seconds": round(report.seconds, 4)})
