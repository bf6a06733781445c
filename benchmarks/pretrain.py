"""What a pretraining step costs: ours beside the published data path, on one simulated graph, in one run.

Each system runs in a process of its own, and the systems take turns, several rounds long, so that other work on the
machine hits all of them; medians over the rounds are reported. Beside them: where the time of a step goes, the memory
at its highest, the rate of matrix products on this machine and the share of it that a step reaches, the cost of a step
on a graph ten times as large, and how far the loss in bfloat16 departs from that in float32.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.curves import largest_difference
from benchmarks.matrices import product_rate, step_flops
from benchmarks.paper_scale import make_paper_workspace
from benchmarks.processes import measure_in_child
from benchmarks.report import write_report
from benchmarks.training import STAGES
from graphdb.console import note, print_table, run, say
from graphdb.errors import InputError
from graphdb.molecule_graphs import MoleculeGraphs
from graphdb.workspace import Workspace
from learn.device import resolve_device
from learn.encode import embed_graphs
from learn.encoder import Encoder

PUBLISHED, FLOAT32, BFLOAT16 = "published data path", "ours, float32", "ours, bfloat16"
SYSTEMS: Mapping[str, tuple[str, ...]] = {
    PUBLISHED: ("--system", "published"),
    FLOAT32: ("--system", "ours"),
    BFLOAT16: ("--system", "ours", "--precision", "bfloat16"),
}
EMBEDDED = 3072
Row = dict[str, Any]


def build_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pretrain", description=__doc__)
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=20, help="a system and round (default: %(default)s)")
    parser.add_argument(
        "--rounds", type=int, default=3, help="how often each system has its turn (default: %(default)s)"
    )
    parser.add_argument("--batch-size", type=int, default=1024, help="molecules in a step (default: %(default)s)")
    parser.add_argument("--nodes", type=int, default=12_000, help="of the graph (default: %(default)s)")
    parser.add_argument(
        "--large", type=int, default=120_000, help="of the larger graph; 0: none (default: %(default)s)"
    )
    parser.add_argument(
        "--curve-steps", type=int, default=60, help="of the loss curves; 0: none (default: %(default)s)"
    )
    parser.add_argument("--curve-batch", type=int, default=128, help="molecules in a step there (default: %(default)s)")
    parser.add_argument(
        "--profile", type=Path, metavar="FILE", help="write torch.profiler's 40 largest operations of our float32 step"
    )
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Measure, print, and write the report."""
    if arguments.rounds < 1:
        raise InputError(f"--rounds must be at least 1, got {arguments.rounds}")
    began = time.perf_counter()
    device = resolve_device(arguments.device)
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(arguments, device, Path(folder))
    title = f"Pretraining on {device}, batches of {arguments.batch_size}, a graph of {arguments.nodes:,} nodes"
    print_table(title, ["what", "value", "unit"], [[row["name"], row["value"], row["unit"]] for row in rows])
    if arguments.json:
        write_report(arguments.json, "pretrain", rows)
        say(f"written to {arguments.json}")
    if arguments.profile:
        say(f"profile of a step: {arguments.profile}")
    say(f"{len(rows)} figures in {time.perf_counter() - began:.0f} s")


def measure(arguments: argparse.Namespace, device: torch.device, folder: Path) -> list[Row]:
    """Return the rows of the report."""
    small = make_paper_workspace(folder / "small", arguments.nodes)
    common = ["--device", str(device), "--batch-size", arguments.batch_size, "--seconds", arguments.seconds]
    rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in SYSTEMS}
    rates: dict[str, list[float]] = {"float32": [], "bfloat16": []}
    for number in range(arguments.rounds):
        for name, words in SYSTEMS.items():
            note(f"round {number + 1} of {arguments.rounds}: {name}")
            profiled = arguments.profile and name == FLOAT32 and number == 0
            more = ["--profile", arguments.profile] if profiled else []
            found = measure_in_child("benchmarks.training", [*words, "--workspace", small.root, *common, *more])
            rounds[name].append(found)
        for kind, measured in rates.items():
            measured.append(product_rate(device, getattr(torch, kind)))
    rows = [*_rows_of_systems(rounds, rates), _embedding(small, device)]
    if arguments.large:
        note(f"a graph of {arguments.large:,} nodes")
        large = make_paper_workspace(folder / "large", arguments.large)
        rows += _growth(small, large, arguments.rounds, common)
    if arguments.curve_steps:
        for dropout in (0.0, 0.5):
            note(f"loss curves, dropout {dropout:g}")
            words = ["--steps", arguments.curve_steps, "--batch-size", arguments.curve_batch, "--dropout", dropout]
            curves = measure_in_child("benchmarks.curves", ["--workspace", small.root, "--device", str(device), *words])
            rows.append(
                _row(
                    f"loss in bfloat16 beside float32, largest difference, dropout {dropout:g}",
                    100 * largest_difference(curves["float32"], curves["bfloat16"]),
                    "%",
                    steps=arguments.curve_steps,
                    batch_size=arguments.curve_batch,
                    last_float32=curves["float32"][-1],
                    last_bfloat16=curves["bfloat16"][-1],
                )
            )
    return rows


