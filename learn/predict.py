"""Predict your own labels: ``python -m learn.predict --task TABLE`` fits, ``--model FILE --smiles …`` applies.

Fitting takes a table with a column of SMILES and columns of labels (0 and 1, or numbers; empty where not measured),
trains an ensemble of heads on the pretrained encoder, scores it beside trees on molecules that it has not seen, and
writes one file. Applying it gives a row for every structure: predictions in the labels' units, their spread over the
ensemble, and how near the nearest training molecule is.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from graphdb.console import note, print_table, run, say
from graphdb.errors import InputError
from graphdb.files import replacing_file, write_json
from graphdb.workspace import Workspace
from ingest.holdout import LISTS
from ingest.sources._read import read_table
from ingest.sources._text import text_lines
from learn.checkpoint import Checkpoint, load
from learn.predictor import Prediction, Predictor
from learn.predictor_training import SHOWN, Settings, fit_predictor
from learn.runs import newest_checkpoint
from learn.table_split import SPLITS
from learn.table_task import TableTask, find_smiles_column, read_task

SHOWN_REJECTS = 5
SHOWN_LABELS = 20


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    parser = argparse.ArgumentParser(prog="python -m learn.predict", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--task", type=Path, metavar="TABLE", help="fit on this table (CSV, TSV or Parquet)")
    what.add_argument("--model", type=Path, metavar="FILE", help="apply this predictor")
    parser.add_argument("--smiles-column", help="default: smiles, or a column that is called like it")
    parser.add_argument("--out", type=Path, help="file to write: of the predictor (fitting), of predictions (applying)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: %(default)s)")
    fitting = parser.add_argument_group("fitting")
    fitting.add_argument("--labels", help="label columns, separated by commas (default: all other columns of numbers)")
    fitting.add_argument("--kind", choices=("auto", "classification", "regression"), default="auto")
    fitting.add_argument(
        "--split", choices=SPLITS, default="scaffold", help="who learns, who tests (default: %(default)s)"
    )
    fitting.add_argument("--time-column", help="dates or numbers, for --split time: the newest molecules test")
    fitting.add_argument("--split-column", help="train, valid or test, for --split given")
    fitting.add_argument("--unfreeze", action="store_true", help="fine-tune the encoder together with the head")
    fitting.add_argument(
        "--profile", choices=("paper", "reference"), default="paper", help="mode of the encoder in training"
    )
    fitting.add_argument("--epochs", type=_positive, help="most epochs (default: 300; with --unfreeze 8)")
    fitting.add_argument("--seeds", type=_positive, default=5, help="members of the ensemble (default: %(default)s)")
    fitting.add_argument("--no-baseline", action="store_true", help="leave the random forest and LightGBM out")
    fitting.add_argument("--checkpoint", type=Path, help="pretrained encoder (default: the newest run's)")
    applying = parser.add_argument_group("applying")
    applying.add_argument("--smiles", nargs="+", metavar="SMILES|FILE", help="structures, or one file of them")
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Fit, or apply."""
    if arguments.model is not None:
        _apply(arguments)
    else:
        _fit(arguments)


def seen(model: Checkpoint, task: TableTask) -> str | None:
    """Return what is to be said where pretraining may have seen the molecules of a table, or None."""
    if any(item.sha256 == task.sha256 for item in model.holdout):
        return None
    return (
        "pretraining did not hold this file out, so that it may have seen the test molecules (their structures and "
        "profiles, not these labels), and their scores may flatter; to rule it out: learn.pretrain --holdout NAME=FILE"
    )


def _fit(arguments: argparse.Namespace) -> None:
    began = time.monotonic()
    if arguments.smiles:
        raise InputError("--smiles is for applying: use it with --model")
    if (arguments.time_column and arguments.split != "time") or (arguments.split_column and arguments.split != "given"):
        raise InputError("--time-column goes with --split time, and --split-column with --split given")
    column = arguments.time_column or arguments.split_column
    task = read_task(
        arguments.task,
        smiles_column=arguments.smiles_column,
        labels=[name.strip() for name in arguments.labels.split(",")] if arguments.labels else (),
        kind=arguments.kind,
        no_labels=[column] if column else (),
    )
    path = arguments.checkpoint or newest_checkpoint(Workspace.default())
    model = load(path)
    note(f"{task.kind} of {len(task.names)} labels: {', '.join(task.names[:SHOWN_LABELS])}")
    if task.passed_over:
        note(f"no labels, for not all cells are numbers: {', '.join(task.passed_over[:SHOWN_LABELS])}")
    settings = Settings(
        split=arguments.split,
        split_column=column,
        unfreeze=arguments.unfreeze,
        profile=arguments.profile,
        epochs=arguments.epochs,
        seeds=arguments.seeds,
        baselines=not arguments.no_baseline,
        device=arguments.device,
    )
    predictor = fit_predictor(
        task, model, settings, leakage=seen(model, task), cache=Workspace.default().cache, on_step=note
    )
    out: Path = arguments.out or Workspace.default().predictors / f"{task.path.name.split('.')[0]}.pt"
    predictor.save(out)
    report = out.with_name(f"{out.name}.json")
    write_json(report, {"kind": "predictor-report", **predictor.about})
    _tell(predictor, task)
    say(f"predictor: {out}, report: {report} ({time.monotonic() - began:.0f} s)")


