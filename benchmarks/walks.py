"""Rates of the topology and of walks, on a random graph of the paper's size.

Size: 276,855 nodes and 366,384 edges (InfoAlign, arXiv 2406.12056). Ends and weights are uniformly random: a step
leads anywhere, which is the worst case for the processor's cache.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.report import write_report
from graphdb.console import print_table, run, say
from graphdb.schema import NodeType
from graphdb.snapshot import Snapshot
from graphdb.walks import WalkConfig, sample, shards
from graphdb.walks.memory import alias_table

NODES = {NodeType.MOLECULE: 129_592, NodeType.GENE: 4_533, NodeType.MORPHOLOGY: 128_935, NodeType.EXPRESSION: 13_795}
EDGES = 366_384
BATCH = 3_072


def build_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.walks", description="Rates of snapshot and walks.")
    parser.add_argument("--json", type=Path, help="write the rates to this file")
    parser.add_argument(
        "--repeats", type=int, default=9, help="measurements of each; the fastest counts (default: %(default)s)"
    )
    parser.add_argument("--scale", type=float, default=1.0, help="size of the graph, the paper's being 1 (default: 1)")
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Measure, print, and write the report."""
    rows = measure(arguments.scale, arguments.repeats)
    print_table("Walks", ["what", "rate", "unit"], [[row["name"], row["value"], row["unit"]] for row in rows])
    if arguments.json:
        write_report(arguments.json, "walks", rows)
        say(f"written to {arguments.json}")


def measure(scale: float, repeats: int) -> list[dict[str, Any]]:
    """Return the rows of the report."""
    rows: list[dict[str, Any]] = []

    def add(name: str, work: Callable[[], object], amount: float, unit: str, **about: object) -> None:
        seconds = best_seconds(work, repeats)
        value = amount / seconds if unit.endswith("/s") else 1000 * seconds
        rows.append({"name": name, "value": value, "unit": unit, **about})

    rng = np.random.default_rng(0)
    counts = [max(1, round(scale * count)) for count in NODES.values()]
    edges = round(scale * EDGES)
    ends = rng.integers(sum(counts), size=(2, edges))
    weights = rng.random(edges)
    types = np.repeat([node_type.code for node_type in NODES], counts)
    snapshot = Snapshot.from_edges(types, *ends, weights)
    add("snapshot from edges", lambda: Snapshot.from_edges(types, *ends, weights), edges, "edges/s")
    add("alias tables, new id", lambda: alias_table(snapshot.without([])), 1, "ms")
    molecules = snapshot.nodes(NodeType.MOLECULE)
    batch = rng.choice(molecules, min(BATCH, len(molecules)), replace=False)
    for weighted in (False, True):
        kind = "weighted" if weighted else "uniform"
        many = WalkConfig(walks_per_node=2, weighted=weighted)
        about = {"length": many.length, "nodes": snapshot.number_of_nodes, "edges": snapshot.number_of_edges}
        for threads in (1, None):
            name = f"{kind} walks, {'1 thread' if threads else 'all cores'}"
            amount = len(molecules) * many.walks_per_node
            add(name, lambda c=many, t=threads: sample(snapshot, molecules, c, threads=t), amount, "walks/s", **about)
        one = WalkConfig(weighted=weighted)
        add(f"{kind} walks of one batch of {len(batch)}", lambda c=one: sample(snapshot, batch, c), 1, "ms", **about)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        add("snapshot saved", lambda: snapshot.save(path / "snapshot"), 1, "ms")
        add("snapshot loaded and verified", lambda: Snapshot.load(path / "snapshot"), 1, "ms")
        config, size = WalkConfig(), len(molecules)
        add("shards written", lambda: shards.write(path / "shards", snapshot, molecules, config), size, "walks/s")
        add("shards read", lambda: shards.ShardReader(path / "shards").read(0), size, "walks/s")
    return rows


def best_seconds(work: Callable[[], object], repeats: int) -> float:
    """Return the shortest duration of `work`, the least disturbed one, after a run that compiles and warms up."""
    work()
    durations = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        durations.append(time.perf_counter() - started)
    return min(durations)


if __name__ == "__main__":
    run(main, build_parser())
