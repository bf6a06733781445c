"""The best pairs of rows by a score that is cheap to approximate and dear to know exactly.

A tile of pairs is approximated, which *nominates* pairs with a margin that is wider than the rounding error. What is
nominated is scored exactly, each pair by itself, and only exact scores decide. So the result depends neither on the
size of the blocks, nor on the number of threads, nor on the machines of a cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from graphdb.errors import InputError
from ingest.parallel import CONNECT_SECONDS

Floats = npt.NDArray[np.floating[Any]]
Indices = npt.NDArray[np.int64]
Candidates = tuple[Indices, Indices, Floats]
"""Row indices i < j, and an approximate score of each pair."""


class Scored(NamedTuple):
    """Pairs with their exact scores: row indices i < j (m,), and scores (m,)."""

    i: Indices
    j: Indices
    score: npt.NDArray[np.float64]

    @classmethod
    def empty(cls) -> Self:
        """Return no pairs."""
        return cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))

    def by_rows(self) -> Scored:
        """Return the pairs sorted by (i, j)."""
        order = np.lexsort((self.j, self.i))
        return Scored(self.i[order], self.j[order], self.score[order])


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
    new
        So many of the first rows are new: only pairs with one of these are looked at. None: all pairs.
    """

    rows: npt.NDArray[Any]
    nominate: Nominate
    margin: float
    block_rows: int
    order: Indices | None = None
    new: int | None = None

    def __post_init__(self) -> None:
        if self.block_rows < 1:
            raise InputError(f"block_rows: expected at least 1, got {self.block_rows}")

    @property
    def blocks(self) -> list[slice]:
        """The rows of each block; none has both new and other rows."""
        new = len(self.rows) if self.new is None else self.new
        return [
            slice(start, min(start + self.block_rows, end))
            for begin, end in ((0, new), (new, len(self.rows)))
            for start in range(begin, end, self.block_rows)
        ]

    @property
    def corners(self) -> list[tuple[slice, slice]]:
        """Rows and columns of each tile."""
        new = len(self.rows) if self.new is None else self.new
        return [(i, j) for i in self.blocks for j in self.blocks if i.start <= j.start and i.start < new]

    def placed(self, candidates: Candidates) -> Candidates:
        """Return candidates among `rows` as such of the result, i < j."""
        i, j, score = candidates
        if self.order is None:
            return candidates
        i, j = self.order[i], self.order[j]
        return np.minimum(i, j), np.maximum(i, j), score


def best_pairs(
    tiles: Tiles, exact: ExactScore, limit: int, threshold: float, scheduler: str | None = None
) -> tuple[Scored, float]:
    """Find the pairs i < j with the best exact scores.

    Parameters
    ----------
    tiles
        The approximate scores.
    exact
        The exact ones.
    limit
        Largest number of pairs; of equal scores at the end the smaller (i, j) are taken.
    threshold
        Smallest score.
    scheduler
        None: in this process. ``tcp://…``: tiles are tasks on that Dask cluster.

    Returns
    -------
    pairs
        (m,) each, the best first.
    floor
        Every pair of these tiles that has a score above it is among them; minus infinity: every pair that reaches the
        threshold.
    """
    best = _Best(limit, threshold, tiles.margin, exact)
    if limit > 0:
        for candidates in _in_process(tiles, best) if scheduler is None else _on_cluster(tiles, best, scheduler):
            best.add(candidates)
    pairs = best.result()
    full = len(pairs.i) == limit
    return pairs, float(pairs.score[-1]) if full and limit else (np.inf if full else -np.inf)


def chosen(pairs: Scored, limit: int) -> Scored:
    """Return the best `limit` pairs, the best first; of equal scores the smaller (i, j) first."""
    order = np.lexsort((pairs.j, pairs.i, -pairs.score))[:limit]
    return Scored(pairs.i[order], pairs.j[order], pairs.score[order])


def _in_process(tiles: Tiles, best: _Best) -> Iterator[Candidates]:
    for i, j in tiles.corners:
        corner = (i.start, j.start)
        yield tiles.placed(_nominate(tiles.rows[i], tiles.rows[j], corner, tiles.nominate, best.cutoff))


def _on_cluster(tiles: Tiles, best: _Best, scheduler: str) -> Iterator[Candidates]:
    """Nominate on a Dask cluster, in waves, so that later tiles know the cut that earlier ones have set."""
    from distributed import Client  # a second of import that a run in one process can do without

    try:
        client = Client(scheduler, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise InputError(f"no Dask scheduler answers at {scheduler} ({' '.join(str(error).split())})") from None
    with client:
        blocks = {block.start: client.scatter(tiles.rows[block]) for block in tiles.blocks}
        corners = [(i.start, j.start) for i, j in tiles.corners]
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

    def result(self) -> Scored:
        if not self._parts:
            return Scored.empty()
        self._prune()
        i, j, _ = self._joined()
        return self._decide(i, j)

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

    def _decide(self, i: Indices, j: Indices) -> Scored:
        score = self._exact(i, j)
        keep = np.flatnonzero(score >= self._threshold)  # NaN is never kept
        return chosen(Scored(i[keep], j[keep], score[keep]), self.limit)
