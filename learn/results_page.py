"""The results table as a page of Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from learn.metrics import MeanAndDeviation
from learn.results_cells import name_of, shared_versions
from learn.tasks import TASKS


def markdown(records: Sequence[dict[str, Any]], about: dict[str, Any]) -> str:
    """Return the page.

    Parameters
    ----------
    records
        The records of `learn.results_cells.CellStore`, in the order of the rows; those of one data set together.
    about
        ``checkpoint`` (its model hash), ``command``, ``leakage`` (text by task), ``cores``.
    """
    lines = [
        "# Results",
        "",
        "Made by `" + about["command"] + "`; the figures of every seed and task are in its JSON.",
        "",
    ]
    by_task: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        by_task.setdefault(record["cell"]["task"], []).append(record)
    for name, rows in by_task.items():
        lines += [*_section(name, rows), ""]
        if name in about["leakage"]:
            lines += [f"**Leakage**: {about['leakage'][name]}; rows with a pretrained encoder say nothing here.", ""]
    lines += [*_notes(records, about), ""]
    return "\n".join(lines)


def _section(name: str, records: Sequence[dict[str, Any]]) -> list[str]:
    task = TASKS[name]
    classified = task.metric == "auc"
    scored = records[0]["result"]["tasks_scored"]
    better = "higher" if classified else "lower"
    header = ["system", "mean AUC" if classified else "MAE", "95 %", *(["tasks > .80"] * classified), "seeds", "s"]
    lines = [
        f"## {task.title}",
        "",
        f"{scored} of {task.n_tasks} tasks scored, {records[0]['test_molecules']:,} test molecules, {better} is better",
        "",
        "| " + " | ".join(header) + " |",
        "|" + "---|" * len(header),
    ]
    for record in records:
        result = record["result"]
        deviation = float("nan") if result["deviation"] is None else result["deviation"]
        score = MeanAndDeviation(result["mean"], deviation, len(result["seeds"]))
        low, high = result["interval"]
        cells = [name_of(record["cell"]), str(score), f"{low:.3f} to {high:.3f}"]
        if classified:
            cells.append(f"{100 * result['shares_above']['0.80']['mean']:.1f} %")
        lines.append("| " + " | ".join([*cells, str(len(result["seeds"])), f"{record['seconds']:.0f}"]) + " |")
    return lines


def _notes(records: Sequence[dict[str, Any]], about: dict[str, Any]) -> list[str]:
    tuned = [record["cell"] for record in records if record["cell"]["system"] == "fine-tuned"]
    versions = ", ".join(f"{name} {version}" for name, version in sorted(shared_versions(records).items()))
    lines = [
        "## How to read it",
        "",
        f"- Encoder: model `{about['checkpoint'][:16]}`; *untrained* is the same network with the random weights that "
        "its run began with.",
        "- ± is the standard deviation over seeds. 95 %: where the mean score lies in 95 of 100 draws of the test "
        "molecules (bootstrap over molecules, 1,000 draws, averaged over seeds). Intervals of systems overlap more "
        "than their differences vary, for all are scored on the same molecules.",
        "- *linear probe*: logistic or ridge regression on standardised frozen embeddings, strength chosen on the "
        "validation set; nothing is random, so it has one seed. *head*: the paper's, 300-1200-tasks, on frozen "
        "embeddings.",
    ]
    if tuned:
        epochs = sorted({str(cell["settings"]["epochs"]) for cell in tuned})
        lines.append(
            f"- *fine-tuned*: head first, then encoder and head together, up to {' or '.join(epochs)} epochs, best "
            "by validation (which may be the one before the encoder joined); "
            f"{max(len(cell['seeds']) for cell in tuned)} seed(s), for the time it takes on processors."
        )
    return [
        *lines,
        "- Trees learn from the train set alone and are scored by probability. A forest takes a minute or two a seed, "
        "so it has the seeds that the table says.",
        f"- s: seconds of the cell, {about['cores']} cores. {versions}.",
    ]
