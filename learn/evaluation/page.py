"""An evaluation as one page of HTML that needs nothing else: no script, no address; pictures are part of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from learn.evaluation import figures, numbers
from learn.evaluation.duels import duel_plot
from learn.evaluation.matching_rows import ABOUT_MATCHING, matching_table
from learn.evaluation.paper import DIFFERENCES, ORIGIN, of_hard_labels, paper_by_task, paper_matching, paper_shares
from learn.evaluation.reading import HOW_TO_READ, METRICS, best, best_baseline, is_untrained, reading, rows_of
from learn.evaluation.summary_types import Ablation, Duel, Row, Summary, TaskCard

GROUPS = {
    "structure": "learns from the structure of molecules alone, as the paper's baselines do",
    "profile": "learns from measured profiles of cells; falls back to the structure where there is none",
    "encoder": "a head or a probe on an encoder, pretrained or untrained",
    "language model": "a head on a language model of SMILES",
    "stronger": "learns from the structure, and is stronger than the paper's baselines",
    "ours": "this project's predictor",
}
OTHERS = {"hard_auc": "AUC of hard labels", "auprc": "AUPRC", "r2": "R²"}
MOST_LISTED_TASKS = 120
"""A data set of more tasks has no table of them: the heat map shows them, and the tables as CSV list them."""


@dataclass(frozen=True)
class Section:
    """A data set of the page.

    Attributes
    ----------
    slug
        Its name as part of an id.
    card, rows
        The data set, and the systems on it.
    best, baseline
        Names of the best system and of the best baseline; None where there is none.
    thresholds, others, has_paper, has_goal
        Which columns its table has.
    types
        Its assay types with the number of scored tasks of each; empty where no row has scores by type.
    tasks
        Tasks in the order of the heat map.
    listed
        Whether there is a table of them.
    plot, heat_map, duel_plot
        Pictures; empty texts where there is nothing to show.
    duels, ablations
        Modality against modality; our blend without each member.
    printed_by_task
        (row, {task: the paper's score}) of what the paper prints by task.
    """

    slug: str
    card: TaskCard
    rows: list[Row]
    best: str | None
    baseline: str | None
    thresholds: list[str]
    others: dict[str, str]
    has_paper: bool
    has_goal: bool
    types: dict[str, int]
    tasks: list[str]
    listed: bool
    plot: Markup
    heat_map: Markup
    duel_plot: Markup
    duels: list[Duel]
    ablations: list[Ablation]
    printed_by_task: list[tuple[Row, dict[str, tuple[float, float | None]]]]


def html(summary: Summary) -> str:
    """Return the page of an evaluation; every text in it is escaped.

    Raises
    ------
    ValueError
        If a row is of a data set that has no card.
    """
    strangers = sorted({row.task for row in summary.rows} - {card.name for card in summary.tasks})
    if strangers:
        raise ValueError(f"rows of data sets without a card: {', '.join(strangers)}")
    environment = Environment(
        loader=PackageLoader("learn.evaluation", package_path=""), autoescape=True, undefined=StrictUndefined
    )
    environment.filters |= {
        name: getattr(numbers, name)
        for name in (
            "score",
            "pair",
            "printed",
            "interval",
            "share",
            "signed",
            "plain",
            "p_value",
            "seconds",
            "seed_list",
        )
    }
    environment.filters["count"] = "{:,}".format
    return environment.get_template("page.html.j2").render(
        summary=summary,
        sections=[_section(summary, card) for card in summary.tasks],
        reading=reading(summary),
        how_to_read=HOW_TO_READ,
        differences=DIFFERENCES,
        origin=ORIGIN,
        metrics=METRICS,
        groups={name: text for name, text in GROUPS.items() if any(row.group == name for row in summary.rows)},
        matching=matching_table(summary.matching),
        about_matching=ABOUT_MATCHING,
        matching_paper=_matching_paper(summary),
        seeds=sorted({seed for row in summary.rows for seed in row.seeds}),
        leaking=[row for row in summary.rows if row.leakage is not None],
        titles={card.name: card.title for card in summary.tasks},
        uncertified=_uncertified(summary),
        untrained={row.encoder for row in summary.rows if row.encoder and is_untrained(row, summary)},
        of_hard_labels=of_hard_labels,
        paper_shares=paper_shares,
        dash=numbers.NONE,
    )


def slug(name: str) -> str:
    """Return a name as part of an id."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name)


def _matching_paper(summary: Summary) -> list[tuple[str, str, dict[str, float]]]:
    """Return (data set, system, scores) of the paper, for the data sets of the page."""
    return [
        (card.title, system, scores) for card in summary.tasks for system, scores in paper_matching(card.name).items()
    ]


def _uncertified(summary: Summary) -> list[tuple[str, list[str]]]:
    """Return, for each encoder, the data sets of the page that its certificate does not name."""
    return [
        (card.name, missing)
        for card in summary.encoders
        if card.steps and (missing := _not_named(card.held_out, summary.tasks))
    ]


def _not_named(held_out: Sequence[tuple[str, int, str]], tasks: Sequence[TaskCard]) -> list[str]:
    named = {name for name, _, _ in held_out}
    return [card.title for card in tasks if card.name not in named]


def _section(summary: Summary, card: TaskCard) -> Section:
    rows = rows_of(summary, card)
    first, baseline = best(rows), best_baseline(rows)
    tasks = figures.ordered_tasks(card, rows)
    by_paper = [(row, paper_by_task(card.name, row.system)) for row in rows]
    duels = [duel for duel in summary.duels if duel.task == card.name]
    sizes = Counter(card.types.get(task) for task in tasks)
    scored_types = dict.fromkeys(name for row in rows for name in row.by_type)
    return Section(
        slug=slug(card.name),
        card=card,
        rows=rows,
        best=None if first is None else first.system,
        baseline=None if baseline is None else baseline.system,
        thresholds=sorted({above for row in rows for above in row.shares}, key=float),
        others=_others(rows),
        has_paper=any(row.paper is not None for row in rows),
        has_goal=any(row.goal is not None for row in rows),
        types={name: sizes[name] for name in scored_types},
        tasks=tasks,
        listed=0 < len(tasks) <= MOST_LISTED_TASKS,
        plot=figures.score_plot(card, rows),
        heat_map=figures.task_map(card, rows),
        duel_plot=duel_plot(card, duels),
        duels=duels,
        ablations=[one for one in summary.ablations if one.task == card.name],
        printed_by_task=[(row, printed) for row, printed in by_paper if printed],
    )


def _others(rows: Sequence[Row]) -> dict[str, str]:
    """Return the further scores that any row has: those that have a name here first, then the rest."""
    there = {name for row in rows for name in row.others}
    return {name: OTHERS.get(name, name) for name in [*OTHERS, *sorted(there - set(OTHERS))] if name in there}
