"""Heaviest paths against all simple paths, enumerated by networkx."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphdb.schema import EdgeType, NodeType
from queries.relaxation import NodeId, Step, choose, heaviest_paths

EDGE_TYPES = [EdgeType.TARGETS, EdgeType.INTERACTS, EdgeType.SIMILAR_STRUCTURE]
Edge = tuple[int, int, EdgeType, float]

edges_of_ten_nodes = st.lists(
    st.tuples(
        st.integers(0, 9), st.integers(0, 9), st.sampled_from(EDGE_TYPES), st.sampled_from([1.0, 0.5, 0.9, 0.81, 0.3])
    ).filter(lambda edge: edge[0] != edge[1]),
    min_size=1,
    max_size=25,
)


def node(number: int) -> NodeId:
    return NodeId(NodeType.GENE, number) if number % 2 else NodeId(NodeType.MOLECULE, f"M{number}")


def fetching(edges: Sequence[Edge]):
    def fetch(nodes: Sequence[NodeId]) -> Iterable[Step]:
        for a, b, edge_type, weight in edges:
            for origin, neighbour in ((node(a), node(b)), (node(b), node(a))):
                if origin in nodes:
                    yield Step(origin, edge_type, weight, neighbour)

    return fetch


def graph_of(edges: Sequence[Edge]) -> nx.MultiGraph:
    graph = nx.MultiGraph()
    graph.add_node(node(0))
    for a, b, edge_type, weight in edges:
        graph.add_edge(node(a), node(b), edge_type=edge_type, weight=weight)
    return graph


def brute_force(graph: nx.MultiGraph, hops: int) -> dict[NodeId, tuple[int, float, list[tuple[str, ...]]]]:
    """Node → fewest hops, largest product, and the edge types of every path with (nearly) that product."""
    found = {node(0): (0, 1.0, [()])}
    for target in graph:
        if target == node(0):
            continue
        paths = list(nx.all_simple_edge_paths(graph, node(0), target, cutoff=hops))
        if not paths:
            continue
        weights = [math.prod(graph.edges[edge]["weight"] for edge in path) for path in paths]
        best = max(weights)
        types = [
            tuple(graph.edges[edge]["edge_type"] for edge in path)
            for path, weight in zip(paths, weights, strict=True)
            if math.isclose(weight, best)
        ]
        found[target] = (min(map(len, paths)), best, types)
    return found


@settings(max_examples=150, deadline=None)
@given(edges_of_ten_nodes, st.integers(1, 4))
def test_reached_nodes_hops_and_weights_are_those_of_all_simple_paths(edges: list[Edge], hops: int) -> None:
    reached, left_out = heaviest_paths(node(0), fetching(edges), hops=hops, width=100)
    expected = brute_force(graph_of(edges), hops)
    assert left_out == 0
    assert set(reached) == set(expected)
    for one, (fewest, weight, types) in expected.items():
        assert reached[one].hops == fewest
        assert reached[one].path_weight == pytest.approx(weight)
        assert reached[one].via in types


@settings(max_examples=100, deadline=None)
@given(edges_of_ten_nodes, st.integers(1, 4), st.randoms(use_true_random=False))
def test_the_order_in_which_edges_come_does_not_matter(edges: list[Edge], hops: int, random) -> None:
    shuffled = list(edges)
    random.shuffle(shuffled)
    first, _ = heaviest_paths(node(0), fetching(edges), hops=hops, width=3)
    second, _ = heaviest_paths(node(0), fetching(shuffled), hops=hops, width=3)
    assert first == second
    assert choose(first, 5) == choose(second, 5)


@settings(max_examples=100, deadline=None)
@given(edges_of_ten_nodes, st.integers(1, 4), st.integers(1, 8))
def test_chosen_nodes_hang_together_and_near_ones_come_first(edges: list[Edge], hops: int, limit: int) -> None:
    reached, _ = heaviest_paths(node(0), fetching(edges), hops=hops, width=100)
    chosen = choose(reached, limit)
    assert len(chosen) == min(limit, len(reached))
    assert chosen[0] == node(0)
    order = [(reached[one].hops, -reached[one].path_weight) for one in chosen]
    assert order == sorted(order)
    left = [reached[one].hops for one in reached if one not in chosen]
    assert all(reached[chosen[-1]].hops <= hop for hop in left)
    assert nx.is_connected(nx.Graph(graph_of(edges)).subgraph(chosen))


def test_kinds_of_paths_take_turns() -> None:
    """Twenty edges of weight 1 do not hide the two lighter kinds."""
    edges = [(0, number, EdgeType.TARGETS, 1.0) for number in range(1, 21)]
    edges += [(0, 31, EdgeType.INTERACTS, 0.4), (0, 32, EdgeType.SIMILAR_STRUCTURE, 0.9)]
    reached, _ = heaviest_paths(node(0), fetching(edges), hops=1, width=100)
    chosen = choose(reached, 6)
    assert {node(31), node(32)} < set(chosen)
    assert [reached[one].path_weight for one in chosen] == [1.0, 1.0, 1.0, 1.0, 0.9, 0.4]


def test_only_the_heaviest_nodes_are_expanded_and_the_others_are_counted() -> None:
    edges = [(0, number, EdgeType.TARGETS, number / 10) for number in range(1, 6)]
    edges += [(number, number + 10, EdgeType.TARGETS, 1.0) for number in range(1, 6)]
    reached, left_out = heaviest_paths(node(0), fetching(edges), hops=2, width=2)
    assert left_out == 3
    assert {one for one in reached if reached[one].hops == 2} == {node(14), node(15)}


def test_a_longer_path_wins_when_it_is_heavier_and_is_extended_in_turn() -> None:
    edges = [
        (0, 1, EdgeType.INTERACTS, 0.5),
        (0, 2, EdgeType.TARGETS, 1.0),
        (2, 1, EdgeType.TARGETS, 0.9),
        (1, 3, EdgeType.TARGETS, 1.0),
    ]
    reached, _ = heaviest_paths(node(0), fetching(edges), hops=2, width=100)
    assert (reached[node(1)].hops, reached[node(1)].path_weight) == (1, 0.9)
    assert reached[node(3)].path_weight == 0.5, "the heavier way to node 3 has three edges"
    reached, _ = heaviest_paths(node(0), fetching(edges), hops=3, width=100)
    assert reached[node(3)].path_weight == 0.9
    assert [str(edge_type) for edge_type in reached[node(3)].via] == ["TARGETS", "TARGETS", "TARGETS"]


def test_layout_keeps_labels_apart() -> None:
    from queries.layout import FIRST_RADIUS, rings

    hops = [0, *[1] * 8, *[2] * 60]
    edges = [(0, number) for number in range(1, 9)] + [(1 + number % 3, 9 + number) for number in range(60)]
    places = rings(hops, edges, ["Gene"] * len(hops))
    assert (places[0].x, places[0].y) == (0, 0)
    for ring, apart in ((1, 30), (2, 14)):
        members = sorted(
            (place for place, hop in zip(places, hops, strict=True) if hop == ring), key=lambda p: p.angle % math.tau
        )
        assert all(math.dist(a[:2], b[:2]) > apart for a, b in pairwise([*members, members[0]]))
        assert all(math.hypot(p.x, p.y) >= FIRST_RADIUS for p in members)
