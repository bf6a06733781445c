"""The results section as one command: ``python -m learn.evaluate --data FOLDER --checkpoint FILE --report FILE``.

Every system on every data set for every seed is a cell, computed once and kept in ``evaluation/`` of the workspace. The
command can be stopped, killed and run again: it goes on. With ``--budget-minutes`` it begins nothing after that time;
what is there by then is a usable table, for seed 0 of everything comes first. Without a checkpoint only what reads
structures is in the table.
"""

from __future__ import annotations

import argparse
import math
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from graphdb.console import note, print_table, progress, run, say
from graphdb.errors import InputError
from graphdb.files import read_json, replacing_file, write_json
from graphdb.machine import processors
from graphdb.workspace import Workspace
from learn.checkpoint import Checkpoint
from learn.checkpoint import load as load_checkpoint
from learn.evaluation.catalogue import MEANS, MEMBERS, cache_of, catalogue, prepare
from learn.evaluation.cells import Store
from learn.evaluation.encoders import NAMES
from learn.evaluation.leakage import leakage_of
from learn.evaluation.page import html
from learn.evaluation.problem import Problem
from learn.evaluation.schedule import Job, Sources, cell_of, missing_jobs, run_jobs
from learn.evaluation.summary import summarise
from learn.evaluation.summary_types import Summary
from learn.evaluation.system import System
from learn.evaluation.tables import csv_text, markdown
from learn.metrics import MeanAndDeviation
from learn.tasks import TASKS, task_named

SEEDS = 10
PREPARING = 0.25
"""Share of a budget after which no data set's shared inputs are begun, so that something of it is left for cells."""


