"""The graph for other tools: nothing is lost in NetworkX and Parquet, and in GraphML what it cannot hold is told."""

from __future__ import annotations

import json
from pathlib import Path

import networkx as nx
import pandas as pd
import pytest

from graphdb.content import content_hash
from graphdb.errors import ArtefactError
from graphdb.formats import read_parquet, to_networkx, write_graphml, write_parquet
from graphdb.schema import EdgeType, NodeType
from graphdb.tables import EdgeKind, GraphTables

M, G = NodeType.MOLECULE, NodeType.GENE
NAME = 'β-drug <&> "quoted"\n'


@pytest.fixture
def tables() -> GraphTables:
    return GraphTables(
        {
            M: pd.DataFrame({"inchikey": ["A", "B"], "name": [NAME, None], "synonyms": [["x, y", "z"], None]}),
            G: pd.DataFrame({"ncbi_id": [9, 10], "symbol": ["one", "bell \x07"]}),
        },
        {
            EdgeKind(EdgeType.TARGETS, M, G): pd.DataFrame({"src": ["A"], "dst": [9], "weight": [1.0]}),
            # Two of one type between the same nodes.
            EdgeKind(EdgeType.SIMILAR_MORPHOLOGY, G, G): pd.DataFrame(
                {
                    "src": [9, 9, 9],
                    "dst": [10, 10, 10],
                    "weight": [0.1 + 0.2, 0.5, 0.6],
                    "feature_space": ["a", "b", "c"],
                }
            ),
        },
    )


def test_networkx_has_every_node_edge_and_property(tables: GraphTables) -> None:
    graph = to_networkx(tables)
    assert dict(graph.nodes(data=True)) == {
        ("Molecule", "A"): {"node_type": "Molecule", "inchikey": "A", "name": NAME, "synonyms": ["x, y", "z"]},
        ("Molecule", "B"): {"node_type": "Molecule", "inchikey": "B"},
        ("Gene", 9): {"node_type": "Gene", "ncbi_id": 9, "symbol": "one"},
        ("Gene", 10): {"node_type": "Gene", "ncbi_id": 10, "symbol": "bell \x07"},
    }
    assert graph.number_of_edges() == 4
    parallel = graph.get_edge_data(("Gene", 9), ("Gene", 10))
    assert {key: edge["weight"] for key, edge in parallel.items()} == {
        ("SIMILAR_MORPHOLOGY", "a"): 0.1 + 0.2,
        ("SIMILAR_MORPHOLOGY", "b"): 0.5,
        ("SIMILAR_MORPHOLOGY", "c"): 0.6,
    }
    assert graph.get_edge_data(("Molecule", "A"), ("Gene", 9)) == {
        ("TARGETS",): {"edge_type": "TARGETS", "weight": 1.0}
    }


def test_graphml_is_read_back(tables: GraphTables, tmp_path: Path) -> None:
    write_graphml(tables, tmp_path / "graph.graphml")
    graph = nx.read_graphml(tmp_path / "graph.graphml", force_multigraph=True)
    assert graph.is_directed()
    assert set(graph) == {"Molecule A", "Molecule B", "Gene 9", "Gene 10"}
    assert graph.nodes["Molecule A"]["name"] == NAME
    assert json.loads(graph.nodes["Molecule A"]["synonyms"]) == ["x, y", "z"]
    assert "name" not in graph.nodes["Molecule B"]
    assert graph.nodes["Gene 9"]["ncbi_id"] == 9
    assert graph.nodes["Gene 10"]["symbol"] == "bell "
    found = sorted((data["feature_space"], data["weight"]) for *_, data in graph.edges("Gene 9", data=True))
    assert found == [("a", 0.1 + 0.2), ("b", 0.5), ("c", 0.6)]
    assert graph.number_of_edges() == 4


def test_parquet_is_the_same_graph(tables: GraphTables, tmp_path: Path) -> None:
    folder = tmp_path / "tables"
    assert write_parquet(tables, folder, sources=["demo"]) == content_hash(tables)
    assert content_hash(read_parquet(folder)) == content_hash(tables)
    edges = pd.read_parquet(folder / "edges-TARGETS-Molecule-Gene.parquet")
    assert edges.to_dict("list") == {"dst": [9], "src": ["A"], "weight": [1.0]}
    assert json.loads((folder / "manifest.json").read_text())["sources"] == ["demo"]
    path = folder / "nodes-Gene.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ArtefactError, match=r"nodes-Gene\.parquet: missing or damaged"):
        read_parquet(folder)
