"""Feature spaces on the training device: which row describes a node, and what stands in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from graphdb.feature_space import FeatureSpace
from graphdb.schema import NodeType
from graphdb.snapshot import Snapshot


@dataclass(frozen=True)
class SpaceOnDevice:
    """One feature space on the device.

    Attributes
    ----------
    row_of_node
        (n,) int32, the row of every node of the snapshot; −1 for nodes without features here.
    targets
        (k, D) uint8 for bits, else float32 in [0, 1]; 0 where not observed.
    observed
        (k, D) bool; None where nothing is missing.
    batches
        (k,) int64 in [0, n_batches): what each row was measured together with (`FeatureSpace.batches`); None where
        that is not known.
    n_batches
        Number of different batches; 1 where they are not known.
    """

    row_of_node: Tensor
    targets: Tensor
    observed: Tensor | None
    batches: Tensor | None = None
    n_batches: int = 1

    @classmethod
    def of(cls, snapshot: Snapshot, space: FeatureSpace, device: torch.device) -> Self:
        """Bring a feature space to the device."""
        scaled = space.scaled()
        observed = ~np.isnan(scaled)
        values = scaled.astype(np.uint8) if space.kind == "binary" else np.nan_to_num(scaled)
        names, batches = (None, None) if space.batches is None else np.unique(space.batches, return_inverse=True)
        return cls(
            row_of_node=torch.from_numpy(rows_of_nodes(snapshot, space.node_type, space.keys)).to(device),
            targets=torch.from_numpy(values).to(device),
            observed=None if observed.all() else torch.from_numpy(observed).to(device),
            batches=None if batches is None else torch.from_numpy(batches.astype(np.int64)).to(device),
            n_batches=1 if names is None else max(1, len(names)),
        )

    def __len__(self) -> int:
        """Return the number of rows k."""
        return len(self.targets)

    def rows(self, nodes: Tensor) -> Tensor:
        """Return the rows of `nodes`, int64 of their shape; −1 where a node has no features here, or is −1."""
        # A walk that has ended names node −1, which would look up the last row.
        return torch.where(nodes >= 0, self.row_of_node[nodes].to(torch.int64), -1)

    def values(self, rows: Tensor) -> Tensor:
        """Return what stands in `rows` (m,), none −1: (m, D) float32 scaled to [0, 1], NaN where not observed."""
        values = self.targets[rows].float()
        return values if self.observed is None else values.masked_fill(~self.observed[rows], torch.nan)


def rows_of_nodes(
    snapshot: Snapshot, node_type: NodeType, keys: Sequence[str] | npt.NDArray[np.str_]
) -> npt.NDArray[np.int32]:
    """Return for every node of the snapshot the position of its key in `keys`, −1 where it is not there, (n,) int32."""
    rows = np.full(snapshot.number_of_nodes, -1, dtype=np.int32)
    nodes = snapshot.index_of(node_type, keys)
    known = nodes >= 0
    rows[nodes[known]] = np.flatnonzero(known)
    return rows
