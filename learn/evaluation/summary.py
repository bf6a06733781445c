"""From cells to a `Summary`: every system on every data set, our predictor among them, and what is missing and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from graphdb.files import versions
from graphdb.machine import describe
from learn.checkpoint import Checkpoint
from learn.evaluation.cells import Predictions, Store
from learn.evaluation.ours import BLEND, REFITTED, ablations, blend_of, members_of, plain_mean, refitted
from learn.evaluation.paper import paper_score
from learn.evaluation.problem import Problem
from learn.evaluation.schedule import cell_of
from learn.evaluation.scores import FEWEST, Scored, best, compare, duel
from learn.evaluation.summary_types import (
    BASELINES,
    Ablation,
    Duel,
    EncoderCard,
    Estimate,
    Group,
    Row,
    Summary,
    TaskCard,
)
from learn.evaluation.system import System
from learn.tasks.assay_types import assay_types
from learn.tasks.task import Metric

GOALS: Mapping[str, float] = {"chembl2k": 0.84, "broad6k": 0.73, "toxcast": 0.70, "biogen3k": 0.42}
"""What the project set itself for our predictor on the paper's test sets."""
MODALITIES = ("Morgan FP + RF", "Cell Morphology + RF", "Gene Expression + RF", "InfoAlign")
"""A system each for structure, morphology, expression and all of them: each is set against each, task by task."""
OTHERS: Mapping[Metric, tuple[Metric, ...]] = {"auc": ("auprc",), "mae": ("r2",)}


def summarise(
    problems: Sequence[Problem],
    systems: Mapping[str, System],
    store: Store,
    *,
    seeds: int,
    members: Sequence[str],
    means: Mapping[str, Sequence[str]],
    encoders: Sequence[tuple[str, Checkpoint]],
    leakage: Mapping[tuple[str, str], str],
    missing: Sequence[tuple[str, str, str]],
    command: str,
    matching: dict[str, Any] | None = None,
) -> Summary:
    """Return the summary of what a store holds.

    Parameters
    ----------
    problems, systems
        Data sets, and systems by name in the order of the table; cells that are not there are left out.
    store
        Where the cells are.
    seeds
        The most of a system.
    members
        Systems of our predictor; it is there for the seeds that all of them have on a data set.
    means
        Baselines that are plain means of systems, which they name.
    encoders
        Names and checkpoints.
    leakage
        By hash of an encoder and name of a data set: why its score there says little.
    missing, command, matching
        As in `Summary`.
    """
    rows: list[Row] = []
    cards: list[TaskCard] = []
    duels: list[Duel] = []
    brought: list[Ablation] = []
    minutes = 0.0
    for problem in problems:
        found = {name: _cells(problem, system, store, seeds) for name, system in systems.items()}
        found = {name: cells for name, cells in found.items() if cells}
        minutes += sum(cell.seconds for cells in found.values() for cell in cells.values()) / 60
        groups: dict[str, Group] = {name: systems[name].group for name in found}
        for name, parts in means.items():
            there = [systems[part] for part in parts if part in found]
            if len(there) == len(parts) and (averaged := plain_mean(problem, there, store, seeds)):
                found[name] = averaged
                groups[name] = "stronger"
        found = dict(sorted(found.items(), key=lambda item: groups[item[0]] not in BASELINES))
        mine = members_of(problem, systems, store, members)
        blend = blend_of(problem, mine, store, seeds)
        ours = {BLEND: blend.cells, REFITTED: refitted(problem, systems, store, blend)}
        for name, cells in ours.items():
            if cells:
                found[name] = dict(cells)
                groups[name] = "ours"
        labels = problem.data.labels[problem.parts.test]
        scored = {
            name: Scored(problem.metric, labels, np.stack([cell.test for cell in cells.values()]))
            for name, cells in found.items()
        }
        scored = {name: one for name, one in scored.items() if one.covered.sum() >= FEWEST}
        card, more = _table(problem, found, scored, groups, systems, leakage)
        cards.append(card)
        rows += more
        duels += _duels(problem, scored)
        brought += ablations(problem, blend)
    return Summary(
        tasks=tuple(cards),
        rows=tuple(rows),
        encoders=tuple(_card(name, model) for name, model in encoders),
        command=command,
        machine=describe(),
        versions=dict(versions()),
        minutes=round(minutes, 1),
        missing=tuple(missing),
        matching=matching,
        duels=tuple(duels),
        ablations=tuple(brought),
    )


