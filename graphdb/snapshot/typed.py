"""The edges that a topology was merged from, each with its type: what restricted walks and typed formats need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from graphdb.arrays import frozen
from graphdb.errors import ArtefactError
from graphdb.schema import EdgeType


@dataclass(frozen=True, eq=False, repr=False)
class TypedEdges:
    """Edges as the graph has them: directed, parallel ones and self-loops kept, sorted by (type, source, target).

    Attributes
    ----------
    edge_src, edge_dst
        (e,) int32 node numbers.
    edge_type
        (e,) uint8, `EdgeType.code`.
    edge_weight
        (e,) float32 in [0, 1].
    """

    edge_src: npt.NDArray[np.int32]
    edge_dst: npt.NDArray[np.int32]
    edge_type: npt.NDArray[np.uint8]
    edge_weight: npt.NDArray[np.float32]

    @classmethod
    def of(
        cls, src: npt.ArrayLike, dst: npt.ArrayLike, edge_type: npt.ArrayLike, weight: npt.NDArray[np.float32]
    ) -> Self:
        """Sort edges (e,) and make their arrays read-only."""
        first, second = np.asarray(src, dtype=np.int32), np.asarray(dst, dtype=np.int32)
        codes = np.asarray(edge_type, dtype=np.uint8)
        order = np.lexsort((weight, second, first, codes))
        return cls(frozen(first[order]), frozen(second[order]), frozen(codes[order]), frozen(weight[order]))

    def __len__(self) -> int:
        """Return the number of edges e."""
        return len(self.edge_type)

    def __post_init__(self) -> None:
        if len({len(self.edge_src), len(self.edge_dst), len(self.edge_type), len(self.edge_weight)}) != 1:
            raise ArtefactError("snapshot: damaged (its edge arrays are of lengths that do not fit each other)")

    def of_types(self, edge_types: Sequence[EdgeType]) -> Self:
        """Return the edges of these types alone."""
        return self._take(np.isin(self.edge_type, [edge_type.code for edge_type in edge_types]))

    def without(self, removed: npt.NDArray[np.bool_]) -> Self:
        """Return the edges of which neither end is in `removed`, (n,) by node number."""
        return self._take(~(removed[self.edge_src] | removed[self.edge_dst]))

    def _take(self, kept: npt.NDArray[np.bool_]) -> Self:
        return type(self)(
            frozen(self.edge_src[kept]),
            frozen(self.edge_dst[kept]),
            frozen(self.edge_type[kept]),
            frozen(self.edge_weight[kept]),
        )
