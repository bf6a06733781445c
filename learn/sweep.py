"""Sweeps over a setting of pretraining: ``python -m learn.sweep --setting beta=1e-9,1e-6,1e-3`` (InfoAlign, Figure 4).

Each value is a run of its own (``runs/SWEEP-beta-1e-06``), with the other settings equal; run again it goes on where it
was. What comes out is the loss on held-out molecules and each part of it, as a table and a picture; with
``--task chembl2k --data FOLDER`` also what a head on each run's frozen embeddings scores on that data set's test
molecules, which pretraining must have held out.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from graphdb.console import note, print_table, run, say
from graphdb.errors import InfoAlignError, InputError
from graphdb.files import read_json, replacing_file, write_json
from graphdb.workspace import Workspace
from learn.checkpoint import load as load_checkpoint
from learn.config import TrainConfig
from learn.downstream import head_result
from learn.encode import encode
from learn.finetune import check_held_out, encodable
from learn.log import read_log
from learn.metrics import MeanAndDeviation
from learn.tasks import TASKS, TaskData
from learn.tasks import load as load_task
from learn.tasks.split import split

VALIDATION = 0.02
"""Share of molecules that a sweep measures the loss on, unless told otherwise."""
SEEDS = 3


def parse_setting(text: str) -> tuple[str, list[str]]:
    """Read ``NAME=VALUE,VALUE,…`` of a setting of `TrainConfig`.

    Raises
    ------
    InputError
        If there is no such setting, or no value.
    """
    name, separator, values = text.partition("=")
    name = name.replace("-", "_")
    known = TrainConfig().as_dict()
    if name not in known:
        raise InputError(f"no setting is called {name!r}; there are: {', '.join(sorted(known))}")
    found = [value for value in values.split(",") if value]
    if not separator or not found:
        raise InputError(f"expected NAME=VALUE,VALUE,…, got {text!r}")
    return name, found


def grid(settings: Sequence[tuple[str, Sequence[str]]]) -> list[dict[str, str]]:
    """Return every combination of the values of settings, by name."""
    names = [name for name, _ in settings]
    return [dict(zip(names, values, strict=True)) for values in itertools.product(*(values for _, values in settings))]


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    parser = argparse.ArgumentParser(
        prog="python -m learn.sweep",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--setting", action="append", required=True, metavar="NAME=V,V,…",
        help="what to vary; several make a grid. Of walk_length the paper has 1 to 8, of beta 1e-10 to 1",
    )  # fmt: skip
    parser.add_argument("--sweep", default="sweep", metavar="NAME", help="first part of the runs' names")
    parser.add_argument("--workspace", type=Path, help="folder of the graph (default: $INFOALIGN_WORKSPACE)")
    parser.add_argument("others", nargs="*", metavar="-- ARGUMENT", help="of learn.pretrain, the same for every run")
    parser.add_argument("--json", type=Path, help="write the table there too (default: runs/SWEEP.json)")
    parser.add_argument("--task", action="append", default=[], choices=sorted(TASKS), help="score each run downstream")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="of the data sets that --task names")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="heads for each score (default: %(default)s)")
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Run what is missing, and compare."""
    began = time.monotonic()
    workspace = Workspace(arguments.workspace) if arguments.workspace else Workspace.default()
    settings = [parse_setting(text) for text in arguments.setting]
    if arguments.task and arguments.data is None:
        raise InputError("--task needs --data, the folder of the data sets")
    data = [load_task(name, arguments.data) for name in arguments.task]
    common = list(arguments.others)
    if not any(word.split("=")[0] == "--validation" for word in common):
        common += ["--validation", str(VALIDATION)]
    rows: list[dict[str, Any]] = []
    for point in grid(settings):
        name = "-".join([arguments.sweep, *itertools.chain(*point.items())]).replace("/", "_")
        note(f"run {name}")
        words = [word for key, value in point.items() for word in (f"--{key.replace('_', '-')}", value)]
        command = ["-m", "learn.pretrain", "--workspace", str(workspace.root), "--run", name]
        # Shards of its own: walks of another length would be walked anew for every run otherwise.
        command += ["--shards", str(workspace.root / "sweep-shards" / name)]
        done = subprocess.run([sys.executable, *command, *common, *words], check=False)
        if done.returncode:
            raise InfoAlignError(f"the run {name} failed; the sweep goes on there when it is started again")
        scores = {of.task.name: downstream(workspace.runs / name, of, arguments.seeds) for of in data}
        rows.append({**point, **outcome(workspace.runs / name), "scores": scores})
    write_json(arguments.json or workspace.runs / f"{arguments.sweep}.json", {"rows": rows, "common": common})
    plot_path = workspace.runs / f"{arguments.sweep}.png"
    if len(settings) == 1:
        draw(settings[0][0], rows, plot_path)
    names = [name for name, _ in settings]
    parts = sorted({part for row in rows for part in row["parts"]})
    print_table(
        "loss on held-out molecules",
        [*names, "loss", *parts],
        [
            [*(row[name] for name in names), row["loss"], *(row["parts"].get(part, "") for part in parts)]
            for row in rows
        ],
    )
    if data:
        print_table(
            f"test scores of heads on frozen embeddings, {arguments.seeds} seeds",
            [*names, *(f"{of.task.title} ({of.task.metric})" for of in data)],
            [
                [*(row[name] for name in names), *(str(MeanAndDeviation(**score)) for score in row["scores"].values())]
                for row in rows
            ],
        )
    say(f"{len(rows)} runs, {time.monotonic() - began:.0f} s; {workspace.runs / arguments.sweep}.json")