def _rows_of_systems(
    rounds: Mapping[str, Sequence[Mapping[str, Any]]], rates: Mapping[str, Sequence[float]]
) -> list[Row]:
    """Return rates, ratios, memory, shares and splits; `rounds` holds each system's measurements, one a round."""
    rows = []
    about = {key: rounds[FLOAT32][0][key] for key in ("device", "threads", "mean_atoms", "nodes")}
    speed = {}
    for name, found in rounds.items():
        each = [one["molecules_per_second"] for one in found]
        speed[name] = statistics.median(each)
        steps = sum(one["steps"] for one in found)
        rows.append(_row(f"{name}: training", speed[name], "molecules/s", rounds=each, steps=steps, **about))
    for name in (FLOAT32, BFLOAT16):
        # Round by round: what slowed one of a pair most likely slowed the other.
        pairs = zip(rounds[name], rounds[PUBLISHED], strict=True)
        each = [one["molecules_per_second"] / other["molecules_per_second"] for one, other in pairs]
        rows.append(_row(f"{name} / published", statistics.median(each), "times", rounds=each))
    for name, found in rounds.items():
        peak = statistics.median(one["peak_mib"] for one in found)
        loaded = statistics.median(one["loaded_mib"] for one in found)
        cuda = [one["cuda_peak_mib"] for one in found if one["cuda_peak_mib"] is not None]
        rows.append(_row(f"{name}: resident memory at its highest", peak / 1024, "GiB", before_training=loaded / 1024))
        if cuda:
            rows.append(_row(f"{name}: memory of the GPU at its highest", statistics.median(cuda) / 1024, "GiB"))
    whole = step_flops(about["mean_atoms"], rounds[FLOAT32][0]["dimensions"])
    rows.append(_row("matrix products of a step, all decoders for every molecule", whole / 1e6, "MFLOP a molecule"))
    for kind, measured in rates.items():
        rows.append(
            _row(f"matrix products, {kind}", statistics.median(measured) / 1e9, "GFLOP/s", rounds=list(measured))
        )
    for name, kind in ((PUBLISHED, "float32"), (FLOAT32, "float32"), (BFLOAT16, "bfloat16")):
        # Ours leaves products out whose results no loss reads.
        done = statistics.median(one["flops_per_molecule"] for one in rounds[name])
        share = 100 * speed[name] * done / statistics.median(rates[kind])
        rows.append(_row(f"{name}: matrix products done", done / 1e6, "MFLOP a molecule"))
        rows.append(_row(f"{name}: share of the rate of matrix products", share, "%"))
    for name, found in rounds.items():
        for stage in STAGES:
            spent = statistics.median(one["split_ms"][stage] for one in found)
            rows.append(_row(f"{name}: {stage}", spent, "ms a step"))
    return rows


def _growth(small: Workspace, large: Workspace, rounds: int, common: Sequence[Any]) -> list[Row]:
    """Return the cost of our float32 step on both graphs, which must be the same."""
    found: dict[Path, list[dict[str, Any]]] = {small.root: [], large.root: []}
    for _ in range(rounds):
        for root, measured in found.items():
            words = [*SYSTEMS[FLOAT32], "--workspace", root, *common]
            measured.append(measure_in_child("benchmarks.training", words))
    rows = []
    for measured in found.values():
        step = statistics.median(one["step_ms"] for one in measured)
        batch = statistics.median(one["split_ms"]["batch"] for one in measured)
        peak = statistics.median(one["peak_mib"] for one in measured) / 1024
        name = f"ours, float32: a step on a graph of {measured[0]['nodes']:,} nodes"
        rows.append(_row(name, step, "ms", batch_ms=batch, peak_gib=peak))
    pairs = zip(found[large.root], found[small.root], strict=True)
    each = [one["step_ms"] / other["step_ms"] for one, other in pairs]
    rows.append(_row("ours, float32: a step on the larger graph / on the smaller", statistics.median(each), "times"))
    return rows


def _embedding(workspace: Workspace, device: torch.device) -> Row:
    """Return the rate at which packed molecule graphs are embedded."""
    molecules = MoleculeGraphs.load(workspace.molecule_graphs)
    some = molecules.take([row % len(molecules) for row in range(EMBEDDED)])
    began = time.perf_counter()
    embed_graphs(Encoder(), some, device=str(device))
    return _row("embedding of packed graphs", EMBEDDED / (time.perf_counter() - began), "molecules/s")


def _row(name: str, value: float, unit: str, **more: object) -> Row:
    return {"name": name, "value": value, "unit": unit, **more}


if __name__ == "__main__":
    run(main, build_parser())
