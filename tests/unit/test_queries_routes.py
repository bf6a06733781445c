"""The best paths in a small graph, on edges made up here."""

from __future__ import annotations

from itertools import combinations, pairwise

import networkx as nx
import numpy as np
import pytest

from graphdb.schema import EdgeType, NodeType
from queries.relaxation import NodeId, Step
from queries.routes import best_routes, graph_of


def gene(number: int) -> NodeId:
    return NodeId(NodeType.GENE, number)


def step(one: int, other: int, weight: float) -> Step:
    return Step(gene(one), EdgeType.INTERACTS, weight, gene(other))


def random_graph(seed: int) -> nx.Graph:
    rng = np.random.default_rng(seed)
    pairs = [pair for pair in combinations(range(9), 2) if rng.random() < 0.4]
    return graph_of([step(*pair, round(float(rng.uniform(0.05, 1)), 3)) for pair in pairs])


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("heaviest", [False, True])
def test_they_are_the_best_of_all_simple_paths(seed: int, heaviest: bool) -> None:
    graph = random_graph(seed)
    both = gene(0) in graph and gene(8) in graph
    every = [tuple(nodes) for nodes in nx.all_simple_paths(graph, gene(0), gene(8), cutoff=4)] if both else []

    def weight(nodes: tuple[NodeId, ...]) -> float:
        return float(np.prod([graph[one][other]["step"].weight for one, other in pairwise(nodes)]))

    def rank(nodes: tuple[NodeId, ...]) -> tuple[float, float]:
        return (-weight(nodes), len(nodes)) if heaviest else (len(nodes), -weight(nodes))

    found = best_routes(graph, gene(0), gene(8), k=5, hops=4, heaviest=heaviest)
    assert [route.nodes for route in found] == sorted(every, key=rank)[:5]
    assert [route.weight for route in found] == pytest.approx([weight(nodes) for nodes in sorted(every, key=rank)[:5]])


def test_of_equally_heavy_paths_the_shorter_come_first() -> None:
    around = [step(0, 1, 1.0), step(1, 2, 1.0), step(2, 3, 1.0), step(3, 9, 1.0)]
    across = [step(0, 4, 1.0), step(4, 9, 1.0), step(0, 5, 0.9), step(5, 9, 0.9)]
    found = best_routes(graph_of(around + across), gene(0), gene(9), k=2, hops=4, heaviest=True)
    assert [len(route.steps) for route in found] == [2, 4]
    assert best_routes(graph_of(around), gene(0), gene(9), k=2, hops=3, heaviest=True) == []


def test_an_edge_without_weight_is_on_no_heaviest_path() -> None:
    graph = graph_of([step(0, 1, 0.0), step(0, 2, 0.5), step(2, 1, 0.5)])
    assert [len(route.steps) for route in best_routes(graph, gene(0), gene(1), k=5, hops=4, heaviest=True)] == [2]
    assert [len(route.steps) for route in best_routes(graph, gene(0), gene(1), k=5, hops=4, heaviest=False)] == [1, 2]
