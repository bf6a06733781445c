"""Sweeps over a setting of pretraining: ``python -m learn.sweep --setting beta=1e-9,1e-6,1e-3`` (InfoAlign, Figure 4).

Each value is a run of its own (``runs/SWEEP-beta-1e-06``), with the other settings equal; run again it goes on where it
was. What comes out is the loss on held-out molecules and each part of it, as a table and a picture; `learn.evaluate`
scores the checkpoint of any run downstream.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from graphdb.console import note, print_table, run, say
from graphdb.errors import InfoAlignError, InputError
from graphdb.files import read_json, replacing_file, write_json
from graphdb.workspace import Workspace
from learn.config import TrainConfig
from learn.log import read_log

VALIDATION = 0.02
"""Share of molecules that a sweep measures the loss on, unless told otherwise."""


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
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Run what is missing, and compare."""
    began = time.monotonic()
    workspace = Workspace(arguments.workspace) if arguments.workspace else Workspace.default()
    settings = [parse_setting(text) for text in arguments.setting]
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
        rows.append({**point, **outcome(workspace.runs / name)})
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


def draw(name: str, rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw each part of the loss over the values of a setting, as PNG."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    values = [row[name] for row in rows]
    for part in sorted({part for row in rows for part in row["parts"] if part != "kl"}):
        axes.plot(values, [row["parts"].get(part) for row in rows], "o-", label=part)
    axes.set(xlabel=name, ylabel="nats a feature, held-out molecules")
    axes.legend(fontsize=7)
    with replacing_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    run(main, build_parser())
