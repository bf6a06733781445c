"""Export, content hash and the declarative load: what every engine must do alike."""

from __future__ import annotations

import dataclasses

import pandas as pd
import pytest

from graphdb.content import content_hash
from graphdb.errors import ArtefactError, GraphError
from graphdb.export import read_tables
from graphdb.meta import GraphMeta, read_meta, write_meta
from graphdb.schema import EMBEDDING_DIMENSION, META_LABEL, EdgeType, NodeType
from graphdb.sync import Counts, sync
from graphdb.tables import EdgeKind, GraphTables

pytestmark = pytest.mark.graph

SIMILAR = EdgeKind(EdgeType.SIMILAR_MORPHOLOGY, NodeType.GENE, NodeType.GENE)
TARGETS = EdgeKind(EdgeType.TARGETS, NodeType.MOLECULE, NodeType.GENE)
ASPIRIN = "BSYNRYMUTXBXSQ-UHFFFAOYSA-N"


def changed(tables, *, nodes=None, edges=None):
    """Return the tables with some exchanged."""
    return dataclasses.replace(tables, nodes={**tables.nodes, **(nodes or {})}, edges={**tables.edges, **(edges or {})})


def test_empty_graph_is_exported_as_empty_tables(store):
    assert content_hash(read_tables(store)) == content_hash(GraphTables())


def test_what_is_loaded_is_exported_exactly(store, small_graph):
    report = sync(store, small_graph, sources=["demo"])
    exported = read_tables(store)
    assert content_hash(exported) == content_hash(small_graph) == report.content_hash
    assert exported.node_counts() == small_graph.node_counts() == store.node_counts()
    assert exported.edge_counts() == small_graph.edge_counts() == store.edge_counts()
    assert report.total_added == 8 + 9
    molecules = exported.nodes[NodeType.MOLECULE].set_index("inchikey")
    assert molecules.loc[ASPIRIN, "synonyms"] == ["2-acetoxybenzoic acid", "ASA"]
    edges = exported.edges[SIMILAR].set_index("feature_space")["weight"].to_dict()
    assert edges == {"cpjump1-crispr": 0.9, "cpjump1-orf": 1 / 3}


def test_second_load_writes_nothing(store, small_graph, monkeypatch):
    first = sync(store, small_graph, sources=["demo"])
    updated = store.read(f"MATCH (m:{META_LABEL}) RETURN m.updated AS at")
    writes: list[str] = []
    write = store.write
    monkeypatch.setattr(
        store, "write", lambda cypher, *rest, **more: (writes.append(cypher), write(cypher, *rest, **more))
    )
    second = sync(store, small_graph, sources=["demo"])
    assert second.unchanged
    assert (second.total_added, second.total_updated, second.total_deleted) == (0, 0, 0)
    assert second.content_hash == first.content_hash
    assert [cypher for cypher in writes if "IF NOT EXISTS" not in cypher] == []
    assert store.read(f"MATCH (m:{META_LABEL}) RETURN m.updated AS at") == updated


def test_differences_are_written_and_nothing_else(store, small_graph):
    sync(store, small_graph, sources=["demo"])
    molecules = small_graph.nodes[NodeType.MOLECULE]
    other = molecules.iloc[[0, 1]].copy()
    other["name"] = [None, "paracetamol"]  # taken away; added to a node that had none
    added = pd.DataFrame({"inchikey": ["IISBACLAFKSPIT-UHFFFAOYSA-N"], "smiles": ["CC(C)(c1ccc(O)cc1)c1ccc(O)cc1"]})
    targets = small_graph.edges[TARGETS].iloc[[0]].assign(weight=0.25)
    wanted = changed(
        small_graph,
        nodes={NodeType.MOLECULE: pd.concat([other, added], ignore_index=True)},
        edges={
            TARGETS: targets,
            SIMILAR: small_graph.edges[SIMILAR].iloc[[1]],
            # The molecule at its source is deleted.
            EdgeKind(EdgeType.CHANGES_EXPRESSION, NodeType.MOLECULE, NodeType.GENE): pd.DataFrame(
                {"src": [ASPIRIN], "dst": [5743], "weight": [0.5], "value": [1.5], "feature_space": ["l1000-978"]}
            ),
        },
    )
    report = sync(store, wanted, sources=["demo"])
    assert content_hash(read_tables(store)) == content_hash(wanted)
    nodes = report.nodes[NodeType.MOLECULE]
    assert nodes == Counts(added=1, updated=2, deleted=1, unchanged=0)
    edges = report.edges[TARGETS]
    assert edges == Counts(added=0, updated=1, deleted=1, unchanged=0)
    assert (
        store.read(f"MATCH (m:Molecule {{inchikey: '{ASPIRIN}'}}) RETURN m.name AS name, keys(m) AS keys")[0]["name"]
        is None
    )


