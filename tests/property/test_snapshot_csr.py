"""The CSR of random graphs against networkx and against brute force."""

from __future__ import annotations

import networkx as nx
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from graphdb.snapshot import Snapshot

WEIGHTS = st.floats(0, 1, width=32)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[int], list[tuple[int, int, float]]]:
    types = draw(st.lists(st.integers(0, 3), min_size=1, max_size=12))
    node = st.integers(0, len(types) - 1)
    return types, draw(st.lists(st.tuples(node, node, WEIGHTS), max_size=40))


def make(types: list[int], edges: list[tuple[int, int, float]]) -> Snapshot:
    src, dst, weight = zip(*edges, strict=True) if edges else ((), (), ())
    return Snapshot.from_edges(types, src, dst, weight)


def as_networkx(snapshot: Snapshot) -> nx.Graph:
    graph = nx.Graph()
    graph.add_nodes_from(range(snapshot.number_of_nodes))
    rows = np.repeat(np.arange(snapshot.number_of_nodes), np.diff(snapshot.indptr))
    graph.add_weighted_edges_from(zip(rows.tolist(), snapshot.indices.tolist(), snapshot.weights.tolist(), strict=True))
    return graph


def merged(types: list[int], edges: list[tuple[int, int, float]]) -> nx.Graph:
    graph = nx.Graph()
    graph.add_nodes_from(range(len(types)))
    for src, dst, weight in edges:
        if src != dst:
            before = graph.get_edge_data(src, dst, {"weight": 0})["weight"]
            graph.add_edge(src, dst, weight=max(before, weight))
    return graph


@given(graphs())
def test_rows_are_those_of_networkx(graph: tuple[list[int], list[tuple[int, int, float]]]) -> None:
    snapshot, expected = make(*graph), merged(*graph)
    assert nx.utils.graphs_equal(as_networkx(snapshot), expected)
    assert snapshot.degree.tolist() == [expected.degree(node) for node in range(len(graph[0]))]
    assert snapshot.number_of_edges == expected.number_of_edges()


@given(graphs())
def test_rows_are_ascending_and_both_directions_are_there(
    graph: tuple[list[int], list[tuple[int, int, float]]],
) -> None:
    snapshot = make(*graph)
    dense = np.full((len(graph[0]), len(graph[0])), np.nan, dtype=np.float32)
    for node in range(snapshot.number_of_nodes):
        row = slice(snapshot.indptr[node], snapshot.indptr[node + 1])
        assert (np.diff(snapshot.indices[row]) > 0).all()
        dense[node, snapshot.indices[row]] = snapshot.weights[row]
    np.testing.assert_array_equal(dense, dense.T)


@given(graphs(), st.randoms(use_true_random=False))
def test_the_id_does_not_depend_on_order_direction_or_repetition(
    graph: tuple[list[int], list[tuple[int, int, float]]], random: object
) -> None:
    types, edges = graph
    other = [(dst, src, weight) if random.random() < 0.5 else (src, dst, weight) for src, dst, weight in edges]
    other += edges[:3]
    random.shuffle(other)
    assert make(types, other).id == make(types, edges).id


@given(graphs(), st.sets(st.integers(0, 11)))
def test_without_is_the_snapshot_of_the_remaining_edges(
    graph: tuple[list[int], list[tuple[int, int, float]]], wanted: set[int]
) -> None:
    types, edges = graph
    removed = sorted(node for node in wanted if node < len(types))
    left = [edge for edge in edges if edge[0] not in removed and edge[1] not in removed]
    assert make(types, edges).without(removed).id == make(types, left).id
