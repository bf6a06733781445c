"""One model a task, each learning from the molecules that have a label for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

IN_PROCESS = 2000
"""Labels up to which the work is done right here: starting processes would take longer."""


def fit_by_task(
    make: Callable[[], Any], features: npt.NDArray[Any], labels: npt.NDArray[np.floating], jobs: int
) -> list[Any]:
    """Fit one model a task.

    Parameters
    ----------
    make
        Returns a new model with scikit-learn's interface; a function of a module, since processes call it.
    features
        (n, d).
    labels
        (n, t); NaN where a label is missing.
    jobs
        Processes, one task each; -1 for all cores. The result does not depend on it.

    Returns
    -------
    list
        t models; a number in place of one that had fewer than two different labels to learn from (NaN: none).
    """
    from sklearn.utils.parallel import Parallel, delayed

    if np.count_nonzero(~np.isnan(labels)) <= IN_PROCESS:
        jobs = 1
    # A process a task: threads inside a forest gain less, and race on Python's warning filters (scikit-learn 1.9).
    fit_one = delayed(_fit_task)
    models: list[Any] = Parallel(n_jobs=jobs)(fit_one(make, features, column) for column in np.asarray(labels).T)
    return models


def predict_by_task(models: Sequence[Any], features: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return (n, t) predictions for features (n, d): the probability of label 1, or the value in the labels' unit."""
    return np.column_stack([_predict_task(model, features) for model in models])


def _fit_task(make: Callable[[], Any], features: npt.NDArray[Any], labels: npt.NDArray[np.floating]) -> Any:
    known = ~np.isnan(labels)
    if np.unique(labels[known]).size < 2:
        return float(labels[known][0]) if known.any() else float("nan")
    return make().fit(features[known], labels[known])


def _predict_task(model: Any, features: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    if isinstance(model, float):
        return np.full(len(features), model)
    if hasattr(model, "predict_proba"):
        # Labels are 0 and 1, so column 1 is label 1.
        return np.asarray(model.predict_proba(features)[:, 1], dtype=np.float64)
    return np.asarray(model.predict(features), dtype=np.float64)
