"""What a summary says, in plain sentences that are made from its numbers, and how to read its tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite

from learn.evaluation import numbers
from learn.evaluation.paper import of_hard_labels, paper_score
from learn.evaluation.summary_types import BASELINES, BESIDE_DESCRIPTORS, Row, Summary, TaskCard

METRICS = {"auc": "mean AUC", "mae": "MAE"}

HOW_TO_READ: tuple[str, ...] = (
    "± is the standard deviation over seeds; without it there was one seed.",
    "95 %: where the mean score lies in 95 of 100 draws of the test molecules (bootstrap). Intervals of "
    "systems overlap more than their differences vary, for all are scored on the same molecules; so the "
    "difference to the best baseline has an interval of its own, and p is two-sided, of the same paired draws, "
    "for one system at a time.",
    "Best baseline: the best system of the groups structure and stronger, by test score. Whatever is called "
    "the best of many systems by test score is flattered a little by the choice.",
    "Molecules: those of the test set that the system has predictions for; the others are left out of its "
    "score, and a difference is taken on the molecules that both systems have.",
    "AUC of hard labels: what the paper's rows for forests and Gaussian processes scored; to be compared with "
    "these rows only.",
    "LEAKAGE marks a row whose encoder may have seen the test molecules: its score says little about new "
    "molecules, and it is never called the best.",
    "Untrained: the same network with random weights. A pretrained encoder says something by what it has above that.",
    "Our blend: the mean of systems, whose shares the validation set chooses. Our stack: the same of fewer systems, "
    "whose shares their out-of-fold predictions of the train set choose. Neither looks at the test set.",
)
"""One point each."""


ENOUGH = 0.9
"""Share of the test molecules that a system must have predictions for, to be compared by its score with the others."""


def counts(row: Row) -> bool:
    """Return whether a row has a score, on (nearly) all molecules, and no leakage."""
    return row.leakage is None and isfinite(row.score.mean) and row.molecules >= ENOUGH * row.of


def best(rows: Iterable[Row]) -> Row | None:
    """Return the best of the rows of one data set, or None; those with leakage are passed over."""
    able = [row for row in rows if counts(row)]
    return max(able, key=advantage_key) if able else None


def advantage_key(row: Row) -> float:
    """Return a number that grows with how good a row is."""
    return row.score.mean if row.metric == "auc" else -row.score.mean


def advantage(row: Row, other: float) -> float:
    """Return by how much a row is better than a score; negative where it is worse."""
    return row.score.mean - other if row.metric == "auc" else other - row.score.mean


def is_untrained(row: Row, summary: Summary) -> bool:
    """Return whether the row's encoder was never trained: so it is called, or its card has no step."""
    cards = [card for card in summary.encoders if card.model_hash == row.encoder]
    return "untrained" in row.system.casefold() or any(card.steps == 0 for card in cards)


def untrained_and_pretrained(rows: Sequence[Row], summary: Summary) -> tuple[list[Row], list[Row]]:
    """Return the rows that count of untrained encoders, and those of pretrained ones.

    Not those that read descriptors beside the embedding: they do well by the descriptors alone.
    """
    encoders = [
        row for row in rows if row.group == "encoder" and counts(row) and not row.system.startswith(BESIDE_DESCRIPTORS)
    ]
    untrained = [row for row in encoders if is_untrained(row, summary)]
    return untrained, [row for row in encoders if row not in untrained]


def best_baseline(rows: Iterable[Row]) -> Row | None:
    """Return the row that the others were compared with; where none was, the best of structure and stronger."""
    rows = list(rows)
    named = {row.against.baseline for row in rows if row.against is not None}
    compared = [row for row in rows if row.system in named]
    return best(compared) or best(row for row in rows if row.group in BASELINES)


def rows_of(summary: Summary, card: TaskCard) -> list[Row]:
    """Return the rows of a data set."""
    return [row for row in summary.rows if row.task == card.name]


def reading(summary: Summary) -> list[str]:
    """Return what the numbers say: some sentences for each data set, then some for all."""
    lines: list[str] = []
    above_untrained: list[bool] = []
    above_baseline: list[bool] = []
    for card in summary.tasks:
        rows = rows_of(summary, card)
        first = best(rows)
        if first is None:
            lines.append(f"{card.title}: no system has a score that counts.")
            continue
        baseline = best_baseline(rows)
        lines.append(f"{card.title}: {_winner(first, rows, baseline)}{_printed(card, first)}")
        lines += [f"{card.title}: {_goal(row, row.goal)}" for row in rows if row.goal is not None]
        random, trained = untrained_and_pretrained(rows, summary)
        untrained, pretrained = best(random), best(trained)
        if pretrained is not None:
            lines.append(f"{card.title}: {_encoder(pretrained, untrained, baseline, len(trained), len(random))}")
            above_untrained += [] if untrained is None else [advantage(pretrained, untrained.score.mean) > 0]
            above_baseline += [] if baseline is None else [advantage(pretrained, baseline.score.mean) > 0]
    if above_untrained:
        lines.append(
            "Over all: the best row of a pretrained encoder is above the best of an untrained one on "
            f"{sum(above_untrained)} of {len(above_untrained)} data sets, "
            f"and above the best baseline on {sum(above_baseline)} of {len(above_baseline)}."
        )
    lines += _hard_labels(summary)
    leaking = [row for row in summary.rows if row.leakage is not None]
    if leaking:
        lines.append(f"Rows marked for leakage: {len(leaking)} of {len(summary.rows)}; they count for nothing above.")
    if summary.missing:
        lines.append(f"Missing cells: {len(summary.missing)}; the reasons are given with them.")
    return lines


