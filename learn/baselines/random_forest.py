"""A random forest on Morgan fingerprints: the paper's baseline."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.features.fingerprints import morgan_bits, unpack
from learn.baselines.by_task import fit_by_task, predict_by_task
from learn.tasks.task import Kind

RADIUS, SIZE, TREES = 2, 2048, 200
"""The paper's baseline: fingerprint radius in bonds, its bits, trees of the forest (method.md, section 5)."""


class RandomForest:
    """One random forest a task, on Morgan fingerprints, with scikit-learn's defaults otherwise.

    Each forest learns from the molecules that have a label for its task. Classification answers the probability of
    label 1. The paper's own rows scored hard labels, which costs some 20 points of AUC (method.md, section 5).

    Parameters
    ----------
    kind
        ``"classification"`` or ``"regression"``.
    seed
        Seed of every forest.
    trees
        Trees of a forest.
    jobs
        Processes, one task each; -1 for all cores. The result does not depend on it.
    """

    def __init__(self, kind: Kind, *, seed: int = 0, trees: int = TREES, jobs: int = -1) -> None:
        self.kind = kind
        self.seed = seed
        self.trees = trees
        self.jobs = jobs

    def fit(self, smiles: Sequence[str], labels: npt.NDArray[np.floating]) -> RandomForest:
        """Learn from n molecules and their labels.

        Parameters
        ----------
        smiles
            n SMILES.
        labels
            (n, t); NaN where a label is missing.

        Raises
        ------
        InputError
            If a SMILES cannot be parsed.
        """
        self._models = fit_by_task(
            partial(_forest, self.kind, self.seed, self.trees), fingerprints(smiles), labels, self.jobs
        )
        return self

    def predict(self, smiles: Sequence[str]) -> npt.NDArray[np.float64]:
        """Return (n, t) predictions: the probability of label 1, or the value in the labels' unit.

        A task without any label to learn from is NaN; one with a single class or value answers that one.
        """
        return predict_by_task(self._models, fingerprints(smiles))


def fingerprints(smiles: Sequence[str]) -> npt.NDArray[np.uint8]:
    """Return (n, 2048) bits, 0 or 1, of the fingerprints that the baseline uses."""
    return unpack(morgan_bits(smiles, radius=RADIUS, size=SIZE))


def _forest(kind: Kind, seed: int, trees: int) -> Any:
    # Importing scikit-learn's forests takes a second, which commands that do not fit one should not wait for.
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    forest = RandomForestClassifier if kind == "classification" else RandomForestRegressor
    return forest(n_estimators=trees, random_state=seed)
