"""A graph that somebody has edited by hand (in Neo4j Browser, say) can still be exported and loaded."""

from __future__ import annotations

import pytest

from graphdb.content import content_hash
from graphdb.errors import GraphError
from graphdb.export import read_tables
from graphdb.schema import NodeType
from graphdb.sync import sync

pytestmark = pytest.mark.graph


@pytest.mark.parametrize(
    "cypher",
    [
        "CREATE (:Gene {symbol: 'no key'})",
        "MATCH (m:Molecule {name: 'aspirin'}) CREATE (m)-[:TARGETS {weight: 1.0}]->(:Gene {symbol: 'no key'})",
        "MATCH (a:Gene {ncbi_id: 5742}) MATCH (b:Gene {ncbi_id: 5743}) CREATE (a)-[:SIMILAR_MORPHOLOGY]->(b)",
    ],
    ids=["node", "edge to it", "edge without a feature space"],
)
def test_what_lacks_its_identity_is_foreign_and_stays(store, small_graph, cypher):
    sync(store, small_graph, sources=["demo"])
    before = store.read("MATCH (n) RETURN count(n) AS nodes")
    store.write(cypher)
    after = store.read("MATCH (n) RETURN count(n) AS nodes"), store.edge_counts()
    assert content_hash(read_tables(store)) == content_hash(small_graph)
    assert sync(store, small_graph, sources=["demo"]).unchanged
    # Also where there is something to write, and so something to verify.
    store.write("MATCH (g:Gene {ncbi_id: 5742}) SET g.symbol = 'other'")
    assert sync(store, small_graph, sources=["demo"]).total_updated == 1
    assert (store.read("MATCH (n) RETURN count(n) AS nodes"), store.edge_counts()) == after
    assert before[0]["nodes"] <= after[0][0]["nodes"]


def test_nodes_without_a_key_do_not_disturb_the_paging(store, random_graph, monkeypatch):
    monkeypatch.setattr("graphdb.export.PAGE", 5)
    tables = random_graph(10, 8)
    sync(store, tables, sources=["demo"])
    # As many as a page, so that a page could end with one.
    store.write("UNWIND range(1, 5) AS i CREATE (:Molecule {name: 'no key'})")
    assert len(read_tables(store).nodes[NodeType.MOLECULE]) == 10
    assert sync(store, tables, sources=["demo"]).unchanged


@pytest.mark.parametrize(
    "cypher",
    [
        "MATCH (m:Molecule {name: 'aspirin'}) SET m.sources = 'demo'",
        "MATCH (m:Morphology {profile_id: 'demo|m|1'}) SET m.replicates = 1.5",
        "MATCH (m:Morphology {profile_id: 'demo|m|1'}) SET m.dose_um = 'ten'",
        "MATCH ()-[r:TARGETS]->() WHERE r.weight = 1.0 SET r.weight = [1.0]",
    ],
    ids=["text for a list", "fraction for a whole number", "text for a number", "list for a number"],
)
def test_value_of_another_type_is_replaced_by_the_next_load(store, small_graph, cypher):
    sync(store, small_graph, sources=["demo"])
    store.write(cypher)
    with pytest.raises(GraphError, match=r"^property ") as caught:
        content_hash(read_tables(store))
    assert "\n" not in str(caught.value)
    report = sync(store, small_graph, sources=["demo"])
    assert report.total_updated > 0
    assert (report.total_added, report.total_deleted) == (0, 0)
    assert content_hash(read_tables(store)) == content_hash(small_graph)
