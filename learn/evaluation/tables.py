"""An evaluation as one long table (CSV), and as a page of Markdown (``docs/results.md``)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from learn.evaluation import numbers
from learn.evaluation.matching_rows import ABOUT_MATCHING, matching_table
from learn.evaluation.paper import ORIGIN, of_hard_labels
from learn.evaluation.reading import HOW_TO_READ, METRICS, best, reading, rows_of
from learn.evaluation.summary_types import Ablation, Estimate, Row, Summary, TaskCard

Value = str | int | float | None

COLUMNS = (
    "data_set",
    "system",
    "group",
    "measure",
    "scope",
    "value",
    "deviation",
    "low",
    "high",
    "p",
    "tasks_better",
    "tasks",
    "molecules",
    "of_molecules",
    "seeds",
    "seconds",
    "encoder",
    "leakage",
)
"""Columns of the long table.

``measure`` says what ``value`` is: ``auc``, ``mae``, ``auprc``, ``r2``, ``hard_auc``, ``share_above_0.80`` …, ``goal``,
``paper``, or ``difference`` to the best baseline. ``scope`` says of what: ``all`` tasks, ``task:NAME``,
``type:NAME``, or ``baseline:NAME`` for a difference.
"""


def csv_rows(summary: Summary) -> list[dict[str, Value]]:
    """Return every number of an evaluation's rows, one a line, by `COLUMNS`; None for what is not there."""
    return [line for row in summary.rows for line in _lines(row)]


