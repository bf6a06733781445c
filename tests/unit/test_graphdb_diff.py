"""The difference of two graphs, and what is asked before sources are mixed."""

from __future__ import annotations

import pandas as pd
import pytest

from graphdb.diff import diff
from graphdb.errors import GraphError, InputError
from graphdb.meta import GraphMeta
from graphdb.schema import EdgeType, NodeType
from graphdb.sync import check_sources
from graphdb.tables import EdgeKind, GraphTables

SIMILAR = EdgeKind(EdgeType.SIMILAR_MORPHOLOGY, NodeType.GENE, NodeType.GENE)


def graph(genes, edges=()):
    tables = {NodeType.GENE: pd.DataFrame(genes)}
    return GraphTables(tables, {SIMILAR: pd.DataFrame(edges)} if edges else {})


def gene(key, **more):
    return {"ncbi_id": key, **more}


def edge(src, dst, weight=1.0, space="a"):
    return {"src": src, "dst": dst, "weight": weight, "feature_space": space}


def test_equal_graphs_have_no_difference():
    one = graph([gene(1, symbol="A"), gene(2)], [edge(1, 2)])
    other = graph([gene(2), gene(1, symbol="A")], [edge(1, 2)])
    nodes, edges = diff(one, other)
    assert all(changes.total == 0 for changes in (*nodes.values(), *edges.values()))
    assert nodes[NodeType.GENE].unchanged == 2
    assert edges[SIMILAR].unchanged == 1


def test_added_updated_deleted():
    nodes, _ = diff(graph([gene(1, symbol="A", name="x"), gene(2)]), graph([gene(1, symbol="B"), gene(3)]))
    changes = nodes[NodeType.GENE]
    # A property that is gone is listed as None, so that the update takes it away.
    assert changes.updated == [{"ncbi_id": 1, "symbol": "B", "name": None}]
    assert changes.added == [{"ncbi_id": 3}]
    assert changes.deleted == [{"ncbi_id": 2}]


def test_feature_space_tells_parallel_edges_apart():
    genes = [gene(1), gene(2)]
    _, edges = diff(graph(genes, [edge(1, 2, 0.9, "a")]), graph(genes, [edge(1, 2, 0.9, "a"), edge(1, 2, 0.8, "b")]))
    assert edges[SIMILAR].added == [edge(1, 2, 0.8, "b")]
    assert edges[SIMILAR].unchanged == 1


def test_edge_that_the_graph_holds_twice_is_deleted_and_added_once():
    genes = [gene(1), gene(2)]
    _, edges = diff(graph(genes, [edge(1, 2), edge(1, 2)]), graph(genes, [edge(1, 2)]))
    assert (edges[SIMILAR].deleted, edges[SIMILAR].added) == ([edge(1, 2)], [edge(1, 2)])
    assert edges[SIMILAR].unchanged == 0


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (graph([gene(1), gene(1, symbol="A")]), "Gene: 1 rows repeat"),
        (graph([gene(1), gene(2)], [edge(1, 2), edge(1, 2, 0.5)]), "SIMILAR_MORPHOLOGY Gene Gene: 1 rows repeat"),
        (graph([gene(1), gene(None)]), "Gene: a row has no ncbi_id"),
        (graph([gene(1)], [edge(1, 77)]), "name 1 Gene that are no nodes: 77"),
        (graph([gene(1)], [edge(78, 1)]), "name 1 Gene that are no nodes: 78"),
    ],
)
def test_what_is_no_graph_is_refused(wanted, says):
    with pytest.raises(GraphError, match=says):
        diff(GraphTables(), wanted)


def test_other_sources_are_asked_about():
    meta = GraphMeta(("demo", "lincs"), "complete", "0" * 64)
    with pytest.raises(InputError, match=r"the graph holds demo; say --add to keep it .* or --replace to remove it"):
        check_sources(meta, ["cmea", "lincs"], add=False, replace=False)
    check_sources(meta, ["cmea"], add=True, replace=False)
    check_sources(meta, ["cmea"], add=False, replace=True)
    check_sources(meta, ["demo", "lincs", "cmea"], add=False, replace=False)
    check_sources(None, ["cmea"], add=False, replace=False)
