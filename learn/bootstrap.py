"""How far a score would move with other test molecules: percentile bootstrap over molecules (Efron 1979).

A molecule is drawn with all its labels, for the tasks of a molecule are not independent. A draw is a weight a molecule,
and the scores of all draws are made at once from the molecules in order of their prediction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from learn.tasks.task import Metric

Floats = npt.NDArray[np.floating]
Weights = npt.NDArray[np.float64]

DRAWS = 1000
LEVEL = 0.95
_BLOCK = 2**22  # weights at once


@dataclass(frozen=True)
class Interval:
    """Where a score lies in 95 of 100 draws; NaN where no draw can be scored."""

    low: float
    high: float

    def __str__(self) -> str:
        return "-" if np.isnan(self.low) else f"{self.low:.3f} to {self.high:.3f}"


@dataclass(frozen=True)
class Intervals:
    """Of the mean over tasks, and of each task."""

    mean: Interval
    by_task: tuple[Interval, ...]


def intervals(
    metric: Metric, labels: Floats, predictions: Floats, *, draws: int = DRAWS, level: float = LEVEL, seed: int = 0
) -> Intervals:
    """Return the intervals of scores.

    Parameters
    ----------
    metric
        See `learn.metrics.score`.
    labels
        (n, t); NaN where missing.
    predictions
        (n, t), or (s, n, t) of s seeds: then the interval is that of the mean score over seeds.
    draws
        How often n molecules are drawn with replacement.
    level
        Share of draws inside the interval.
    seed
        Of the draws.

    Notes
    -----
    In a draw in which a task cannot be scored, for one class is missing, the mean is over the others.
    """
    by_draw = score_draws(metric, labels, predictions, draws=draws, seed=seed)
    return Intervals(_interval(mean_of_tasks(by_draw), level), tuple(_interval(column, level) for column in by_draw.T))


def score_draws(
    metric: Metric, labels: Floats, predictions: Floats, *, draws: int = DRAWS, seed: int = 0
) -> npt.NDArray[np.float64]:
    """Return the score of each task in each draw, (draws, t); NaN where it cannot be scored.

    Parameters as for `intervals`. The draws depend on n, their number and `seed` alone: those of two systems can be
    subtracted from each other.
    """
    stacked = predictions[None] if predictions.ndim == 2 else predictions
    n, n_tasks = labels.shape
    random = np.random.default_rng(seed)
    by_draw = np.empty((draws, n_tasks))
    step = max(1, _BLOCK // max(1, n))
    for start in range(0, draws, step):
        stop = min(start + step, draws)
        weights = random.multinomial(n, np.full(n, 1 / n), size=stop - start).astype(np.float64) if n else None
        for task in range(n_tasks):
            known = ~np.isnan(labels[:, task])
            if weights is None or not known.any():
                by_draw[start:stop, task] = np.nan
                continue
            seen = [
                weighted(metric, labels[known, task], one[known, task], np.ascontiguousarray(weights[:, known]))
                for one in stacked
            ]
            by_draw[start:stop, task] = np.mean(seen, axis=0)
    return by_draw


def mean_of_tasks(by_draw: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the mean over the tasks that can be scored, (draws,); NaN where none can."""
    scored = ~np.isnan(by_draw)
    totals = np.where(scored, by_draw, 0).sum(axis=1)
    counts = scored.sum(axis=1)
    return np.asarray(np.divide(totals, counts, out=np.full(len(by_draw), np.nan), where=counts > 0))


def weighted(metric: Metric, labels: Floats, predictions: Floats, weights: Weights) -> npt.NDArray[np.float64]:
    """Score one task under many weightings of its molecules.

    Parameters
    ----------
    metric
        See `learn.metrics.score`.
    labels, predictions
        (k,) without NaN.
    weights
        (b, k), not negative: how often each molecule counts.

    Returns
    -------
    numpy.ndarray
        (b,) scores; NaN where a draw has one class (or, for R², one value) only.
    """
    values = np.asarray(labels, dtype=np.float64)
    guesses = np.asarray(predictions, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        if metric == "mae":
            return np.asarray(weights @ np.abs(values - guesses) / weights.sum(axis=1))
        if metric == "r2":
            total = weights.sum(axis=1)
            mean = weights @ values / total
            spread = weights @ values**2 - total * mean**2
            spread[spread <= 1e-12 * np.maximum(1, weights @ values**2)] = 0
            return np.where(spread > 0, 1 - weights @ (values - guesses) ** 2 / spread, np.nan)
        order = np.argsort(guesses if metric == "auc" else -guesses, kind="stable")
        first = np.append(0, np.flatnonzero(np.diff(guesses[order])) + 1)  # equal predictions are one step
        positive, negative = (
            np.add.reduceat(weights[:, order] * of_class, first, axis=1)
            for of_class in (values[order] == 1, values[order] != 1)
        )
        positives, negatives = positive.sum(axis=1), negative.sum(axis=1)
        both = (positives > 0) & (negatives > 0)
        if metric == "auc":
            below = np.cumsum(negative, axis=1) - negative / 2
            return np.where(both, (positive * below).sum(axis=1) / (positives * negatives), np.nan)
        hits = np.cumsum(positive, axis=1)
        precision = np.nan_to_num(hits / (hits + np.cumsum(negative, axis=1)))
        return np.where(both, (positive * precision).sum(axis=1) / positives, np.nan)


def _interval(values: npt.NDArray[np.float64], level: float) -> Interval:
    scored = values[~np.isnan(values)]
    if not scored.size:
        return Interval(float("nan"), float("nan"))
    low, high = np.quantile(scored, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))
