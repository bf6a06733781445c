"""The content hash of a context graph: equal for equal nodes and edges, whatever their order or internal ids."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from graphdb.schema import EDGES, NODES, SCHEMA_VERSION, PropertyType
from graphdb.tables import GraphTables

Row = dict[str, Any]


def content_hash(tables: GraphTables) -> str:
    """Return the content hash, 64 hexadecimal digits.

    Every node and edge becomes one line of JSON with sorted names and without missing values; the lines are sorted by
    type and hashed with SHA-256. So a missing value, a missing column and an empty list are the same, and floats count
    exactly.
    """
    digest = hashlib.sha256(f"schema {SCHEMA_VERSION}\n".encode())
    for node_type, schema in NODES.items():
        _update(digest, str(node_type), rows_of(tables.nodes.get(node_type), schema.properties))
    for kind in sorted(tables.edges):
        properties = {"src": NODES[kind.source].key_type, "dst": NODES[kind.target].key_type}
        rows = rows_of(tables.edges[kind], {**properties, **EDGES[kind.edge_type].properties})
        _update(digest, " ".join(kind), rows)
    return digest.hexdigest()


def rows_of(table: pd.DataFrame | None, properties: Mapping[str, PropertyType]) -> list[Row]:
    """Return the rows of a table as the database keeps them: plain values, nothing for what is missing.

    Parameters
    ----------
    table
        Columns that are no property are an error; properties without a column are missing.
    properties
        Names and types.
    """
    if table is None or table.empty:
        return []
    unknown = set(table.columns) - set(properties)
    if unknown:
        raise ValueError(f"columns that the schema does not know: {sorted(unknown)}")
    names = sorted(table.columns)
    columns = [[plain(value, properties[name]) for value in table[name].tolist()] for name in names]
    return [
        {name: value for name, value in zip(names, values, strict=True) if value is not None}
        for values in zip(*columns, strict=True)
    ]


def plain(value: Any, kind: PropertyType) -> Any:
    """Return one value in the type that the schema says; None for None, NaN, NA and the empty list.

    A float whose value is whole stays a float: Neo4j keeps the two apart.
    """
    if kind == "strings":
        return sorted(str(item) for item in value) if isinstance(value, list | tuple) and len(value) else None
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return None
    match kind:
        case "string":
            return str(value)
        case "integer":
            return int(value)
        case "float":
            return float(value)
        case "boolean":
            return bool(value)


def _update(digest: Any, name: str, rows: Iterable[Row]) -> None:
    lines = sorted(json.dumps(row, sort_keys=True, ensure_ascii=False) for row in rows)
    if lines:
        digest.update(f"{name} {len(lines)}\n".encode())
        digest.update("\n".join(lines).encode())
