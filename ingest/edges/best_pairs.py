"""The best pairs of rows by a score that is cheap to approximate and dear to know exactly.

A tile of pairs is approximated, which *nominates* pairs with a margin that is wider than the rounding error. What is
nominated is scored exactly, each pair by itself, and only exact scores decide. So the result depends neither on the
size of the blocks, nor on the number of threads, nor on the machines of a cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from graphdb.errors import InputError
from ingest.parallel import CONNECT_SECONDS

Floats = npt.NDArray[np.floating[Any]]
Indices = npt.NDArray[np.int64]
Candidates = tuple[Indices, Indices, Floats]
"""Row indices i < j, and an approximate score of each pair."""

Nominate = Callable[[Any, Any, float], Candidates]
"""(a, d) and (b, d) rows, and a cutoff → the pairs whose approximate score reaches it: places in either, and score."""

Kernel = Callable[[Any, Any], Floats]
"""(a, d) and (b, d) rows → (a, b) approximate scores."""

ExactScore = Callable[[Indices, Indices], npt.NDArray[np.float64]]
"""Row indices (k,), (k,) → (k,) scores; NaN where there is none."""


@dataclass(frozen=True)
class Cut:
    """What makes a pair an edge.

    Attributes
    ----------
    threshold
        Smallest score, at least -1 and at most 1.
    sparsity
        Share of all pairs that must not become edges.
    """

    threshold: float
    sparsity: float

    def __post_init__(self) -> None:
        if not 0 <= self.sparsity <= 1:
            raise InputError(f"sparsity: expected a number in [0, 1], got {self.sparsity}")
        if not -1 <= self.threshold <= 1:
            raise InputError(f"threshold: expected a cosine in [-1, 1], got {self.threshold}")

    def quota(self, rows: int) -> int:
        """Return floor((1 - sparsity) · rows (rows - 1) / 2), the largest number of edges.

        The sparsity is read as the decimal number that it prints as: 1 - 0.9 is a tenth, not 0.09999999999999998.
        """
        return int((1 - Fraction(str(self.sparsity))) * (rows * (rows - 1) // 2))


@dataclass(frozen=True)
class Tiles:
    """The upper triangle of all pairs, in square tiles.

    Attributes
    ----------
    rows
        (n, d) rows as `nominate` takes them.
    nominate
        Approximates the scores of a tile.
    margin
        Bound on the difference of approximate and exact score.
    block_rows
        Rows of a tile; memory grows with its square.
    order
        (n,) which row of the result each of `rows` is; None where they are in that order.
    """

    rows: npt.NDArray[Any]
    nominate: Nominate
    margin: float
    block_rows: int
    order: Indices | None = None

    def __post_init__(self) -> None:
        if self.block_rows < 1:
            raise InputError(f"block_rows: expected at least 1, got {self.block_rows}")

    @property
    def starts(self) -> range:
        """First row of each block."""
        return range(0, len(self.rows), self.block_rows)

    @property
    def corners(self) -> list[tuple[int, int]]:
        """First row and first column of each tile."""
        return [(i, j) for i in self.starts for j in self.starts if i <= j]

    def block(self, start: int) -> npt.NDArray[Any]:
        """Return the rows of a block."""
        return self.rows[start : start + self.block_rows]

    def placed(self, candidates: Candidates) -> Candidates:
        """Return candidates among `rows` as such of the result, i < j."""
        i, j, score = candidates
        if self.order is None:
            return candidates
        i, j = self.order[i], self.order[j]
        return np.minimum(i, j), np.maximum(i, j), score


def best_pairs(
    tiles: Tiles, exact: ExactScore, cut: Cut, scheduler: str | None = None
) -> tuple[Indices, Indices, npt.NDArray[np.float64]]:
    """Find the pairs i < j with the best exact scores.

    Parameters
    ----------
    tiles
        The approximate scores.
    exact
        The exact ones.
    cut
        Which pairs are taken; ties at the cut go to the smaller (i, j).
    scheduler
        None: in this process. ``tcp://…``: tiles are tasks on that Dask cluster.

    Returns
    -------
    i, j, score
        (m,) each, sorted by (i, j).
    """
    best = _Best(cut.quota(len(tiles.rows)), cut.threshold, tiles.margin, exact)
    if best.limit > 0:
        for candidates in _in_process(tiles, best) if scheduler is None else _on_cluster(tiles, best, scheduler):
            best.add(candidates)
    return best.result()


def _in_process(tiles: Tiles, best: _Best) -> Iterator[Candidates]:
    for i, j in tiles.corners:
        yield tiles.placed(_nominate(tiles.block(i), tiles.block(j), (i, j), tiles.nominate, best.cutoff))


def _on_cluster(tiles: Tiles, best: _Best, scheduler: str) -> Iterator[Candidates]:
    """Nominate on a Dask cluster, in waves, so that later tiles know the cut that earlier ones have set."""
    from distributed import Client  # a second of import that a run in one process can do without

    try:
        client = Client(scheduler, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise InputError(f"no Dask scheduler answers at {scheduler} ({' '.join(str(error).split())})") from None
    with client:
        blocks = {start: client.scatter(tiles.block(start)) for start in tiles.starts}
        corners = tiles.corners
        wave = 4 * max(1, sum(client.nthreads().values()))
        for first in range(0, len(corners), wave):
            futures = [
                client.submit(_nominate, blocks[i], blocks[j], (i, j), tiles.nominate, best.cutoff, pure=False)
                for i, j in corners[first : first + wave]
            ]
            yield from map(tiles.placed, client.gather(futures))


def whole_tile(kernel: Kernel, left: Any, right: Any, cutoff: float) -> Candidates:
    """Nominate by approximating every score of a tile."""
    score = kernel(left, right)
    flat = np.flatnonzero(score >= cutoff)
    i, j = np.divmod(flat, score.shape[1])
    return i, j, score.ravel()[flat]


def _nominate(
    left: npt.NDArray[Any], right: npt.NDArray[Any], corner: tuple[int, int], nominate: Nominate, cutoff: float
) -> Candidates:
    """Return the pairs of one tile, i < j, whose approximate score is at least `cutoff`."""
    i, j, score = nominate(left, right, cutoff)
    i, j = i + corner[0], j + corner[1]
    upper = i < j  # only a tile on the diagonal has others
    return i[upper], j[upper], score[upper]


class _Best:
    """The candidates so far, pruned whenever they are twice as many as can become edges.

    `cutoff` is the approximate score that a pair needs to be still of interest; it only rises.
    """

    def __init__(self, limit: int, threshold: float, margin: float, exact: ExactScore) -> None:
        self.limit = limit
        self.cutoff = threshold - margin
        self._threshold, self._margin, self._exact = threshold, margin, exact
        self._parts: list[Candidates] = []
        self._count = 0

    def add(self, candidates: Candidates) -> None:
        self._parts.append(candidates)
        self._count += len(candidates[0])
        if self._count > 2 * self.limit + 16:
            self._prune()

    def result(self) -> tuple[Indices, Indices, npt.NDArray[np.float64]]:
        if not self._parts:
            return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
        self._prune()
        i, j, _ = self._joined()
        i, j, score = self._decide(i, j)
        order = np.lexsort((j, i))
        return i[order], j[order], score[order]

    def _prune(self) -> None:
        i, j, score = self._joined()
        if len(i) > self.limit:
            # `limit` pairs have an exact score of at least `last - margin`. A pair that may still be among the best has
            # that exact score too, and so an approximate one of at least `last - 2 margin`.
            last = np.partition(score, len(score) - self.limit)[len(score) - self.limit]
            self.cutoff = max(self.cutoff, float(last) - 2 * self._margin)
            keep = score >= self.cutoff
            i, j, score = i[keep], j[keep], score[keep]
        if len(i) > 2 * self.limit:  # so many near ties can only be parted by exact scores
            i, j, decided = self._decide(i, j)
            if len(i) == self.limit:
                self.cutoff = max(self.cutoff, float(decided.min()) - self._margin)
            score = decided.astype(score.dtype)
        self._parts, self._count = [(i, j, score)], len(i)

    def _joined(self) -> Candidates:
        i, j, score = (np.concatenate(column) for column in zip(*self._parts, strict=True))
        return i, j, score

    def _decide(self, i: Indices, j: Indices) -> tuple[Indices, Indices, npt.NDArray[np.float64]]:
        score = self._exact(i, j)
        keep = np.flatnonzero(score >= self._threshold)  # NaN is never kept
        keep = keep[np.lexsort((j[keep], i[keep], -score[keep]))][: self.limit]
        return i[keep], j[keep], score[keep]
