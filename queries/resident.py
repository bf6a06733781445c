"""The topology and the names of the graph in memory, for a process that asks often: a notebook, the explorer.

``queries.resident.keep(store)`` reads it (seconds); from then on `queries.neighbourhood` expands in memory instead of
by queries, with the same answer, until the graph changes. What a query shows besides (identifiers, properties) still
comes from the database.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from graphdb.schema import EDGES, NODES, EdgeType, NodeType
from graphdb.store import GraphStore
from graphdb.tables import EdgeKind
from queries.cached import OfGraph
from queries.names import display_name
from queries.relaxation import NodeId, Step

_NODE_TYPES = tuple(NodeType)
_EDGE_TYPES = tuple(EdgeType)
_PROFILES = (NodeType.MORPHOLOGY, NodeType.EXPRESSION)
# Of what display_name looks at, by type.
_NAMING: Mapping[NodeType, tuple[str, ...]] = {
    NodeType.MOLECULE: ("name", "brd_ids", "jcp_ids", "chembl_ids", "drugbank_ids"),
    NodeType.GENE: ("symbol",),
    NodeType.MORPHOLOGY: ("record", "simulated", "feature_space"),
    NodeType.EXPRESSION: ("record", "simulated", "feature_space"),
}


@dataclass(frozen=True, eq=False, repr=False)
class ResidentGraph:
    """Nodes by number, and the edges of each node, heaviest first.

    Attributes
    ----------
    nodes
        The n nodes.
    number
        Node → its number.
    names, simulated, feature_space
        Of node i: what to call it; whether no instrument measured it; of a profile, else None.
    source, target, edge_type, weight, spaces, sources
        Of each of e edges: node numbers, `EdgeType.code` (uint8), weight (float64), feature space or None, sources.
    begin
        (n + 1,) the edges that touch node i are ``touching[begin[i]:begin[i + 1]]``, sorted by edge type, then weight
        (the heaviest first), then the text of the neighbour's key.
    touching
        (2 e,) edge numbers; a self-loop stands there once.
    """

    nodes: Sequence[NodeId]
    number: Mapping[NodeId, int]
    names: Sequence[str]
    simulated: npt.NDArray[np.bool_]
    feature_space: Sequence[str | None]
    source: npt.NDArray[np.int32]
    target: npt.NDArray[np.int32]
    edge_type: npt.NDArray[np.uint8]
    weight: npt.NDArray[np.float64]
    spaces: Sequence[str | None]
    sources: Sequence[list[str] | None]
    begin: npt.NDArray[np.int64]
    touching: npt.NDArray[np.int64]

    def steps(
        self, node: NodeId, edge_types: Sequence[EdgeType], min_weight: float, fan: int
    ) -> tuple[list[Step], int]:
        """Return the edges of a node, of each type the heaviest `fan`, and in how many types that left some out."""
        place = self.number.get(node)
        if place is None:
            return [], 0
        edges = self.touching[self.begin[place] : self.begin[place + 1]]
        kinds = self.edge_type[edges]
        found, hubs = [], 0
        for kind in edge_types:
            first, last = np.searchsorted(kinds, (kind.code, kind.code + 1))
            of_kind = edges[first:last]
            if min_weight > 0:
                of_kind = of_kind[self.weight[of_kind] >= min_weight]
            hubs += len(of_kind) > fan
            of_kind = of_kind[:fan]
            others = self.source[of_kind] + self.target[of_kind] - place
            found += [
                Step(node, kind, weight, self.nodes[other])
                for weight, other in zip(self.weight[of_kind].tolist(), others.tolist(), strict=True)
            ]
        return found, hubs

    def edges_among(
        self, nodes: Sequence[NodeId], edge_types: Sequence[EdgeType], min_weight: float
    ) -> Iterator[dict[str, Any]]:
        """Yield the edges with both ends among `nodes`, as `queries.neighbourhood` has them."""
        places = [self.number[node] for node in nodes if node in self.number]
        inside = np.zeros(len(self.nodes), dtype=bool)
        inside[places] = True
        wanted = np.zeros(len(_EDGE_TYPES), dtype=bool)
        wanted[[kind.code for kind in edge_types]] = True
        for place in places:
            edges = self.touching[self.begin[place] : self.begin[place + 1]]
            edges = edges[
                (self.source[edges] == place)
                & inside[self.target[edges]]
                & wanted[self.edge_type[edges]]
                & (self.weight[edges] >= min_weight)
            ]
            for edge in edges.tolist():
                begin, end = self.nodes[self.source[edge]], self.nodes[self.target[edge]]
                yield {
                    "edge_type": str(_EDGE_TYPES[self.edge_type[edge]]),
                    "src_type": str(begin.node_type),
                    "src": begin.key,
                    "dst_type": str(end.node_type),
                    "dst": end.key,
                    "weight": float(self.weight[edge]),
                    "sources": self.sources[edge],
                    "feature_space": self.spaces[edge],
                }

    def simulated_spaces(self) -> set[str]:
        """Return the feature spaces of simulated profiles."""
        spaces = (self.feature_space[place] for place in np.flatnonzero(self.simulated).tolist())
        return {space for space in spaces if space is not None}


def read(store: GraphStore) -> ResidentGraph:
    """Read the whole topology with names out of a graph."""
    nodes: list[NodeId] = []
    properties: list[dict[str, Any]] = []
    for node_type in NodeType:
        key, naming = NODES[node_type].key, _NAMING[node_type]
        columns = ", ".join(f"collect({_present(node_type, name)})" for name in (key, *naming))
        keys, *values = store.read_one(f"MATCH (n:{node_type}) WHERE n.{key} IS NOT NULL RETURN [{columns}]")
        nodes += [NodeId(node_type, value) for value in keys]
        properties += [dict(zip((key, *naming), row, strict=True)) for row in zip(keys, *values, strict=True)]
    number = {node: place for place, node in enumerate(nodes)}
    kinds = [EdgeKind(edge_type, *ends) for edge_type in EdgeType for ends in EDGES[edge_type].endpoints]
    source: list[int] = []
    target: list[int] = []
    code: list[int] = []
    weight: list[float] = []
    spaces: list[str | None] = []
    sources: list[list[str] | None] = []
    for kind in kinds:
        space = "r.feature_space" if "feature_space" in EDGES[kind.edge_type].properties else "''"
        begins, ends, weights, of_space, of_source = store.read_one(
            f"MATCH (a:{kind.source})-[r:{kind.edge_type}]->(b:{kind.target}) "
            f"WHERE a.{NODES[kind.source].key} IS NOT NULL AND b.{NODES[kind.target].key} IS NOT NULL "
            "AND r.weight IS NOT NULL "
            f"RETURN [collect(a.{NODES[kind.source].key}), collect(b.{NODES[kind.target].key}), collect(r.weight), "
            f"collect(coalesce({space}, '')), collect(coalesce(r.sources, []))]"
        )
        source += [number[NodeId(kind.source, key)] for key in begins]
        target += [number[NodeId(kind.target, key)] for key in ends]
        code += [kind.edge_type.code] * len(weights)
        weight += weights
        spaces += [name or None for name in of_space]
        sources += [names or None for names in of_source]
    perturbed = _perturbed(nodes, properties, source, target, code)
    arrays = (
        np.array(source, dtype=np.int32),
        np.array(target, dtype=np.int32),
        np.array(code, dtype=np.uint8),
        np.array(weight, dtype=np.float64),
    )
    return ResidentGraph(
        nodes,
        number,
        [
            display_name(node.node_type, of_node, perturbed.get(place))
            for place, (node, of_node) in enumerate(zip(nodes, properties, strict=True))
        ],
        np.array([bool(of_node.get("simulated")) for of_node in properties], dtype=bool),
        [of_node.get("feature_space") or None for of_node in properties],
        *arrays,
        spaces,
        sources,
        *_adjacency(nodes, *arrays),
    )


def _present(node_type: NodeType, name: str) -> str:
    """Return the expression of a property that leaves no gap in a collected column."""
    empty = {"strings": "[]", "boolean": "false"}.get(NODES[node_type].properties[name], "''")
    return f"n.{name}" if name == NODES[node_type].key else f"coalesce(n.{name}, {empty})"


def _perturbed(
    nodes: Sequence[NodeId],
    properties: Sequence[dict[str, Any]],
    source: Sequence[int],
    target: Sequence[int],
    code: Sequence[int],
) -> dict[int, str]:
    """Return, of each profile with an owner, what that is called; of a molecule and a gene the molecule."""
    owning = {EdgeType.HAS_MORPHOLOGY.code, EdgeType.HAS_EXPRESSION.code}
    owners = [(begin, end) for begin, end, kind in zip(source, target, code, strict=True) if kind in owning]
    owners.sort(key=lambda pair: nodes[pair[0]].node_type is NodeType.MOLECULE)
    return {end: display_name(nodes[begin].node_type, properties[begin]) for begin, end in owners}


def _adjacency(
    nodes: Sequence[NodeId],
    source: npt.NDArray[np.int32],
    target: npt.NDArray[np.int32],
    code: npt.NDArray[np.uint8],
    weight: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    # Where a node's key stands among the texts of all keys: what the database orders ties by.
    texts = np.array([str(node.key) for node in nodes], dtype=np.str_)
    _, order_of_text = np.unique(texts, return_inverse=True)
    numbers = np.arange(len(source))
    straight = source != target
    owner = np.concatenate([source, target[straight]])
    neighbour = np.concatenate([target, source[straight]])
    edge = np.concatenate([numbers, numbers[straight]])
    order = np.lexsort((order_of_text[neighbour], -weight[edge], code[edge], owner))
    begin = np.zeros(len(nodes) + 1, dtype=np.int64)
    np.cumsum(np.bincount(owner, minlength=len(nodes)), out=begin[1:])
    return begin, edge[order]


_RESIDENT = OfGraph(read)
keep = _RESIDENT.of
"""Return the graph in memory; reads it if it is not there, or no longer the same."""
kept = _RESIDENT.kept
"""Return the graph in memory if it is there and still the same, else None."""
forget = _RESIDENT.forget
