"""Similarity edges: the pairs of one node type and feature space with the largest cosine.

Criterion (InfoAlign, appendix B): cosine ≥ 0.8 **and** at least 99.5 % sparsity, that is, of all n(n-1)/2 pairs i < j
at most floor((1 - sparsity) · pairs) become edges, the most similar ones. Ties at the cut go to the smaller (i, j), so
a caller that sorts its rows by node key gets the same edges in whatever order the records came.

Missing cells: a cell that is NaN in either row is left out of the dot product and of both norms, so two profiles are
compared over what both have measured. With nothing missing that is the plain cosine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from graphdb.errors import InputError
from ingest.edges import bits
from ingest.edges.best_pairs import Cut, ExactScore, Floats, Indices, Tiles, best_pairs, whole_tile
from ingest.edges.known_pairs import MOST_NEW, Memory, joined, reserve

THRESHOLD = 0.8
SPARSITY = 0.995
BLOCK_ROWS = 2048  # a tile of float32 cosines is 16 MiB
BLOCK_FINGERPRINTS = 8192  # what is found is listed, so a tile's memory is that of its rows
DENSE_BELOW = 0.4  # below this a tile of fingerprints may list a good part of its pairs, at 24 bytes each
_RESCORE_CELLS = 1 << 17  # so many gathered cells stay in the processor's cache
_NEGLIGIBLE = 1e-140  # of a row's largest cell; the square would underflow


def similar_pairs(
    features: npt.ArrayLike,
    threshold: float = THRESHOLD,
    sparsity: float = SPARSITY,
    *,
    block_rows: int = BLOCK_ROWS,
    scheduler: str | None = None,
    memory: Memory | None = None,
) -> tuple[Indices, Indices, npt.NDArray[np.float64]]:
    """Find the most similar pairs of rows by cosine.

    Parameters
    ----------
    features
        (n, d) profiles of one node type and feature space; NaN where a cell is missing.
    threshold
        Smallest cosine of an edge.
    sparsity
        Share of all pairs that must not become edges.
    block_rows
        Rows of a block; memory grows with its square, the result does not depend on it.
    scheduler
        None: in this process (the matrix products use all cores). ``tcp://…``: blocks are tasks on that Dask cluster.
    memory
        The pairs that are known already; the result does not depend on it.

    Returns
    -------
    i, j, cosine
        (m,) each, i < j, sorted by (i, j); cosine at most 1. A row without a non-zero cell is in no pair.

    Raises
    ------
    InputError
        If `features` is no matrix or has infinite cells, or a parameter is out of range.
    """
    values = np.array(features, dtype=np.float64)
    if values.ndim != 2:
        raise InputError(f"features: expected a matrix (n, d), got {values.ndim} dimension(s)")
    if np.isinf(values).any():
        row, column = np.argwhere(np.isinf(values))[0]
        raise InputError(f"features: infinite value in row {row}, column {column}")
    exact = _ExactDense.from_values(values)
    if exact.observed is None:
        rows: npt.NDArray[Any] = exact.unit_rows()
        kernel, margin = _unit_cosine, _margin(values.shape[1], np.float32)
    else:
        rows = np.where(exact.observed, exact.values, np.nan)
        kernel, margin = _common_cosine, _margin(values.shape[1], np.float64)

    def tiles(new: npt.NDArray[np.bool_]) -> Tiles:
        order = np.concatenate([np.flatnonzero(new), np.flatnonzero(~new)])
        first = rows if new.all() else rows[order]
        return Tiles(first, partial(whole_tile, kernel), margin, block_rows, order, int(new.sum()))

    return _best(tiles, exact, len(values), Cut(threshold, sparsity), scheduler, memory)


def similar_pairs_binary(
    packed_bits: npt.NDArray[np.uint8],
    threshold: float = THRESHOLD,
    sparsity: float = SPARSITY,
    *,
    block_rows: int = BLOCK_ROWS,
    scheduler: str | None = None,
    memory: Memory | None = None,
) -> tuple[Indices, Indices, npt.NDArray[np.float64]]:
    """Find the most similar pairs of fingerprints by cosine, |a & b| / sqrt(|a| · |b|).

    Parameters
    ----------
    packed_bits
        (n, size / 8) uint8, eight bits a byte (`ingest.features.fingerprints.morgan_bits`).
    threshold, sparsity, block_rows, scheduler, memory
        As in `similar_pairs`.

    Returns
    -------
    i, j, cosine
        As in `similar_pairs`.

    Raises
    ------
    InputError
        If `packed_bits` is no matrix of uint8, or a parameter is out of range.
    """
    if packed_bits.ndim != 2 or packed_bits.dtype != np.uint8:
        raise InputError(f"fingerprints: expected a matrix of uint8, got {packed_bits.ndim}-d {packed_bits.dtype}")
    counts = np.bitwise_count(packed_bits).sum(axis=1, dtype=np.int64)
    exact = _ExactBinary(packed_bits, counts)
    margin = _margin(packed_bits.shape[1] * 8, np.float32)
    words = bits.as_words(packed_bits) if threshold - margin >= bits.LEAST_CUTOFF else None

    def tiles(new: npt.NDArray[np.bool_]) -> Tiles:
        # New rows first, and either kind in the order of its counts, which `pairs_above` relies on.
        order = np.lexsort((counts, ~new)).astype(np.int64)
        size = int(new.sum())
        if words is None:
            return Tiles(packed_bits[order], partial(whole_tile, _bit_cosine), margin, block_rows, order, size)
        block = max(block_rows, BLOCK_FINGERPRINTS) if threshold >= DENSE_BELOW else block_rows
        return Tiles(words[order], bits.pairs_above, margin, block, order, size)

    return _best(tiles, exact, len(packed_bits), Cut(threshold, sparsity), scheduler, memory)


def _best(
    tiles: Callable[[npt.NDArray[np.bool_]], Tiles],
    exact: ExactScore,
    n: int,
    cut: Cut,
    scheduler: str | None,
    memory: Memory | None,
) -> tuple[Indices, Indices, npt.NDArray[np.float64]]:
    """Return the pairs that `cut` takes, sorted by rows; `tiles` are those of pairs with one of some rows (n,)."""
    quota = cut.quota(n)
    everything = np.ones(n, dtype=bool)
    if memory is None:
        pairs, _ = best_pairs(tiles(everything), exact, quota, cut.threshold, scheduler)
        return pairs.by_rows()
    limit = reserve(cut, n)
    known = memory.cache.read()
    if known is not None:
        held = known.best_of(memory.ids, limit)
        if held is not None and (len(held[0].i) >= quota or held[1] == -np.inf):
            return memory.keep(*held, 0, quota)
        old, new = known.among(memory.ids)
        if new.sum() <= MOST_NEW * n:
            found, floor = best_pairs(tiles(new), exact, limit, cut.threshold, scheduler)
            pairs, floor = joined(old, max(floor, known.floor), found, limit)
            if len(pairs.i) >= quota or floor == -np.inf:
                return memory.keep(pairs, floor, int(new.sum()), quota)
    pairs, floor = best_pairs(tiles(everything), exact, limit, cut.threshold, scheduler)
    return memory.keep(pairs, floor, n, quota)


def _margin(terms: int, precision: type[np.floating[Any]]) -> float:
    # A dot product of so many terms is off by at most terms · eps / 2 of the norms' product, a norm likewise; twice.
    return 2 * (terms + 16) * float(np.finfo(precision).eps)


@dataclass(frozen=True)
class _ExactDense:
    """Exact cosine of given pairs over their commonly observed cells.

    Attributes
    ----------
    values
        (n, d) float64, each row scaled by a power of two (which changes no bit of a cosine) so that squares neither
        overflow nor underflow; 0 where missing.
    observed
        (n, d) bool, or None where nothing is missing.
    squared_norms
        (n,) sums of squares over all observed cells.
    """

    values: npt.NDArray[np.float64]
    observed: npt.NDArray[np.bool_] | None
    squared_norms: npt.NDArray[np.float64]

    @classmethod
    def from_values(cls, values: npt.NDArray[np.float64]) -> _ExactDense:
        """Take `values` (n, d), which are overwritten: at the paper's size a copy of them is most of a gigabyte."""
        missing = np.isnan(values)
        complete = not missing.any()
        if not complete:
            values[missing] = 0.0
        largest = np.maximum(
            values.max(axis=1, initial=0.0, keepdims=True), -values.min(axis=1, initial=0.0, keepdims=True)
        )
        np.ldexp(values, -np.frexp(largest)[1], out=values)
        for part in _parts(len(values), values.shape[1]):
            values[part][np.abs(values[part]) < _NEGLIGIBLE] = 0.0
        return cls(values, None if complete else ~missing, np.vecdot(values, values))

    def unit_rows(self) -> npt.NDArray[np.float32]:
        """Return (n, d) rows of norm 1; a row of zeros stays."""
        norms = np.sqrt(self.squared_norms)[:, None]
        unit = np.empty(self.values.shape, dtype=np.float32)
        return np.divide(self.values, np.where(norms > 0, norms, 1.0), out=unit, casting="same_kind")

    def __call__(self, i: Indices, j: Indices) -> npt.NDArray[np.float64]:
        cosine = np.empty(len(i))
        for part in _parts(len(i), self.values.shape[1]):
            cosine[part] = self._few(i[part], j[part])
        return cosine

    def _few(self, i: Indices, j: Indices) -> npt.NDArray[np.float64]:
        left, right = self.values[i], self.values[j]
        # vecdot takes each row by itself, so that a pair's value does not depend on the pairs beside it.
        if self.observed is None:
            return _ratio(np.vecdot(left, right), self.squared_norms[i] * self.squared_norms[j])
        left_common, right_common = left * self.observed[j], right * self.observed[i]
        squares = np.vecdot(left_common, left_common) * np.vecdot(right_common, right_common)
        return _ratio(np.vecdot(left, right), squares)


