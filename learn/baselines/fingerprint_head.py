"""The paper's head on Morgan fingerprints in place of an embedding ("Morgan FP + MLP")."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from learn.baselines.random_forest import fingerprints
from learn.head import FittedHead
from learn.head_training import train_heads
from learn.tasks.task import Kind, Metric

Floats = npt.NDArray[np.floating]


class FingerprintHead:
    """One head a seed on the fingerprints that the random forest reads; it stops by the validation set.

    Parameters
    ----------
    kind, metric
        What is predicted, and by what an epoch is judged.
    seeds
        Of the heads, which are trained side by side.
    device
        Where.
    """

    def __init__(self, kind: Kind, metric: Metric, *, seeds: Sequence[int] = (0,), device: str = "cpu") -> None:
        self.kind: Kind = kind
        self.metric: Metric = metric
        self.seeds = tuple(seeds)
        self.device = device

    def fit(self, smiles: Sequence[str], labels: Floats, valid: tuple[Sequence[str], Floats]) -> FingerprintHead:
        """Learn from n molecules and labels (n, t), NaN where missing; `valid` is the same of the validation set."""
        sets = [(fingerprints(part).astype(np.float32), known) for part, known in ((smiles, labels), valid)]
        self.heads: list[FittedHead] = train_heads(
            self.kind, self.metric, sets[0], sets[1], seeds=self.seeds, device=self.device
        )
        return self

    def predict(self, smiles: Sequence[str]) -> npt.NDArray[np.float64]:
        """Return (s, n, t) predictions of the heads."""
        x = fingerprints(smiles).astype(np.float32)
        return np.stack([head.predict(x) for head in self.heads])
