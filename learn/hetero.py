"""The context graph as PyTorch Geometric's ``HeteroData``: ``python -m learn.hetero graph.pt``.

Source: the documentation of `torch_geometric.data.HeteroData`.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from torch_geometric.data import HeteroData

from graphdb.console import run, say
from graphdb.errors import ArtefactError, InputError
from graphdb.feature_store import FeatureStore
from graphdb.files import replacing_file
from graphdb.schema import EDGES, NodeType
from graphdb.schema import EdgeType as Edge
from graphdb.snapshot import Snapshot
from graphdb.workspace import Workspace


def to_hetero(snapshot: Snapshot, features: FeatureStore | None = None) -> HeteroData:
    """Return the typed graph.

    Parameters
    ----------
    snapshot
        One that knows the types of its edges.
    features
        A feature store of the same graph.

    Returns
    -------
    torch_geometric.data.HeteroData
        Of every node type that has nodes: ``num_nodes``, ``node_keys`` (list of str), and for every feature space of
        the type ``x_NAME`` (n, d) float32, scaled as for training, NaN where there is no feature; where the type has
        one space alone, that is ``x`` too. Of every kind of edge ``edge_index`` (2, e) int64, in the direction of the
        database, ``edge_weight`` (e,) float32. ``snapshot_id`` and ``graph_hash`` name where it comes from.

    Raises
    ------
    InputError
        If the types of the edges are not known.
    ArtefactError
        If the features are of another graph.
    """
    typed = snapshot.typed
    if typed is None:
        raise InputError("the snapshot does not know the types of its edges; make it again: python -m graphdb.snapshot")
    if features is not None and features.graph_hash != snapshot.graph_hash:
        raise ArtefactError(
            f"the features are of graph {features.graph_hash[:16]}, the snapshot is of {snapshot.graph_hash[:16]}"
        )
    data = HeteroData()
    data.snapshot_id, data.graph_hash = snapshot.id, snapshot.graph_hash
    # The number of each node within its type.
    within = np.zeros(snapshot.number_of_nodes, dtype=np.int64)
    for node_type in NodeType:
        nodes = snapshot.nodes(node_type)
        within[nodes] = np.arange(len(nodes))
        if len(nodes):
            data[node_type.value].num_nodes = len(nodes)
            data[node_type.value].node_keys = snapshot.keys[nodes].tolist()
    for space in features.spaces() if features is not None else ():
        keys = data[space.node_type.value].node_keys
        rows = space.index_of(keys)
        x = np.full((len(keys), space.dimension), np.nan, dtype=np.float32)
        x[rows >= 0] = space.scaled(rows[rows >= 0])
        data[space.node_type.value][f"x_{space.name}"] = torch.from_numpy(x)
    for node_type in NodeType:
        of_type = [space.name for space in features.spaces() if space.node_type == node_type] if features else []
        if len(of_type) == 1:
            data[node_type.value].x = data[node_type.value][f"x_{of_type[0]}"]
    for edge_type in Edge:
        edges = np.flatnonzero(typed.edge_type == edge_type.code)
        src, dst = typed.edge_src[edges], typed.edge_dst[edges]
        for source, target in EDGES[edge_type].endpoints:
            kind = (snapshot.node_type[src] == source.code) & (snapshot.node_type[dst] == target.code)
            if kind.any():
                store = data[source.value, edge_type.value, target.value]
                store.edge_index = torch.from_numpy(np.stack([within[src[kind]], within[dst[kind]]]))
                store.edge_weight = torch.from_numpy(typed.edge_weight[edges][kind].copy())
    return data


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of ``python -m learn.hetero``."""
    parser = argparse.ArgumentParser(prog="python -m learn.hetero", description="Write the graph as HeteroData.")
    parser.add_argument("path", type=Path, help="the file to write, for torch.load")
    parser.add_argument("--snapshot", type=Path, help="folder of the snapshot (default: snapshot/ in the workspace)")
    parser.add_argument("--without-features", action="store_true", help="the topology alone")
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Write the file, and say what is in it."""
    started = time.perf_counter()
    workspace = Workspace.default()
    snapshot = Snapshot.load(arguments.snapshot or workspace.snapshot)
    data = to_hetero(snapshot, None if arguments.without_features else FeatureStore.open(workspace.features))
    with replacing_file(arguments.path) as temporary:
        torch.save(data, temporary)
    say(
        f"{len(data.node_types)} node types, {len(data.edge_types)} kinds of edges, {data.num_nodes:,} nodes, "
        f"{data.num_edges:,} edges written to {arguments.path} in {time.perf_counter() - started:.1f} s"
    )


if __name__ == "__main__":
    run(main, build_parser())
