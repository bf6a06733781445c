"""Our predictor: which systems count how much, chosen by the validation set alone.

Greedy selection with replacement (Caruana et al. 2004): beginning with nothing, the system is added, again and again,
with which the mean predicts the validation set best. A classification is blended by ranks, so that a system that is
sure of itself counts no more than one that is not; a regression by values.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from learn.metrics import better, score
from learn.tasks.task import Metric

Floats = npt.NDArray[np.floating]
ROUNDS = 20


def choose(
    metric: Metric, labels: Floats, predictions: Mapping[str, Floats], *, rounds: int = ROUNDS
) -> dict[str, int]:
    """Return how often each system counts; those that never do are left out.

    Parameters
    ----------
    metric
        What the mean is judged by.
    labels
        (v, t) of the validation set; NaN where missing.
    predictions
        (v, t) of each system, finite.
    rounds
        Systems that are added, one after the other. Of those, as many count as gave the best score, the fewest of
        equals.

    Raises
    ------
    ValueError
        If there is no system, or no task of the validation set can be scored.
    """
    names = sorted(predictions)
    if not names:
        raise ValueError("nothing to blend")
    scales = {name: comparable(metric, predictions[name]) for name in names}
    total = np.zeros_like(labels, dtype=np.float64)
    added: list[str] = []
    best, length = float("nan"), 0
    for _ in range(rounds):
        reached = {name: score(metric, labels, (total + scales[name]) / (len(added) + 1)).mean for name in names}
        chosen = names[0]
        for name in names[1:]:
            if better(metric, reached[name], reached[chosen]):
                chosen = name
        added.append(chosen)
        total = total + scales[chosen]
        if np.isnan(best) or better(metric, reached[chosen], best):
            best, length = reached[chosen], len(added)
    if np.isnan(best):
        raise ValueError("no task of the validation set can be scored")
    return {name: added[:length].count(name) for name in names if name in added[:length]}


def blended(metric: Metric, predictions: Mapping[str, Floats], weights: Mapping[str, int]) -> npt.NDArray[np.float32]:
    """Return the weighted mean (n, t) of systems' predictions; of ranks in [0, 1] for a classification."""
    total = sum(weights[name] * comparable(metric, predictions[name]) for name in weights)
    return np.asarray(total / sum(weights.values()), dtype=np.float32)


def comparable(metric: Metric, predictions: Floats) -> npt.NDArray[np.float64]:
    """Return what is averaged: ranks of each task in [0, 1], equal ones at their mean, or the values themselves."""
    if metric in ("mae", "r2"):
        return np.asarray(predictions, dtype=np.float64)
    return np.asarray((rankdata(predictions, axis=0) - 0.5) / max(1, len(predictions)))
