"""W and T of a feature space, summed along walks from the mapped features (method, section 3).

Shapes: R molecules, L + 1 positions, k rows of features, D features. A block is one molecule.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphdb.compiled import compiled

Array = Any


@compiled
def sum_scaled(
    begin: int,
    end: int,
    rows: Array,
    alpha: Array,
    values: Array,
    minima: Array,
    span: Array,
    weights: Array,
    sums: Array,
    counts: Array,
) -> None:
    """Sum min-max scaled features (`graphdb.feature_space.FeatureSpace.scaled`), passing over what is NaN.

    rows, alpha (R, L + 1), row −1 for none; values (k, D) in the units of the source; minima, span (D,); weights, sums
    (R, D) and counts (R,) are written.
    """
    width = values.shape[1]
    zero, half, one = np.float32(0), np.float32(0.5), np.float32(1)
    for molecule in range(begin, end):
        for c in range(width):
            weights[molecule, c] = 0
            sums[molecule, c] = 0
        for position in range(rows.shape[1]):
            row, factor = rows[molecule, position], alpha[molecule, position]
            if row < 0:
                continue
            seen = 0
            for c in range(width):
                value = values[row, c]
                there = value == value  # noqa: PLR0124 - not NaN
                scaled = (value - minima[c]) / span[c] if span[c] > 0 else half
                # Rounding may lead out of [0, 1] by one unit in the last place.
                scaled = zero if scaled < zero else (one if scaled > one else scaled)
                weights[molecule, c] += factor if there else zero
                sums[molecule, c] += factor * scaled if there else zero
                seen += 1 if there else 0
            counts[molecule] += seen


@compiled
def sum_bits(
    begin: int, end: int, rows: Array, alpha: Array, values: Array, weights: Array, sums: Array, counts: Array
) -> None:
    """Sum bits: values (k, ceil(D / 8)) uint8 in the order of ``numpy.packbits``; the others as in `sum_scaled`."""
    width = weights.shape[1]
    for molecule in range(begin, end):
        whole = alpha[molecule, 0] * 0
        for c in range(width):
            sums[molecule, c] = 0
        for position in range(rows.shape[1]):
            row, factor = rows[molecule, position], alpha[molecule, position]
            if row < 0:
                continue
            whole += factor
            counts[molecule] += width
            for c in range(width):
                sums[molecule, c] += factor if (values[row, c >> 3] >> (7 - (c & 7))) & 1 else factor * 0
        for c in range(width):
            weights[molecule, c] = whole
