"""Our predictor: what share of it each system is, chosen by the validation set alone.

Bagged greedy selection with replacement (Caruana et al. 2004, "Ensemble selection from libraries of models"). Beginning
with nothing, the system is added, again and again, with which the mean predicts the validation set best; that is done
for many samples of the validation set, and the shares are averaged, so that no single molecule decides. A
classification is blended by ranks, so that a system that is sure of itself counts no more than one that is not; a
regression by values.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from learn.evaluation.rank_sums import RankSums, twice_ranks
from learn.metrics import better, score
from learn.tasks.task import Metric

Floats = npt.NDArray[np.floating]
Counts = npt.NDArray[np.int32]
ROUNDS, BAGS = 10, 20
TASKS = 100
"""Tasks of a sample, at most: of hundreds, some say what all would, in a fraction of the time."""


def choose(metric: Metric, labels: Floats, predictions: Mapping[str, Floats]) -> dict[str, float]:
    """Return what share of the blend each system is; they sum to 1, and those that have none are left out.

    Parameters
    ----------
    metric
        What the mean is judged by.
    labels
        (v, t) of the validation set; NaN where missing.
    predictions
        (v, t) of each system, finite.

    Raises
    ------
    ValueError
        If there is no system, or no task of the validation set can be scored.
    """
    return choose_among(metric, labels, predictions, [list(predictions)])[0]


def choose_among(
    metric: Metric, labels: Floats, predictions: Mapping[str, Floats], among: Sequence[Collection[str]]
) -> list[dict[str, float]]:
    """Return what `choose` would for some of the systems at a time, for the price of little more than once.

    Without one of its systems a selection goes the same way until that one would be added, so most means have been
    scored already.

    Parameters
    ----------
    metric, labels, predictions
        As for `choose`.
    among
        The names of systems that are chosen from, a collection for each answer.
    """
    names = sorted(predictions)
    allowed = [[place for place, name in enumerate(names) if name in some] for some in among]
    if not all(allowed):
        raise ValueError("nothing to blend")
    random = np.random.default_rng(0)
    stacked = np.stack([predictions[name] for name in names])
    found: list[list[Floats]] = [[] for _ in among]
    for _ in range(BAGS):
        rows = random.integers(0, len(labels), len(labels))
        columns = random.permutation(labels.shape[1])[:TASKS]
        sample = _Sample(metric, labels[np.ix_(rows, columns)], stacked[:, rows][:, :, columns])
        for shares, some in zip(found, allowed, strict=True):
            share = sample.select(some)
            if share is not None:
                shares.append(share)
    if not all(found):  # few molecules: samples may lack one of two classes where all of them have both
        whole = _Sample(metric, labels, stacked)
        for shares, some in zip(found, allowed, strict=True):
            if not shares and (share := whole.select(some)) is not None:
                shares.append(share)
    if not all(found):
        raise ValueError("no task of the validation set can be scored")
    means = [np.mean(shares, axis=0) for shares in found]
    return [{name: float(share) for name, share in zip(names, mean, strict=True) if share > 0} for mean in means]


class _Sample:
    """Labels (v, t) and the predictions (s, v, t) of systems, whose means are scored once each."""

    def __init__(self, metric: Metric, labels: Floats, predictions: Floats) -> None:
        self._metric: Metric = metric
        self._n_systems = len(predictions)
        self._score = _aucs(labels, predictions) if metric == "auc" else _others(metric, labels, predictions)
        self._scores: dict[tuple[int, ...], float] = {}

    def select(self, allowed: Sequence[int]) -> npt.NDArray[np.float64] | None:
        """Return the share (s,) of each system in the best mean found of those allowed; None if nothing can be scored.

        Of the systems that are added, as many count as gave the best score, the fewest of equals.
        """
        counts = np.zeros(self._n_systems, dtype=np.int32)
        taken = counts
        best = float("nan")
        for _ in range(ROUNDS):
            steps = [counts + (np.arange(len(counts)) == place) for place in allowed]
            reached = [self._scored(step) for step in steps]
            chosen = 0
            for place in range(1, len(reached)):
                if better(self._metric, reached[place], reached[chosen]):
                    chosen = place
            counts = steps[chosen]
            if np.isnan(best) or better(self._metric, reached[chosen], best):
                best, taken = reached[chosen], counts
        return None if np.isnan(best) else taken / taken.sum()

    def _scored(self, counts: Counts) -> float:
        key = tuple(counts.tolist())
        if key not in self._scores:
            self._scores[key] = self._score(counts)
        return self._scores[key]


def _aucs(labels: Floats, predictions: Floats) -> Callable[[Counts], float]:
    sums = RankSums(labels)
    ranks = np.stack([twice_ranks(one) for one in predictions])
    return lambda counts: sums.mean_auc(np.einsum("s,stv->tv", counts, ranks))


def _others(metric: Metric, labels: Floats, predictions: Floats) -> Callable[[Counts], float]:
    values = np.stack([comparable(metric, one) for one in predictions])
    return lambda counts: score(metric, labels, np.tensordot(counts / counts.sum(), values, axes=1)).mean


def blended(metric: Metric, predictions: Mapping[str, Floats], weights: Mapping[str, float]) -> npt.NDArray[np.float32]:
    """Return the weighted mean (n, t) of systems' predictions; of ranks in [0, 1] for a classification."""
    total = sum(weights[name] * comparable(metric, predictions[name]) for name in weights)
    return np.asarray(total / sum(weights.values()), dtype=np.float32)


def comparable(metric: Metric, predictions: Floats) -> npt.NDArray[np.float64]:
    """Return what is averaged: ranks of each task in [0, 1], equal ones at their mean, or the values themselves."""
    if metric in ("mae", "r2"):
        return np.asarray(predictions, dtype=np.float64)
    return np.asarray((rankdata(predictions, axis=0) - 0.5) / max(1, len(predictions)))
