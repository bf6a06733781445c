"""Our predictor on a data set: the blend of its members' cells, the same refitted, and what each member brings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from learn.evaluation.blend import blended, choose_among
from learn.evaluation.cells import Fitted, Predictions, Store
from learn.evaluation.problem import Problem
from learn.evaluation.schedule import cell_of
from learn.evaluation.scores import FEWEST, Scored, compare
from learn.evaluation.summary_types import Ablation
from learn.evaluation.system import System

BLEND, REFITTED = "our blend", "our blend, refitted on train + validation"
FEWEST_MEMBERS = 2


@dataclass(frozen=True)
class Blend:
    """The blend of some systems, for the seeds that all of them have.

    Attributes
    ----------
    cells
        Predictions by seed.
    weights
        What share each system is, by seed; chosen anew for each.
    without
        By a member that is left out: what the others predict, by seed, their weights chosen anew. Empty for two
        members, of which the other one is a system by itself.
    """

    cells: Mapping[int, Predictions]
    weights: Mapping[int, Mapping[str, float]]
    without: Mapping[str, Mapping[int, Predictions]]

    def share(self, member: str) -> float:
        """Return what share of the blend a system is, mean over seeds."""
        return float(np.mean([weights.get(member, 0) for weights in self.weights.values()]))


def members_of(problem: Problem, systems: Mapping[str, System], store: Store, members: Sequence[str]) -> list[System]:
    """Return the members that somebody has computed on this data set."""
    there = (systems[name] for name in members if name in systems)
    return [system for system in there if store.has(cell_of(problem.data, system, 0))]


def blend_of(problem: Problem, members: Sequence[System], store: Store, seeds: int) -> Blend:
    """Return the blend of systems; without a seed where one of them has none, or they are fewer than two."""
    labels = problem.data.labels[problem.parts.valid]
    names = [system.name for system in members]
    left_out = names if len(names) > FEWEST_MEMBERS else []
    cells: dict[int, Predictions] = {}
    weights: dict[int, Mapping[str, float]] = {}
    without: dict[str, dict[int, Predictions]] = {name: {} for name in left_out}
    for seed in range(seeds if len(members) >= FEWEST_MEMBERS else 0):
        there = _all_of(problem, members, store, seed)
        if there is None:
            continue
        among = [names, *([name for name in names if name != one] for one in left_out)]
        predictions = {name: cell.valid for name, cell in there.items()}
        weights[seed], *others = choose_among(problem.metric, labels, predictions, among)
        cells[seed] = _mean(problem, there, weights[seed])
        for one, shares in zip(left_out, others, strict=True):
            without[one][seed] = _mean(problem, there, shares)
    return Blend(cells, weights, without)


def plain_mean(problem: Problem, members: Sequence[System], store: Store, seeds: int) -> dict[int, Predictions]:
    """Return the mean of systems that count the same, for the seeds that all of them have: nothing is chosen."""
    there = {seed: _all_of(problem, members, store, seed) for seed in range(seeds)}
    equal = {system.name: 1 / len(members) for system in members}
    return {seed: _mean(problem, cells, equal) for seed, cells in there.items() if cells is not None}


def _all_of(
    problem: Problem, members: Sequence[System], store: Store, seed: int, fitted: Fitted = "train"
) -> dict[str, Predictions] | None:
    found = {system.name: store.get(cell_of(problem.data, system, seed, fitted)) for system in members}
    there = {name: cell for name, cell in found.items() if cell is not None}
    return there if len(there) == len(members) else None


def _mean(problem: Problem, cells: Mapping[str, Predictions], weights: Mapping[str, float]) -> Predictions:
    valid, test = (
        blended(problem.metric, {name: getattr(cells[name], part) for name in weights}, weights)
        for part in ("valid", "test")
    )
    return Predictions(valid, test, sum(cells[name].seconds for name in weights))


def refitted(problem: Problem, systems: Mapping[str, System], store: Store, blend: Blend) -> dict[int, Predictions]:
    """Return the blend with the same weights of members that were fitted on train and validation set together."""
    found = {}
    for seed, weights in blend.weights.items():
        there = _all_of(problem, [systems[name] for name in weights], store, seed, "train+valid")
        if there is not None:
            test = blended(problem.metric, {name: cell.test for name, cell in there.items()}, weights)
            seconds = blend.cells[seed].seconds + sum(cell.seconds for cell in there.values())
            found[seed] = Predictions(np.full_like(blend.cells[seed].valid, np.nan), test, seconds)
    return found


def ablations(problem: Problem, blend: Blend) -> list[Ablation]:
    """Return what the blend is without each of its members."""
    if not blend.cells:
        return []
    labels = problem.data.labels[problem.parts.test]

    def scored(cells: Mapping[int, Predictions]) -> Scored:
        return Scored(problem.metric, labels, np.stack([cells[seed].test for seed in blend.cells]))

    whole = scored(blend.cells)
    if whole.covered.sum() < FEWEST:
        return []
    found = []
    for member, cells in blend.without.items():
        without = scored(cells)
        against = compare(without, whole, BLEND)
        found.append(Ablation(problem.data.task.name, member, blend.share(member), without.estimate, against))
    return found
