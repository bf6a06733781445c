"""py2neo on every engine."""

from __future__ import annotations

import pytest

from graphdb.errors import GraphError
from graphdb.ogm import as_py2neo
from graphdb.sync import sync

pytestmark = pytest.mark.graph


def test_runs_cypher_and_matches(store, small_graph):
    sync(store, small_graph, sources=["demo"])
    graph = as_py2neo(store)
    assert graph.run("MATCH (g:Gene) RETURN g.symbol AS symbol ORDER BY symbol").data() == [
        {"symbol": "PTGS1"},
        {"symbol": "PTGS2"},
    ]
    aspirin = graph.nodes.match("Molecule", name="aspirin").first()
    assert aspirin["smiles"] == "CC(=O)Oc1ccccc1C(=O)O"
    targets = graph.relationships.match((aspirin, None), r_type="TARGETS").all()
    assert {relationship.end_node["symbol"] for relationship in targets} == {"PTGS1", "PTGS2"}
    frame = graph.run("MATCH (m:Molecule) RETURN m.inchikey AS inchikey").to_data_frame()
    assert set(frame["inchikey"]) == set(small_graph.nodes["Molecule"]["inchikey"])


def test_writes_are_seen_by_the_store(store):
    import py2neo

    graph = as_py2neo(store)
    graph.merge(py2neo.Node("Gene", ncbi_id=1956, symbol="EGFR"), "Gene", "ncbi_id")
    graph.merge(py2neo.Node("Gene", ncbi_id=1956, name="epidermal growth factor receptor"), "Gene", "ncbi_id")
    assert store.read("MATCH (g:Gene) RETURN g.symbol AS symbol, g.name AS name") == [
        {"symbol": "EGFR", "name": "epidermal growth factor receptor"}
    ]


def test_object_mapper(store, small_graph):
    from py2neo.ogm import Model, Property

    class Gene(Model):
        __primarykey__ = "ncbi_id"
        ncbi_id = Property()
        symbol = Property()

    sync(store, small_graph, sources=["demo"])
    found = Gene.match(as_py2neo(store), 5742).first()
    assert found.symbol == "PTGS1"


def test_read_only_store_is_not_lent(store, open_store):
    with pytest.raises(GraphError, match="read_only"):
        as_py2neo(open_store(read_only=True))
