"""The graph as HeteroData: every edge and feature is there, under its type."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch_geometric.transforms import ToUndirected

from graphdb.errors import ArtefactError, InputError
from graphdb.feature_store import FeatureStore, FeatureStoreWriter
from graphdb.schema import EdgeType, NodeType
from graphdb.snapshot import Snapshot
from graphdb.tables import EdgeKind, GraphTables
from graphdb.workspace import Workspace
from learn.hetero import build_parser, main, to_hetero

M, G, P = NodeType.MOLECULE, NodeType.GENE, NodeType.MORPHOLOGY


@pytest.fixture
def snapshot() -> Snapshot:
    return Snapshot.from_tables(
        GraphTables(
            {
                M: pd.DataFrame({"inchikey": ["B", "A"]}),
                G: pd.DataFrame({"ncbi_id": [10, 9, 5290]}),
                P: pd.DataFrame({"profile_id": ["p"]}),
            },
            {
                EdgeKind(EdgeType.TARGETS, M, G): pd.DataFrame({"src": ["B", "A"], "dst": [9, 10], "weight": [1, 0.5]}),
                EdgeKind(EdgeType.SIMILAR_MORPHOLOGY, G, G): pd.DataFrame(
                    {"src": [9, 9], "dst": [10, 10], "weight": [0.9, 0.8]}
                ),
                EdgeKind(EdgeType.HAS_MORPHOLOGY, G, P): pd.DataFrame({"src": [9], "dst": ["p"], "weight": [1.0]}),
            },
        ),
        "h",
    )


@pytest.fixture
def features() -> FeatureStore:
    folder = Workspace.default().features
    with FeatureStoreWriter(folder) as writer:
        values = np.array([[0.0, 4.0], [1.0, 8.0]], dtype=np.float32)
        writer.add(G, "one", ["5290", "9"], ["a", "b"], values)
        writer.add(P, "s", ["p"], ["c"], np.array([[1.0]], dtype=np.float32))
        writer.add(G, "two", ["10"], ["d"], np.array([[1.0]], dtype=np.float32))
        writer.finish({"graph_hash": "h"})
    return FeatureStore.open(folder)


def test_edges_are_those_of_the_graph_by_key(snapshot: Snapshot) -> None:
    data = to_hetero(snapshot)
    assert data.validate()
    assert data["Molecule"].node_keys == ["A", "B"]
    assert data["Gene"].node_keys == ["10", "5290", "9"]
    found = {}
    for source, name, target in data.edge_types:
        store = data[source, name, target]
        ends = zip(*store.edge_index.tolist(), store.edge_weight.tolist(), strict=True)
        found[name] = sorted((data[source].node_keys[a], data[target].node_keys[b], round(w, 6)) for a, b, w in ends)
    assert found == {
        "TARGETS": [("A", "10", 0.5), ("B", "9", 1.0)],
        "SIMILAR_MORPHOLOGY": [("9", "10", 0.8), ("9", "10", 0.9)],
        "HAS_MORPHOLOGY": [("9", "p", 1.0)],
    }
    undirected = ToUndirected()(data)
    assert ("Gene", "rev_TARGETS", "Molecule") in undirected.edge_types


def test_features_stand_in_the_rows_of_their_nodes(snapshot: Snapshot, features: FeatureStore) -> None:
    data = to_hetero(snapshot, features)
    assert data.validate()
    torch.testing.assert_close(
        data["Gene"].x_one, torch.tensor([[torch.nan] * 2, [0.0, 0.0], [1.0, 1.0]]), equal_nan=True
    )
    assert "x" not in data["Gene"]
    assert data["Morphology"].x is data["Morphology"].x_s


def test_what_does_not_belong_together_is_refused(snapshot: Snapshot, features: FeatureStore) -> None:
    with pytest.raises(InputError, match="types of its edges"):
        to_hetero(Snapshot.from_edges([0], [], [], []))
    other = Snapshot.from_tables(GraphTables({M: pd.DataFrame({"inchikey": ["A"]})}), "other")
    with pytest.raises(ArtefactError, match="the features are of graph h"):
        to_hetero(other, features)


def test_command_writes_a_file_that_torch_loads(snapshot: Snapshot, features: FeatureStore, tmp_path: Path) -> None:
    snapshot.save(Workspace.default().snapshot)
    main(build_parser().parse_args([str(tmp_path / "graph.pt")]))
    data = torch.load(tmp_path / "graph.pt", weights_only=False)
    assert (data.num_nodes, data.num_edges, data.graph_hash) == (6, 5, "h")
