"""The loops of the kernels, compiled: each goes over the rows of some blocks once, a row in the fastest cache.

Arrays are float32, float64, or bfloat16 as their bits in uint16 (NumPy has no bfloat16); sums are kept in the type of
the parameters. Shapes: A atoms, E directed bonds, B molecules, d columns; a block is `ROWS` rows, or molecules.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import types
from numba.extending import overload

from graphdb.compiled import compiled

ROWS = 128
"""Rows in a block."""
MANY_ROWS = 2048
"""Rows in a block of `sum_messages_back`, which keeps a table for each."""

Array = Any


# Compiled code takes the overloads of these two, by the type of the array; Python never calls them.


def _value(x: Any) -> Any:
    """Return a number as it is computed with."""
    raise NotImplementedError


def _put(out: Array, row: int, column: int, x: Any) -> None:
    """Store a number in the type of `out`."""
    raise NotImplementedError


@overload(_value, inline="always")  # type: ignore[untyped-decorator]
def _value_of(x: Any) -> Any:
    if x == types.uint16:

        def widen(x: Any) -> Any:
            return np.uint32(np.uint32(x) << np.uint32(16)).view(np.float32)

        return widen

    def same(x: Any) -> Any:
        return x

    return same


@overload(_put, inline="always")  # type: ignore[untyped-decorator]
def _put_into(out: Any, row: Any, column: Any, x: Any) -> Any:  # noqa: ARG001
    if out.dtype == types.uint16:

        def put(out: Any, row: Any, column: Any, x: Any) -> Any:
            bits = np.float32(x).view(np.uint32)
            # To nearest, ties to even, as PyTorch rounds; a NaN stays one since its high bits are not all in the tail.
            rounded = np.uint32(bits + np.uint32(0x7FFF) + (np.uint32(bits >> np.uint32(16)) & np.uint32(1)))
            out[row, column] = np.uint16(rounded >> np.uint32(16))

        return put

    def store(out: Any, row: Any, column: Any, x: Any) -> Any:
        out[row, column] = x

    return store


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _mixed(x: Any) -> Any:
    """Return 32 bits mixed (the finaliser ``lowbias32`` of C. Wellons' hash prospector)."""
    x = np.uint32(x)
    x = np.uint32(x ^ np.uint32(x >> np.uint32(16)))
    x = np.uint32(x * np.uint32(0x7FEB352D))
    x = np.uint32(x ^ np.uint32(x >> np.uint32(15)))
    x = np.uint32(x * np.uint32(0x846CA68B))
    return np.uint32(x ^ np.uint32(x >> np.uint32(16)))


@compiled
def sum_messages(
    begin: int,
    end: int,
    x: Array,
    source: Array,
    kind: Array,
    offsets: Array,
    bonds: Array,
    own: float,
    out: Array,
) -> None:
    """out_i = own · x_i + sum over bonds (j, i) of ReLU(x_j + bonds[kind]).

    x, out (A, d); source, kind (E,) sorted by target; offsets (A + 1,); bonds (k, d).
    """
    width = x.shape[1]
    total = np.empty(width, bonds.dtype)
    for i in range(begin * ROWS, min(end * ROWS, len(x))):
        for c in range(width):
            total[c] = own * _value(x[i, c])
        for e in range(offsets[i], offsets[i + 1]):
            j, k = source[e], kind[e]
            for c in range(width):
                message = _value(x[j, c]) + bonds[k, c]
                total[c] += message if message > 0 else 0
        for c in range(width):
            _put(out, i, c, total[c])


@compiled
def sum_messages_back(
    begin: int,
    end: int,
    grad: Array,
    x: Array,
    target: Array,
    kind: Array,
    order: Array,
    offsets: Array,
    bonds: Array,
    own: float,
    grad_x: Array,
    grad_bonds: Array,
    grad_own: Array,
) -> None:
    """Gradients of `sum_messages`.

    grad (A, d) of its result; order (E,) the bonds sorted by source, offsets (A + 1,) there; target, kind (E,) in the
    first order; grad_x (A, d); grad_bonds (blocks, k, d) and grad_own (blocks, d) are zero at first, to be summed.
    """
    width = x.shape[1]
    total = np.empty(width, bonds.dtype)
    for block in range(begin, end):
        for j in range(block * MANY_ROWS, min((block + 1) * MANY_ROWS, len(x))):
            for c in range(width):
                g = _value(grad[j, c])
                total[c] = own * g
                grad_own[block, c] += g * _value(x[j, c])
            for place in range(offsets[j], offsets[j + 1]):
                e = order[place]
                i, k = target[e], kind[e]
                for c in range(width):
                    g = _value(grad[i, c]) if _value(x[j, c]) + bonds[k, c] > 0 else 0
                    total[c] += g
                    grad_bonds[block, k, c] += g
            for c in range(width):
                _put(grad_x, j, c, total[c])


@compiled
def block_moments(begin: int, end: int, y: Array, mean: Array, spread: Array) -> None:
    """Mean, and sum of squares about it, of every block of rows: y (n, d); mean, spread (blocks, d)."""
    width = y.shape[1]
    for block in range(begin, end):
        first, last = block * ROWS, min((block + 1) * ROWS, len(y))
        for c in range(width):
            mean[block, c] = 0
            spread[block, c] = 0
        for i in range(first, last):
            for c in range(width):
                mean[block, c] += _value(y[i, c])
        for c in range(width):
            mean[block, c] /= last - first
        for i in range(first, last):
            for c in range(width):
                off = _value(y[i, c]) - mean[block, c]
                spread[block, c] += off * off


@compiled
def column_sums(begin: int, end: int, y: Array, sums: Array) -> None:
    """Sum the rows of every block: y (n, d), sums (blocks, d)."""
    width = y.shape[1]
    for block in range(begin, end):
        for c in range(width):
            sums[block, c] = 0
        for i in range(block * ROWS, min((block + 1) * ROWS, len(y))):
            for c in range(width):
                sums[block, c] += _value(y[i, c])


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _drop(row: Array, key: Any, threshold: Any, factor: Any) -> None:
    """Set the numbers of a row to 0 where their hash is below the threshold; multiply the others by `factor`."""
    for c in range(len(row)):
        kept = _mixed(np.uint32(key + np.uint32(c) * np.uint32(0x9E3779B9))) >= threshold
        row[c] = row[c] * factor if kept else 0


@compiled
def scale_rows(
    begin: int,
    end: int,
    y: Array,
    scale: Array,
    shift: Array,
    relu: bool,
    keys: Array,
    threshold: int,
    factor: float,
    residual: Array,
    out: Array,
) -> None:
    """Out = dropout(ReLU(y · scale + shift)) + residual, with each of the last three where it is asked for.

    y, out (n, d); scale, shift (d,); keys (n,) uint32, threshold of 2^32 that is dropped, 0 for none; residual (n, d),
    or (0, d) for none.
    """
    width = y.shape[1]
    row = np.empty(width, scale.dtype)
    limit = np.uint32(threshold)
    for i in range(begin * ROWS, min(end * ROWS, len(y))):
        for c in range(width):
            row[c] = _value(y[i, c]) * scale[c] + shift[c]
        if relu:
            for c in range(width):
                row[c] = row[c] if row[c] > 0 else 0
        if threshold > 0:
            _drop(row, keys[i], limit, factor)
        if len(residual):
            for c in range(width):
                row[c] += _value(residual[i, c])
        for c in range(width):
            _put(out, i, c, row[c])


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _through(
    row: Array,
    grad: Array,
    y: Array,
    i: int,
    scale: Array,
    shift: Array,
    relu: bool,
    keys: Array,
    threshold: int,
    factor: float,
) -> None:
    """Put the gradient of y · scale + shift of row i into `row`: through dropout and ReLU."""
    width = y.shape[1]
    for c in range(width):
        row[c] = _value(grad[i, c])
    if threshold > 0:
        _drop(row, keys[i], np.uint32(threshold), factor)
    if relu:
        for c in range(width):
            row[c] = row[c] if _value(y[i, c]) * scale[c] + shift[c] > 0 else 0


@compiled
def scale_rows_sums(
    begin: int,
    end: int,
    grad: Array,
    y: Array,
    scale: Array,
    shift: Array,
    mean: Array,
    relu: bool,
    keys: Array,
    threshold: int,
    factor: float,
    sums: Array,
    products: Array,
) -> None:
    """Sum over the rows of every block, (blocks, d), dz and dz · (y − mean), z = y · scale + shift."""
    width = y.shape[1]
    row = np.empty(width, scale.dtype)
    for block in range(begin, end):
        for c in range(width):
            sums[block, c] = 0
            products[block, c] = 0
        for i in range(block * ROWS, min((block + 1) * ROWS, len(y))):
            _through(row, grad, y, i, scale, shift, relu, keys, threshold, factor)
            for c in range(width):
                sums[block, c] += row[c]
                products[block, c] += row[c] * (_value(y[i, c]) - mean[c])


@compiled
def scale_rows_back(
    begin: int,
    end: int,
    grad: Array,
    y: Array,
    scale: Array,
    shift: Array,
    relu: bool,
    keys: Array,
    threshold: int,
    factor: float,
    slope: Array,
    offset: Array,
    grad_y: Array,
) -> None:
    """grad_y = scale · dz + slope · y + offset, (n, d): what batch normalisation makes of dz is of this form."""
    width = y.shape[1]
    row = np.empty(width, scale.dtype)
    for i in range(begin * ROWS, min(end * ROWS, len(y))):
        _through(row, grad, y, i, scale, shift, relu, keys, threshold, factor)
        for c in range(width):
            _put(grad_y, i, c, scale[c] * row[c] + slope[c] * _value(y[i, c]) + offset[c])


@compiled
def add_and_pool(begin: int, end: int, h: Array, virtual: Array, offsets: Array, x: Array, pooled: Array) -> None:
    """x_i = h_i + virtual of its molecule; pooled = sum of x over the atoms of a molecule.

    h, x (A, d); virtual, pooled (B, d); offsets (B + 1,). A block is a molecule.
    """
    width = h.shape[1]
    total = np.empty(width, virtual.dtype)
    for molecule in range(begin, end):
        for c in range(width):
            total[c] = 0
        for i in range(offsets[molecule], offsets[molecule + 1]):
            for c in range(width):
                value = h[i, c] + virtual[molecule, c]
                x[i, c] = value
                total[c] += value
        for c in range(width):
            pooled[molecule, c] = total[c]


@compiled
def pool(begin: int, end: int, x: Array, offsets: Array, pooled: Array) -> None:
    """Sum over the atoms of a molecule: x (A, d), pooled (B, d). A block is a molecule."""
    width = x.shape[1]
    for molecule in range(begin, end):
        for c in range(width):
            pooled[molecule, c] = 0
        for i in range(offsets[molecule], offsets[molecule + 1]):
            for c in range(width):
                pooled[molecule, c] += x[i, c]


@compiled
def embed(begin: int, end: int, x: Array, first: Array, table: Array, out: Array) -> None:
    """out_i = sum over features f of table[first_f + x_if]: x (A, 9), table (rows, d), out (A, d)."""
    width = table.shape[1]
    for i in range(begin * ROWS, min(end * ROWS, len(x))):
        for c in range(width):
            out[i, c] = 0
        for f in range(x.shape[1]):
            row = first[f] + x[i, f]
            for c in range(width):
                out[i, c] += table[row, c]


@compiled
def embed_back(begin: int, end: int, grad: Array, x: Array, first: Array, columns: int, grad_table: Array) -> None:
    """Gradient of `embed`: grad (A, d), grad_table (rows, d), zero at first. A block is `columns` columns."""
    width = grad.shape[1]
    low, high = begin * columns, min(end * columns, width)
    for i in range(len(x)):
        for f in range(x.shape[1]):
            row = first[f] + x[i, f]
            for c in range(low, high):
                grad_table[row, c] += grad[i, c]
