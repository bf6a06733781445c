"""The context graph out of the database, as tables.

The server collects the rows of a page into one list: a record for each of them over Bolt takes ten times as long.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from graphdb.schema import EDGES, NODES, PropertyType
from graphdb.store import GraphStore
from graphdb.tables import EdgeKind, GraphTables

PAGE = 50_000


def read_tables(store: GraphStore) -> GraphTables:
    """Read the whole context graph: the node types, edge types and properties of the schema, nothing else.

    What lacks a property of its identity (a Molecule without an InChIKey, a similarity edge without a feature space)
    was written by somebody else: no load makes it or could find it again. It is no part of the context graph.
    """
    nodes = {}
    for node_type, schema in NODES.items():
        match = f"MATCH (n:{node_type})"
        table = _read(store, match, {name: f"n.{name}" for name in schema.properties}, f"n.{schema.key}")
        if len(table):
            nodes[node_type] = _typed(table, schema.properties)
    edges = {}
    for edge_type, edge_schema in EDGES.items():
        for source, target in edge_schema.endpoints:
            ends: dict[str, PropertyType] = {"src": NODES[source].key_type, "dst": NODES[target].key_type}
            fields = {"src": f"a.{NODES[source].key}", "dst": f"b.{NODES[target].key}"}
            identity = [*fields.values(), *(f"r.{name}" for name in edge_schema.identity)]
            fields |= {name: f"r.{name}" for name in edge_schema.properties}
            whole = " AND ".join(f"{name} IS NOT NULL" for name in identity)
            match = f"MATCH (a:{source})-[r:{edge_type}]->(b:{target}) WHERE {whole}"
            table = _read(store, match, fields, None)
            if len(table):
                edges[EdgeKind(edge_type, source, target)] = _typed(table, {**ends, **edge_schema.properties})
    return GraphTables(nodes, edges)


def _read(store: GraphStore, match: str, fields: Mapping[str, str], order: str | None) -> pd.DataFrame:
    """Return a column a field. ``collect`` drops nulls, so each row is collected as a list.

    Nodes are paged by their key. Edges have none, so they are collected in one answer (0.4 M edges: 60 MB).
    """
    row = "[" + ", ".join(fields.values()) + "]"
    if order is None:
        rows = store.read(f"{match} RETURN collect({row}) AS rows")[0]["rows"]
        return pd.DataFrame(rows, columns=list(fields), dtype=object)
    rows, last = [], None
    while True:
        beyond = f"WHERE {order} IS NOT NULL" if last is None else f"WHERE {order} > $last"
        query = f"{match} {beyond} WITH n ORDER BY {order} LIMIT {PAGE} RETURN collect({row}) AS rows"
        page = store.read(query, **({} if last is None else {"last": last}))[0]["rows"]
        rows += page
        if len(page) < PAGE:
            return pd.DataFrame(rows, columns=list(fields), dtype=object)
        last = page[-1][list(fields.values()).index(order)]


def _typed(table: pd.DataFrame, properties: Mapping[str, PropertyType]) -> pd.DataFrame:
    """Drop columns that are empty throughout; keep Python's own values (an integer column with gaps stays integer)."""
    filled: list[str] = [name for name in properties if table[name].notna().any()]
    return table[filled].reset_index(drop=True)