def csv_text(summary: Summary) -> str:
    """Return the long table as CSV; numbers are written so that they read back as they were."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(csv_rows(summary))
    return text.getvalue()


def markdown(summary: Summary) -> str:
    """Return the page: a compact table a data set, what the numbers say, and how to read them."""
    lines = ["# Results", "", f"Made by {_code(summary.command)}.", ""]
    for card in summary.tasks:
        lines += [*_section(card, rows_of(summary, card)), ""]
        lines += _ablations([one for one in summary.ablations if one.task == card.name])
    lines += _matching(summary.matching)
    lines += ["## What the numbers say", "", *(f"- {_text(line)}" for line in reading(summary)), ""]
    lines += ["## How to read it", "", *(f"- {_text(line)}" for line in HOW_TO_READ), *_notes(summary), ""]
    return "\n".join(lines)


def _lines(row: Row) -> Iterator[dict[str, Value]]:
    common: dict[str, Value] = {
        **dict.fromkeys(COLUMNS),
        "data_set": row.task,
        "system": row.system,
        "group": row.group,
        "molecules": row.molecules,
        "of_molecules": row.of,
        "seeds": " ".join(map(str, row.seeds)),
        "seconds": row.seconds,
        "encoder": row.encoder,
        "leakage": row.leakage,
    }
    estimates = {
        row.metric: row.score,
        **row.others,
        **{f"share_above_{above}": estimate for above, estimate in row.shares.items()},
    }
    for measure, estimate in estimates.items():
        yield common | {"measure": measure, "scope": "all"} | _estimate(estimate)
    for scope, scores in (("type", row.by_type), ("task", row.by_task)):
        for name, value in scores.items():
            yield common | {"measure": row.metric, "scope": f"{scope}:{name}", "value": value}
    if row.against is not None:
        yield common | {
            "measure": "difference",
            "scope": f"baseline:{row.against.baseline}",
            "value": row.against.difference,
            "low": row.against.low,
            "high": row.against.high,
            "p": row.against.p,
            "tasks_better": row.against.tasks_better,
            "tasks": row.against.tasks,
        }
    if row.paper is not None:
        yield common | {"measure": "paper", "scope": "all", "value": row.paper[0], "deviation": row.paper[1]}
    if row.goal is not None:
        yield common | {"measure": "goal", "scope": "all", "value": row.goal}


def _estimate(estimate: Estimate) -> dict[str, Value]:
    return {
        "value": estimate.mean,
        "deviation": estimate.deviation,
        "low": estimate.low,
        "high": estimate.high,
    }


def _section(card: TaskCard, rows: Sequence[Row]) -> list[str]:
    classified = card.metric == "auc"
    lines = [
        f"## {_text(card.title)}",
        "",
        f"{card.scored:,} of {card.tasks:,} tasks scored, {card.test:,} test molecules, "
        f"{'higher' if classified else 'lower'} is better",
        "",
    ]
    if not rows:
        return [*lines, "No system has been computed."]
    header = [
        "system",
        METRICS[card.metric],
        "95 %",
        *(["tasks > .80"] * classified),
        "difference to the best baseline",
    ]
    header += ["p", "the paper", "molecules", "seeds", "s"]
    lines += [_line(header), "|" + "---|" * len(header)]
    first = best(rows)
    lines += [_line(_cells(row, classified, row is first)) for row in rows]
    marked = [f"- **LEAKAGE**, {_text(row.system)}: {_text(row.leakage)}" for row in rows if row.leakage is not None]
    return [*lines, "", *marked] if marked else lines


def _ablations(brought: Sequence[Ablation]) -> list[str]:
    if not brought:
        return []
    lines = ["Our blend without each of its members, and the difference to the whole:", ""]
    lines += [_line(["left out", "share of the blend", "score", "difference", "p"]), "|" + "---|" * 5]
    for one in brought:
        against = one.against
        difference = p = numbers.NONE
        if against is not None:
            difference = f"{numbers.signed(against.difference)} ({numbers.interval(against.low, against.high)})"
            p = _text(numbers.p_value(against.p))
        lines.append(_line([_text(one.member), f"{100 * one.share:.0f} %", numbers.score(one.score), difference, p]))
    return [*lines, ""]


def _matching(matching: Mapping[str, Any] | None) -> list[str]:
    found = matching_table(matching)
    if matching is None or found is None:
        return []
    about = ", ".join(f"{key}: {matching[key]}" for key in ABOUT_MATCHING if matching.get(key) is not None)
    lines = ["## Molecules against morphology", ""]
    if matching.get("simulated"):
        lines += ["**SIMULATED.** No instrument measured the profiles that are ranked.", ""]
    header, rows = found
    lines += [_text(about), "", _line(map(_text, header)), "|" + "---|" * len(header)]
    return [*lines, *(_line(map(_text, row)) for row in rows), ""]


def _cells(row: Row, classified: bool, first: bool) -> list[str]:
    name = f"**{_text(row.system)}**" if first else _text(row.system)
    if row.leakage is not None:
        name += " **LEAKAGE**"
    paper = numbers.printed(row.paper)
    if row.paper is not None and of_hard_labels(row.task, row.system):
        paper += " (hard labels)"
    against = row.against
    difference = numbers.NONE
    if against is not None:
        difference = f"{numbers.signed(against.difference)} ({numbers.interval(against.low, against.high)})"
    return [
        name,
        numbers.score(row.score),
        numbers.interval(row.score.low, row.score.high),
        *([numbers.share(row.shares.get("0.80"))] if classified else []),
        difference,
        numbers.NONE if against is None else _text(numbers.p_value(against.p)),
        paper,
        f"{row.molecules:,} of {row.of:,}",
        str(len(row.seeds)),
        numbers.seconds(row.seconds),
    ]


def _notes(summary: Summary) -> list[str]:
    lines = [
        f"- The paper: the mean and standard deviation that {ORIGIN} prints; hard labels: AUC of hard labels, which is "
        "not the AUC of this table.",
    ]
    for encoder in summary.encoders:
        held_out = ", ".join(
            f"{name} ({molecules:,}, list `{digest[:16]}`)" for name, molecules, digest in encoder.held_out
        )
        lines.append(
            f"- Encoder {_text(encoder.name)}: model `{encoder.model_hash[:16]}`, graph `{encoder.graph_hash[:16]}`, "
            f"{encoder.steps:,} steps; molecules held out: {held_out or 'none'}."
            + (f" Simulated: {_text(', '.join(encoder.simulated))}." if encoder.simulated else "")
        )
    # A line a reason: a table that is short of time lacks a hundred cells for the same one.
    without: dict[tuple[str, str], list[str]] = {}
    for task, system, reason in summary.missing:
        without.setdefault((task, reason), []).append(system)
    lines += [
        f"- Missing on {_text(task)}, {_text(reason)}: {_text('; '.join(systems))}."
        for (task, reason), systems in without.items()
    ]
    versions = ", ".join(f"{name} {version}" for name, version in sorted(summary.versions.items()))
    lines.append(
        f"- s: seconds a seed; {summary.minutes:.0f} minutes in all, {_text(summary.machine)}. {_text(versions)}."
    )
    return lines


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _text(text: str) -> str:
    """Return a text that Markdown shows as it is, in a table too."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for sign in "\\`*_[]|":
        escaped = escaped.replace(sign, f"\\{sign}")
    return " ".join(escaped.split())


def _code(text: str) -> str:
    """Return a text as code, whatever backticks it has."""
    longest = max((len(run) for run in "".join(c if c == "`" else " " for c in text).split()), default=0)
    fence = "`" * (longest + 1)
    blank = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{blank}{' '.join(text.split())}{blank}{fence}"
