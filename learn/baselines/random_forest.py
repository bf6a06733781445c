"""A random forest on Morgan fingerprints: the paper's baseline."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ingest.features.fingerprints import morgan_bits, unpack
from learn.baselines.by_task import ByTask, Make, Order
from learn.tasks.task import Kind

RADIUS, SIZE, TREES = 2, 2048, 200
"""The paper's baseline: fingerprint radius in bonds, its bits, trees of the forest (method.md, section 5)."""


class RandomForest(ByTask):
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

    order: ClassVar[Order] = "F"

    def __init__(self, kind: Kind, *, seed: int = 0, trees: int = TREES, jobs: int = -1) -> None:
        super().__init__(kind, seed=seed, jobs=jobs)
        self.trees = trees

    def _make(self) -> Make:
        return partial(_forest, self.kind, self.seed, self.trees)

    def _inputs(self, smiles: Sequence[str]) -> npt.NDArray[np.uint8]:
        return fingerprints(smiles)


def fingerprints(smiles: Sequence[str]) -> npt.NDArray[np.uint8]:
    """Return (n, 2048) bits, 0 or 1, of the fingerprints that the baseline uses."""
    return unpack(morgan_bits(smiles, radius=RADIUS, size=SIZE))


def _forest(kind: Kind, seed: int, trees: int) -> Any:
    # Importing scikit-learn's forests takes a second, which commands that do not fit one should not wait for.
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    forest = RandomForestClassifier if kind == "classification" else RandomForestRegressor
    return forest(n_estimators=trees, random_state=seed)
