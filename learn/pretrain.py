"""Pretrain the encoder: walks → shards → batches → encoder.

``python -m learn.pretrain`` needs the snapshot, the feature store and the molecule graphs of a workspace, and neither
RDKit nor a database. Run again it goes on where it was, be it stopped, killed, or out of time.
"""

from __future__ import annotations

import argparse
import math
import shutil
import time
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
from graphdb.walks import shards
from graphdb.workspace import Workspace
from learn import checkpoint
from learn.batches import BatchMaker
from learn.checkpoint import Checkpoint, HeldOut, Position
from learn.config import QUICK, TrainConfig
from learn.device import resolve_device
from learn.holdout import hold_out
from learn.log import cut_log, plot, read_log
from learn.loop import SMALLEST_BATCH, StepReport, as_line, build, steps_in, train
from learn.objectives import OBJECTIVES, recipe_of
from learn.runs import CHECKPOINT

LOG = "log.jsonl"
PLOT = "loss.png"
RECORD = "run.json"
INITIAL = "initial.pt"


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    parser = argparse.ArgumentParser(prog="python -m learn.pretrain", description=__doc__)
    settings = parser.add_argument_group("settings (written into the checkpoint)")
    defaults = TrainConfig()
    for name, kind in (
        ("epochs", int),
        ("batch_size", int),
        ("lr", float),
        ("weight_decay", float),
        ("beta", float),
        ("layers", int),
        ("dropout", float),
        ("seed", int),
        ("walk_length", int),
        ("walks_per_node", int),
        ("walk_seed", int),
        ("walk_epochs", int),
        ("clip", float),
        ("ema", float),
        ("temperature", float),
        ("anchor_weight", float),
        ("mask_share", float),
    ):
        flag = "--" + name.replace("_", "-")
        settings.add_argument(flag, type=kind, default=None, help=f"default {getattr(defaults, name):g}")
    settings.add_argument("--latent", choices=("mean", "sample"), default=None, help="default mean, as in the paper")
    settings.add_argument("--objective", choices=sorted(OBJECTIVES), default=None, help="default infoalign")
    settings.add_argument(
        "--precision", choices=("float32", "bfloat16"), default=None, help="of the matrix products; default float32"
    )
    settings.add_argument("--contrast", choices=("infonce", "infoloob"), default=None, help="default infonce")
    settings.add_argument("--weighted", action="store_true", default=None, help="walk in proportion to the weights")
    settings.add_argument(
        "--quick",
        action="store_true",
        help="a demonstration on a laptop's CPU, not the paper's training: "
        + ", ".join(f"{name} {value:g}" for name, value in QUICK.items()),
    )
    parser.add_argument(
        "--holdout",
        action="append",
        default=[],
        metavar="TASK=PATH",
        help="leave the molecules of this data set out too, so that it can be evaluated; may be repeated",
    )
    parser.add_argument("--workspace", type=Path, help="folder of the graph (default: $INFOALIGN_WORKSPACE)")
    parser.add_argument("--run", default="pretrain", metavar="NAME", help="name of the run (default: pretrain)")
    parser.add_argument("--shards", type=Path, help="folder of the walks (default: workspace/shards)")
    going_on = parser.add_mutually_exclusive_group()
    going_on.add_argument("--fresh", action="store_true", help="start again, whatever the run has done before")
    going_on.add_argument("--resume", action="store_true", help="go on, and stop if the run has no checkpoint yet")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default auto)")
    parser.add_argument("--max-minutes", type=float, default=math.inf, help="stop after this time; go on later")
    parser.add_argument("--save-every", type=int, default=100, metavar="STEPS", help="default 100, and every epoch")
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Train, and say what came of it."""
    deadline = time.monotonic() + 60 * arguments.max_minutes
    workspace = Workspace(arguments.workspace) if arguments.workspace else Workspace.default()
    config = settings_of(arguments)
    device = resolve_device(arguments.device)
    torch.use_deterministic_algorithms(device.type == "cpu")
    # No operation here reads what it has not written; filling new memory first takes a tenth of the time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    folder = _run_folder(workspace, arguments.run)
    snapshot = Snapshot.load(workspace.snapshot)
    tasks = [parse_holdout(text) for text in arguments.holdout]
    excluded, holdout = hold_out(snapshot, tasks, workspace.holdout)
    reader = _shards(arguments.shards or workspace.shards, snapshot, config, excluded, holdout)
    features = FeatureStore.open(workspace.features)
    maker = BatchMaker(
        snapshot, features, MoleculeGraphs.load(workspace.molecule_graphs), device, sums=recipe_of(config).reads_sums
    )
    simulated = tuple(sorted({space.name for space in features.spaces() if space.simulated}))

    if arguments.fresh:
        shutil.rmtree(folder, ignore_errors=True)
    new = _new_checkpoint(config, maker, snapshot, holdout, simulated)
    start = _resumed(folder / CHECKPOINT, new)
    if start is None and arguments.resume:
        raise InputError("--resume: this run has no checkpoint; leave --resume out to begin it", path=folder)
    if start is None:
        start = new
        checkpoint.save(folder / INITIAL, new)
        (folder / LOG).unlink(missing_ok=True)
    else:
        cut_log(folder / LOG, start.position.step)
        note(f"resuming {folder} at epoch {start.position.epoch}, step {start.position.step}")
    for name in simulated:
        note(f"SIMULATED, not measured: the profiles of {name}")

    began = time.monotonic()
    finished = _train(start, reader, maker, folder, device, arguments.save_every, deadline)
    seconds = time.monotonic() - began
    steps = read_log(folder / LOG)
    if steps:
        plot(steps, folder / PLOT)
    summary = _summary(finished, steps, seconds, start.position.step, arguments.run)
    about = {"config": config.as_dict(), "device": str(device), "versions": versions()}
    write_json(folder / RECORD, {**summary, **about})
    _tell(summary, folder, complete=finished.position.epoch >= config.epochs)


def settings_of(arguments: argparse.Namespace) -> TrainConfig:
    """Return the settings: what is given on the command line, else ``--quick``'s, else the defaults."""
    names = TrainConfig().as_dict()
    given = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    return TrainConfig(**{**(QUICK if arguments.quick else {}), **given})


