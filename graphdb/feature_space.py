"""The features of nodes of one type in one feature space, and how they are scaled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from graphdb.arrays import Array, Strings, positions
from graphdb.errors import InputError
from graphdb.schema import NodeType

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.integer[Any]] | Sequence[int] | slice
SpaceKind = Literal["binary", "continuous"]


@dataclass(frozen=True, eq=False)
class FeatureSpace:
    """The features of n nodes of one type in one feature space.

    Attributes
    ----------
    node_type, name
        Which nodes, which feature space.
    kind
        ``"binary"`` (0/1) or ``"continuous"``.
    keys
        (n,) str keys of the nodes, unique.
    columns
        Names of the d features.
    values
        Continuous: (n, d) float32 in the units of the source, NaN where not measured.
        Binary: (n, ceil(d / 8)) uint8 in the bit order of ``numpy.packbits``. Memory-mapped.
    minima, maxima
        (d,) float32 over the nodes, NaN-aware; NaN for a column without any value. Binary: zeros and ones.
    simulated
        True where no instrument measured them.
    batches
        (n,) str, what each node's profile was measured together with (its source and plate, or its source alone): the
        identity whose effect is no biology. None where that is not known; then all are one batch. Memory-mapped.
    """

    node_type: NodeType
    name: str
    kind: SpaceKind
    keys: Strings
    columns: tuple[str, ...]
    values: Array
    minima: Floats
    maxima: Floats
    simulated: bool = False
    batches: Strings | None = None

    @property
    def dimension(self) -> int:
        """Number of features d."""
        return len(self.columns)

    def __len__(self) -> int:
        """Return the number of nodes n."""
        return len(self.keys)

    def index_of(self, keys: npt.ArrayLike) -> npt.NDArray[np.int32]:
        """Return the rows of these keys, -1 where there is none, (k,) int32."""
        return positions(self.keys, keys)

    def raw(self, rows: Rows | None = None) -> Floats:
        """Return these rows (default: all) in the units of the source, (k, d) float32; NaN where not measured."""
        return self._binary(rows) if self.kind == "binary" else np.array(self._rows(rows), dtype=np.float32)

    def scaled(self, rows: Rows | None = None) -> Floats:
        """Return these rows (default: all) as targets of a decoder.

        Parameters
        ----------
        rows
            (k,) row numbers from 0, or a slice.

        Returns
        -------
        (k, d) float32
            Min-max to [0, 1] per column over all nodes of the space; a constant column becomes 0.5;
            NaN where not measured. Binary: 0 or 1.
        """
        if self.kind == "binary":
            return self._binary(rows)
        span = self.maxima - self.minima
        constant = span == 0
        scaled = np.array(self._rows(rows), dtype=np.float32)
        scaled -= self.minima
        scaled /= np.where(constant, np.float32(1), span)
        # Rounding may lead out of [0, 1] by one unit in the last place.
        np.clip(scaled, 0, 1, out=scaled)
        # What is constant and measured stands at 0 here, what is missing at NaN.
        scaled[:, constant] += np.float32(0.5)
        return scaled

    def unscale(self, x: npt.ArrayLike) -> Floats:
        """Bring scaled values (k, d), for example decoded ones, back to the units of the source, (k, d) float32."""
        scaled = np.asarray(x, dtype=np.float32)
        return scaled * (self.maxima - self.minima) + self.minima

    def _binary(self, rows: Rows | None) -> Floats:
        return np.unpackbits(self._rows(rows), axis=1, count=self.dimension).astype(np.float32)

    def _rows(self, rows: Rows | None) -> Array:
        if rows is None or isinstance(rows, slice):
            return self.values[slice(None) if rows is None else rows]
        numbers = np.asarray(rows, dtype=np.int64)
        # NumPy would take -1, which `index_of` returns for an absent key, as the last row.
        if len(numbers) and numbers.min() < 0:
            raise InputError(f"feature space {self.name!r} of {self.node_type}: there is no row {numbers.min()}")
        return self.values[numbers]


def extremes(values: Floats) -> tuple[Floats, Floats]:
    """Return the smallest and the largest value of each column of (n, d), (d,) both; NaN where it has no value."""
    nan = np.float32(np.nan)
    return np.fmin.reduce(values, axis=0, initial=nan), np.fmax.reduce(values, axis=0, initial=nan)
