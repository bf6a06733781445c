"""Extremely randomised trees (Geurts et al. 2006) on descriptors and counts: they err elsewhere than boosting does."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from learn.baselines.by_task import ByTask, Make
from learn.baselines.features import features
from learn.baselines.moments import medians
from learn.tasks.task import Kind

TREES = 300
LEAST_LEAF = 2
"""Molecules in a leaf, at least: probabilities of single ones are 0 or 1."""
COLUMNS: dict[str, str | float] = {"classification": "sqrt", "regression": 0.1}
"""Columns that a split chooses from. scikit-learn's regression takes all, which is twenty times slower."""


class ExtraTrees(ByTask):
    """One forest of extremely randomised trees a task, on RDKit's descriptors and Morgan counts.

    A descriptor that RDKit cannot compute is the median of the training molecules. Columns that are not 0 in fewer
    molecules of a task than a leaf has at least are left out: no split could use them, yet trees would try them.

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
        super().__init__(kind, seed=seed, jobs=jobs)
        self.cache = cache
        self.trees = trees

    def _make(self) -> Make:
        return partial(_forest, self.kind, self.seed, self.trees)

    def _learn_inputs(self, smiles: Sequence[str]) -> npt.NDArray[np.float32]:
        x = features(smiles, ("morgan",), self.cache)
        self._median = medians(x)
        return self._filled(x)

    def _inputs(self, smiles: Sequence[str]) -> npt.NDArray[np.float32]:
        return self._filled(features(smiles, ("morgan",), self.cache))

    def _filled(self, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.where(np.isnan(x), self._median, x)


class _Splittable:
    """A step of scikit-learn's `Pipeline`: the columns that a tree could split at, in the order that it reads."""

    def fit(self, x: npt.NDArray[np.float32], _y: object = None) -> _Splittable:
        self._columns = np.flatnonzero(np.count_nonzero(x, axis=0) >= LEAST_LEAF)
        return self

    def transform(self, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.asfortranarray(x[:, self._columns])


def _forest(kind: Kind, seed: int, trees: int) -> Any:
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
    from sklearn.pipeline import make_pipeline

    forest = ExtraTreesClassifier if kind == "classification" else ExtraTreesRegressor
    return make_pipeline(
        _Splittable(),
        forest(n_estimators=trees, min_samples_leaf=LEAST_LEAF, max_features=COLUMNS[kind], random_state=seed),
    )
