"""Extremely randomised trees of all tasks at once, where each molecule has labels for some of them.

A split is judged by all tasks (multi-output trees: De'ath 2002; extremely randomised: Geurts et al. 2006), so that ones
with few labels are split by what splits the others. A label that is missing is its task's mean while trees grow; what a
leaf answers is the mean of the labels that are known in it, so that those fillers say nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import sparse

from learn.baselines.features import features
from learn.baselines.moments import medians, moments
from learn.tasks.task import Kind

TREES = 300
LEAVES = (3, 8)
"""Molecules in a leaf, at least: of half the trees, and of the others. Many labels like larger ones, few smaller."""
LEAST_COUNT = 3
"""Molecules in which a column is not 0, at least."""
PRIOR = 0.05
"""Weight of a task's mean in an answer, in molecules that share the leaf of every tree."""
SETTINGS = {"trees": TREES, "leaves": list(LEAVES), "least": LEAST_COUNT, "prior": PRIOR}

Floats = npt.NDArray[np.floating]


class JointTrees:
    """One forest for all tasks, on RDKit's descriptors and Morgan counts.

    It answers as a kernel method does: the mean of the known labels of training molecules, each weighted by how often,
    and in how small company, it shares a leaf with the molecule that is asked about.

    Parameters
    ----------
    kind
        What is predicted. Both kinds are learned as standardised numbers; an answer about classes is clipped to [0, 1].
    seed
        Of the trees.
    cache
        Folder in which features are kept.
    trees, leaves
        How many trees there are, and the least molecules in a leaf of each equal part of them.
    """

    def __init__(
        self,
        kind: Kind,
        *,
        seed: int = 0,
        cache: Path | None = None,
        trees: int = TREES,
        leaves: Sequence[int] = LEAVES,
    ) -> None:
        self.kind: Kind = kind
        self.seed = seed
        self.cache = cache
        self.trees = trees
        self.leaves = tuple(leaves)

    def fit(self, smiles: Sequence[str], labels: Floats) -> JointTrees:
        """Learn from n molecules and labels (n, t), NaN where missing; an invalid SMILES is an `InputError`.

        Raises
        ------
        ValueError
            If no molecule has a label.
        """
        from sklearn.ensemble import ExtraTreesRegressor

        rows = np.flatnonzero((~np.isnan(labels)).any(axis=1))
        if not rows.size:
            raise ValueError("no molecule has a label")
        x = features([smiles[int(row)] for row in rows], ("morgan",), self.cache)
        self._median = medians(x)
        self._columns = np.flatnonzero(np.count_nonzero(x, axis=0) >= LEAST_COUNT)
        y = np.asarray(labels[rows], dtype=np.float32)
        known = ~np.isnan(y)
        mean, self._spread = moments(y)
        self._mean = np.where(known.any(axis=0), mean, np.nan)
        self._known = known.astype(np.float64)
        self._standard = np.where(known, (y - mean) / self._spread, 0).astype(np.float64)
        inputs = self._filled(x)
        self._trees = []
        for leaf in self.leaves:
            forest = ExtraTreesRegressor(
                self.trees // len(self.leaves), min_samples_leaf=leaf, max_features="sqrt", random_state=self.seed
            ).fit(inputs, self._standard[:, 0] if y.shape[1] == 1 else self._standard)
            self._trees += [tree.tree_ for tree in forest.estimators_]
        self._learned = [tree.apply(inputs) for tree in self._trees]
        return self

    def predict(self, smiles: Sequence[str]) -> npt.NDArray[np.float64]:
        """Return (n, t): probabilities of label 1, or values in the labels' unit; NaN for a task without any label."""
        inputs = self._filled(features(smiles, ("morgan",), self.cache))
        above = np.zeros((len(smiles), len(self._mean)))
        below = np.full_like(above, PRIOR * len(self._trees))
        for tree, learned in zip(self._trees, self._learned, strict=True):
            shape = (tree.node_count, len(learned))
            weights = 1 / np.bincount(learned, minlength=shape[0])[learned]
            pooled = sparse.csr_array((weights, (learned, np.arange(shape[1]))), shape=shape)[tree.apply(inputs)]
            above += pooled @ self._standard
            below += pooled @ self._known
        answers = above / below * self._spread + self._mean
        return np.asarray(answers.clip(0, 1) if self.kind == "classification" else answers)

    def _filled(self, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.asfortranarray(np.where(np.isnan(x), self._median, x)[:, self._columns])
