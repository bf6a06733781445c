"""The feature spaces as training reads them: rows of nodes looked up where they lie, scaled, and summed along walks.

On a CPU the matrices stay mapped from the feature store: a batch touches the rows that its walks visit and nothing
else, whatever the size of the graph. On a GPU they are copied there where they fit, in half precision where only that
fits; else the sums are made on the CPU and sent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from graphdb.feature_space import FeatureSpace
from graphdb.schema import NodeType
from graphdb.snapshot import Snapshot
from learn.kernels import targets
from learn.kernels.threads import spread

CHUNK = 8192
"""Rows that are scaled and sent to a device at a time."""


@dataclass(frozen=True)
class Sums:
    """W and T of one feature space, for the molecules whose walk met it.

    All positions l of a walk share the decoder's output, so for a molecule and a feature only
    W = sum_l alpha_l · observed and T = sum_l alpha_l · target are needed (method, section 3).

    Attributes
    ----------
    rows
        (R,) int64, the molecules in the batch, ascending; the others have no weight.
    weights, targets
        (R, D) float32 each: W and T.
    observed
        Number of (walk, position, feature) that were observed, whatever their weight.
    """

    rows: Tensor
    weights: Tensor
    targets: Tensor
    observed: Tensor


class SpaceOnDevice:
    """One feature space, its rows looked up by node number.

    Parameters
    ----------
    snapshot
        Numbers the nodes.
    space
        The features.
    device
        Where batches are.
    budget
        Bytes that may be taken there; the features stay on the CPU where they do not fit. On a CPU it does not matter.

    Attributes
    ----------
    device
        Where batches are.
    batches
        (k,) int64 in [0, n_batches): what each row was measured together with (`FeatureSpace.batches`); None where
        that is not known.
    n_batches
        Number of different batches; 1 where they are not known.
    """

    def __init__(self, snapshot: Snapshot, space: FeatureSpace, device: torch.device, budget: float = 0) -> None:
        self._space = space
        self.device = device
        self._rows_of_node = rows_of_nodes(snapshot, space.node_type, space.keys)
        self._rows_here = torch.from_numpy(self._rows_of_node).to(device)
        span = space.maxima - space.minima
        # A column without any value has bounds of NaN, and is met by no observed cell.
        self._bounds = np.nan_to_num(space.minima), np.nan_to_num(span)
        self._resident = None if device.type == "cpu" else copied(space, device, budget)
        names, codes = (None, None) if space.batches is None else np.unique(space.batches, return_inverse=True)
        self.batches = None if codes is None else torch.from_numpy(codes.astype(np.int64)).to(device)
        self.n_batches = 1 if names is None else max(1, len(names))

    def __len__(self) -> int:
        """Return the number of rows k."""
        return len(self._space)

    @property
    def bytes_on_device(self) -> int:
        """Bytes that the features take on a device beside the CPU."""
        return 0 if self._resident is None else self._resident.numel() * self._resident.element_size()

    def rows(self, nodes: Tensor) -> Tensor:
        """Return the rows of nodes, of any shape, int64; −1 where a node (or −1) has no features in this space."""
        return torch.where(nodes >= 0, self._rows_here[nodes].to(torch.int64), -1)

    def values(self, rows: Tensor) -> Tensor:
        """Return the features of rows (k,), scaled to [0, 1]: (k, D) float32, NaN where not observed."""
        if self._resident is None:
            return torch.from_numpy(self._space.scaled(rows.cpu().numpy())).to(self.device)
        found = self._resident[rows]
        return _unpacked(found, self._space.dimension) if self._space.kind == "binary" else found.float()

    def sums(self, nodes: Tensor, alpha: Tensor) -> Sums:
        """Return W and T for walks: nodes (B, L + 1) int64, −1 after the end, and path weights alpha (B, L + 1)."""
        if self._resident is None:
            return self._sums_on_cpu(nodes, alpha)
        rows = self.rows(nodes)
        met = torch.nonzero((rows >= 0).any(1)).squeeze(1)
        rows, alpha = rows[met], alpha[met]
        weights = torch.zeros(len(met), self._space.dimension, device=self.device)
        sums, observed = torch.zeros_like(weights), torch.zeros((), device=self.device)
        for row, weight in zip(rows.T, alpha.T, strict=True):
            found = self.values(row.clamp_min(0))
            there = ~found.isnan() & (row >= 0)[:, None]
            weights += there * weight[:, None]
            sums += found.nan_to_num() * there * weight[:, None]
            observed += there.sum()
        return Sums(met, weights, sums, observed)

    def _sums_on_cpu(self, nodes: Tensor, alpha: Tensor) -> Sums:
        places = nodes.cpu().numpy()
        rows = np.where(places >= 0, self._rows_of_node[places], -1)
        met = np.flatnonzero((rows >= 0).any(1))
        rows, factors = rows[met], alpha.cpu().numpy()[met]
        dimension = self._space.dimension
        weights, sums = (np.empty((len(met), dimension), np.float32) for _ in range(2))
        counts = np.zeros(len(met), np.int64)
        values, bounds = self._space.values, self._bounds

        def work(begin: int, end: int) -> None:
            if self._space.kind == "binary":
                targets.sum_bits(begin, end, rows, factors, values, weights, sums, counts)
            else:
                targets.sum_scaled(begin, end, rows, factors, values, *bounds, weights, sums, counts)

        spread(work, len(met))
        rows_met, whole, sum_of = (torch.from_numpy(array).to(self.device) for array in (met, weights, sums))
        return Sums(rows_met, whole, sum_of, torch.tensor(float(counts.sum()), device=self.device))


def rows_of_nodes(
    snapshot: Snapshot, node_type: NodeType, keys: Sequence[str] | npt.NDArray[np.str_]
) -> npt.NDArray[np.int32]:
    """Return for every node of the snapshot the position of its key in `keys`, −1 where it is not there."""
    rows = np.full(snapshot.number_of_nodes, -1, dtype=np.int32)
    nodes = snapshot.index_of(node_type, keys)
    known = nodes >= 0
    rows[nodes[known]] = np.flatnonzero(known)
    return rows


def scaler_id(space: FeatureSpace) -> str:
    """Return a hash (16 hex) of the columns, minima and maxima of a feature space: what its targets mean."""
    digest = hashlib.sha256("\0".join((space.kind, *space.columns)).encode())
    for bounds in (space.minima, space.maxima):
        digest.update(np.ascontiguousarray(bounds, dtype="<f4").tobytes())
    return digest.hexdigest()[:16]


def copied(space: FeatureSpace, device: torch.device, budget: float) -> Tensor | None:
    """Return the features on the device: packed bits, or scaled in the widest type that fits; None where none does."""
    cells = len(space) * space.dimension
    if space.kind == "binary":
        return torch.from_numpy(np.array(space.values)).to(device) if cells / 8 <= budget else None
    for dtype, size in ((torch.float32, 4), (torch.float16, 2)):
        if cells * size <= budget:
            whole = torch.empty(len(space), space.dimension, dtype=dtype, device=device)
            for begin in range(0, len(space), CHUNK):
                part: npt.NDArray[Any] = space.scaled(slice(begin, begin + CHUNK))
                whole[begin : begin + CHUNK] = torch.from_numpy(part).to(device)
            return whole
    return None


def _unpacked(packed: Tensor, dimension: int) -> Tensor:
    """Return bits (k, ceil(d / 8)) uint8, in the order of ``numpy.packbits``, as (k, d) float32."""
    shifts = torch.arange(7, -1, -1, dtype=torch.uint8, device=packed.device)
    return ((packed[:, :, None] >> shifts) & 1).flatten(1)[:, :dimension].float()
