"""Extremely randomised trees (Geurts et al. 2006) on descriptors and counts: they err elsewhere than boosting does."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from learn.baselines.by_task import fit_by_task, predict_by_task
from learn.baselines.features import features
from learn.tasks.task import Kind

TREES = 300
LEAST_LEAF = 2
"""Molecules in a leaf, at least: probabilities of single ones are 0 or 1."""
COLUMNS: dict[str, str | float] = {"classification": "sqrt", "regression": 0.1}
"""Columns that a split chooses from. scikit-learn's regression takes all, which is twenty times slower."""


class ExtraTrees:
    """One forest of extremely randomised trees a task, on RDKit's descriptors and Morgan counts.

    A descriptor that RDKit cannot compute is the median of the training molecules.

    Parameters
    ----------
    kind, seed, jobs, cache
        As for `learn.baselines.Boosting`.
    trees
        Trees of a forest.
    """

    def __init__(
        self, kind: Kind, *, seed: int = 0, jobs: int = -1, cache: Path | None = None, trees: int = TREES
    ) -> None:
        self.kind = kind
        self.seed = seed
        self.jobs = jobs
        self.cache = cache
        self.trees = trees

    def fit(self, smiles: Sequence[str], labels: npt.NDArray[np.floating]) -> ExtraTrees:
        """Learn from n molecules and labels (n, t), NaN where missing; an invalid SMILES is an `InputError`."""
        x = features(smiles, ("morgan",), self.cache)
        with np.errstate(all="ignore"):
            self._median = np.nan_to_num(np.nanmedian(x, axis=0)).astype(np.float32)
        make = partial(_forest, self.kind, self.seed, self.trees)
        self._models = fit_by_task(make, self._filled(x), labels, self.jobs)
        return self

    def predict(self, smiles: Sequence[str]) -> npt.NDArray[np.float64]:
        """Return (n, t) predictions: the probability of label 1, or the value in the labels' unit."""
        return predict_by_task(self._models, self._filled(features(smiles, ("morgan",), self.cache)))

    def _filled(self, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.where(np.isnan(x), self._median, x)


def _forest(kind: Kind, seed: int, trees: int) -> Any:
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

    forest = ExtraTreesClassifier if kind == "classification" else ExtraTreesRegressor
    return forest(n_estimators=trees, min_samples_leaf=LEAST_LEAF, max_features=COLUMNS[kind], random_state=seed)
