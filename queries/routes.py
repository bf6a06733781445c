"""The best simple paths between two nodes of a small graph: the shortest, and the heaviest. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

import networkx as nx

from queries.relaxation import NodeId, Step

MOST_TRIED = 1000
"""Paths that are looked at, at most."""
EDGE = 1e-9
"""What an edge adds to the length of a path, so that of equally heavy ones those of fewer edges lead."""


@dataclass(frozen=True)
class Route:
    """A path.

    Attributes
    ----------
    nodes
        Both ends included.
    steps
        Its edges, as they are met; of parallel ones the heaviest, then the alphabetically first type.
    """

    nodes: tuple[NodeId, ...]
    steps: tuple[Step, ...]

    @property
    def weight(self) -> float:
        """The product of its weights."""
        return math.prod(step.weight for step in self.steps)


def graph_of(steps: Sequence[Step]) -> nx.Graph:
    """Return an undirected graph of these edges, of parallel ones the best (see `Route`)."""
    graph = nx.Graph()
    for step in steps:
        known = graph.get_edge_data(step.origin, step.neighbour)
        if known is None or (-step.weight, step.edge_type) < (-known["step"].weight, known["step"].edge_type):
            # Where a weight is 0 a path over it is worth nothing, but there.
            length = EDGE - math.log(step.weight) if step.weight > 0 else math.inf
            graph.add_edge(step.origin, step.neighbour, step=step, length=length)
    return graph


def best_routes(graph: nx.Graph, start: NodeId, end: NodeId, *, k: int, hops: int, heaviest: bool) -> list[Route]:
    """Return at most `k` simple paths of at most `hops` edges, the best first.

    Yen's algorithm as `networkx.shortest_simple_paths` has it, by number of edges or by the sum of −log(weight) and
    `EDGE`. Of the heaviest paths those of more than `hops` edges are passed over; after a thousand the search ends.

    Parameters
    ----------
    graph
        Of `graph_of`.
    start, end
        Two nodes.
    k, hops
        How many, and how long.
    heaviest
        By the product of the weights, else by the number of edges (equally long ones by weight).
    """
    if start not in graph or end not in graph:
        return []
    graph = _within(graph, start, end, hops)
    if end not in graph:
        return []
    if not heaviest:
        found = []
        longest = None
        for nodes in nx.shortest_simple_paths(graph, start, end):
            if len(nodes) - 1 > hops or (longest is not None and len(nodes) > longest):
                break
            found.append(_route(graph, nodes))
            # All paths as long as the k-th one compete for the last places by weight.
            if len(found) >= k:
                longest = len(nodes)
            if len(found) >= MOST_TRIED:
                break
        return sorted(found, key=_shortest_first)[:k]
    positive = nx.subgraph_view(graph, filter_edge=lambda one, other: math.isfinite(graph[one][other]["length"]))
    if not nx.has_path(positive, start, end):
        return []
    tried: Iterator[list[NodeId]] = nx.shortest_simple_paths(positive, start, end, weight="length")
    short = (nodes for nodes in islice(tried, MOST_TRIED) if len(nodes) - 1 <= hops)
    return sorted((_route(graph, nodes) for nodes in islice(short, k)), key=_heaviest_first)


def _within(graph: nx.Graph, start: NodeId, end: NodeId, hops: int) -> nx.Graph:
    """Return the part of a graph that paths of at most `hops` edges between two nodes touch, a small one."""
    # Edge by edge and not `Graph.subgraph`, whose nodes come in the order of a set: ties would fall as chance has it.
    there = nx.single_source_shortest_path_length(graph, start, cutoff=hops)
    back = nx.single_source_shortest_path_length(graph, end, cutoff=hops)
    kept = {node for node in there if node in back and there[node] + back[node] <= hops}
    part = nx.Graph()
    part.add_edges_from(edge for edge in graph.edges(data=True) if edge[0] in kept and edge[1] in kept)
    return part


def _route(graph: nx.Graph, nodes: Sequence[NodeId]) -> Route:
    steps = []
    for one, other in pairwise(nodes):
        step: Step = graph[one][other]["step"]
        steps.append(step if step.origin == one else Step(one, step.edge_type, step.weight, other))
    return Route(tuple(nodes), tuple(steps))


def _shortest_first(route: Route) -> tuple[int, float, tuple[str, ...]]:
    return (len(route.steps), -route.weight, tuple(str(node.key) for node in route.nodes))


def _heaviest_first(route: Route) -> tuple[float, int, tuple[str, ...]]:
    return (-route.weight, len(route.steps), tuple(str(node.key) for node in route.nodes))