def _duels(problem: Problem, scored: Mapping[str, Scored]) -> list[Duel]:
    there = [name for name in MODALITIES if name in scored]
    found = (
        duel(problem.data.task.name, problem.data.names, scored[first], scored[second], (first, second))
        for first, second in combinations(there, 2)
    )
    return [one for one in found if one is not None]


def _cells(problem: Problem, system: System, store: Store, seeds: int) -> dict[int, Predictions]:
    found = {}
    for seed in range(seeds if system.random else 1):
        predictions = store.get(cell_of(problem.data, system, seed))
        if predictions is not None:
            found[seed] = predictions
    return found


def _table(
    problem: Problem,
    found: Mapping[str, Mapping[int, Predictions]],
    scored: Mapping[str, Scored],
    groups: Mapping[str, Group],
    systems: Mapping[str, System],
    leakage: Mapping[tuple[str, str], str],
) -> tuple[TaskCard, list[Row]]:
    data, parts = problem.data, problem.parts
    labels = data.labels[parts.test]
    types = assay_types(data.task.name)
    baselines = [(name, one) for name, one in scored.items() if groups[name] in BASELINES]
    baseline = best(problem.metric, [(name, one) for name, one in baselines if one.covered.all()])
    rows = []
    for name, one in scored.items():
        by_task = one.by_task
        encoder = systems[name].encoder if name in systems else None
        classified = problem.metric == "auc"
        others: dict[str, Estimate] = {metric: one.other(metric) for metric in OTHERS[problem.metric]}
        if classified and name in systems:  # a mean of ranks has no labels
            others["hard_auc"] = one.other("auc", hard=True)
        rows.append(
            Row(
                task=data.task.name,
                system=name,
                group=groups[name],
                seeds=tuple(found[name]),
                metric="auc" if classified else "mae",
                score=one.estimate,
                others=others,
                shares=one.shares,
                by_task={
                    task: None if np.isnan(value) else float(value)
                    for task, value in zip(data.names, by_task, strict=True)
                },
                by_type=_by_type(types, dict(zip(data.names, by_task, strict=True))),
                molecules=int(one.covered.sum()),
                of=len(labels),
                against=compare(one, scored[baseline], baseline) if baseline is not None and baseline != name else None,
                paper=paper_score(data.task.name, name),
                encoder=encoder,
                leakage=leakage.get((encoder, data.task.name)) if encoder else None,
                seconds=round(float(np.mean([cell.seconds for cell in found[name].values()])), 1),
                goal=GOALS.get(data.task.name) if groups[name] == "ours" else None,
            )
        )
    n_scored = max((sum(value is not None for value in row.by_task.values()) for row in rows), default=0)
    card = TaskCard(
        name=data.task.name,
        title=data.task.title,
        metric=problem.metric,
        molecules=len(data.smiles),
        train=len(parts.train),
        valid=len(parts.valid),
        test=len(parts.test),
        tasks=len(data.names),
        scored=n_scored,
        split=data.task.split,
        sha256=data.sha256,
        types=dict(types),
    )
    return card, rows


def _by_type(types: Mapping[str, str], by_task: Mapping[str, float]) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for task, value in by_task.items():
        if task in types and not np.isnan(value):
            found.setdefault(types[task], []).append(float(value))
    return {name: float(np.mean(values)) for name, values in sorted(found.items())}


def _card(name: str, model: Checkpoint) -> EncoderCard:
    return EncoderCard(
        name=name,
        model_hash=model.model_hash,
        graph_hash=model.graph_hash,
        objective=model.config.objective,
        epochs=model.position.epoch,
        steps=model.position.step,
        held_out=tuple((item.name, item.molecules, item.sha256) for item in model.holdout),
        simulated=model.simulated,
    )
