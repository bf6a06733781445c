"""The heaviest paths out of a node, hop by hop. Pure: where the edges come from is the caller's affair."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from graphdb.schema import EdgeType, NodeType
from queries.names import Key


class NodeId(NamedTuple):
    """A node: its type and key."""

    node_type: NodeType
    key: Key


class Step(NamedTuple):
    """One edge, as it is met from `origin`.

    Attributes
    ----------
    origin, neighbour
        Its end points; the direction in which the database stores it does not matter for paths.
    edge_type, weight
        Of the edge.
    """

    origin: NodeId
    edge_type: EdgeType
    weight: float
    neighbour: NodeId


@dataclass(frozen=True)
class Reached:
    """How a node was reached from the start.

    Attributes
    ----------
    hops
        The fewest edges from the start.
    path_weight
        The largest product of weights over paths of at most the given number of hops.
    via
        Edge types of that path, from the start on; among equally heavy paths the one with fewer edges, then the
        alphabetically first.
    """

    hops: int
    path_weight: float
    via: tuple[EdgeType, ...]


FetchSteps = Callable[[Sequence[NodeId]], Iterable[Step]]
"""Returns the edges of these nodes."""


def heaviest_paths(start: NodeId, fetch: FetchSteps, *, hops: int, width: int) -> tuple[dict[NodeId, Reached], int]:
    """Find what lies within `hops` edges of `start`, and the heaviest path to each.

    Bellman and Ford's relaxation with a bound on the number of edges: in hop h only the nodes whose best path of h − 1
    edges became heavier are expanded. As weights are at most 1 no heaviest path visits a node twice.

    Parameters
    ----------
    start
        Where paths begin; its own path weight is 1.
    fetch
        Gives the edges of nodes. A weight lies in [0, 1].
    hops
        The longest path.
    width
        In each hop at most this many nodes are expanded, those with the heaviest paths.

    Returns
    -------
    tuple
        What was reached, the start included; and how many nodes were not expanded because of `width`.
    """
    reached = {start: Reached(0, 1.0, ())}
    frontier = [start]
    left_out = 0
    for hop in range(1, hops + 1):
        ordered = sorted(frontier, key=lambda node: _preference(node, reached[node]))
        left_out += max(0, len(ordered) - width)
        improved: dict[NodeId, Reached] = {}
        for step in fetch(ordered[:width]):
            origin = reached[step.origin]
            known = improved.get(step.neighbour) or reached.get(step.neighbour)
            found = Reached(
                known.hops if known else hop,
                origin.path_weight * step.weight,
                (*origin.via, step.edge_type),
            )
            if known is None or _rank(found) < _rank(known):
                improved[step.neighbour] = found
        reached |= improved
        frontier = list(improved)
        if not frontier:
            break
    return reached, left_out


def choose(reached: Mapping[NodeId, Reached], limit: int) -> list[NodeId]:
    """Choose the nodes to show, and order them.

    Near ones before far ones. Within a hop the kinds of paths (`Reached.via`) take turns, the heaviest of each kind
    first: else the many edges of weight 1 of a well-known gene would hide everything else. What is chosen is ordered by
    hops, then path weight (heaviest first), then node type and key. The chosen nodes hang together, since the
    neighbour through which a node has its fewest hops is nearer and so is chosen before it.
    """
    turns: dict[tuple[int, tuple[EdgeType, ...]], int] = {}
    turn_of: dict[NodeId, int] = {}
    in_order = sorted(reached, key=lambda node: _preference(node, reached[node]))
    for node in in_order:
        kind = (reached[node].hops, reached[node].via)
        turn_of[node] = turns[kind] = turns.get(kind, -1) + 1
    # Sorting is stable: equal turns stay in order of weight.
    chosen = sorted(in_order, key=lambda node: (reached[node].hops, turn_of[node]))[:limit]
    return sorted(chosen, key=lambda node: (reached[node].hops, _preference(node, reached[node])))


def _rank(found: Reached) -> tuple[float, int, tuple[EdgeType, ...]]:
    return (-found.path_weight, len(found.via), found.via)


def _preference(node: NodeId, found: Reached) -> tuple[float, int, str]:
    return (-found.path_weight, node.node_type.code, str(node.key).zfill(12))
