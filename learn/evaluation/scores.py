"""Scores of a system on a data set, over its seeds, from its cells: means, intervals, and pairs of systems compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from learn.bootstrap import mean_of_tasks, score_draws
from learn.evaluation.summary_types import Comparison, Duel, Estimate
from learn.metrics import THRESHOLDS, Scores, over_seeds, score
from learn.tasks.task import Metric

Floats = npt.NDArray[np.floating]

DRAWS = 400
FEWEST = 20
"""Test molecules below which nothing is scored."""


@dataclass(frozen=True)
class Scored:
    """Test predictions of a system's seeds, and what they are worth.

    Attributes
    ----------
    metric
        What it is ranked by.
    labels
        (m, t) of the test set; NaN where missing.
    predictions
        (s, m, t); a molecule that is NaN in one seed is not scored.
    draws
        Of the bootstrap.
    """

    metric: Metric
    labels: Floats
    predictions: npt.NDArray[np.float32]
    draws: int = DRAWS

    @cached_property
    def covered(self) -> npt.NDArray[np.bool_]:
        """(m,) the molecules that have predictions."""
        return np.asarray(np.isfinite(self.predictions).all(axis=(0, 2)))

    def on(self, molecules: npt.NDArray[np.bool_]) -> Scored:
        """Return the same, scored on some molecules alone."""
        return replace(self, labels=np.where(molecules[:, None], self.labels, np.nan))

    @cached_property
    def by_seed(self) -> tuple[Scores, ...]:
        """Scores of each seed."""
        return self._scores(self.metric)

    @cached_property
    def by_draw(self) -> npt.NDArray[np.float64]:
        """Score of each task in each draw of molecules, mean over seeds, (draws, t)."""
        return score_draws(self.metric, self._known, np.nan_to_num(self.predictions), draws=self.draws)

    @property
    def estimate(self) -> Estimate:
        """The mean score."""
        found = over_seeds([each.mean for each in self.by_seed])
        means = mean_of_tasks(self.by_draw)
        means = means[~np.isnan(means)]
        low, high = np.quantile(means, [0.025, 0.975]) if means.size else (np.nan, np.nan)
        return Estimate(found.mean, _or_none(found.deviation), _or_none(float(low)), _or_none(float(high)))

    def other(self, metric: Metric, *, hard: bool = False) -> Estimate:
        """Return another score, without an interval; with `hard`, of labels (0 or 1) in place of probabilities."""
        found = over_seeds([each.mean for each in self._scores(metric, hard=hard)])
        return Estimate(found.mean, _or_none(found.deviation))

    @property
    def shares(self) -> dict[str, Estimate]:
        """Share of tasks above each threshold of the paper's tables; of AUC alone."""
        if self.metric != "auc":
            return {}
        found = {}
        for threshold in THRESHOLDS:
            share = over_seeds([each.share_above(threshold) for each in self.by_seed])
            found[f"{threshold:.2f}"] = Estimate(share.mean, _or_none(share.deviation))
        return found

    @property
    def by_task(self) -> npt.NDArray[np.float64]:
        """(t,) score of each task, mean over seeds; NaN where it cannot be scored."""
        return np.asarray(np.mean([each.by_task for each in self.by_seed], axis=0))

    def _scores(self, metric: Metric, *, hard: bool = False) -> tuple[Scores, ...]:
        filled = np.nan_to_num(self.predictions)
        return tuple(score(metric, self._known, (one >= 0.5).astype(np.float32) if hard else one) for one in filled)

    @property
    def _known(self) -> Floats:
        return np.asarray(np.where(self.covered[:, None], self.labels, np.nan))


def compare(system: Scored, baseline: Scored, name: str) -> Comparison | None:
    """Compare two systems on the molecules that both have predictions for: a paired bootstrap over molecules.

    Parameters
    ----------
    system, baseline
        On the same test set.
    name
        The baseline's.

    Returns
    -------
    Comparison or None
        None where fewer than `FEWEST` molecules are left. `p` is two-sided: twice the smaller share of draws in which
        the difference has the other sign (or none), with one draw added to both, so that it is never 0.
    """
    both = system.covered & baseline.covered
    if both.sum() < FEWEST:
        return None
    one, other = (each if each.covered.sum() == both.sum() else each.on(both) for each in (system, baseline))
    drawn = mean_of_tasks(one.by_draw) - mean_of_tasks(other.by_draw)
    drawn = drawn[~np.isnan(drawn)]
    if not drawn.size:
        return None
    difference = (
        over_seeds([each.mean for each in one.by_seed]).mean - over_seeds([each.mean for each in other.by_seed]).mean
    )
    tail = min((drawn <= 0).sum(), (drawn >= 0).sum()) + 1
    tasks = ~np.isnan(one.by_task) & ~np.isnan(other.by_task)
    ahead = one.by_task[tasks] - other.by_task[tasks]
    return Comparison(
        name,
        float(difference),
        float(np.quantile(drawn, 0.025)),
        float(np.quantile(drawn, 0.975)),
        float(min(1.0, 2 * tail / (drawn.size + 1))),
        int((ahead < 0).sum() if system.metric == "mae" else (ahead > 0).sum()),
        int(tasks.sum()),
    )


def duel(task: str, names: Sequence[str], first: Scored, second: Scored, systems: tuple[str, str]) -> Duel | None:
    """Return two systems task by task, on the molecules that both have predictions for.

    Parameters
    ----------
    task, names
        The data set, and its t tasks.
    first, second, systems
        On the same test set, and their names.

    Returns
    -------
    Duel or None
        None where fewer than `FEWEST` molecules are left, or no task can be scored on them.
    """
    both = first.covered & second.covered
    if both.sum() < FEWEST:
        return None
    one, other = (each if each.covered.sum() == both.sum() else each.on(both) for each in (first, second))
    scores = {
        name: (float(x), float(y))
        for name, x, y in zip(names, one.by_task, other.by_task, strict=True)
        if not (np.isnan(x) or np.isnan(y))
    }
    metric: Literal["auc", "mae"] = "mae" if first.metric == "mae" else "auc"
    return Duel(task, *systems, metric, int(both.sum()), scores) if scores else None


def best(metric: Metric, found: Sequence[tuple[str, Scored]]) -> str | None:
    """Return the name of the best of some systems; None where there is none."""
    means = {name: over_seeds([each.mean for each in scored.by_seed]).mean for name, scored in found}
    means = {name: mean for name, mean in means.items() if not np.isnan(mean)}
    if not means:
        return None
    return (min if metric == "mae" else max)(means, key=means.__getitem__)


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
