"""Pretrain the encoder: walks → shards → batches → encoder.

``python -m learn.pretrain`` needs the snapshot, the feature store and the molecule graphs of a workspace, and neither
RDKit nor a database. Run again it goes on where it was, be it stopped, killed, or out of time.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from graphdb.console import note, print_table, progress, run, say
from graphdb.errors import ArtefactError, InputError
from graphdb.feature_store import FeatureStore
from graphdb.files import versions, write_json
from graphdb.holdout import parse_holdout
from graphdb.molecule_graphs import MoleculeGraphs
from graphdb.snapshot import Snapshot
from graphdb.workspace import Workspace
from learn import checkpoint, ranks
from learn.arguments import build_parser, settings_of
from learn.batches import BatchMaker
from learn.checkpoint import Checkpoint, HeldOut, Position
from learn.config import TrainConfig
from learn.curves import Pace, board
from learn.device import resolve_device, warn_of_slow
from learn.holdout import hold_out
from learn.log import cut_log, plot, read_log
from learn.loop import StepReport, as_line, build, is_over, steps_in, train
from learn.objectives import recipe_of
from learn.run_walks import walks_of
from learn.runs import CHECKPOINT, RECORD
from learn.validation import Data, Validation

__all__ = ["build_parser", "main", "settings_of"]

LOG = "log.jsonl"
VALIDATION = "validation.jsonl"
PLOT = "loss.png"
INITIAL = "initial.pt"
SHARDS = "shards"


def main(arguments: argparse.Namespace) -> None:
    """Train, and say what came of it."""
    deadline = time.monotonic() + 60 * arguments.max_minutes
    workspace = Workspace(arguments.workspace) if arguments.workspace else Workspace.default()
    config = settings_of(arguments)
    device = ranks.join(resolve_device(arguments.device))
    try:
        _run(arguments, workspace, config, device, deadline)
    finally:
        ranks.leave()


def _run(
    arguments: argparse.Namespace, workspace: Workspace, config: TrainConfig, device: torch.device, deadline: float
) -> None:
    torch.use_deterministic_algorithms(device.type == "cpu")
    # No operation here reads what it has not written; filling new memory first takes a tenth of the time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.set_float32_matmul_precision("high")  # TF32 on a GPU; on a CPU it changes nothing
    folder = _run_folder(workspace, arguments.run)
    first = ranks.rank() == 0
    if first:
        warn_of_slow(config.precision, device)
    snapshot = Snapshot.load(workspace.snapshot)
    tasks = [parse_holdout(text) for text in arguments.holdout]
    if not first:  # they find what the first has made
        ranks.wait_for_all()
    excluded, holdout = hold_out(snapshot, tasks, workspace.holdout)
    shared, own = (arguments.shards, None) if arguments.shards else (workspace.shards, folder / SHARDS)
    reader, held_out = walks_of(shared, snapshot, config, excluded, holdout, own=own)
    if first:
        ranks.wait_for_all()
    features = FeatureStore.open(workspace.features)
    maker = BatchMaker(
        snapshot,
        features,
        MoleculeGraphs.load(workspace.molecule_graphs),
        device,
        sums=recipe_of(config).reads_sums,
        without=config.without,
    )
    simulated = tuple(sorted({space.name for space in features.spaces() if space.simulated}))

    if arguments.fresh and first:
        _begin_again(folder)
    ranks.wait_for_all()
    new = _new_checkpoint(config, maker, snapshot, holdout, simulated)
    start = _resumed(folder / CHECKPOINT, new)
    if start is None and arguments.resume:
        raise InputError("--resume: this run has no checkpoint; leave --resume out to begin it", path=folder)
    if start is None:
        start = new
        if first:
            checkpoint.save(folder / INITIAL, new)
            for name in (LOG, VALIDATION):
                (folder / name).unlink(missing_ok=True)
    elif first:
        cut_log(folder / LOG, start.position.step)
        cut_log(folder / VALIDATION, start.position.epoch, by="epoch")
        note(f"resuming {folder} at epoch {start.position.epoch}, step {start.position.step}")
    ranks.wait_for_all()
    for name in simulated:
        note(f"SIMULATED, not measured: the profiles of {name}")

    began = time.monotonic()
    finished = _train(start, Data(reader, maker, held_out), folder, device, arguments, deadline)
    if not first:
        return
    seconds = time.monotonic() - began
    steps, measured = read_log(folder / LOG), read_log(folder / VALIDATION)
    if steps:
        plot(steps, folder / PLOT, measured)
    summary = _summary(finished, steps, seconds, start.position.step, arguments.run)
    about = {"config": config.as_dict(), "device": str(device), "ranks": ranks.world_size(), "versions": versions()}
    write_json(folder / RECORD, {**summary, "validation": measured[-1] if measured else None, **about})
    _tell(summary, measured, folder, config)


def _run_folder(workspace: Workspace, name: str) -> Path:
    if not name or "/" in name or name.startswith("."):
        raise InputError(f"a run needs a plain name, got {name!r}")
    folder = workspace.runs / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _begin_again(folder: Path) -> None:
    """Empty a run's folder but for its walks, which are open by now."""
    for path in folder.iterdir():
        if path.is_dir() and not path.name.startswith(SHARDS):
            shutil.rmtree(path, ignore_errors=True)
        elif path.is_file():
            path.unlink()


