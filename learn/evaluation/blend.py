"""Our predictor: what share of it each system is, chosen by the validation set alone.

Bagged greedy selection with replacement (Caruana et al. 2004, "Ensemble selection from libraries of models"). Beginning
with nothing, the system is added, again and again, with which the mean predicts the validation set best; that is done
for many samples of the validation set, and the shares are averaged, so that no single molecule decides. A
classification is blended by ranks, so that a system that is sure of itself counts no more than one that is not; a
regression by values.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from learn.metrics import better, score
from learn.tasks.task import Metric

Floats = npt.NDArray[np.floating]
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
    names = sorted(predictions)
    if not names:
        raise ValueError("nothing to blend")
    random = np.random.default_rng(0)
    stacked = np.stack([predictions[name] for name in names])
    found = []
    for _ in range(BAGS):
        rows = random.integers(0, len(labels), len(labels))
        columns = random.permutation(labels.shape[1])[:TASKS]
        share = _greedy(metric, labels[np.ix_(rows, columns)], stacked[:, rows][:, :, columns])
        if share is not None:
            found.append(share)
    if not found:  # few molecules: samples may lack one of two classes where all of them have both
        whole = _greedy(metric, labels, stacked)
        if whole is None:
            raise ValueError("no task of the validation set can be scored")
        found = [whole]
    mean = np.mean(found, axis=0)
    return {name: float(share) for name, share in zip(names, mean, strict=True) if share > 0}


def _greedy(metric: Metric, labels: Floats, predictions: Floats) -> npt.NDArray[np.float64] | None:
    """Return the share (s,) of each system in the best mean found (s, v, t); None if no task can be scored.

    Of the systems that are added, as many count as gave the best score, the fewest of equals.
    """
    scales = [comparable(metric, one) for one in predictions]
    total = np.zeros_like(scales[0])
    added: list[int] = []
    best, length = float("nan"), 0
    for _ in range(ROUNDS):
        reached = [score(metric, labels, (total + scale) / (len(added) + 1)).mean for scale in scales]
        chosen = 0
        for place in range(1, len(reached)):
            if better(metric, reached[place], reached[chosen]):
                chosen = place
        added.append(chosen)
        total = total + scales[chosen]
        if np.isnan(best) or better(metric, reached[chosen], best):
            best, length = reached[chosen], len(added)
    if np.isnan(best):
        return None
    return np.bincount(added[:length], minlength=len(scales)) / length


def blended(metric: Metric, predictions: Mapping[str, Floats], weights: Mapping[str, float]) -> npt.NDArray[np.float32]:
    """Return the weighted mean (n, t) of systems' predictions; of ranks in [0, 1] for a classification."""
    total = sum(weights[name] * comparable(metric, predictions[name]) for name in weights)
    return np.asarray(total / sum(weights.values()), dtype=np.float32)


def comparable(metric: Metric, predictions: Floats) -> npt.NDArray[np.float64]:
    """Return what is averaged: ranks of each task in [0, 1], equal ones at their mean, or the values themselves."""
    if metric in ("mae", "r2"):
        return np.asarray(predictions, dtype=np.float64)
    return np.asarray((rankdata(predictions, axis=0) - 0.5) / max(1, len(predictions)))
