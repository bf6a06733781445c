"""The random forest of method.md (section 5) on the downstream data sets, beside the numbers recorded there.

``python -m benchmarks.baselines [--data FOLDER] [--task broad6k] [--seeds 1] [--json PATH]``

On 2 cores ChEMBL2K takes some 10 s a seed, Broad6K and Biogen3K 1 to 2 min, ToxCast well over 20 min.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from benchmarks.report import write_report
from graphdb.console import note, print_table, run, say
from learn.downstream import Result, forest_result
from learn.tasks import TASKS, TaskData, load
from learn.tasks.split import split

RECORDED: dict[str, float] = {"chembl2k": 0.751, "broad6k": 0.698, "biogen3k": 0.527, "toxcast": 0.595}
"""method.md, section 5: mean AUC by probability, or MAE averaged over the endpoints."""
SHORT = ("chembl2k", "broad6k", "biogen3k")
"""What is run where no task is named."""


def main(arguments: argparse.Namespace) -> None:
    """Fit the forests and print their scores."""
    rows: list[dict[str, Any]] = []
    for name in arguments.task or SHORT:
        data = load(name, arguments.data)
        note(f"{data.task.title}: {data.task.n_tasks} forests, {arguments.seeds} times")
        started = time.perf_counter()
        result = forest_result(data, data.labels, split(data), seeds=range(arguments.seeds))
        rows += _rows(data, result, time.perf_counter() - started)
    print_table(
        "Random forest on Morgan fingerprints",
        ["score", "value", "recorded", "unit"],
        [[row["name"], row["value"], row.get("recorded", ""), row["unit"]] for row in rows],
    )
    if arguments.json:
        write_report(arguments.json, "baselines", rows)
        say(f"results: {arguments.json}")


def _rows(data: TaskData, result: Result, seconds: float) -> list[dict[str, Any]]:
    name, metric = data.task.name, data.task.metric
    rows: list[dict[str, Any]] = [
        {
            "name": f"{name} {metric}",
            "value": result.mean.mean,
            "recorded": RECORDED[name],
            "unit": "mean AUC" if metric == "auc" else "MAE, log10",
            "deviation": None if len(result.seeds) == 1 else result.mean.deviation,
            "seeds": len(result.seeds),
            "tasks": result.scores[0].n_scored,
        }
    ]
    if metric == "mae":
        rows += [
            {"name": f"{name} {task}", "value": sum(values) / len(values), "unit": "MAE, log10"}
            for task, values in result.as_json(data.names)["by_task"].items()
        ]
    return [*rows, {"name": f"{name} time", "value": seconds / len(result.seeds), "unit": "s a seed"}]


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.baselines", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data/infoalign"), help="folder of the data sets")
    parser.add_argument("--task", action="append", choices=sorted(TASKS), help="only this one (may be repeated)")
    parser.add_argument("--seeds", type=int, default=1, help="seeds of the forest (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    return parser


if __name__ == "__main__":
    run(main, build_parser())
