"""The context graph out of the database, as tables.

The server collects the rows of a page into one list: a record for each of them over Bolt takes ten times as long.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from graphdb.schema import EDGES, NODES, NodeType, PropertyType
from graphdb.store import GraphStore
from graphdb.tables import EdgeKind, GraphTables, TablesWhenAsked

PAGE = 50_000


def read_tables(store: GraphStore) -> GraphTables:
    """Read the whole context graph: the node types, edge types and properties of the schema, nothing else.

    What lacks a property of its identity (a Molecule without an InChIKey, a similarity edge without a feature space)
    was written by somebody else: no load makes it or could find it again. It is no part of the context graph.
    """
    stored = stored_tables(store)
    nodes = {node_type: table for node_type, table in stored.nodes.items() if len(table)}
    return GraphTables(nodes, {kind: table for kind, table in stored.edges.items() if len(table)})


def stored_tables(store: GraphStore) -> GraphTables:
    """Return the context graph in the database as tables that are read when they are asked for, each time anew.

    So only one of them is in memory at a time. Those of types that the graph does not have are empty.
    """
    kinds = [EdgeKind(edge_type, *ends) for edge_type, schema in EDGES.items() for ends in schema.endpoints]
    return GraphTables(
        TablesWhenAsked(list(NODES), lambda node_type: read_nodes(store, node_type)),
        TablesWhenAsked(kinds, lambda kind: read_edges(store, kind)),
    )


def read_nodes(store: GraphStore, node_type: NodeType) -> pd.DataFrame:
    """Read the nodes of one type."""
    schema = NODES[node_type]
    fields = {name: f"n.{name}" for name in schema.properties}
    return _typed(_read(store, f"MATCH (n:{node_type})", fields, f"n.{schema.key}"), schema.properties)


def read_edges(store: GraphStore, kind: EdgeKind) -> pd.DataFrame:
    """Read the edges of one kind."""
    schema, source, target = EDGES[kind.edge_type], NODES[kind.source], NODES[kind.target]
    fields = {"src": f"a.{source.key}", "dst": f"b.{target.key}"}
    identity = [*fields.values(), *(f"r.{name}" for name in schema.identity)]
    fields |= {name: f"r.{name}" for name in schema.properties}
    whole = " AND ".join(f"{name} IS NOT NULL" for name in identity)
    match = f"MATCH (a:{kind.source})-[r:{kind.edge_type}]->(b:{kind.target}) WHERE {whole}"
    ends: dict[str, PropertyType] = {"src": source.key_type, "dst": target.key_type}
    return _typed(_read(store, match, fields, None), {**ends, **schema.properties})


def _read(store: GraphStore, match: str, fields: Mapping[str, str], order: str | None) -> pd.DataFrame:
    """Return a column a field. ``collect`` drops nulls, so each row is collected as a list.

    Nodes are paged by their key. Edges have none, so they are collected in one answer (0.4 M edges: 60 MB).
    """
    row = "[" + ", ".join(fields.values()) + "]"
    if order is None:
        rows = store.read_one(f"{match} RETURN collect({row}) AS rows")
        return pd.DataFrame(rows, columns=list(fields), dtype=object)
    rows, last = [], None
    while True:
        beyond = f"WHERE {order} IS NOT NULL" if last is None else f"WHERE {order} > $last"
        query = f"{match} {beyond} WITH n ORDER BY {order} LIMIT {PAGE} RETURN collect({row}) AS rows"
        page = store.read_one(query, **({} if last is None else {"last": last}))
        rows += page
        if len(page) < PAGE:
            return pd.DataFrame(rows, columns=list(fields), dtype=object)
        last = page[-1][list(fields.values()).index(order)]


def _typed(table: pd.DataFrame, properties: Mapping[str, PropertyType]) -> pd.DataFrame:
    """Drop columns that are empty throughout; keep Python's own values (an integer column with gaps stays integer)."""
    filled: list[str] = [name for name in properties if table[name].notna().any()]
    return table[filled].reset_index(drop=True)
