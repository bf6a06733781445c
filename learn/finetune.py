"""Evaluate a pretrained encoder on a downstream data set: ``python -m learn.finetune --task chembl2k --data PATH``.

The encoder stays frozen, so its embeddings are computed once; a head is trained on them for every seed. With ``--probe
linear`` the head is a linear model, with ``--unfreeze`` the encoder learns too. Beside it stand the same encoder before
pretraining, a random forest on fingerprints, and LightGBM on descriptors.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from graphdb.console import note, print_table, progress, run, say
from graphdb.errors import InputError
from graphdb.files import sha256, versions, write_json
from graphdb.workspace import Workspace
from learn.baselines import boosting
from learn.checkpoint import Checkpoint, HeldOut
from learn.checkpoint import load as load_checkpoint
from learn.downstream import Result, boosting_result, fine_tuned_result, forest_result, head_result, probe_result
from learn.encode import encode
from learn.encoder import Encoder
from learn.fine_tuning import FineTuneConfig, training
from learn.head import HeadConfig
from learn.metrics import THRESHOLDS
from learn.objectives import recipe_of
from learn.runs import newest_checkpoint
from learn.standard_graphs import standard_graphs
from learn.tasks import TASKS, TaskData, load
from learn.tasks.parts import hashes
from learn.tasks.split import SplitIndices, split

NAMES = {
    "mlp": "InfoAlign embedding + head",
    "linear": "InfoAlign embedding + linear probe",
    "unfrozen": "InfoAlign encoder, fine-tuned",
    "reference": "InfoAlign embedding in training mode + head",
}
"""What tables call the ways of using an encoder."""


def check_held_out(holdout: Iterable[HeldOut], data: TaskData) -> str | None:
    """Return why a checkpoint may not be evaluated on `data`, or None where the data were held out of its pretraining.

    Parameters
    ----------
    holdout
        What the checkpoint records as held out.
    data
        The data set. What was held out must be its file, or the list of its test set, with the validation set or
        without (`learn.tasks.parts`).
    """
    held = {item.sha256 for item in holdout if item.name == data.task.name}
    if not held:
        return f"its pretraining did not hold out {data.task.title}"
    if data.sha256 not in held and held.isdisjoint(hashes(data).values()):
        return f"its pretraining held out another file of {data.task.title}"
    return None


def untrained(model: Checkpoint) -> Checkpoint:
    """Return `model` with what embeds as it is before any training, with random weights from the run's seed.

    A wide random encoder does well on its own (docs/decisions/0007), so that a score says something about pretraining
    only beside this one's.
    """
    remake = recipe_of(model.config).remake
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(model.config.seed)
        encoder = Encoder(model.config.layers, model.config.dropout)
        objective = (
            model.objective_state if remake is None else remake(model.config, model.objective_state).state_dict()
        )
    return replace(model, encoder_state=encoder.state_dict(), objective_state=objective, averaged_state=None)


def encodable(data: TaskData, *embeddings: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], int]:
    """Take the labels away from molecules that have no embedding, so that all systems see the same molecules.

    Parameters
    ----------
    data
        n molecules.
    embeddings
        (n, d) each; not finite where there is none.

    Returns
    -------
    tuple
        (n, t) labels, and the number of molecules without an embedding.

    Raises
    ------
    InputError
        If no molecule has an embedding.
    """
    known = np.logical_and.reduce([np.isfinite(x).all(axis=1) for x in embeddings])
    if not known.any():
        raise InputError("the encoder gives no finite embedding for any molecule", path=data.path)
    labels = data.labels.copy()
    labels[~known] = np.nan
    return labels, int((~known).sum())


def main(arguments: argparse.Namespace) -> None:
    """Evaluate and print."""
    started = time.monotonic()
    data = load(arguments.task, arguments.data)
    path: Path = arguments.checkpoint or newest_checkpoint(Workspace.default())
    model = load_checkpoint(path)
    leakage = check_held_out(model.holdout, data)
    if leakage and not arguments.allow_leakage:
        raise InputError(
            f"{leakage}, so its score would say nothing; pretrain with --holdout {data.task.name}={data.path},"
            " or pass --allow-leakage",
            path=path,
        )
    parts = split(data)
    note(f"encoding {len(data.smiles):,} molecules of {data.task.title} with {path}")
    way = "unfrozen" if arguments.unfreeze else "reference" if arguments.profile == "reference" else arguments.probe
    if arguments.probe == "linear" and way == "reference":
        raise InputError("--probe linear knows no training mode of the encoder: leave --profile reference out")
    name = NAMES[way]
    if model.config.objective != "infoalign":
        name = name.replace("InfoAlign", model.config.objective)
    models = {f"{name}{' (LEAKAGE: not held out)' if leakage else ''}": model}
    if not arguments.no_baseline:
        models["the same, encoder not pretrained"] = untrained(model)
    embeddings = {system: encode(data.smiles, encoder, device=arguments.device) for system, encoder in models.items()}
    labels, left_out = encodable(data, *embeddings.values())
    if left_out:
        note(f"{left_out:,} molecules have no embedding and are left out, for the baseline too")

    results = []
    for system, x in embeddings.items():
        if way == "linear":
            note(f"{system}: fitting")
            results.append(probe_result(data, labels, parts, x, system))
            continue
        with _counting(f"{system}, seeds", arguments.seeds) as advance:
            if way == "mlp":
                config = HeadConfig(epochs=arguments.epochs or HeadConfig.epochs)
                seeds, device = range(arguments.seeds), arguments.device
                results.append(head_result(data, labels, parts, x, system, seeds, config, device, on_seed=advance))
            else:
                results.append(_fine_tuned(data, labels, parts, models[system], system, arguments, advance))
    if not arguments.no_baseline:
        n_seeds = arguments.baseline_seeds or min(arguments.seeds, data.task.baseline_seeds)
        with _counting("random forest, seeds", n_seeds) as advance:
            results.append(forest_result(data, labels, parts, range(n_seeds), on_seed=advance))
        if boosting.available():
            note("LightGBM: descriptors, then one model a task")
            results.append(boosting_result(data, labels, parts, (0,), Workspace.default().cache))
        else:
            note("LightGBM is not installed and is left out; pip install 'infoalign-db[boosting]'")

    seconds = time.monotonic() - started
    record = _record(data, parts, path, model.model_hash, results, leakage, left_out, arguments, seconds)
    out: Path = arguments.out or path.parent / f"finetune-{data.task.name}.json"
    write_json(out, record)
    if arguments.json:
        say(json.dumps(record, indent=2, sort_keys=True))
    else:
        _print(data, parts, results, leakage)
        say(f"{seconds:.0f} s; results: {out}")


def _fine_tuned(
    data: TaskData,
    labels: npt.NDArray[np.float32],
    parts: SplitIndices,
    model: Checkpoint,
    system: str,
    arguments: argparse.Namespace,
    advance: Callable[[int], None],
) -> Result:
    graphs, place, _ = standard_graphs(data.smiles, model.tautomers)
    config = training(unfreeze=arguments.unfreeze, profile=arguments.profile, epochs=arguments.epochs)
    seeds, device = range(arguments.seeds), arguments.device
    return fine_tuned_result(
        data, labels, parts, graphs, place, model.encoder(), system, seeds, config, device, on_seed=advance
    )


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = argparse.ArgumentParser(
        prog="python -m learn.finetune",
        description="Train a head on frozen embeddings, or the encoder with it, and score it beside a random forest on"
        " fingerprints and LightGBM on descriptors.",
    )
    parser.add_argument("--task", required=True, choices=sorted(TASKS), help="the downstream data set")
    parser.add_argument(
        "--data", required=True, type=Path, help="its file (assays.csv.gz), its folder or the one above"
    )
    parser.add_argument("--checkpoint", type=Path, help="checkpoint file (default: the newest run of the workspace)")
    parser.add_argument("--seeds", type=_positive, default=10, help="seeds of the head (default: %(default)s)")
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument(
        "--probe",
        choices=("mlp", "linear"),
        default="mlp",
        help="the head on the frozen encoder (default: %(default)s)",
    )
    ways.add_argument("--unfreeze", action="store_true", help="fine-tune the encoder together with the head")
    parser.add_argument(
        "--profile",
        choices=("paper", "reference"),
        default="paper",
        help="mode of the encoder while the head learns: eval (paper), or training as the authors' code has it",
    )
    parser.add_argument(
        "--epochs",
        type=_positive,
        help=f"most epochs (default: {HeadConfig.epochs}; with --unfreeze {FineTuneConfig.epochs})",
    )
    parser.add_argument(
        "--baseline-seeds", type=_positive, help="seeds of the random forest (default: what fits in some three minutes)"
    )
    parser.add_argument(
        "--no-baseline", action="store_true", help="leave the forest, LightGBM and the untrained encoder out"
    )
    parser.add_argument(
        "--allow-leakage", action="store_true", help="go on although pretraining saw these molecules; the table says so"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="results file (default: finetune-TASK.json beside the checkpoint)")
    parser.add_argument("--json", action="store_true", help="print the results as JSON in place of the table")
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return int(text)


@contextmanager
def _counting(description: str, total: int) -> Iterator[Callable[[int], None]]:
    # The bar is silent where stderr is no terminal, and this takes minutes.
    note(f"{description}: {total}")
    with progress() as bar:
        counter = bar.add_task(description, total=total)
        yield lambda _seed: bar.advance(counter)


def _record(
    data: TaskData,
    parts: SplitIndices,
    path: Path,
    model_hash: str,
    results: list[Result],
    leakage: str | None,
    left_out: int,
    arguments: argparse.Namespace,
    seconds: float,
) -> dict[str, Any]:
    return {
        "kind": "finetune",
        "task": data.task.name,
        "data": {"path": str(data.path), "sha256": data.sha256},
        "checkpoint": {"path": str(path), "sha256": sha256(path), "model_hash": model_hash},
        "leakage": leakage,
        "split": {"name": data.task.split, **{name: len(part) for name, part in parts._asdict().items()}},
        "molecules_without_embedding": left_out,
        "settings": {
            "probe": arguments.probe,
            "unfreeze": arguments.unfreeze,
            "profile": arguments.profile,
            "epochs": arguments.epochs,
            "device": arguments.device,
        },
        "results": [result.as_json(data.names) for result in results],
        "seconds": round(seconds, 1),
        "versions": versions(),
    }


def _print(data: TaskData, parts: SplitIndices, results: list[Result], leakage: str | None) -> None:
    classified = data.task.metric == "auc"
    n_scored = results[0].scores[0].n_scored
    what = "mean AUC" if classified else "mean absolute error of the log values"
    print_table(
        f"{data.task.title}: {what} over {n_scored} of {data.task.n_tasks} tasks, {len(parts.test):,} test molecules",
        [
            "system",
            "AUC" if classified else "MAE",
            "95 %",
            *(f"> {at:.2f}" for at in THRESHOLDS if classified),
            "seeds",
        ],
        [
            [
                result.system,
                str(result.mean),
                str(result.intervals.mean),
                *(f"{100 * result.share_above(at).mean:.1f} %" for at in THRESHOLDS if classified),
                len(result.seeds),
            ]
            for result in results
        ],
    )
    if n_scored < data.task.n_tasks:
        say(f"{data.task.n_tasks - n_scored} tasks have a single class in the test set and are left out")
    say("± is the standard deviation over seeds; trees are scored by probability, not by hard labels")
    say("95 %: where the score of 95 of 100 other draws of test molecules lies (bootstrap)")
    if leakage:
        say(f"LEAKAGE: {leakage}; the first row says nothing about new molecules")


if __name__ == "__main__":
    run(main, build_parser())