def main(arguments: argparse.Namespace) -> None:
    """Compute what is missing, and write what was asked for."""
    began = time.monotonic()
    workspace = Workspace(arguments.workspace) if arguments.workspace else Workspace.default()
    models = [load_checkpoint(path) for path in arguments.checkpoint]
    systems = catalogue(models, workspace.root)
    chosen = _chosen(systems, arguments.systems)
    processes = arguments.jobs or processors()
    data = _data(arguments)
    sources = Sources(
        data,
        tuple(arguments.checkpoint),
        cache_of(workspace.root),
        workspace.root,
        arguments.device,
        max(1, processors() // processes),
    )
    problems = [sources.problem(name) for name in data]
    store = Store(arguments.store or workspace.root / "evaluation")
    leakage = _leakage(problems, models, workspace.root)
    missing: list[tuple[str, str, str]] = []

    def wanted(problem: Problem, system: System) -> bool:
        if arguments.systems is None and problem.data.task.name in system.skip:
            reason = (problem.data.task.name, system.name, system.skip[problem.data.task.name])
            if reason not in missing and not store.has(cell_of(problem.data, system, 0)):
                missing.append(reason)
            return False
        return True

    refit = () if arguments.no_refit else MEMBERS
    # On a processor heads gain nothing by being trained side by side in one process; a GPU wants all of them.
    parts = processes if arguments.device == "cpu" else 1
    jobs = missing_jobs(problems, chosen, arguments.seeds, store, wanted=wanted, refit=refit, parts=parts)
    deadline = began + 60 * arguments.budget_minutes
    if jobs:
        note(f"{len(jobs)} jobs; {processes} at once. What they share comes first")
        lacking = {(job.task, job.system) for job in jobs if time.monotonic() < deadline}
        prepare(
            [
                (problem, [system for system in chosen if (problem.data.task.name, system.name) in lacking])
                for problem in problems
            ],
            models,
            until=began + PREPARING * 60 * arguments.budget_minutes,
        )
        _run(sources, jobs, store, processes, deadline, missing)
    summary = summarise(
        problems,
        {system.name: system for system in chosen},
        store,
        seeds=arguments.seeds,
        members=MEMBERS,
        means=MEANS,
        encoders=[(NAMES[model.config.objective], model) for model in models],
        leakage=leakage,
        missing=missing,
        command=_command(),
        matching=read_json(arguments.matching) if arguments.matching else None,
    )
    _show(summary)
    files = (
        (workspace.evaluation_page, html),
        (arguments.report, html),
        (arguments.csv, csv_text),
        (arguments.markdown, markdown),
    )
    for path, text in files:
        if path is not None:
            with replacing_file(path) as temporary:
                temporary.write_text(text(summary), encoding="utf-8")
            say(f"written: {path}")
    if arguments.json:
        write_json(arguments.json, summary.as_json())
        say(f"written: {arguments.json}")
    say(f"cells: {store.folder} ({time.monotonic() - began:.0f} s)")


def _data(arguments: argparse.Namespace) -> dict[str, Path]:
    """Return the folder or file of each data set by name."""
    if arguments.data is None and not arguments.table:
        raise InputError("nothing to evaluate on: --data FOLDER, --table FILE, or both")
    tasks = arguments.tasks if arguments.data is not None else []
    found = dict.fromkeys(tasks, arguments.data)
    for path in arguments.table:
        name = path.name.split(".")[0]
        if name in found or name in TASKS:
            raise InputError(f"two data sets would be called {name!r}; give the file another name", path=path)
        found[name] = path
    return found


def _run(
    sources: Sources,
    jobs: Sequence[Job],
    store: Store,
    processes: int,
    deadline: float,
    missing: list[tuple[str, str, str]],
) -> None:
    with progress() as bar:
        counter = bar.add_task("cells", total=len(jobs))

        def done(job: Job, seconds: float) -> None:
            bar.advance(counter)
            seeds = f"seed {job.seeds[0]}" if len(job.seeds) == 1 else f"{len(job.seeds)} seeds"
            note(f"{job.task}: {_named(job)}, {seeds} ({seconds:.0f} s)")

        def failed(job: Job, reason: str) -> None:
            bar.advance(counter)
            note(f"{job.task}: {_named(job)}: FAILED: {reason}")
            missing.append((job.task, _named(job), reason))

        left = run_jobs(sources, jobs, store, processes=processes, deadline=deadline, on_done=done, on_failed=failed)
    if left:
        note(f"the time is over: {left} of {len(jobs)} jobs were not begun; the same command goes on with them")
        begun = len(jobs) - left
        for job in jobs[begun:]:
            cell = (job.task, _named(job), "the time was over")
            if cell not in missing and job.seeds[0] == 0:
                missing.append(cell)


def _named(job: Job) -> str:
    return job.system + ", refitted" * (job.fitted != "train")


def _chosen(systems: dict[str, System], wanted: Sequence[str] | None) -> list[System]:
    if wanted is None:
        return list(systems.values())
    found = []
    for text in wanted:
        names = [name for name in systems if name.lower() == text.lower()]
        names = names or [name for name in systems if text.lower() in name.lower()]
        if not names:
            raise InputError(f"no system is called {text!r}; there are: {'; '.join(systems)}")
        found += [name for name in names if name not in found]
    return [system for name, system in systems.items() if name in found]


def _leakage(problems: Sequence[Problem], models: Sequence[Checkpoint], workspace: Path) -> dict[tuple[str, str], str]:
    found = {}
    for model in models:
        for problem in problems:
            reason = leakage_of(model, problem, workspace)
            if reason:
                note(f"LEAKAGE: {NAMES[model.config.objective]}, {problem.data.task.title}: {reason}")
                found[model.model_hash, problem.data.task.name] = reason
    return found


def _show(summary: Summary) -> None:
    for card in summary.tasks:
        rows = []
        for row in summary.rows:
            if row.task != card.name:
                continue
            score, against = row.score, row.against
            interval = "-" if score.low is None else f"{score.low:.3f} to {score.high:.3f}"
            deviation = float("nan") if score.deviation is None else score.deviation
            rows.append(
                [
                    row.system + (" LEAKAGE" if row.leakage else ""),
                    str(MeanAndDeviation(score.mean, deviation, len(row.seeds))),
                    interval,
                    "-" if against is None else f"{against.difference:+.3f}",
                    "-" if row.paper is None else f"{row.paper[0]:.3f}",
                    f"{row.molecules:,}",
                    len(row.seeds),
                    row.seconds,
                ]
            )
        print_table(
            f"{card.title}: {card.metric.upper()}, {card.scored} of {card.tasks} tasks, {card.test:,} test molecules",
            ["system", "mean", "95 %", "to the best baseline", "paper", "molecules", "seeds", "s a seed"],
            rows,
        )


def _command() -> str:
    words = [Path(word).name if "/" in word else word for word in sys.argv[1:]]
    return shlex.join(["python", "-m", "learn.evaluate", *words])


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    parser = argparse.ArgumentParser(
        prog="python -m learn.evaluate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder of the paper's data sets")
    parser.add_argument(
        "--table", type=Path, action="append", default=[], help="a table of your own (as of learn.predict); repeatable"
    )
    parser.add_argument(
        "--checkpoint",
        type=Path,
        action="append",
        default=[],
        help="a pretrained encoder, of any objective; may be repeated. The first one stands beside itself untrained",
    )
    parser.add_argument(
        "--tasks",
        type=lambda text: [task_named(name.strip()).name for name in text.split(",")],
        default=["chembl2k", "broad6k", "biogen3k", "toxcast"],
        help=f"of {', '.join(TASKS)}; separated by commas (default: all)",
    )
    parser.add_argument(
        "--systems",
        type=_names,
        help="names or parts of names, separated by commas (or semicolons); default: all",
    )
    parser.add_argument("--seeds", type=_positive, default=SEEDS, help="default: %(default)s")
    parser.add_argument("--budget-minutes", type=float, default=math.inf, help="begin nothing after this time")
    parser.add_argument("--jobs", type=_positive, help="processes (default: one a core)")
    parser.add_argument("--no-refit", action="store_true", help="leave our predictor's second row out")
    parser.add_argument("--store", type=Path, help="folder of the cells (default: evaluation/ of the workspace)")
    parser.add_argument("--matching", type=Path, metavar="JSON", help="what learn.matching wrote, for the report")
    parser.add_argument("--report", type=Path, metavar="HTML", help="write the report here, beside the workspace's own")
    parser.add_argument("--csv", type=Path, help="write the rows as CSV")
    parser.add_argument("--markdown", type=Path, help="write the tables as Markdown")
    parser.add_argument("--json", type=Path, help="write everything as JSON")
    parser.add_argument("--workspace", type=Path, help="default: $INFOALIGN_WORKSPACE")
    parser.add_argument("--device", default="cpu", help="of networks: cpu, cuda, auto (default: %(default)s)")
    return parser


def _names(text: str) -> list[str]:
    # An empty part, after a last separator, is a part of every name.
    found = [name.strip() for name in text.split(";" if ";" in text else ",") if name.strip()]
    if not found:
        raise argparse.ArgumentTypeError("expected names of systems, or parts of names")
    return found


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return int(text)


if __name__ == "__main__":
    run(main, build_parser())
