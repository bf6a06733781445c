"""The topology of a live graph: keys, internal ids and weights alone, in columns.

The server collects each column into one list: a record for each row over Bolt takes ten times as long. Edges come as
the internal ids of their ends, which no property has to be read for; the ids are forgotten with the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from graphdb.arrays import Strings, as_strings
from graphdb.csr import Indices, checked_weights
from graphdb.errors import GraphError
from graphdb.schema import EDGES, NODES, EdgeType, NodeType
from graphdb.snapshot.topology import Snapshot
from graphdb.snapshot.typed import TypedEdges
from graphdb.tables import EdgeKind

if TYPE_CHECKING:
    from graphdb.store import GraphStore

PAGE = 1_000_000
"""Nodes, and nodes whose edges are asked for, in one answer of the server."""


def read_snapshot(store: GraphStore, edge_types: Iterable[EdgeType] | None = None, *, graph_hash: str = "") -> Snapshot:
    """Read the topology out of the graph.

    Parameters
    ----------
    store
        The graph.
    edge_types
        Only edges of these types. Default: all.
    graph_hash
        Content hash of the graph, if it is known.

    Returns
    -------
    Snapshot
        That of `Snapshot.from_tables` over the whole graph: of what lacks a property of its identity, nothing.

    Raises
    ------
    GraphError
        If an edge has no weight.
    InputError
        If a weight is not a number in [0, 1].
    """
    wanted = list(EdgeType) if edge_types is None else list(edge_types)
    nodes = {node_type: _read_nodes(store, node_type) for node_type in NodeType}
    ids = np.concatenate([of_type.ids for of_type in nodes.values()])
    kinds = [EdgeKind(edge_type, *ends) for edge_type in wanted for ends in EDGES[edge_type].endpoints]
    edges = [_read_edges(store, kind, nodes[kind.source].keys) for kind in kinds if len(nodes[kind.source].ids)]
    codes = [kind.edge_type.code for kind in kinds if len(nodes[kind.source].ids)]
    src, dst = _numbers(ids, [edge.src for edge in edges]), _numbers(ids, [edge.dst for edge in edges])
    weight = np.concatenate([np.empty(0), *(edge.weight for edge in edges)])
    code = np.repeat(np.array(codes, dtype=np.uint8), [len(edge.weight) for edge in edges])
    # Ends without a key are no nodes of the context graph, and neither are their edges of it.
    whole = (src >= 0) & (dst >= 0)
    src, dst, weights = src[whole], dst[whole], checked_weights(weight[whole])
    snapshot = Snapshot.from_edges(
        np.repeat([node_type.code for node_type in NodeType], [len(of_type.ids) for of_type in nodes.values()]),
        src,
        dst,
        weights,
        np.concatenate([of_type.texts for of_type in nodes.values()]),
        graph_hash=graph_hash,
    )
    return replace(snapshot, typed=TypedEdges.of(src, dst, code[whole], weights))


class _Nodes(NamedTuple):
    """The nodes of a type in the order of the snapshot: keys as the database has them, as text, and internal ids."""

    keys: Sequence[Any]
    texts: Strings
    ids: Indices


class _Edges(NamedTuple):
    """Internal ids of the ends, and weights, (e,) each."""

    src: Indices
    dst: Indices
    weight: npt.NDArray[np.float64]


def _read_nodes(store: GraphStore, node_type: NodeType) -> _Nodes:
    key = NODES[node_type].key
    query = f"MATCH (n:{node_type}) WHERE n.{key} IS NOT NULL"
    if store.read_one(f"MATCH (n:{node_type}) RETURN count(n)") <= PAGE:
        ids, keys = store.read_one(f"{query} RETURN [collect(id(n)), collect(n.{key})]")
    else:
        ids, keys, beyond = [], [], ""
        last: dict[str, Any] = {}
        while True:
            ordered = f"{query}{beyond} WITH n ORDER BY n.{key} LIMIT {PAGE}"
            page = store.read_one(f"{ordered} RETURN [collect(id(n)), collect(n.{key})]", **last)
            ids += page[0]
            keys += page[1]
            if len(page[0]) < PAGE:
                break
            beyond, last = f" AND n.{key} > $last", {"last": page[1][-1]}
    texts = as_strings(keys) if keys else np.empty(0, dtype=np.str_)
    order = np.argsort(texts, kind="stable")
    return _Nodes(sorted(keys), texts[order], np.array(ids, dtype=np.int64)[order])


def _read_edges(store: GraphStore, kind: EdgeKind, sources: Sequence[Any]) -> _Edges:
    """Return the edges of a kind, page by page of the sorted keys of the source nodes."""
    source = NODES[kind.source].key
    conditions = [f"r.{name} IS NOT NULL" for name in EDGES[kind.edge_type].identity]
    pages: list[dict[str, Any]] = [{}]
    if len(sources) > PAGE:
        conditions += [f"a.{source} >= $first", f"a.{source} <= $last"]
        parts = [sources[begin : begin + PAGE] for begin in range(0, len(sources), PAGE)]
        pages = [{"first": part[0], "last": part[-1]} for part in parts]
    query = (
        f"MATCH (a:{kind.source})-[r:{kind.edge_type}]->(b:{kind.target}) "
        f"{'WHERE ' if conditions else ''}{' AND '.join(conditions)} "
        "RETURN [collect(id(a)), collect(id(b)), collect(r.weight)]"
    )
    columns: tuple[list[Any], list[Any], list[Any]] = ([], [], [])
    for page in pages:
        for column, values in zip(columns, store.read_one(query, **page), strict=True):
            column.extend(values)
    src, dst, weight = columns
    if len(weight) != len(src):
        raise GraphError(f"{len(src) - len(weight)} edges {kind.edge_type} have no weight")
    try:
        numbers = np.array(weight, dtype=np.float64)
    except (TypeError, ValueError):
        raise GraphError(f"an edge {kind.edge_type} has a weight that is no number") from None
    return _Edges(np.array(src, dtype=np.int64), np.array(dst, dtype=np.int64), numbers)


def _numbers(ids: Indices, columns: Sequence[Indices]) -> Indices:
    """Return where internal ids stand in `ids`; -1 for one that does not."""
    wanted = np.concatenate([np.empty(0, dtype=np.int64), *columns])
    if not len(ids):
        return np.full(len(wanted), -1, dtype=np.int64)
    order = np.argsort(ids)
    found = np.minimum(np.searchsorted(ids, wanted, sorter=order), len(ids) - 1)
    numbers = order[found]
    return np.where(ids[numbers] == wanted, numbers, -1)
