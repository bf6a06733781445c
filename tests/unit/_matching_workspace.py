"""A small workspace of which some molecules are held out, for the tests of matching."""

from __future__ import annotations

import numpy as np
import torch

from benchmarks.synthetic import Size
from graphdb.feature_store import FeatureStore
from graphdb.holdout import BLOCK, HeldOutList, key_file, write_certificate
from graphdb.molecule_graphs import MoleculeGraphs
from graphdb.schema import EdgeType, NodeType
from graphdb.snapshot import Snapshot
from graphdb.workspace import Workspace
from learn.checkpoint import Checkpoint, Position
from learn.config import TrainConfig
from learn.decoders import Decoders, DecoderSpec
from learn.encoder import Encoder
from learn.held_pairs import HeldPairs, held_pairs
from learn.spaces import scaler_id

SIZE = Size(molecules=30, genes=4, profiles=24, atoms=(4, 9), bits=32, features=11)
SPACE = "synthetic-morphology"


def hold_some_out(workspace: Workspace, count: int = 12, name: str = "broad6k") -> list[str]:
    """Certify molecules that have a profile as held out; return their keys."""
    snapshot = Snapshot.load(workspace.snapshot)
    assert snapshot.typed is not None
    treated = np.unique(snapshot.typed.of_types((EdgeType.HAS_MORPHOLOGY,)).edge_src)[:count]
    keys = [str(key) for key in snapshot.keys[treated]]
    workspace.holdout.mkdir()
    path = key_file(workspace.holdout, "a" * 64)
    path.write_text("".join(f"{key[:BLOCK]}\n" for key in keys))
    write_certificate(workspace.holdout, [HeldOutList(name, "a" * 64, count, count, count)], snapshot.graph_hash)
    return keys


def parts(workspace: Workspace) -> tuple[Snapshot, FeatureStore, MoleculeGraphs]:
    return (
        Snapshot.load(workspace.snapshot),
        FeatureStore.open(workspace.features),
        MoleculeGraphs.load(workspace.molecule_graphs),
    )


def pairs_of(workspace: Workspace, keys: list[str]) -> HeldPairs:
    snapshot, features, _ = parts(workspace)
    nodes = np.sort(snapshot.index_of(NodeType.MOLECULE, keys)).astype(np.int64)
    return held_pairs(features.space(NodeType.MORPHOLOGY, SPACE), snapshot, nodes)


def checkpoint_of(workspace: Workspace, config: TrainConfig | None = None) -> Checkpoint:
    """Return an untrained infoalign checkpoint of the workspace."""
    snapshot, features, _ = parts(workspace)
    config = config or TrainConfig(layers=1)
    spaces = features.spaces()
    specs = tuple(DecoderSpec(space.node_type, space.name, space.dimension) for space in spaces)
    torch.manual_seed(0)
    encoder, decoders = Encoder(config.layers, config.dropout), Decoders(specs, config.dropout)
    return Checkpoint(
        config,
        specs,
        encoder.state_dict(),
        {f"decoders.{name}": tensor for name, tensor in decoders.state_dict().items()},
        None,
        Position(),
        snapshot_id=snapshot.id,
        graph_hash=snapshot.graph_hash,
        scalers=tuple(scaler_id(space) for space in spaces),
    )
