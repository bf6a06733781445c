"""Pairs of fingerprints above a cosine, counted in machine words.

The cosine of two bit vectors, |a & b| / sqrt(|a| |b|), is at most sqrt(|b| / |a|) for |b| <= |a|; so with rows in the
order of their counts a row need only be compared with those whose count lies in a window around its own (Swamidass and
Baldi 2007, J. Chem. Inf. Model. 47:302, there for Tanimoto's coefficient).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
from numba.core import types
from numba.extending import intrinsic

from graphdb.compiled import compiled
from graphdb.machine import processors

Words = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]
LEAST_CUTOFF = 0.05
"""Below this the window is nearly everything, and pairs without a common bit would have to be found too."""
CHUNK = 1024
"""Rows compared at a time; their counts stay in the fastest cache."""
ROWS_OF_A_THREAD = 256
"""Fewer are not worth a thread of their own."""


def as_words(packed_bits: npt.NDArray[np.uint8]) -> Words:
    """Return (n, ceil(bytes / 8)) words of 64 bits for packed bits (n, bytes); what is missing to a word is 0."""
    padding = -packed_bits.shape[1] % 8
    padded = np.pad(packed_bits, ((0, 0), (0, padding))) if padding else packed_bits
    return np.ascontiguousarray(padded).view(np.uint64)


def pairs_above(
    left: Words, right: Words, cutoff: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Find the pairs of a row of `left` and a row of `right` whose cosine is at least `cutoff`.

    Parameters
    ----------
    left, right
        (a, w) and (b, w) words; the rows of either in the order of their counts of set bits.
    cutoff
        Smallest cosine, at least `LEAST_CUTOFF`.

    Returns
    -------
    i, j, cosine
        (m,) each; rows without a bit are in no pair.
    """
    counts = [np.bitwise_count(rows).sum(axis=1, dtype=np.int64) for rows in (left, right)]
    threads = max(1, min(processors(), len(left) // ROWS_OF_A_THREAD))
    # Every second row, so that no thread gets the dense ones alone.
    parts = [np.arange(first, len(left), threads) for first in range(threads)]

    columns = np.ascontiguousarray(right.T)

    def work(rows: npt.NDArray[np.int64]) -> tuple[Any, Any, Any]:
        found: tuple[Any, Any, Any] = _scan(left[rows], columns, counts[0][rows], counts[1], cutoff)
        return rows[found[0]], found[1], found[2]

    if threads == 1:
        return work(parts[0])
    with ThreadPoolExecutor(threads) as pool:
        found = zip(*pool.map(work, parts), strict=True)
        i, j, cosine = (np.concatenate(parts) for parts in found)
    return i, j, cosine


@intrinsic  # type: ignore[untyped-decorator]
def _count_bits(_: Any, word: Any) -> Any:  # noqa: ARG001 - numba tells arguments by these names
    """Return the number of bits set in a word, by the processor's own instruction."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


@compiled
def _scan(
    left: Words, columns: Words, left_counts: Counts, right_counts: Counts, cutoff: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Scan the rows (a, w) of the left against the right, which is given by word: `columns` (w, b)."""
    size = 1024
    i, j, cosine = np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size, np.float64)
    found = 0
    squared = cutoff * cutoff
    common = np.empty(CHUNK, np.uint64)
    for row in range(left.shape[0]):
        count = left_counts[row]
        if count == 0:
            continue
        # A little wider than exact, for the rounding of these products.
        begin = int(np.searchsorted(right_counts, np.int64(np.floor(squared * count * 0.999999))))
        end = int(np.searchsorted(right_counts, np.int64(np.ceil(count / squared * 1.000001)) + 1))
        for first in range(begin, end, CHUNK):
            last = min(first + CHUNK, end)
            most = _common(left[row], columns, first, last, common)
            # The counts of the right ascend, so no pair of this chunk needs fewer common bits than its first one.
            least = np.uint64(np.floor(cutoff * np.sqrt(np.float64(count * right_counts[first])) * 0.999999))
            if most < least:  # so in nearly every chunk, and found out without a branch a pair
                continue
            for column in range(first, last):
                if common[column - first] < least:
                    continue
                square = np.float64(common[column - first]) ** 2
                product = np.float64(count) * np.float64(right_counts[column])
                if product > 0 and square >= squared * product * 0.999999:
                    if found == size:
                        size *= 2
                        i, j, cosine = _grown(i, size), _grown(j, size), _grown(cosine, size)
                    i[found], j[found], cosine[found] = row, column, np.sqrt(square / product)
                    found += 1
    return i[:found], j[:found], cosine[:found]


@compiled
def _common(words: Any, columns: Words, first: int, last: int, common: Words) -> Any:
    """Count the bits that a row has in common with each of some rows, into `common`; return the largest count."""
    # Word by word over many rows: the compiler makes vector instructions of it, which it cannot row by row.
    common[: last - first] = 0
    for word in range(columns.shape[0]):
        own = words[word]
        if own == 0:
            continue
        others = columns[word, first:last]
        for place in range(last - first):
            common[place] += _count_bits(own & others[place])
    most = np.uint64(0)
    for place in range(last - first):
        most = max(most, common[place])
    return most


@compiled
def _grown(values: Any, size: int) -> Any:
    grown = np.empty(size, values.dtype)
    grown[: len(values)] = values
    return grown