def _run_folder(workspace: Workspace, name: str) -> Path:
    if not name or "/" in name or name.startswith("."):
        raise InputError(f"a run needs a plain name, got {name!r}")
    folder = workspace.runs / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _shards(
    folder: Path,
    snapshot: Snapshot,
    config: TrainConfig,
    excluded: np.ndarray[Any, np.dtype[np.int64]],
    holdout: tuple[HeldOut, ...],
) -> shards.ShardReader:
    """Return the walks that this run needs; walk where they are missing or others are there."""
    recipe = recipe_of(config)
    wanted = recipe.walks(config)
    starts = np.setdiff1d(recipe.starts(snapshot), excluded)
    try:
        reader = shards.ShardReader(folder, snapshot)
        if (
            reader.config == wanted
            and reader.epochs == config.stored_epochs
            and np.array_equal(reader.excluded, excluded)
            and np.array_equal(np.unique(reader.read(0).starts), starts)
        ):
            return reader
        note(f"{folder}: walks of other settings; walking again")
    except ArtefactError as error:
        note(f"{error}; walking now")
    if len(starts) * wanted.walks_per_node < SMALLEST_BATCH:
        raise InputError(f"{len(starts)} molecules are left to walk from; at least {SMALLEST_BATCH} walks are needed")
    record = {item.name: asdict(item) for item in holdout}
    shards.write(folder, snapshot, starts, wanted, epochs=config.stored_epochs, excluded=excluded, holdout=record)
    return shards.ShardReader(folder, snapshot)


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
    found = checkpoint.load(path)
    for name, old, new in (
        ("snapshot", found.snapshot_id, wanted.snapshot_id),
        ("held-out data sets", found.holdout, wanted.holdout),
        ("list of feature spaces", found.specs, wanted.specs),
        ("scaling of features", found.scalers, wanted.scalers),
        ("choice of tautomers", found.tautomers, wanted.tautomers),
        *((f"setting {key}", old, getattr(wanted.config, key)) for key, old in found.config.as_dict().items()),
    ):
        if old != new:
            was, now = (str(value)[:40] for value in (old, new))
            raise ArtefactError(
                f"{path}: this run was begun with another {name} ({was}, now {now}); "
                "give --fresh to start it again, or another --run"
            )
    return replace(found, versions=wanted.versions)


def _train(
    start: Checkpoint,
    reader: shards.ShardReader,
    maker: BatchMaker,
    folder: Path,
    device: torch.device,
    save_every: int,
    deadline: float,
) -> Checkpoint:
    with progress() as bar, (folder / LOG).open("a") as log:
        task = bar.add_task("pretraining", total=steps_in(start.config, reader), completed=start.position.step)

        def on_step(report: StepReport) -> None:
            log.write(as_line(report) + "\n")
            log.flush()
            rate = report.molecules / report.seconds
            text = f"epoch {report.epoch + 1}/{start.config.epochs}  loss {report.loss:.4f}  {rate:,.0f} molecules/s"
            bar.update(task, advance=1, description=text)
            if bar.disable and report.step % 50 == 0:
                note(f"step {report.step}: {text}")

        return train(start, reader, maker, folder, device, on_step=on_step, save_every=save_every, deadline=deadline)


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


def _tell(summary: dict[str, Any], folder: Path, *, complete: bool) -> None:
    if summary["loss_first_epoch"] is not None:
        rows = [("first epoch", summary["loss_first_epoch"]), ("last epoch", summary["loss_last_epoch"])]
        print_table("loss (mean over the epoch)", ["when", "nats"], rows)
    if summary["molecules_per_second"]:
        say(f"{summary['molecules_per_second']:,.0f} molecules/s, {summary['seconds']:.1f} s")
    for item in summary["holdout"]:
        say(f"held out: {item['molecules']:,} molecules of {item['name']}")
    state = "complete" if complete else "not complete; the same command goes on"
    say(f"run {summary['run']}: {summary['epochs']} epochs, {summary['steps']:,} steps, {state}")
    say(f"checkpoint {folder / CHECKPOINT}, model {summary['model_hash'][:16]}")
    say(f"log {folder / LOG}, plot {folder / PLOT}")


if __name__ == "__main__":
    run(main, build_parser())
