"""The GDS client, and the pages that show it and py2neo: their blocks are run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from graphdb.content import content_hash
from graphdb.errors import GraphError
from graphdb.export import read_tables
from graphdb.gds import context_graph
from graphdb.schema import EdgeType
from graphdb.snapshot.live import read_snapshot
from graphdb.sync import sync

pytestmark = [
    pytest.mark.graph,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

DOCS = Path(__file__).resolve().parents[2] / "docs"


def blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)


@pytest.fixture
def loaded(store, small_graph):
    sync(store, small_graph, sources=["demo"])
    return store


def projections(store):
    return store.read("CALL gds.graph.list() YIELD graphName RETURN count(*) AS count")[0]["count"]


def test_embedded_graph_has_none_and_says_so(loaded, engine):
    if engine == "neo4j":
        pytest.skip("it has GDS")
    with pytest.raises(GraphError, match="no Graph Data Science library"), context_graph(loaded):
        pass


def test_projection_is_what_walks_see(loaded, engine):
    if engine != "neo4j":
        pytest.skip("the embedded graph has no GDS")
    loaded.write("MATCH (g:Gene {ncbi_id: 5742}) CREATE (g)-[:INTERACTS {weight: 1.0}]->(g)")
    snapshot = read_snapshot(loaded)
    with context_graph(loaded) as (gds, graph):
        assert (graph.node_count(), graph.relationship_count()) == (8, 2 * snapshot.number_of_edges)
        assert set(graph.node_labels()) == {"Molecule", "Gene", "Morphology", "Expression"}
        rows = gds.run_cypher(
            "CALL gds.graph.relationshipProperty.stream($name, 'weight') "
            "YIELD sourceNodeId, targetNodeId, propertyValue "
            "RETURN gds.util.asNode(sourceNodeId).ncbi_id AS a, gds.util.asNode(targetNodeId).ncbi_id AS b, "
            "propertyValue AS weight",
            {"name": graph.name()},
        )
        between = rows[(rows["a"] == 5742) & (rows["b"] == 5743)]
        assert between["weight"].tolist() == [1.0], "of parallel edges the heaviest"
    with context_graph(loaded, [EdgeType.TARGETS]) as (_, graph):
        assert (graph.node_count(), graph.relationship_count()) == (8, 4)
    assert projections(loaded) == 0
    with pytest.raises(ZeroDivisionError), context_graph(loaded):
        raise ZeroDivisionError
    assert projections(loaded) == 0


def test_page_of_gds_runs_block_by_block(loaded, engine, small_graph, capsys):
    if engine != "neo4j":
        pytest.skip("the embedded graph has no GDS")
    names: dict[str, object] = {}
    code = blocks("gds.md")
    assert len(code) == 6
    for block in code[:-1]:
        exec(compile(block, "docs/gds.md", "exec"), names)
    said = capsys.readouterr().out
    for words in ("8 nodes, 7 edges", "8 nodes with fastrp", "8 nodes with node2vec", "communities", "NEAR_BY_FASTRP"):
        assert words in said
    assert len(names["rows"]) > 0
    # None of it is part of the context graph.
    assert content_hash(read_tables(loaded)) == content_hash(small_graph)
    exec(compile(code[-1], "docs/gds.md", "exec"), names)
    assert projections(loaded) == 0
    assert loaded.read("MATCH (n) WHERE n.fastrp IS NOT NULL RETURN count(n) AS count") == [{"count": 0}]


def test_page_of_py2neo_runs(loaded, capsys):
    (block,) = blocks("py2neo.md")
    names: dict[str, object] = {}
    exec(compile(block, "docs/py2neo.md", "exec"), names)
    assert "['PTGS1', 'PTGS2']" in capsys.readouterr().out
    assert len(names["frame"]) == 2