def _new_checkpoint(
    config: TrainConfig, maker: BatchMaker, snapshot: Snapshot, holdout: tuple[HeldOut, ...], simulated: tuple[str, ...]
) -> Checkpoint:
    encoder, objective = build(config, maker, torch.device("cpu"))
    return Checkpoint(
        config=config,
        specs=maker.specs,
        encoder_state=encoder.state_dict(),
        objective_state=objective.state_dict(),
        optimizer_state=None,
        position=Position(),
        snapshot_id=snapshot.id,
        graph_hash=snapshot.graph_hash,
        holdout=holdout,
        simulated=simulated,
        scalers=maker.scalers,
        tautomers=maker.tautomers,
    )


def _resumed(path: Path, wanted: Checkpoint) -> Checkpoint | None:
    """Return the run's checkpoint, None where it has none.

    Raises
    ------
    ArtefactError
        If the run was begun with other settings, another graph, or other data sets held out.
    """
    if not path.exists():
        return None
    found, settings = checkpoint.load(path), wanted.config.as_dict()
    for name, old, new in (
        ("snapshot", found.snapshot_id, wanted.snapshot_id),
        ("held-out data sets", found.holdout, wanted.holdout),
        ("list of feature spaces", found.specs, wanted.specs),
        ("scaling of features", found.scalers, wanted.scalers),
        ("choice of tautomers", found.tautomers, wanted.tautomers),
        *((f"setting {key}", old, settings[key]) for key, old in found.config.as_dict().items()),
    ):
        if old != new:
            was, now = (str(value)[:40] for value in (old, new))
            raise ArtefactError(
                f"{path}: this run was begun with another {name} ({was}, now {now}); "
                "give --fresh to start it again, or another --run"
            )
    return replace(found, versions=wanted.versions)


