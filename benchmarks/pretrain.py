"""Rates of pretraining and of embedding, on random molecules of the demo's size.

A step is what `learn.loop` does: the batch made from walks, forward, loss, backward, Adam. Measured for the batch size
of ``--quick`` and for that of the reference.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.report import write_report
from benchmarks.synthetic import Size, make_workspace
from graphdb.console import print_table, run, say
from graphdb.feature_store import FeatureStore
from graphdb.molecule_graphs import MoleculeGraphs
from graphdb.schema import NodeType
from graphdb.snapshot import Snapshot
from graphdb.walks import WalkConfig, Walks, sample
from graphdb.workspace import Workspace
from learn.batches import BatchMaker
from learn.config import QUICK, TrainConfig
from learn.device import resolve_device
from learn.encode import embed_graphs
from learn.loop import build

SIZE = Size(molecules=3072)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pretrain", description="Rates of pretraining.")
    parser.add_argument("--json", type=Path, help="write the rates to this file")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=20, help="for each measurement (default: %(default)s)")
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Measure, print, and write the report."""
    device = resolve_device(arguments.device)
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(make_workspace(Path(folder), SIZE), device, arguments.seconds)
    print_table(
        f"Pretraining on {device}", ["what", "value", "unit"], [[r["name"], r["value"], r["unit"]] for r in rows]
    )
    if arguments.json:
        write_report(arguments.json, "pretrain", rows)
        say(f"written to {arguments.json}")


def measure(workspace: Workspace, device: torch.device, seconds: float) -> list[dict[str, Any]]:
    """Return the rows of the report; each rate is the mean over `seconds`, after a first step that is not counted."""
    snapshot = Snapshot.load(workspace.snapshot)
    molecules = MoleculeGraphs.load(workspace.molecule_graphs)
    maker = BatchMaker(snapshot, FeatureStore.open(workspace.features), molecules, device)
    walks = sample(snapshot, snapshot.nodes(NodeType.MOLECULE), WalkConfig())
    about = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
    }
    about["atoms_per_molecule"] = round(len(molecules.atom_features) / len(molecules), 1)
    rows: list[dict[str, Any]] = []

    def add(name: str, value: float, unit: str, **more: object) -> None:
        rows.append({"name": name, "value": value, "unit": unit, **about, **more})

    config = TrainConfig()
    for size in (int(QUICK["batch_size"]), config.batch_size):
        encoder, objective = build(config, maker, device)
        networks = nn.ModuleList([encoder, objective]).train()
        optimizer = torch.optim.Adam(networks.parameters(), lr=config.lr, weight_decay=config.weight_decay)
        made = total = 0.0
        steps, began = 0, 0.0
        while steps < 2 or total < seconds:
            first = (steps * size) % max(1, len(walks) - size + 1)
            part = Walks(walks.nodes[first : first + size], walks.path_weights[first : first + size])
            _wait(device)
            if steps == 1:
                began, made = time.perf_counter(), 0.0
            start = time.perf_counter()
            batch = maker.make(part)
            _wait(device)
            made += time.perf_counter() - start
            result = objective(encoder, batch)
            optimizer.zero_grad(set_to_none=True)
            result.total.backward()
            optimizer.step()
            _wait(device)
            steps += 1
            total = time.perf_counter() - began if steps > 1 else 0.0
        counted = steps - 1
        add(f"pretraining, batches of {size}", counted * size / total, "molecules/s", steps=counted)
        add(f"a batch of {size} made from its walks", 1000 * made / counted, "ms", share_of_step=round(made / total, 3))
    encoder, _ = build(config, maker, device)
    began = time.perf_counter()
    embed_graphs(encoder, molecules, device=str(device))
    add("embedding of packed graphs", len(molecules) / (time.perf_counter() - began), "molecules/s")
    return rows


def _wait(device: torch.device) -> None:
    """Wait until the device has done what it was told, so that a clock says something."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    run(main, build_parser())
