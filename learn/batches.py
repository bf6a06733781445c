"""Walks → what one training step sees: molecule graphs, and the aggregates W and T of every feature space.

Nothing of shape (B, L + 1, D) is ever made, and nothing is kept of a node that has no features.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from graphdb.errors import ArtefactError
from graphdb.feature_store import FeatureStore
from graphdb.molecule_graphs import MoleculeGraphs
from graphdb.schema import NodeType
from graphdb.snapshot import Snapshot
from graphdb.walks.config import Walks
from learn.decoders import DecoderSpec
from learn.graph_batch import GraphBatch
from learn.molecules import MoleculesOnDevice, to_graph_batch
from learn.spaces import SpaceOnDevice, Sums, rows_of_nodes, scaler_id

__all__ = ["Batch", "BatchMaker", "scaler_id", "to_graph_batch"]


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
    sums
        W and T of each feature space, in the order of `BatchMaker.specs`; empty where the objective does not read them
        (`learn.objectives.Recipe.reads_sums`).
    """

    graphs: GraphBatch
    molecules: Tensor
    nodes: Tensor
    path_weights: Tensor
    sums: tuple[Sums, ...]


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
        Where batches shall be.
    sums
        Whether batches shall hold W and T.
    without
        Node types and feature spaces whose features are left out (an ablation); walks go through the nodes all the
        same.
    budget
        Bytes of features that may lie on the device; None: half of what is free there.

    Attributes
    ----------
    specs
        The feature spaces, in the order of the decoders.
    spaces
        Their features.
    scalers
        Id of the scaling of each.
    tautomers
        What tautomers the molecules have (`FeatureStore.tautomers`).
    molecules
        As given: `Batch.molecules` are its rows.

    Raises
    ------
    ArtefactError
        If the three were not made of the same graph, or nothing is left to rebuild.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        features: FeatureStore,
        molecules: MoleculeGraphs,
        device: torch.device,
        *,
        sums: bool = True,
        without: Collection[str] = (),
        budget: float | None = None,
    ) -> None:
        if features.graph_hash != snapshot.graph_hash:
            raise ArtefactError(
                f"the features are of graph {features.graph_hash[:16]}, the snapshot of {snapshot.graph_hash[:16]}; "
                "make both again with: python -m ingest.all"
            )
        self._device = device
        self._sums = sums
        self.molecules = molecules
        self._molecules = MoleculesOnDevice(molecules, device)
        self._molecule_of_node = rows_of_nodes(snapshot, NodeType.MOLECULE, molecules.keys)
        left_out = set(without)
        spaces = [space for space in features.spaces() if not {str(space.node_type), space.name} & left_out]
        if not spaces:
            raise ArtefactError(f"no feature space is left to rebuild without {', '.join(sorted(left_out))}")
        self.specs = tuple(DecoderSpec(space.node_type, space.name, space.dimension) for space in spaces)
        self.scalers = tuple(scaler_id(space) for space in spaces)
        self.tautomers = features.tautomers
        left = _budget(device) if budget is None else budget
        made = []
        # The small ones first, so that as many as possible are on the device.
        for space in sorted(spaces, key=lambda space: len(space) * space.dimension):
            here = SpaceOnDevice(snapshot, space, device, left)
            left -= here.bytes_on_device
            made.append((space, here))
        self.spaces = tuple(next(here for other, here in made if other is space) for space in spaces)

    def make(self, walks: Walks, *, rank: int = 0, world_size: int = 1) -> Batch:
        """Make the batch of `walks`: nodes (B, L + 1), path weights (B, L + 1).

        `rank` and `world_size` say of which share of a larger batch they are (`ShardReader.batches`).

        Raises
        ------
        ArtefactError
            If a walk starts at a molecule that has no graph.
        """
        rows = self._molecule_of_node[walks.nodes[:, 0]]
        if (rows < 0).any():
            raise ArtefactError("a walk starts at a molecule that has no graph; run: python -m ingest.all")
        nodes = torch.from_numpy(np.ascontiguousarray(walks.nodes)).to(self._device, torch.int64)
        alpha = torch.from_numpy(np.ascontiguousarray(walks.path_weights)).to(self._device)
        molecules = torch.from_numpy(rows.astype(np.int64)).to(self._device)
        position = torch.arange(len(rows), device=self._device) * world_size + rank
        return Batch(
            self._molecules.take(molecules, position),
            molecules,
            nodes,
            alpha,
            tuple(space.sums(nodes, alpha) for space in self.spaces) if self._sums else (),
        )


def _budget(device: torch.device) -> float:
    return torch.cuda.mem_get_info(device)[0] / 2 if device.type == "cuda" else 0.0