def _train(
    start: Checkpoint, data: Data, folder: Path, device: torch.device, arguments: argparse.Namespace, deadline: float
) -> Checkpoint:
    config, steps = start.config, steps_in(start.config, data.reader)
    earlier = [Validation(**line) for line in read_log(folder / VALIDATION)]
    if ranks.rank():
        return train(
            start, data, folder, device, on_step=lambda _: None, on_validation=lambda _: None,
            save_every=arguments.save_every, deadline=deadline, earlier=earlier, compiled=arguments.compile,
        )  # fmt: skip
    with ExitStack() as stack:
        bar = stack.enter_context(progress())
        log = stack.enter_context((folder / LOG).open("a"))
        validation_log = stack.enter_context((folder / VALIDATION).open("a"))
        curves = (
            stack.enter_context(board(folder / "tensorboard", start.position.step)) if arguments.tensorboard else None
        )
        task = bar.add_task("pretraining", total=steps, completed=start.position.step)
        pace = Pace(steps)

        def on_step(report: StepReport) -> None:
            log.write(as_line(report) + "\n")
            log.flush()
            text = f"epoch {report.epoch + 1}/{config.epochs}  {pace.of(report)}"
            bar.update(task, advance=1, description=text)
            if bar.disable and report.step % 50 == 0:
                note(f"step {report.step}: {text}")
            if curves is not None:
                curves.step(report)

        def on_validation(found: Validation) -> None:
            validation_log.write(json.dumps(asdict(found)) + "\n")
            validation_log.flush()
            note(f"epoch {found.epoch + 1}: loss {found.loss:.4f} on {found.molecules:,} held-out molecules")
            if curves is not None:
                curves.validation(found)

        return train(
            start, data, folder, device, on_step=on_step, on_validation=on_validation,
            save_every=arguments.save_every, deadline=deadline, earlier=earlier, compiled=arguments.compile,
        )  # fmt: skip


def _summary(
    finished: Checkpoint, steps: list[dict[str, Any]], seconds: float, first_step: int, name: str
) -> dict[str, Any]:
    """Return what the run did. Losses are means over the first and the last epoch."""

    def mean(epoch: int, pick: str) -> float | None:
        values = [step[pick] for step in steps if step["epoch"] == epoch]
        return float(np.mean(values)) if values else None

    done = [step for step in steps if step["step"] >= first_step]
    busy = sum(step["seconds"] for step in done)
    last_epoch = steps[-1]["epoch"] if steps else 0
    return {
        "run": name,
        "epochs": finished.position.epoch,
        "steps": finished.position.step,
        "loss_first_epoch": mean(0, "loss"),
        "loss_last_epoch": mean(last_epoch, "loss"),
        "parts_last_step": steps[-1]["parts"] if steps else {},
        "molecules_per_second": sum(step["molecules"] for step in done) / busy if busy else None,
        "seconds": round(seconds, 1),
        "model_hash": finished.model_hash,
        "snapshot_id": finished.snapshot_id,
        "graph_hash": finished.graph_hash,
        "scalers": {str(spec): scaler for spec, scaler in zip(finished.specs, finished.scalers, strict=True)},
        "holdout": [asdict(item) for item in finished.holdout],
        "simulated": list(finished.simulated),
    }


def _tell(summary: dict[str, Any], measured: list[dict[str, Any]], folder: Path, config: TrainConfig) -> None:
    if summary["loss_first_epoch"] is not None:
        rows = [("first epoch", summary["loss_first_epoch"]), ("last epoch", summary["loss_last_epoch"])]
        print_table("loss (mean over the epoch)", ["when", "nats"], rows)
    if measured:
        first, last = measured[0], measured[-1]
        print_table(
            f"on {last['molecules']:,} held-out molecules",
            ["part", f"epoch {first['epoch'] + 1}", f"epoch {last['epoch'] + 1}"],
            [(name, first["parts"].get(name, ""), value) for name, value in last["parts"].items()],
        )
    if summary["molecules_per_second"]:
        say(f"{summary['molecules_per_second']:,.0f} molecules/s, {summary['seconds']:.1f} s")
    for item in summary["holdout"]:
        say(f"held out: {item['molecules']:,} molecules of {item['name']}")
    complete = summary["epochs"] >= config.epochs
    stopped = not complete and config.patience and len(measured) == summary["epochs"] > config.patience
    state = "complete" if complete else "not complete; the same command goes on"
    if stopped and is_over([Validation(**line) for line in measured], config):
        state = f"stopped: no better loss on held-out molecules for {config.patience} epochs"
    say(f"run {summary['run']}: {summary['epochs']} epochs, {summary['steps']:,} steps, {state}")
    say(f"checkpoint {folder / CHECKPOINT}, model {summary['model_hash'][:16]}")
    say(f"log {folder / LOG}, plot {folder / PLOT}")


if __name__ == "__main__":
    run(main, build_parser())
