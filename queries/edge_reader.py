"""Where the edges of a neighbourhood come from: the graph in memory, or queries; both give the same."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from graphdb.errors import GraphError
from graphdb.schema import NODES, EdgeType, NodeType
from graphdb.store import GraphStore
from queries import resident
from queries.cached import OfGraph
from queries.names import Node, read_nodes
from queries.relaxation import NodeId, Step
from queries.resident import ResidentGraph

SECONDS = 60.0
FAN = 200
"""Edges followed from one node in one edge type, the heaviest."""
BATCH = 50
"""Nodes expanded by one query; between queries the clock is looked at."""

_NODE_TYPES = frozenset(NodeType)
_KEY = "coalesce({0}.inchikey, {0}.ncbi_id, {0}.profile_id)"


def reader_of(store: GraphStore, edge_types: Sequence[EdgeType] | None, min_weight: float, seconds: float) -> Reader:
    """Return where to read edges from: the graph in memory if it is kept there, else the database."""
    types, deadline = list(edge_types or EdgeType), time.monotonic() + seconds
    graph = resident.kept(store)
    if graph is None:
        return _Fetcher(store, types, min_weight, deadline, seconds)
    return _Resident(graph, types, min_weight, deadline, seconds)


class Reader(Protocol):
    """Where nodes and edges come from."""

    hubs: int

    def steps(self, nodes: Sequence[NodeId]) -> Iterator[Step]:
        """Yield the edges of these nodes, of each node and edge type the heaviest `FAN`."""
        ...

    def edges_among(self, nodes: Sequence[NodeId]) -> list[dict[str, Any]]:
        """Return the edges of which both ends are among `nodes`, with their properties."""
        ...

    def described(self, nodes: Sequence[NodeId]) -> Mapping[NodeId, Node]:
        """Return what these nodes are called and whether they are simulated."""
        ...

    def simulated_spaces(self) -> set[str]:
        """Return the feature spaces of simulated profiles."""
        ...


@dataclass
class _Resident:
    """Reads from the graph that is kept in memory, within the given time."""

    graph: ResidentGraph
    edge_types: Sequence[EdgeType]
    min_weight: float
    deadline: float
    seconds: float
    hubs: int = 0

    def steps(self, nodes: Sequence[NodeId]) -> Iterator[Step]:
        for node in nodes:
            _require_time(self.deadline, self.seconds)
            found, hubs = self.graph.steps(node, self.edge_types, self.min_weight, FAN)
            self.hubs += hubs
            yield from found

    def edges_among(self, nodes: Sequence[NodeId]) -> list[dict[str, Any]]:
        return list(self.graph.edges_among(nodes, self.edge_types, self.min_weight))

    def described(self, nodes: Sequence[NodeId]) -> Mapping[NodeId, Node]:
        graph = self.graph
        places = {node: graph.number[node] for node in nodes}
        return {
            node: Node(*node, graph.names[place], bool(graph.simulated[place]), graph.feature_space[place])
            for node, place in places.items()
        }

    def simulated_spaces(self) -> set[str]:
        return self.graph.simulated_spaces()


@dataclass
class _Fetcher:
    """Reads edges by queries, within the given time."""

    store: GraphStore
    edge_types: Sequence[EdgeType]
    min_weight: float
    deadline: float
    seconds: float
    hubs: int = 0

    def steps(self, nodes: Sequence[NodeId]) -> Iterator[Step]:
        """Yield the edges of these nodes, of each node and edge type the heaviest `FAN`."""
        found: dict[tuple[NodeId, EdgeType], list[Step]] = {}
        for node_type, ids in _by_type(nodes).items():
            # Unsorted, and columns in place of rows: to sort takes the engines longer than to send all edges of a hub.
            query = (
                f"MATCH (a:{node_type} {{{NODES[node_type].key}: key}})-[r:{self._types}]-(b) "
                "WHERE r.weight >= $min_weight WITH key, type(r) AS edge_type, labels(b) AS labels, "
                f"r.weight AS weight, {_KEY.format('b')} AS other WHERE other IS NOT NULL "
                "RETURN key, edge_type, labels, collect(weight) AS weights, collect(other) AS others"
            )
            for row in self._batches(query, ids):
                node, edge_type = NodeId(node_type, row["key"]), EdgeType(row["edge_type"])
                kind = next(NodeType(label) for label in row["labels"] if label in _NODE_TYPES)
                found.setdefault((node, edge_type), []).extend(
                    Step(node, edge_type, weight, NodeId(kind, other))
                    for weight, other in zip(row["weights"], row["others"], strict=True)
                )
        for node in nodes:
            for edge_type in self.edge_types:
                steps = found.get((node, edge_type), [])
                self.hubs += len(steps) > FAN
                yield from sorted(steps, key=lambda step: (-step.weight, str(step.neighbour.key)))[:FAN]

    def edges_among(self, nodes: Sequence[NodeId]) -> list[dict[str, Any]]:
        """Return the edges of which both ends are among `nodes`, with their properties."""
        inside = [node.key for node in nodes]
        rows = []
        for node_type, ids in _by_type(nodes).items():
            query = (
                f"MATCH (a:{node_type} {{{NODES[node_type].key}: key}})-[r:{self._types}]->(b) "
                f"WITH key, r, [label IN labels(b) WHERE label IN $labels][0] AS dst_type, {_KEY.format('b')} AS dst "
                "WHERE r.weight >= $min_weight AND dst IN $inside "
                f"RETURN type(r) AS edge_type, '{node_type}' AS src_type, key AS src, dst_type, dst, "
                "r.weight AS weight, r.sources AS sources, r.feature_space AS feature_space"
            )
            rows += list(self._batches(query, ids, inside=inside))
        return rows

    def described(self, nodes: Sequence[NodeId]) -> Mapping[NodeId, Node]:
        return {
            NodeId(node_type, key): node
            for node_type, ids in _by_type(nodes).items()
            for key, node in read_nodes(self.store, node_type, [node.key for node in ids]).items()
        }

    def simulated_spaces(self) -> set[str]:
        return _SIMULATED_SPACES.of(self.store)

    @property
    def _types(self) -> str:
        return "|".join(self.edge_types)

    def _batches(self, query: str, nodes: Sequence[NodeId], **parameters: Any) -> Iterator[dict[str, Any]]:
        for first in range(0, len(nodes), BATCH):
            _require_time(self.deadline, self.seconds)
            yield from self.store.read(
                f"UNWIND $keys AS key {query}",
                keys=[node.key for node in nodes[first : first + BATCH]],
                labels=list(NodeType),
                min_weight=self.min_weight,
                **parameters,
            )


def _require_time(deadline: float, seconds: float) -> None:
    if time.monotonic() > deadline:
        raise GraphError(
            f"the neighbourhood took longer than {seconds:g} s; ask for fewer hops, some edge types, "
            "or a larger smallest weight"
        )


def _by_type(nodes: Sequence[NodeId]) -> dict[NodeType, list[NodeId]]:
    grouped: dict[NodeType, list[NodeId]] = {}
    for node in nodes:
        grouped.setdefault(node.node_type, []).append(node)
    return grouped


def _simulated_spaces(store: GraphStore) -> set[str]:
    """Return the feature spaces of simulated profiles; this looks at all of them."""
    rows = [
        row
        for node_type in (NodeType.MORPHOLOGY, NodeType.EXPRESSION)
        for row in store.read(f"MATCH (p:{node_type}) WHERE p.simulated RETURN DISTINCT p.feature_space AS space")
    ]
    return {row["space"] for row in rows}


_SIMULATED_SPACES = OfGraph(_simulated_spaces)