def _winner(first: Row, rows: Sequence[Row], baseline: Row | None) -> str:
    number = sum(counts(row) for row in rows)
    text = f"the best of {number} systems is {first.system} ({METRICS[first.metric]} {numbers.score(first.score)}"
    low, high = first.score.low, first.score.high
    text += f", 95 % {numbers.interval(low, high)})" if low is not None and high is not None else ")"
    if number == 1:
        text = text.replace("the best of 1 systems", "the only system with a score that counts")
    against = first.against
    if against is not None:
        told_apart = against.low > 0 or against.high < 0
        better = against.difference > 0 if first.metric == "auc" else against.difference < 0
        text += (
            f", {abs(against.difference):.3f} {'better' if better else 'worse'} than the best baseline, "
            f"{against.baseline} (95 % of the difference {numbers.interval(against.low, against.high)}: "
            f"these test molecules {'tell' if told_apart else 'do not tell'} them apart)"
        )
    elif first is baseline:
        text += ", itself the best baseline"
    elif baseline is not None:
        text += f"; the best baseline is {baseline.system} ({numbers.plain(baseline.score.mean)})"
    return text + "."


def _printed(card: TaskCard, first: Row) -> str:
    paper = paper_score(card.name, "InfoAlign")
    if paper is None:
        return ""
    gap = advantage(first, paper[0])
    return f" The paper prints {paper[0]:.3f} for InfoAlign: {_by(gap)}."


def _by(gap: float) -> str:
    if abs(gap) < 0.0005:
        return "the same"
    return f"{abs(gap):.3f} {'better' if gap > 0 else 'worse'} than that"


def _goal(row: Row, goal: float) -> str:
    if not isfinite(row.score.mean):
        return f"the goal of {row.system} is {goal:.3f}, and it has no score."
    gap = advantage(row, goal)
    reached = f"reached, with {gap:.3f} to spare" if gap >= 0 else f"missed by {-gap:.3f}"
    marked = " (marked for leakage)" if row.leakage is not None else ""
    return f"the goal of {row.system} was {goal:.3f}; it got {row.score.mean:.3f}{marked}: {reached}."


def _encoder(pretrained: Row, untrained: Row | None, baseline: Row | None, trained: int, random: int) -> str:
    text = f"{_one_of(trained, 'pretrained')}, {pretrained.system} ({numbers.plain(pretrained.score.mean)}), "
    parts = []
    if untrained is not None:
        gap = advantage(pretrained, untrained.score.mean)
        parts.append(
            f"{_beside(gap)} {_one_of(random, 'untrained')}, {untrained.system} ({numbers.plain(untrained.score.mean)})"
        )
    if baseline is not None:
        gap = advantage(pretrained, baseline.score.mean)
        parts.append(f"{_beside(gap)} the best baseline, {baseline.system} ({numbers.plain(baseline.score.mean)})")
    return text + ("is " + " and ".join(parts) if parts else "has nothing to be compared with") + "."


def _one_of(number: int, kind: str) -> str:
    """Name the best of some rows; the best of many is better by the choice alone, so their number is said."""
    if number > 1:
        return f"the best of {number} rows of {kind} encoders"
    return f"the only row of {'an' if kind == 'untrained' else 'a'} {kind} encoder"


def _beside(gap: float) -> str:
    if abs(gap) < 0.0005:
        return "as good as"
    return f"{abs(gap):.3f} {'better' if gap > 0 else 'worse'} than"


def _hard_labels(summary: Summary) -> list[str]:
    """Say for the first row with all three numbers what hard labels do."""
    for row in summary.rows:
        hard = row.others.get("hard_auc")
        if hard is None or row.paper is None or not counts(row) or not of_hard_labels(row.task, row.system):
            continue
        title = next((card.title for card in summary.tasks if card.name == row.task), row.task)
        return [
            f"{title}: {row.system} gets {row.score.mean:.3f} by probability and {hard.mean:.3f} by hard labels; "
            f"the paper prints {row.paper[0]:.3f}."
        ]
    return []
