"""Kernel ridge regression with a Tanimoto kernel: all tasks at once, each on the molecules that have its label.

The kernel is the mean of three min-max kernels (Tanimoto on counts; Ralaivola et al. 2005): Morgan environments, atom
pairs, topological torsions. The ridge is chosen by cross-validation inside the training set, so that nothing else is
looked at, and nothing is random.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from learn.baselines.features import COUNTS, counts
from learn.metrics import better, score
from learn.tasks.task import Kind, Metric

Floats = npt.NDArray[np.floating]

RIDGES = (0.05, 0.1, 0.2, 0.4, 0.8)
FOLDS, CHOSEN_BY = 4, 48
"""Folds of the cross-validation, and of how many tasks at most it is the mean (those with most labels)."""
LARGEST_COUNT = 6
"""Counts above it add nothing to a similarity."""
STEPS, TOLERANCE = 200, 1e-3
_BLOCK = 1024


class TanimotoRidge:
    """Kernel ridge regression on structures; classification regresses 0 and 1, its answers are cut to [0, 1].

    Parameters
    ----------
    kind, metric
        What is predicted, and what the ridge is chosen by.
    cache
        Folder in which counts are kept.
    """

    def __init__(self, kind: Kind, metric: Metric, *, cache: Path | None = None) -> None:
        self.kind = kind
        self.metric = metric
        self.cache = cache

    def fit(self, smiles: Sequence[str], labels: Floats) -> TanimotoRidge:
        """Learn from n molecules and labels (n, t), NaN where missing; an invalid SMILES is an `InputError`."""
        self._smiles = list(smiles)
        known = ~np.isnan(labels)
        self._mean = task_means(labels)
        y = np.where(known, labels - self._mean, 0).astype(np.float32)
        kernel = tanimoto(self._smiles, self._smiles, self.cache)
        self.ridge = self._chosen(kernel, y, known, labels)
        self._weights = solve(kernel, y, known, self.ridge)
        return self

    def predict(self, smiles: Sequence[str]) -> npt.NDArray[np.float64]:
        """Return (n, t) predictions; NaN for a task without any label to learn from."""
        found = tanimoto(smiles, self._smiles, self.cache) @ self._weights + self._mean
        return np.asarray(found if self.kind == "regression" else np.clip(found, 0, 1), dtype=np.float64)

    def _chosen(self, kernel: Floats, y: Floats, known: npt.NDArray[np.bool_], labels: Floats) -> float:
        """Return the ridge with the best score on left-out folds; folds are columns of one system like tasks are."""
        tasks, fold = folds_of(known)
        kept = np.concatenate([known[:, tasks] & (fold != each)[:, None] for each in range(FOLDS)], axis=1)
        targets = np.tile(y[:, tasks], FOLDS)
        best, chosen = float("nan"), RIDGES[len(RIDGES) // 2]
        for ridge in RIDGES:
            out = kernel @ solve(kernel, targets, kept, ridge)
            left = np.empty((len(y), len(tasks)))
            for each in range(FOLDS):
                rows = fold == each
                left[rows] = out[rows, each * len(tasks) : (each + 1) * len(tasks)]
            found = score(self.metric, labels[:, tasks], left + self._mean[tasks]).mean
            if np.isnan(best) or better(self.metric, found, best):
                best, chosen = found, ridge
        return chosen


def task_means(labels: Floats) -> npt.NDArray[np.float64]:
    """Return the mean of each task's labels, (t,), of labels (n, t); NaN where it has none."""
    known = ~np.isnan(labels)
    sums = np.where(known, labels, 0).sum(axis=0, dtype=np.float64)
    return np.asarray(np.divide(sums, known.sum(axis=0), out=np.full(labels.shape[1], np.nan), where=known.any(axis=0)))


def folds_of(known: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return by which tasks settings are chosen, and the fold of each of n molecules, (n,): of known labels (n, t)."""
    tasks = np.argsort(-known.sum(axis=0), kind="stable")[:CHOSEN_BY]
    # Neighbours in a file are often analogues: contiguous folds keep them together, as scaffolds do.
    return tasks, np.arange(len(known)) * FOLDS // len(known)


def tanimoto(one: Sequence[str], other: Sequence[str], cache: Path | None = None) -> npt.NDArray[np.float32]:
    """Return the mean similarity (n, m) of the structures of both lists over the fingerprints, each in [0, 1]."""
    total = np.zeros((len(one), len(other)), dtype=np.float32)
    for name in COUNTS:
        total += min_max(counts(one, name, cache), counts(other, name, cache))
    return total / np.float32(len(COUNTS))


def min_max(one: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return Σ min / Σ max of each pair of rows, (n, m), of counts (n, d) and (m, d) cut at `LARGEST_COUNT`.

    Two rows without any count are equal: 1. A count c is c ones in a row of places, so that the sum of minima is a
    product of 0/1 matrices.
    """
    unary = [_unary(np.minimum(x, LARGEST_COUNT)) for x in (one, other)]
    used = unary[0].any(axis=0) & unary[1].any(axis=0)
    left, right = (x[:, used].astype(np.float32) for x in unary)
    totals = [np.minimum(x, LARGEST_COUNT).sum(axis=1, dtype=np.float32) for x in (one, other)]
    found = np.empty((len(one), len(other)), dtype=np.float32)
    for begin in range(0, len(one), _BLOCK):
        rows = slice(begin, begin + _BLOCK)
        shared = left[rows] @ right.T
        union = totals[0][rows, None] + totals[1][None] - shared
        found[rows] = np.divide(shared, union, out=np.ones_like(shared), where=union > 0)
    return found


def solve(
    kernel: Floats, y: Floats, known: npt.NDArray[np.bool_], ridge: float, *, steps: int = STEPS
) -> npt.NDArray[np.float32]:
    """Return the weights (n, t) of every task's ridge regression on its own molecules; 0 for the others.

    For task t with molecules S: (K_SS + ridge · I) w_S = y_S. All are solved side by side by conjugate gradients
    (Hestenes and Stiefel 1952) with the full kernel and masks, each step one product (n, n) · (n, t).

    Parameters
    ----------
    kernel
        (n, n), symmetric, positive semi-definite.
    y, known
        (n, t) targets, and which of them count.
    ridge
        Positive.
    steps
        At most.
    """
    mask = known.astype(np.float32)
    k = kernel.astype(np.float32, copy=False)
    w = np.zeros(y.shape, dtype=np.float32)
    residual = (y * mask).astype(np.float32)
    direction = residual.copy()
    square = (residual**2).sum(axis=0, dtype=np.float64)
    goal = TOLERANCE**2 * np.maximum(square, 1e-12)
    for _ in range(steps):
        active = np.flatnonzero(square > goal)
        if not active.size:
            break
        d = direction[:, active]
        applied = (k @ d) * mask[:, active] + np.float32(ridge) * d
        along = square[active] / np.maximum((d * applied).sum(axis=0, dtype=np.float64), 1e-30)
        w[:, active] += (along * d).astype(np.float32)
        residual[:, active] -= (along * applied).astype(np.float32)
        now = (residual[:, active] ** 2).sum(axis=0, dtype=np.float64)
        direction[:, active] = residual[:, active] + ((now / square[active]) * d).astype(np.float32)
        square[active] = now
    return w


def _unary(x: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    return np.concatenate([x >= level for level in range(1, LARGEST_COUNT + 1)], axis=1)
