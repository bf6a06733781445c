"""Walks → what one training step sees: molecule graphs, and the aggregates W and T of every feature space.

All positions l of a walk share the decoder's output, so for a molecule and a feature only W = sum_l alpha_l · observed
and T = sum_l alpha_l · target are needed (method, section 3). Nothing of shape (B, L + 1, D) is ever made.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from graphdb.errors import ArtefactError
from graphdb.feature_space import FeatureSpace
from graphdb.feature_store import FeatureStore
from graphdb.molecule_graphs import MoleculeGraphs
from graphdb.schema import NodeType
from graphdb.snapshot import Snapshot
from graphdb.walks.config import Walks
from learn.decoders import DecoderSpec
from learn.encoder import GraphBatch
from learn.spaces import SpaceOnDevice, rows_of_nodes


@dataclass(frozen=True)
class Batch:
    """What one training step sees.

    Attributes
    ----------
    graphs
        The B molecules that the walks start from.
    molecules
        (B,) int64, their rows in the `MoleculeGraphs` that `BatchMaker` was given.
    nodes, path_weights
        (B, L + 1) int64 and float32: the walks (`graphdb.walks.config.Walks`), on the device.
    weight_sums, target_sums
        W and T, (B, D) float32 each, one a feature space in the order of `BatchMaker.specs`; empty where the objective
        does not read them (`learn.objectives.Recipe.reads_sums`).
    """

    graphs: GraphBatch
    molecules: Tensor
    nodes: Tensor
    path_weights: Tensor
    weight_sums: tuple[Tensor, ...]
    target_sums: tuple[Tensor, ...]


class BatchMaker:
    """Makes batches of walks.

    Parameters
    ----------
    snapshot
        Numbers the nodes that the walks name.
    features
        Targets of the decoders.
    molecules
        Graphs of the molecules that walks start from.
    device
        Where batches shall be; the targets are kept there.
    sums
        Whether batches shall hold W and T.

    Attributes
    ----------
    specs
        The feature spaces, in the order of the decoders.
    spaces
        The features themselves, in the same order.
    scalers
        Id of the scaling of each.
    tautomers
        What tautomers the molecules have (`FeatureStore.tautomers`).

    Raises
    ------
    ArtefactError
        If the three were not made of the same graph.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        features: FeatureStore,
        molecules: MoleculeGraphs,
        device: torch.device,
        *,
        sums: bool = True,
    ) -> None:
        if features.graph_hash != snapshot.graph_hash:
            raise ArtefactError(
                f"the features are of graph {features.graph_hash[:16]}, the snapshot of {snapshot.graph_hash[:16]}; "
                "make both again with: python -m ingest.all"
            )
        self._device = device
        self._sums = sums
        self._molecules = molecules
        self._molecule_of_node = rows_of_nodes(snapshot, NodeType.MOLECULE, molecules.keys)
        spaces = features.spaces()
        self.specs = tuple(DecoderSpec(space.node_type, space.name, space.dimension) for space in spaces)
        self.scalers = tuple(scaler_id(space) for space in spaces)
        self.tautomers = features.tautomers
        self.spaces = tuple(SpaceOnDevice.of(snapshot, space, device) for space in spaces)

    def make(self, walks: Walks) -> Batch:
        """Make the batch of `walks`: nodes (B, L + 1), path weights (B, L + 1)."""
        nodes = torch.from_numpy(np.ascontiguousarray(walks.nodes)).to(self._device, torch.int64)
        alpha = torch.from_numpy(np.ascontiguousarray(walks.path_weights)).to(self._device)
        rows = self._molecule_of_node[walks.nodes[:, 0]]
        if (rows < 0).any():
            raise ArtefactError("a walk starts at a molecule that has no graph; run: python -m ingest.all")
        graphs = to_graph_batch(self._molecules.take(rows), self._device)
        sums = [_sums(space, nodes, alpha) for space in self.spaces] if self._sums else []
        return Batch(
            graphs,
            torch.from_numpy(rows.astype(np.int64)).to(self._device),
            nodes,
            alpha,
            tuple(weight for weight, _ in sums),
            tuple(target for _, target in sums),
        )


def scaler_id(space: FeatureSpace) -> str:
    """Return a hash (16 hex) of the columns, minima and maxima of a feature space: what its targets mean."""
    digest = hashlib.sha256("\0".join((space.kind, *space.columns)).encode())
    for bounds in (space.minima, space.maxima):
        digest.update(np.ascontiguousarray(bounds, dtype="<f4").tobytes())
    return digest.hexdigest()[:16]


def to_graph_batch(molecules: MoleculeGraphs, device: torch.device) -> GraphBatch:
    """Return packed molecule graphs as one batch of tensors."""
    atoms, bonds = np.diff(molecules.atom_offsets), np.diff(molecules.bond_offsets)
    shift = np.repeat(molecules.atom_offsets[:-1], bonds)
    return GraphBatch(
        x=_to(molecules.atom_features, device),
        edge_index=_to(molecules.bond_index + shift, device),
        edge_attr=_to(molecules.bond_features, device),
        batch=_to(np.repeat(np.arange(len(molecules)), atoms), device),
        size=len(molecules),
    )


def _sums(space: SpaceOnDevice, nodes: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor]:
    """Return W and T of a feature space, (B, D) each, for nodes and alpha (B, L + 1)."""
    size, dimension = len(nodes), space.targets.shape[1]
    rows = space.rows(nodes)
    targets = torch.zeros(size, dimension, device=alpha.device)
    if space.observed is None:
        # All features of a node are observed together: one number a molecule says it.
        weights = torch.where(rows >= 0, alpha, 0).sum(1)[:, None].expand(size, dimension)
    else:
        weights = torch.zeros_like(targets)
    # One position after the other: each adds at most once to a molecule, in the same order on every device.
    for row, weight in zip(rows.T, alpha.T, strict=True):
        molecules = torch.nonzero(row >= 0).squeeze(1)
        found, factor = row[molecules], weight[molecules, None]
        targets.index_add_(0, molecules, space.targets[found] * factor)
        if space.observed is not None:
            weights.index_add_(0, molecules, space.observed[found] * factor)
    return weights, targets


def _to(array: npt.NDArray[np.generic], device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array).astype(np.int64)).to(device)
