"""Random walks in the database, in Cypher alone: for a graph server without the Graph Data Science library.

A step is one query a node type: it merges the edges between two nodes, sorts the neighbours, and takes the one that a
random number from here points to. The numbers are those of the walks' own streams (`graphdb.walks.memory`), so a walk
is the same on every server and whenever it is made; a uniform one is that of the sampler in memory.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from graphdb.csr import checked_numbers
from graphdb.errors import InputError
from graphdb.schema import NODES, EdgeType, NodeType
from graphdb.snapshot import Snapshot
from graphdb.store import GraphStore
from graphdb.walks.config import WalkConfig, Walks
from graphdb.walks.database import database_keys, key_of, label_of, require_same_graph, walked_types
from graphdb.walks.memory import draws
from graphdb.walks.topology import with_path_weights

BATCH = 2_000
"""Walks that make a step in one query."""


class CypherSampler:
    """Walks over the graph of a store.

    Parameters
    ----------
    store
        The graph.
    snapshot
        Made of this graph; walks are in its numbering.
    config
        Settings; p and q must be 1.
    excluded
        Node numbers that no walk may touch.

    Raises
    ------
    InputError
        If p or q is not 1.
    ArtefactError
        If the snapshot is of another graph.
    """

    name = "cypher"

    def __init__(self, store: GraphStore, snapshot: Snapshot, config: WalkConfig, excluded: npt.ArrayLike = ()) -> None:
        if config.second_order:
            raise InputError("walks: the sampler cypher takes one step without the one before: p and q must be 1")
        require_same_graph(store, snapshot)
        left_out = checked_numbers(np.asarray(excluded, dtype=np.int64), snapshot.number_of_nodes)
        self._store = store
        self._config = config
        self._types = walked_types(snapshot, config)
        self._topology = config.topology(snapshot.without(left_out) if len(left_out) else snapshot)
        self._excluded = {str(node_type): database_keys(snapshot, left_out, node_type) for node_type in NodeType}
        self._numbers = {
            (str(node_type), key): int(node)
            for node_type in NodeType
            for node, key in zip(
                snapshot.nodes(node_type),
                database_keys(snapshot, snapshot.nodes(node_type), node_type),
                strict=True,
            )
        }

    def __enter__(self) -> CypherSampler:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def sample(self, starts: npt.ArrayLike, epoch: int = 0) -> Walks:
        """Walk from every start, as `graphdb.walks.memory.sample` does."""
        config, topology = self._config, self._topology
        first = checked_numbers(starts, topology.number_of_nodes).repeat(config.walks_per_node).astype(np.int32)
        replicate = np.tile(np.arange(config.walks_per_node), len(first) // config.walks_per_node)
        numbers = draws(topology.id, config, epoch, first, replicate)
        nodes = np.full((len(first), config.length + 1), -1, dtype=np.int32)
        nodes[:, 0] = first
        for begin in range(0, len(first) if self._types else 0, BATCH):
            rows = np.arange(begin, min(begin + BATCH, len(first)))
            for step in range(config.length):
                rows = rows[nodes[rows, step] >= 0]
                self._step(nodes, rows, step, numbers)
        return with_path_weights(topology, nodes)

    def _step(
        self, nodes: npt.NDArray[np.int32], rows: npt.NDArray[np.int64], step: int, numbers: npt.NDArray[np.float64]
    ) -> None:
        """Fill column `step` + 1 of the walks `rows`."""
        types = self._topology.node_type[nodes[rows, step]]
        for node_type in NodeType:
            of_type = rows[types == node_type.code]
            if not len(of_type):
                continue
            found = self._store.read_one(
                _query(node_type, self._types, self._config.weighted),
                excluded=self._excluded,
                rows=[
                    {"walk": walk, "key": key, "draw": draw}
                    for walk, key, draw in zip(
                        of_type.tolist(),
                        database_keys(self._topology, nodes[of_type, step], node_type),
                        numbers[of_type, step].tolist(),
                        strict=True,
                    )
                ],
            )
            for walk, label, key in found:
                nodes[walk, step + 1] = self._numbers[label, key]


def sample(store: GraphStore, snapshot: Snapshot, starts: npt.ArrayLike, config: WalkConfig, epoch: int = 0) -> Walks:
    """Walk from every start once; see `CypherSampler`."""
    with CypherSampler(store, snapshot, config) as sampler:
        return sampler.sample(starts, epoch)


def _query(node_type: NodeType, edge_types: Sequence[EdgeType], weighted: bool) -> str:
    """Return the query of a step from nodes of a type: one [walk, label, key] for each that has somewhere to go."""
    head = (
        f"UNWIND $rows AS row MATCH (a:{node_type} {{{NODES[node_type].key}: row.key}})-[r:{'|'.join(edge_types)}]-(b) "
        f"WHERE a <> b WITH row.walk AS walk, row.draw AS draw, {label_of('b')} AS label, {key_of('b')} AS key, "
        "r.weight AS weight WHERE key IS NOT NULL AND NOT key IN $excluded[label] "
        "WITH walk, draw, label, key, max(weight) AS weight "
    )
    order = f"ORDER BY walk, {_rank('label')}, toString(key) "
    if not weighted:
        return (
            f"{head}{order}WITH walk, draw, collect([label, key]) AS neighbours "
            "WITH walk, neighbours[toInteger(floor(draw * size(neighbours)))] AS chosen "
            "RETURN collect([walk, chosen[0], chosen[1]]) AS steps"
        )
    # The cumulative weights of a list: each neighbour with the sum up to it; the first beyond the draw is taken.
    return (
        f"{head}WHERE weight > 0 WITH walk, draw, label, key, weight {order}"
        "WITH walk, draw, collect([label, key]) AS neighbours, collect(weight) AS weights, sum(weight) AS total "
        "WITH walk, neighbours, reduce(s = [draw * total, -1], i IN range(0, size(weights) - 1) | "
        "CASE WHEN s[0] < 0 THEN s ELSE [s[0] - weights[i], i] END)[1] AS chosen "
        "RETURN collect([walk, neighbours[toInteger(chosen)][0], neighbours[toInteger(chosen)][1]]) AS steps"
    )


def _rank(label: str) -> str:
    """Return an expression that sorts labels as the snapshot numbers node types."""
    return "CASE " + label + "".join(f" WHEN '{name}' THEN {name.code}" for name in NodeType) + " END"
