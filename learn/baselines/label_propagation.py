"""Labels that spread along edges (Zhou et al. 2004): of similar structures, and of what molecules share in the graph.

All tasks at once, each from the molecules that have its label. A molecule is joined to its nearest training molecules
by structure, and to those with which it shares neighbours in the context graph. A new molecule reads the spread labels
of its nearest training molecules (induction as in Delalleau et al. 2005): it needs no edge of the context graph, and a
held-out one has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import sparse

from learn.baselines.kernel_ridge import FOLDS, folds_of, tanimoto, task_means
from learn.metrics import better, score
from learn.tasks.task import Kind, Metric

Floats = npt.NDArray[np.floating]

NEAREST = 30
"""Training molecules to which a molecule is joined by structure."""
STEPS = 30
"""Steps of the spread; after them less than a hundredth of it is missing, whatever of `ALPHAS` is chosen."""
ALPHAS = (0.3, 0.6, 0.85)
SHARPNESS = (3.0, 6.0)
CONTEXTS = (0.0, 0.3, 1.0)
PRIORS = (0.03, 0.3)


@dataclass(frozen=True)
class Spread:
    """How labels spread.

    Attributes
    ----------
    alpha
        Share of what a molecule takes from its neighbours, in (0, 1).
    sharpness
        Power of a similarity that is its edge's weight.
    context
        Weight of the context graph's edges beside those of structure, which are normalised alike.
    prior
        Evidence that the task's mean counts for.
    """

    alpha: float
    sharpness: float
    context: float
    prior: float


GRID = tuple(Spread(*each) for each in product(ALPHAS, SHARPNESS, CONTEXTS, PRIORS))


class LabelPropagation:
    """Label propagation; nothing is random.

    Parameters
    ----------
    kind, metric
        What is predicted, and what the settings are chosen by, inside the training set.
    cache
        Folder in which counts are kept.
    """

    def __init__(self, kind: Kind, metric: Metric, *, cache: Path | None = None) -> None:
        self.kind = kind
        self.metric = metric
        self.cache = cache

    def fit(self, smiles: Sequence[str], labels: Floats, context: sparse.csr_array | None = None) -> LabelPropagation:
        """Learn from n molecules and labels (n, t), NaN where missing.

        Parameters
        ----------
        smiles, labels
            The molecules; an invalid SMILES is an `InputError`.
        context
            (n, n) symmetric, not negative: what molecules share in the context graph, 0 for most. Without it labels
            spread over structures alone.
        """
        self._smiles = list(smiles)
        known = ~np.isnan(labels)
        self._mean = task_means(labels)
        evidence = np.stack([np.where(known, labels - self._mean, 0), known], axis=2).astype(np.float32)
        similar = tanimoto(self._smiles, self._smiles, self.cache)
        np.fill_diagonal(similar, 0)
        self.spread = self._chosen(similar, evidence, labels, context)
        self._evidence = _spread(similar, evidence, context, self.spread)
        return self

    def predict(self, smiles: Sequence[str]) -> npt.NDArray[np.float64]:
        """Return (n, t) predictions; NaN for a task without any label to learn from."""
        similar = tanimoto(smiles, self._smiles, self.cache)
        found = _read(_nearest(similar, self.spread.sharpness), self._evidence, self.spread.prior) + self._mean
        return np.asarray(found if self.kind == "regression" else np.clip(found, 0, 1), dtype=np.float64)

    def _chosen(
        self,
        similar: npt.NDArray[np.float32],
        evidence: npt.NDArray[np.float32],
        labels: Floats,
        context: sparse.csr_array | None,
    ) -> Spread:
        """Return the settings with the best score on left-out folds, which are read like new molecules."""
        tasks, fold = folds_of(~np.isnan(labels))
        grid = [each for each in GRID if context is not None or not each.context]
        left = np.empty((len(grid), len(labels), len(tasks)))
        for one in range(FOLDS):
            out, kept = np.flatnonzero(fold == one), np.flatnonzero(fold != one)
            among = None if context is None else context[kept][:, kept]
            known: dict[Spread, npt.NDArray[np.float32]] = {}
            for place, each in enumerate(grid):
                same = Spread(each.alpha, each.sharpness, each.context, 0.0)
                if same not in known:
                    known[same] = _spread(similar[np.ix_(kept, kept)], evidence[kept][:, tasks], among, same)
                near = _nearest(similar[np.ix_(out, kept)], each.sharpness)
                left[place, out] = _read(near, known[same], each.prior)
        best, chosen = float("nan"), grid[0]
        for place, each in enumerate(grid):
            found = score(self.metric, labels[:, tasks], left[place] + self._mean[tasks]).mean
            if np.isnan(best) or better(self.metric, found, best):
                best, chosen = found, each
        return chosen


def propagate(edges: sparse.csr_array, evidence: npt.NDArray[np.float32], alpha: float) -> npt.NDArray[np.float32]:
    """Return what evidence Y (n, c) becomes along normalised edges S (n, n): F ← α S F + (1 − α) Y, `STEPS` times.

    Zhou et al. 2004, step 3 of the algorithm; the limit is (1 − α) (I − α S)^-1 Y.
    """
    found = evidence
    for _ in range(STEPS):
        found = np.float32(alpha) * (edges @ found) + np.float32(1 - alpha) * evidence
    return np.asarray(found, dtype=np.float32)


def normalised(edges: sparse.csr_array) -> sparse.csr_array:
    """Return D^-1/2 W D^-1/2 for symmetric weights W (n, n) with row sums D; a row without edges stays empty."""
    degree = np.asarray(edges.sum(axis=1)).ravel()
    scale = np.divide(1, np.sqrt(degree), out=np.zeros_like(degree), where=degree > 0)
    return sparse.csr_array(sparse.diags_array(scale) @ edges @ sparse.diags_array(scale)).astype(np.float32)


def _spread(
    similar: npt.NDArray[np.float32],
    evidence: npt.NDArray[np.float32],
    context: sparse.csr_array | None,
    how: Spread,
) -> npt.NDArray[np.float32]:
    near = _nearest(similar, how.sharpness)
    edges = normalised(sparse.csr_array(near.maximum(near.T)))
    if context is not None and how.context:
        edges = sparse.csr_array((edges + how.context * normalised(context)) / (1 + how.context)).astype(np.float32)
    n, tasks, channels = evidence.shape
    return propagate(edges, evidence.reshape(n, -1), how.alpha).reshape(n, tasks, channels)


def _nearest(similar: npt.NDArray[np.float32], sharpness: float) -> sparse.csr_array:
    """Return (n, m): of each row the `NEAREST` largest similarities, to a power."""
    count = min(NEAREST, similar.shape[1])
    if not count:
        return sparse.csr_array(similar)
    columns = np.argpartition(-similar, count - 1, axis=1)[:, :count]
    values = np.take_along_axis(similar, columns, axis=1) ** np.float32(sharpness)
    places = np.arange(0, count * len(similar) + 1, count)
    return sparse.csr_array((values.ravel(), columns.ravel(), places), shape=similar.shape)


def _read(near: sparse.csr_array, evidence: npt.NDArray[np.float32], prior: float) -> npt.NDArray[np.float64]:
    """Return (n, t): the mean of the neighbours' labels by their evidence, drawn to the task's mean (0) by `prior`."""
    m, tasks, channels = evidence.shape
    found = (near @ evidence.reshape(m, -1)).reshape(near.shape[0], tasks, channels).astype(np.float64)
    return np.asarray(found[:, :, 0] / (found[:, :, 1] + prior + 1e-12))
