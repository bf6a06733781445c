"""The content hash of a context graph: equal for equal nodes and edges, whatever their order or internal ids."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from graphdb.errors import GraphError
from graphdb.schema import EDGES, NODES, SCHEMA_VERSION, PropertyType
from graphdb.tables import EdgeKind, GraphTables

Row = dict[str, Any]

# One encoder for all rows: `json.dumps` with options makes a new one for each.
_encode = json.JSONEncoder(ensure_ascii=False).encode


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
        _update(digest, " ".join(kind), rows_of(tables.edges[kind], edge_columns(kind)))
    return digest.hexdigest()


def edge_columns(kind: EdgeKind) -> dict[str, PropertyType]:
    """Return the columns of an edge table: the keys of both ends, then the properties."""
    ends = {"src": NODES[kind.source].key_type, "dst": NODES[kind.target].key_type}
    return {**ends, **EDGES[kind.edge_type].properties}


def rows_of(table: pd.DataFrame | None, properties: Mapping[str, PropertyType], *, strict: bool = True) -> list[Row]:
    """Return the rows of a table as the database keeps them: plain values, nothing for what is missing.

    Parameters
    ----------
    table
        Columns that are no property are an error; properties without a column are missing.
    properties
        Names and types.
    strict
        Whether a value of another type is an error; else it stays as it is.

    Returns
    -------
    list
        A dict a row; names in alphabetical order.

    Raises
    ------
    GraphError
        If a value is of another type than the schema says.
    """
    columns = columns_of(table, properties, strict=strict)
    names = list(columns)
    return [
        {name: value for name, value in zip(names, values, strict=True) if value is not None}
        for values in zip(*columns.values(), strict=True)
    ]


def columns_of(
    table: pd.DataFrame | None, properties: Mapping[str, PropertyType], *, strict: bool = True
) -> dict[str, list[Any]]:
    """Return the columns of a table as the database keeps them: plain values, None for what is missing.

    Parameters and errors are those of `rows_of`. Names are in alphabetical order; an empty table has no columns.
    """
    if table is None or table.empty:
        return {}
    unknown = set(table.columns) - set(properties)
    if unknown:
        raise ValueError(f"columns that the schema does not know: {sorted(unknown)}")
    columns = {}
    for name in sorted(table.columns):
        values = table[name].tolist()
        try:
            columns[name] = _plain_column(values, properties[name])
        except (ValueError, TypeError, OverflowError) as error:
            if strict:
                raise GraphError(f"property {name}: {error}") from None
            columns[name] = [_plain_or_raw(value, properties[name]) for value in values]
    return columns


def plain(value: Any, kind: PropertyType) -> Any:
    """Return one value in the type that the schema says; None for None, NaN, NA and the empty list.

    A float whose value is whole stays a float: Neo4j keeps the two apart.

    Raises
    ------
    ValueError
        If the value is of another type and cannot be brought to this one unchanged.
    """
    return _plain_column([value], kind)[0]


def _plain_or_raw(value: Any, kind: PropertyType) -> Any:
    try:
        return plain(value, kind)
    except (ValueError, TypeError, OverflowError):
        return value


def _plain_column(values: Sequence[Any], kind: PropertyType) -> list[Any]:
    if kind == "strings":
        return [_strings(value) for value in values]
    missing = [value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)) for value in values]
    match kind:
        case "string":
            return [None if gone else str(value) for value, gone in zip(values, missing, strict=True)]
        case "integer":
            return [None if gone else _integer(value) for value, gone in zip(values, missing, strict=True)]
        case "float":
            # + 0.0: minus zero and zero are one number, and compare as equal in a diff.
            return [None if gone else float(value) + 0.0 for value, gone in zip(values, missing, strict=True)]
        case "boolean":
            return [None if gone else bool(value) for value, gone in zip(values, missing, strict=True)]


def _integer(value: Any) -> int:
    number = int(value)
    if number != value:
        raise ValueError(f"expected a whole number, got {value!r}")
    return number


def _strings(value: Any) -> list[str] | None:
    """Return a sorted list; None for an empty one: no list and a list of nothing are the same."""
    if isinstance(value, list | tuple | set | frozenset | np.ndarray):
        return sorted(map(str, value)) or None
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return None
    raise ValueError(f"expected a list of strings, got {value!r}")


def _update(digest: Any, name: str, rows: Iterable[Row]) -> None:
    lines = sorted(map(_encode, rows))
    if lines:
        digest.update(f"{name} {len(lines)}\n".encode())
        digest.update("\n".join(lines).encode())