def _tell(predictor: Predictor, task: TableTask) -> None:
    about = predictor.about
    counts = about["molecules"]
    for line, reason in about["rejects"][:SHOWN_REJECTS]:
        note(f"{task.path}:{line}: {reason}")
    metrics = SHOWN[predictor.kind]
    print_table(
        f"{counts['test']:,} test molecules ({about['settings']['split']} split; {counts['train']:,} to train on, "
        f"{counts['valid']:,} to stop by); 95 % by bootstrap",
        ["label", "system", *(text for metric in metrics for text in (metric.upper(), "95 %"))],
        [
            [name, scores["system"], *_cells(scores, metrics, name)]
            for name in (["mean of all"] if len(task.names) > 1 else []) + list(task.names[:SHOWN_LABELS])
            for scores in about["scores"]
        ],
    )
    say(
        f"{len(task.smiles):,} rows: {counts['rejected']:,} without a usable structure, {counts['unlabelled']:,} "
        f"without a label; {counts['test_also_in_train_or_valid']:,} test molecules stand in the other parts too"
    )
    say(
        f"domain: similarity to the nearest training molecule of at least {predictor.domain.threshold:.2f}; "
        f"{100 * about['test_inside_domain']:.0f} % of the test molecules are inside"
    )
    if about["leakage"]:
        say(f"NOTE: {about['leakage']}")


def _cells(scores: dict[str, Any], metrics: Sequence[str], name: str) -> list[str]:
    cells = []
    for metric in metrics:
        found = scores[metric]
        value, interval = (
            (found["by_label"][name]["value"], found["by_label"][name]["interval"])
            if name in found["by_label"]
            else (found["mean"], found["interval"])
        )
        cells += [
            "-" if value is None else f"{value:.3f}",
            "-" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}",
        ]
    return cells


def _apply(arguments: argparse.Namespace) -> None:
    began = time.monotonic()
    if not arguments.smiles:
        raise InputError("--model needs --smiles: structures, or a file of them")
    predictor = Predictor.load(arguments.model)
    lines, smiles, place = _structures(arguments.smiles, arguments.smiles_column)
    prediction = predictor.predict(smiles, device=arguments.device)
    prediction = replace(
        prediction,
        reasons=tuple("no SMILES" if not text else why for text, why in zip(smiles, prediction.reasons, strict=True)),
    )
    table = prediction_table(predictor, lines, smiles, prediction)
    rejected = [(line, why) for line, why in zip(lines, prediction.reasons, strict=True) if why is not None]
    for line, why in rejected[:SHOWN_REJECTS]:
        note(f"{place}:{line}: {why}")
    if arguments.out is None:
        say(table.to_csv(index=False, lineterminator="\n").rstrip("\n"))
    else:
        with replacing_file(arguments.out) as temporary:
            if arguments.out.suffix == ".parquet":
                table.to_parquet(temporary, index=False)
            else:
                table.to_csv(temporary, index=False, sep="\t" if arguments.out.suffix == ".tsv" else ",")
    outside = sum(one is False for one in prediction.inside)
    tell = note if arguments.out is None else say
    tell(
        f"{len(smiles):,} structures: {len(rejected):,} cannot be used, {outside:,} outside the domain"
        + (f": {arguments.out}" if arguments.out else "")
        + f" ({time.monotonic() - began:.1f} s)"
    )


def prediction_table(
    predictor: Predictor, lines: Sequence[int], smiles: Sequence[str], prediction: Prediction
) -> pd.DataFrame:
    """Return n rows: line, smiles, each label and its ``_sd``, similarity, nearest, in_domain, reason."""
    columns: dict[str, Any] = {"line": list(lines), "smiles": list(smiles)}
    for place, name in enumerate(predictor.names):
        columns[name] = prediction.values[:, place]
        columns[f"{name}_sd"] = prediction.spread[:, place]
    columns["similarity"] = prediction.similarity.round(4)
    for name, values in (
        ("nearest", prediction.nearest),
        ("in_domain", prediction.inside),
        ("reason", prediction.reasons),
    ):
        columns[name] = pd.Series(list(values), dtype=object)
    return pd.DataFrame(columns)


def _structures(words: Sequence[str], column: str | None) -> tuple[list[int], list[str], str]:
    """Return line, SMILES ("" where there is none) of every structure, and what they were read from."""
    path = Path(words[0])
    if len(words) > 1 or not path.is_file():
        if len(words) == 1 and path.suffix in (*LISTS, ".csv", ".tsv", ".parquet", ".gz"):
            raise InputError("no such file", path=path)
        return list(range(1, len(words) + 1)), list(words), "--smiles"
    if path.suffix in LISTS:
        listed = [(number, (line.split() or [""])[0]) for number, line in enumerate(text_lines(path), start=1)]
        return [number for number, _ in listed], [text for _, text in listed], str(path)
    table = read_table(path, [])
    name = find_smiles_column(table, path, column)
    return table.index.tolist(), table[name].str.strip().tolist(), str(path)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return int(text)


if __name__ == "__main__":
    run(main, build_parser())
