"""Expression edges: from what was perturbed to the genes whose expression changed most.

Criterion (InfoAlign, appendix B): the top 1 % of the absolute expression values over all
(profile, landmark gene) cells; weight: the absolute value scaled to [0, 1].

The scale is the largest absolute value over all observed cells. That is the literal reading; it keeps the ratio of two
weights equal to the ratio of two changes, but with heavy tails (LINCS consensus z-scores) most weights are small.
Min-max over the selected cells would spread them, at the price of a weight of exactly 0 for the weakest of the
strongest 1 %.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from graphdb.errors import InputError

FRACTION = 0.01


def top_pairs(
    values: npt.ArrayLike, fraction: float = FRACTION
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Find the cells with the largest absolute values.

    Parameters
    ----------
    values
        (n, d) expression of n profiles and d genes; NaN where a cell is missing.
    fraction
        Share of the observed cells that become edges; floor(fraction · observed) cells are taken.

    Returns
    -------
    row, column, weight
        (m,) each, sorted by (row, column); weight = absolute value / largest absolute value, float64 in (0, 1]. Among
        equal values at the cut the smaller (row, column) wins. Cells that are exactly 0 are never taken: nothing
        changed there.

    Raises
    ------
    InputError
        If `values` is no matrix or has infinite cells, or `fraction` is not in [0, 1].
    """
    matrix: npt.NDArray[np.floating[Any]] = np.asarray(values)
    if matrix.ndim != 2:
        raise InputError(f"expression: expected a matrix (n, d), got {matrix.ndim} dimension(s)")
    if not 0 <= fraction <= 1:
        raise InputError(f"expression: fraction {fraction} must be in [0, 1]")
    size = np.abs(matrix).ravel()
    if np.isinf(size).any():
        row, column = np.divmod(int(np.argmax(np.isinf(size))), matrix.shape[1])
        raise InputError(f"expression: infinite value in row {row}, column {column}")
    observed = int(np.count_nonzero(~np.isnan(size)))
    size = np.nan_to_num(size, nan=0.0)
    # Read as the decimal number that it prints as: in floats 0.29 · 100 is 28.999999999999996.
    count = min(int(Fraction(str(fraction)) * observed), int(np.count_nonzero(size)))
    if count == 0:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    cut = np.partition(size, len(size) - count)[len(size) - count]
    above, ties = np.flatnonzero(size > cut), np.flatnonzero(size == cut)
    cells = np.sort(np.concatenate([above, ties[: count - len(above)]]))
    row, column = np.divmod(cells, matrix.shape[1])
    return row, column, size[cells].astype(np.float64) / float(size.max())