def test_what_is_not_of_the_schema_stays(store, small_graph):
    store.write("CREATE (p:Paper {doi: '10.48550/arXiv.2406.12056'})")
    sync(store, small_graph, sources=["demo"])
    store.write(
        f"MATCH (m:Molecule {{inchikey: '{ASPIRIN}'}}) MATCH (p:Paper) MERGE (p)-[:MENTIONS]->(m) "
        "SET m.embedding = $embedding, m.embedding_model = 'abc', m.mine = 1",
        embedding=[0.5] * EMBEDDING_DIMENSION,
    )
    molecules = small_graph.nodes[NodeType.MOLECULE].assign(name=["ASA", None, "caffeine"])
    sync(store, changed(small_graph, nodes={NodeType.MOLECULE: molecules}), sources=["demo"])
    row = store.read("MATCH (p:Paper)-[:MENTIONS]->(m) RETURN m.name AS name, m.embedding AS e, m.mine AS mine")
    assert row == [{"name": "ASA", "e": [0.5] * EMBEDDING_DIMENSION, "mine": 1}]


def test_edges_that_are_there_twice_become_one(store, small_graph):
    sync(store, small_graph, sources=["demo"])
    store.write(
        "MATCH (a:Gene {ncbi_id: 5742}) MATCH (b:Gene {ncbi_id: 5743}) CREATE (a)-[:INTERACTS {weight: 1.0}]->(b)"
    )
    assert store.edge_counts()[EdgeType.INTERACTS] == 2
    sync(store, small_graph, sources=["demo"])
    assert store.edge_counts()[EdgeType.INTERACTS] == 1


def test_everything_can_be_taken_away(store, small_graph):
    sync(store, small_graph, sources=["demo"])
    report = sync(store, GraphTables(), sources=[])
    assert report.total_deleted == 8 + 9
    assert sum(store.node_counts().values()) == sum(store.edge_counts().values()) == 0
    assert read_meta(store) == GraphMeta((), "complete", content_hash(GraphTables()))


def test_meta_says_what_the_graph_holds(store, small_graph):
    assert read_meta(store) is None
    report = sync(store, small_graph, sources=["lincs", "demo"])
    assert read_meta(store) == GraphMeta(("demo", "lincs"), "complete", report.content_hash)
    assert store.read(f"MATCH (m:{META_LABEL}) RETURN count(m) AS count") == [{"count": 1}]


def test_graph_of_another_schema_is_refused_untouched(store, small_graph):
    write_meta(store, GraphMeta(("demo",), "complete", "0" * 64))
    store.write(f"MATCH (m:{META_LABEL}) SET m.schema_version = 99")
    with pytest.raises(ArtefactError, match="schema version 99"):
        sync(store, small_graph, sources=["demo"])
    assert sum(store.node_counts().values()) == 0


def test_load_that_fails_midway_is_left_marked_and_finished_by_the_next(store, small_graph, monkeypatch):
    write = store.write

    def fail_at_edges(cypher, *rest, **more):
        if "TARGETS" in cypher:
            raise GraphError("the server went away")
        return write(cypher, *rest, **more)

    monkeypatch.setattr(store, "write", fail_at_edges)
    with pytest.raises(GraphError, match="went away"):
        sync(store, small_graph, sources=["demo"])
    assert read_meta(store) == GraphMeta(("demo",), "loading")
    monkeypatch.undo()
    report = sync(store, small_graph, sources=["demo"])
    assert report.total_added < 8 + 9
    assert content_hash(read_tables(store)) == content_hash(small_graph)
    assert read_meta(store) == GraphMeta(("demo",), "complete", content_hash(small_graph))


def test_other_writer_during_the_load_is_noticed(store, small_graph, monkeypatch):
    write = store.write

    def interfere(cypher, *rest, **more):
        result = write(cypher, *rest, **more)
        if "TARGETS" in cypher:
            write("CREATE (:Gene {ncbi_id: 1})")
        return result

    monkeypatch.setattr(store, "write", interfere)
    with pytest.raises(GraphError, match="something else has written"):
        sync(store, small_graph, sources=["demo"])
    assert read_meta(store).state == "loading"


def test_more_nodes_than_a_page(store, random_graph, monkeypatch):
    monkeypatch.setattr("graphdb.export.PAGE", 7)
    tables = random_graph(50, 80)
    sync(store, tables, sources=["demo"])
    exported = read_tables(store)
    assert content_hash(exported) == content_hash(tables)
    assert len(exported.nodes[NodeType.MOLECULE]) == 50


def test_name_that_no_index_holds(store, small_graph, capfd):
    molecules = small_graph.nodes[NodeType.MOLECULE].copy()
    molecules.loc[0, "name"] = "long " * 20_000
    wanted = changed(small_graph, nodes={NodeType.MOLECULE: molecules})
    if store.engine == "neo4j":
        store.write("DROP INDEX molecule_name")  # a first load makes it when the nodes are there
    try:
        assert sync(store, wanted, sources=["demo"]).content_hash == content_hash(wanted)
        assert sync(store, wanted, sources=["demo"]).unchanged
        said = "no index molecule_name, queries do without (a value is too long for one)"
        assert (said in capfd.readouterr().err) == (store.engine == "neo4j")
        molecules.loc[0, "name"] = "short"
        assert sync(store, changed(wanted, nodes={NodeType.MOLECULE: molecules}), sources=["demo"]).total_updated == 1
    finally:
        if store.engine == "neo4j":
            store.write("DROP INDEX molecule_name IF EXISTS")
            store.ensure_schema()