@dataclass(frozen=True)
class _ExactBinary:
    """Exact cosine of given pairs of bit vectors: integers, then a square root and a division, both correctly rounded.

    Attributes
    ----------
    packed
        (n, size / 8) uint8.
    counts
        (n,) bits that are set.
    """

    packed: npt.NDArray[np.uint8]
    counts: npt.NDArray[np.int64]

    def __call__(self, i: Indices, j: Indices) -> npt.NDArray[np.float64]:
        common = np.empty(len(i))
        for part in _parts(len(i), self.packed.shape[1]):
            common[part] = np.bitwise_count(self.packed[i[part]] & self.packed[j[part]]).sum(axis=1, dtype=np.int64)
        return _ratio(common, (self.counts[i] * self.counts[j]).astype(np.float64))


def _parts(pairs: int, columns: int) -> list[slice]:
    step = max(1, _RESCORE_CELLS // max(1, columns))
    return [slice(start, start + step) for start in range(0, pairs, step)]


def _ratio(dot: npt.NDArray[np.float64], squares: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return dot / sqrt(squares), at most 1; NaN where a norm is zero."""
    cosine = np.divide(dot, np.sqrt(squares), out=np.full_like(dot, np.nan), where=squares > 0)
    return np.minimum(cosine, 1.0)


def _unit_cosine(left: Floats, right: Floats) -> Floats:
    cosine: Floats = left @ right.T
    return cosine


def _common_cosine(left: Floats, right: Floats) -> Floats:
    """Cosine over commonly observed cells by three matrix products; NaN where there is nothing in common."""
    left_seen, right_seen = ~np.isnan(left), ~np.isnan(right)
    left, right = np.where(left_seen, left, 0.0), np.where(right_seen, right, 0.0)
    squares = (left**2 @ right_seen.T.astype(left.dtype)) * (left_seen.astype(left.dtype) @ (right**2).T)
    cosine: Floats = np.divide(left @ right.T, np.sqrt(squares), out=np.full_like(squares, np.nan), where=squares > 0)
    return cosine


def _bit_cosine(left: npt.NDArray[np.uint8], right: npt.NDArray[np.uint8]) -> Floats:
    # Unpacked into a float32 product: on 2 cores 2.5 times as fast as NumPy's popcount over 64-bit words.
    return _unit_cosine(_unit_bits(left), _unit_bits(right))


def _unit_bits(packed: npt.NDArray[np.uint8]) -> Floats:
    bits = np.unpackbits(packed, axis=1).astype(np.float32)
    unit: Floats = bits / np.sqrt(np.maximum(bits.sum(axis=1, keepdims=True), np.float32(1)))
    return unit
