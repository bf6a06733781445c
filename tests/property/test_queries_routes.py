"""The best paths, against all simple paths of small random graphs."""

from __future__ import annotations

import math

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphdb.schema import EdgeType, NodeType
from queries.relaxation import NodeId, Step
from queries.routes import best_routes, graph_of

KINDS = [EdgeType.INTERACTS, EdgeType.COVARIES]


def node(number: int) -> NodeId:
    return NodeId(NodeType.GENE, number)


edges = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.sampled_from(KINDS), st.sampled_from([0.0, 0.25, 0.5, 1.0])),
    max_size=14,
).map(lambda found: [Step(node(a), kind, weight, node(b)) for a, b, kind, weight in found if a != b])


@given(edges, st.integers(1, 4), st.integers(1, 5))
def test_the_best_of_all_simple_paths_are_found(steps: list[Step], k: int, hops: int) -> None:
    graph = graph_of(steps)
    plain = nx.Graph()
    for step in steps:
        known = plain.get_edge_data(step.origin, step.neighbour, {"weight": -1})["weight"]
        plain.add_edge(step.origin, step.neighbour, weight=max(known, step.weight))
    both = node(0) in plain and node(5) in plain
    every = list(nx.all_simple_paths(plain, node(0), node(5), cutoff=hops)) if both else []
    weight = {tuple(path): math.prod(plain.edges[pair]["weight"] for pair in nx.utils.pairwise(path)) for path in every}

    shortest = best_routes(graph, node(0), node(5), k=k, hops=hops, heaviest=False)
    ranked = sorted(weight, key=lambda path: (len(path), -weight[path]))[:k]
    assert [(len(route.nodes), pytest.approx(route.weight)) for route in shortest] == [
        (len(path), weight[path]) for path in ranked
    ]

    heaviest = best_routes(graph, node(0), node(5), k=k, hops=hops, heaviest=True)
    worth = sorted((-value, len(path)) for path, value in weight.items() if value > 0)[:k]
    assert [(-route.weight, len(route.nodes)) for route in heaviest] == [(pytest.approx(w), n) for w, n in worth]

    for route in (*shortest, *heaviest):
        assert route.nodes in weight
        assert len(set(route.nodes)) == len(route.nodes)
        assert [step.origin for step in route.steps] == list(route.nodes[:-1])
        assert [step.neighbour for step in route.steps] == list(route.nodes[1:])
