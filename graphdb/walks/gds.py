"""Random walks in Neo4j by the Graph Data Science library: ``gds.randomWalk`` on a projection of the context graph.

The projection is what walks use: undirected, without self-loops, parallel edges of whatever types merged to one with
the largest weight. Walks are the same again for the same seed and the same starts, since GDS is asked for one thread;
with more it would not promise that (https://neo4j.com/docs/graph-data-science/current/algorithms/random-walk/).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from graphdb.csr import checked_numbers
from graphdb.errors import ArtefactError, GraphError
from graphdb.gds import require_gds
from graphdb.schema import NODES, EdgeType, NodeType
from graphdb.snapshot import Snapshot
from graphdb.store import GraphStore
from graphdb.walks.config import WalkConfig, Walks
from graphdb.walks.database import database_keys, key_of, label_of, require_same_graph, walked_types
from graphdb.walks.topology import with_path_weights

BATCH = 50_000
"""Walks in one answer of the server."""


class GdsSampler:
    """Walks over the graph of a store; a context manager, which makes the projection and drops it.

    Parameters
    ----------
    store
        The graph, on a Neo4j with GDS.
    snapshot
        Made of this graph; walks are in its numbering.
    config
        Settings.
    excluded
        Node numbers that no walk may touch.

    Raises
    ------
    GraphError
        If the server has no GDS.
    ArtefactError
        If the snapshot is of another graph.
    """

    name = "gds"

    def __init__(self, store: GraphStore, snapshot: Snapshot, config: WalkConfig, excluded: npt.ArrayLike = ()) -> None:
        require_gds(store)
        require_same_graph(store, snapshot)
        left_out = checked_numbers(np.asarray(excluded, dtype=np.int64), snapshot.number_of_nodes)
        self._store = store
        self._config = config
        self._types = walked_types(snapshot, config)
        self._topology = config.topology(snapshot.without(left_out) if len(left_out) else snapshot)
        self._name = f"walks-{secrets.token_hex(8)}"
        self._ids = _ids(store, snapshot)
        self._order = np.argsort(self._ids)
        self._left_out = left_out
        self._projected = False

    def __enter__(self) -> Self:
        if self._topology.number_of_edges:
            try:
                self._project()
            except BaseException:
                self._drop()
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._drop()

    def sample(self, starts: npt.ArrayLike, epoch: int = 0) -> Walks:
        """Walk from every start, as `graphdb.walks.memory.sample` does.

        Walk r of a start depends on the other starts of the call as well: GDS draws for all of them together.
        """
        config, topology = self._config, self._topology
        first = checked_numbers(starts, topology.number_of_nodes)
        nodes = np.full((len(first), config.walks_per_node, config.length + 1), -1, dtype=np.int32)
        nodes[:, :, 0] = first[:, None]
        if config.length and self._projected:
            # GDS takes a start once, and gives none from a node without an edge.
            unique, where = np.unique(first, return_inverse=True)
            walked = np.full((len(unique), config.walks_per_node, config.length + 1), -1, dtype=np.int32)
            walked[:, :, 0] = unique[:, None]
            able = np.flatnonzero(topology.degree[unique] > 0)
            size = max(1, BATCH // config.walks_per_node)
            for begin in range(0, len(able), size):
                chunk = able[begin : begin + size]
                self._walk(walked, unique, chunk, epoch, begin)
            nodes = walked[where]
        return with_path_weights(topology, nodes.reshape(-1, config.length + 1))

    def _walk(
        self,
        walked: npt.NDArray[np.int32],
        unique: npt.NDArray[np.int64],
        chunk: npt.NDArray[np.int64],
        epoch: int,
        begin: int,
    ) -> None:
        config = self._config
        found = self._store.read_one(
            "CALL gds.randomWalk.stream($name, $options) YIELD nodeIds RETURN collect(nodeIds) AS walks",
            name=self._name,
            options={
                "sourceNodes": self._ids[unique[chunk]].tolist(),
                # In nodes, the start among them.
                "walkLength": config.length + 1,
                "walksPerNode": config.walks_per_node,
                "returnFactor": float(config.p),
                "inOutFactor": float(config.q),
                "randomSeed": _seed(self._topology.id, config, epoch, begin),
                "concurrency": 1,
                **({"relationshipWeightProperty": "weight"} if config.weighted else {}),
            },
        )
        width = config.length + 1
        database = np.full((len(found), width), -1, dtype=np.int64)
        lengths = np.fromiter(map(len, found), dtype=np.int64, count=len(found))
        database[np.arange(width) < lengths[:, None]] = np.fromiter(
            (node for walk in found for node in walk), dtype=np.int64, count=int(lengths.sum())
        )
        numbers = self._numbers(database)
        # They come in any order: put the walks of each start together.
        row = np.searchsorted(unique, numbers[:, 0])
        order = np.argsort(row, kind="stable")
        row = row[order]
        counts = np.bincount(row, minlength=len(unique))
        if counts.max(initial=0) > config.walks_per_node:
            raise GraphError("gds.randomWalk gave more walks than it was asked for")
        rank = np.arange(len(row)) - np.concatenate([[0], np.cumsum(counts)])[row]
        walked[row, rank] = numbers[order]

    def _numbers(self, database: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
        """Return the snapshot's numbers of the database's ids; -1 stays."""
        ids = self._ids[self._order]
        there = database >= 0
        found = np.searchsorted(ids, database[there])
        if len(found) and not (ids[np.minimum(found, len(ids) - 1)] == database[there]).all():
            raise ArtefactError(f"{self._store.uri}: the graph has changed during the walks")
        numbers = np.full(database.shape, -1, dtype=np.int32)
        numbers[there] = self._order[found]
        return numbers

    def _project(self) -> None:
        keys = {str(name): database_keys(self._topology, self._left_out, name) for name in NodeType}
        edges: int = self._store.read_one(
            _projection(self._types, weighted=self._config.weighted), name=self._name, excluded=keys
        )
        self._projected = edges > 0

    def _drop(self) -> None:
        self._store.read("CALL gds.graph.drop($name, false) YIELD graphName RETURN graphName", name=self._name)
        self._projected = False


def sample(store: GraphStore, snapshot: Snapshot, starts: npt.ArrayLike, config: WalkConfig, epoch: int = 0) -> Walks:
    """Walk from every start once; see `GdsSampler`."""
    with GdsSampler(store, snapshot, config) as sampler:
        return sampler.sample(starts, epoch)


def _projection(edge_types: Sequence[EdgeType], *, weighted: bool) -> str:
    kept = " AND ".join(
        f"{key_of(end)} IS NOT NULL AND NOT {key_of(end)} IN $excluded[{label_of(end)}]" for end in ("a", "b")
    )
    return (
        f"MATCH (a)-[r:{'|'.join(edge_types)}]->(b) WHERE a <> b AND {kept} "
        "WITH CASE WHEN id(a) < id(b) THEN a ELSE b END AS source, "
        "CASE WHEN id(a) < id(b) THEN b ELSE a END AS target, "
        "max(r.weight) AS weight "
        # An edge of weight 0 is never taken where weights count.
        + ("WHERE weight > 0 " if weighted else "")
        + "WITH gds.graph.project($name, source, target, {relationshipProperties: {weight: weight}}, "
        "{undirectedRelationshipTypes: ['*'], readConcurrency: 1}) AS graph RETURN coalesce(graph.relationshipCount, 0)"
    )


def _ids(store: GraphStore, snapshot: Snapshot) -> npt.NDArray[np.int64]:
    """Return the database's id of every node of the snapshot (n,)."""
    ids = np.full(snapshot.number_of_nodes, -1, dtype=np.int64)
    for node_type in NodeType:
        key = NODES[node_type].key
        found, names = store.read_one(
            f"MATCH (n:{node_type}) WHERE n.{key} IS NOT NULL RETURN [collect(id(n)), collect(n.{key})]"
        )
        numbers = snapshot.index_of(node_type, names)
        ids[numbers[numbers >= 0]] = np.array(found, dtype=np.int64)[numbers >= 0]
    if (ids < 0).any():
        raise ArtefactError(f"{store.uri}: the graph lacks nodes of the snapshot; make the snapshot again")
    return ids


def _seed(topology_id: str, config: WalkConfig, epoch: int, begin: int) -> int:
    """Return GDS's seed for a part of an epoch, below 2^63."""
    text = f"gds walks\n{topology_id}\n{config.seed}\n{epoch}\n{begin}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1
