"""The topology of a live graph: keys and weights alone, in columns.

The server collects each column of a page into one list: a record for each row over Bolt takes ten times as long.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from graphdb.errors import GraphError
from graphdb.schema import EDGES, NODES, EdgeType, NodeType
from graphdb.snapshot.topology import Snapshot
from graphdb.tables import EdgeKind, GraphTables

if TYPE_CHECKING:
    from graphdb.store import GraphStore

PAGE = 50_000
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
    keys = {node_type: list(_read_keys(store, node_type)) for node_type in NodeType}
    kinds = [EdgeKind(edge_type, *ends) for edge_type in wanted for ends in EDGES[edge_type].endpoints]
    return Snapshot.from_tables(
        GraphTables(
            {node_type: pd.DataFrame({NODES[node_type].key: keys[node_type]}) for node_type in NodeType},
            {kind: _read_edges(store, kind, keys[kind.source]) for kind in kinds if keys[kind.source]},
        ),
        graph_hash,
        wanted,
    )


def _read_keys(store: GraphStore, node_type: NodeType) -> Iterator[Any]:
    """Yield the keys of the nodes of a type, ascending."""
    key = NODES[node_type].key
    beyond = f"n.{key} IS NOT NULL"
    last: dict[str, Any] = {}
    while True:
        page = store.read_one(
            f"MATCH (n:{node_type}) WHERE {beyond} WITH n.{key} AS key ORDER BY key LIMIT {PAGE} RETURN collect(key)",
            **last,
        )
        yield from page
        if len(page) < PAGE:
            return
        beyond, last = f"n.{key} > $last", {"last": page[-1]}


def _read_edges(store: GraphStore, kind: EdgeKind, sources: Sequence[Any]) -> pd.DataFrame:
    """Return source, target and weight of the edges of a kind, page by page of the source nodes."""
    source, target = NODES[kind.source].key, NODES[kind.target].key
    whole = " AND ".join(f"{name} IS NOT NULL" for name in (f"b.{target}", *_identity(kind)))
    query = (
        f"MATCH (a:{kind.source}) WHERE a.{source} >= $first AND a.{source} <= $last "
        f"MATCH (a)-[r:{kind.edge_type}]->(b:{kind.target}) WHERE {whole} "
        f"RETURN [collect(a.{source}), collect(b.{target}), collect(r.weight)]"
    )
    columns: tuple[list[Any], list[Any], list[Any]] = ([], [], [])
    for begin in range(0, len(sources), PAGE):
        page = sources[begin : begin + PAGE]
        for column, values in zip(columns, store.read_one(query, first=page[0], last=page[-1]), strict=True):
            column.extend(values)
    if len(columns[2]) != len(columns[0]):
        raise GraphError(f"{len(columns[0]) - len(columns[2])} edges {kind.edge_type} have no weight")
    return pd.DataFrame(dict(zip(("src", "dst", "weight"), columns, strict=True)))


def _identity(kind: EdgeKind) -> Iterator[str]:
    return (f"r.{name}" for name in EDGES[kind.edge_type].identity)