def outcome(folder: Path) -> dict[str, Any]:
    """Return what a run came to: loss and parts on held-out molecules, epochs, model."""
    measured = read_log(folder / "validation.jsonl")
    record = read_json(folder / "run.json")
    if not measured:
        raise InfoAlignError(f"{folder}: no loss on held-out molecules was measured; give it an epoch at least")
    last = measured[-1]
    return {
        "loss": last["loss"],
        "parts": last["parts"],
        "epochs": record["epochs"],
        "model_hash": record["model_hash"],
    }


def downstream(folder: Path, data: TaskData, seeds: int) -> dict[str, Any]:
    """Return mean and deviation of the test scores of heads on a run's frozen embeddings.

    Raises
    ------
    InputError
        If the run's pretraining has not held this data set out.
    """
    model = load_checkpoint(folder / "checkpoint.pt")
    leakage = check_held_out(model.holdout, data)
    if leakage:
        raise InputError(f"{leakage}, so its score would say nothing; ingest or pretrain with it held out")
    note(f"{folder.name}: {seeds} heads on {data.task.title}")
    embeddings = encode(data.smiles, model)
    labels, _ = encodable(data, embeddings)
    return asdict(head_result(data, labels, split(data), embeddings, folder.name, range(seeds)).mean)


def draw(name: str, rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw each part of the loss, and each score, over the values of a setting, as PNG."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    tasks = list(rows[0]["scores"])
    size = (6 + 4 * len(tasks), 4)
    figure, panels = plt.subplots(1, 1 + len(tasks), figsize=size, layout="constrained", squeeze=False)
    values = [row[name] for row in rows]
    axes = panels[0][0]
    for part in sorted({part for row in rows for part in row["parts"] if part != "kl"}):
        axes.plot(values, [row["parts"].get(part) for row in rows], "o-", label=part)
    axes.set(xlabel=name, ylabel="nats a feature, held-out molecules")
    axes.legend(fontsize=7)
    for task, panel in zip(tasks, panels[0][1:], strict=True):
        scores = [MeanAndDeviation(**row["scores"][task]) for row in rows]
        panel.errorbar(values, [score.mean for score in scores], [score.deviation for score in scores], fmt="o-")
        panel.set(xlabel=name, ylabel=f"{TASKS[task].title}, {TASKS[task].metric} of the test set")
    with replacing_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    run(main, build_parser())
