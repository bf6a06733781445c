"""Neighbourhoods, paths and look-ups give the same answer on every engine: the one of brute force over the tables."""

from __future__ import annotations

import math

import networkx as nx
import pandas as pd
import pytest

from graphdb.errors import InputError
from graphdb.formats import to_networkx
from graphdb.meta import touch
from graphdb.schema import EdgeType, NodeType
from graphdb.sync import sync
from queries import resident
from queries.names import read_nodes
from queries.neighbourhood import neighbourhood
from queries.resolve import resolve

pytestmark = pytest.mark.graph

ASPIRIN = "BSYNRYMUTXBXSQ-UHFFFAOYSA-N"


@pytest.fixture
def loaded(store, small_graph):
    sync(store, small_graph, sources=["demo"])
    return store


@pytest.mark.parametrize("hops", [1, 2, 3])
@pytest.mark.parametrize("start", [("Molecule", ASPIRIN), ("Gene", 5743), ("Molecule", "RYYVLZVUVIJVGH-UHFFFAOYSA-N")])
def test_neighbourhood_is_that_of_all_simple_paths(loaded, small_graph, start, hops):
    graph = to_networkx(small_graph).to_undirected()
    found = neighbourhood(loaded, start[1], hops=hops, limit=100)
    expected = {start: (0, 1.0)}
    for target in set(graph) - {start}:
        paths = list(nx.all_simple_edge_paths(graph, start, target, cutoff=hops))
        if paths:
            weights = [math.prod(graph.edges[edge]["weight"] for edge in path) for path in paths]
            expected[target] = (min(map(len, paths)), max(weights))
    assert {
        (row.node_type, row.key): (row.hops, pytest.approx(row.path_weight))
        for row in found.nodes.itertuples(index=False)
    } == expected
    assert len(found.edges) == graph.subgraph(expected).number_of_edges()


def test_edge_types_and_weights_restrict_a_neighbourhood(loaded):
    nodes, edges = neighbourhood(loaded, "aspirin", hops=3, edge_types=[EdgeType.TARGETS])
    assert set(nodes["name"]) == {"aspirin", "PTGS1", "PTGS2"}
    assert set(edges["edge_type"]) == {"TARGETS"}
    nodes, _ = neighbourhood(loaded, "caffeine", hops=3, min_weight=0.75)
    assert len(nodes) == 1


def test_shortest_path(loaded):
    rows = loaded.read(
        "MATCH (a:Molecule {name: 'caffeine'}), (b:Molecule {inchikey: $key}) "
        "MATCH p = shortestPath((a)-[*..6]-(b)) "
        "RETURN length(p) AS length, [n IN nodes(p) | labels(n)[0]] AS labels",
        key=ASPIRIN,
    )
    assert rows == [{"length": 2, "labels": ["Molecule", "Gene", "Molecule"]}]


@pytest.mark.gap("arcadedb", "its Cypher knows shortestPath, not SHORTEST k")
def test_k_shortest_paths(loaded):
    rows = loaded.read(
        "MATCH p = SHORTEST 2 (a:Molecule {name: 'aspirin'})-[:TARGETS|INTERACTS]-{1,3}(b:Gene {ncbi_id: 5743}) "
        "RETURN length(p) AS length ORDER BY length"
    )
    assert [row["length"] for row in rows] == [1, 2]


@pytest.mark.parametrize(
    "text", [ASPIRIN, "aspirin", "ASPIRIN", "ASA", "CC(=O)Oc1ccccc1C(=O)O", "OC(=O)c1ccccc1OC(C)=O"]
)
def test_molecule_is_found_by_key_name_synonym_and_structure(loaded, text):
    assert resolve(loaded, text).key == ASPIRIN


def test_gene_is_found_by_symbol_and_number_and_nothing_is_one_line(loaded):
    assert resolve(loaded, "PTGS1").key == resolve(loaded, "5742").key == 5742
    with pytest.raises(InputError) as caught:
        resolve(loaded, "no such thing")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"hops": 1},
        {"hops": 3, "min_weight": 0.75},
        {"hops": 3, "edge_types": [EdgeType.TARGETS, EdgeType.INTERACTS]},
        {"hops": 2, "limit": 2},
    ],
)
@pytest.mark.parametrize("start", [ASPIRIN, "PTGS1", "demo|x|1"])
def test_the_graph_in_memory_gives_the_same_neighbourhood(loaded, start, asked, monkeypatch):
    monkeypatch.setattr("queries.edge_reader.FAN", 2)
    monkeypatch.setattr("queries.neighbourhood.resolve", node_called)
    resident.forget()
    by_queries = neighbourhood(loaded, start, **asked)
    resident.keep(loaded)
    in_memory = neighbourhood(loaded, start, **asked)
    pd.testing.assert_frame_equal(in_memory.nodes, by_queries.nodes)
    pd.testing.assert_frame_equal(in_memory.edges, by_queries.edges)
    assert (in_memory.found, in_memory.left_out) == (by_queries.found, by_queries.left_out)


def node_called(store, text):
    """The profiles of this graph have keys that no person would type."""
    if text.startswith("demo|"):
        return next(iter(read_nodes(store, NodeType.EXPRESSION, [text]).values()))
    return resolve(store, text)


def test_the_graph_in_memory_is_read_again_after_a_change(loaded):
    first = resident.keep(loaded)
    assert resident.keep(loaded) is first
    assert resident.kept(loaded) is first
    loaded.write("MATCH (:Gene {symbol: 'PTGS1'})-[r:INTERACTS]-(:Gene) DELETE r")
    touch(loaded)
    assert resident.kept(loaded) is None
    assert len(resident.keep(loaded).source) == len(first.source) - 1
