"""The context graph as CSV for ``neo4j-admin database import full``: a first load without a running server.

Source: Neo4j Operations Manual 5, "Import" (headers with types, id spaces, quoting). The importer overwrites the whole
database, so this is for a graph that is made anew; `graphdb.sync` is for every other load.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from graphdb.content import columns_of, edge_columns
from graphdb.diff import check
from graphdb.errors import InputError
from graphdb.files import replacing_folder
from graphdb.meta import GraphMeta, properties_of
from graphdb.schema import META_LABEL, NODES, NodeType, PropertyType
from graphdb.tables import EdgeKind, GraphTables

LIST_SEPARATOR = "\x1f"
"""Between the parts of a list: ASCII's own unit separator, which no name holds."""

_TYPES: Mapping[PropertyType, str] = {
    "string": "string",
    "integer": "long",
    "float": "double",
    "boolean": "boolean",
    "strings": "string[]",
}
_ARROW: Mapping[PropertyType, pa.DataType] = {
    "string": pa.string(),
    "integer": pa.int64(),
    "float": pa.float64(),
    "boolean": pa.bool_(),
    "strings": pa.string(),
}
_META: Mapping[str, PropertyType] = {
    "name": "string",
    "sources": "strings",
    "state": "string",
    "content_hash": "string",
    "target": "string",
    "edited": "boolean",
    "schema_version": "integer",
    "version": "integer",
    "updated": "string",
}


def write_csv(tables: GraphTables, meta: GraphMeta, folder: Path, *, database: str = "neo4j") -> list[str]:
    """Write the whole graph as CSV, and return the arguments with which ``neo4j-admin`` imports it.

    The keys stay properties of the nodes; what joins an edge to its ends is the row of either, in an id space for each
    node type. After the import the server has neither constraints nor indexes: `GraphStore.ensure_schema` makes them.

    Parameters
    ----------
    tables
        The whole context graph.
    meta
        What it will say of itself: complete, with the content hash of `tables`.
    folder
        Where the files go; replaced as a whole.
    database
        The database that the import overwrites.

    Returns
    -------
    list
        ``database import full …``, for `graphdb.neo4j_server.admin`; the server must be stopped.

    Raises
    ------
    GraphError
        If `tables` are no graph (see `graphdb.diff.check`), or a value is of another type than the schema says.
    InputError
        If a list cannot be written: one of its parts holds U+001F, or it is a list of one empty text.
    """
    if "," in str(folder.resolve()):
        raise InputError("neo4j-admin takes no folder with a comma in its name", path=folder)
    check(tables)
    files: list[str] = []
    multiline = False
    with replacing_folder(folder) as temporary:
        keys: dict[NodeType, pd.Index] = {}
        for node_type, schema in NODES.items():
            columns = columns_of(tables.nodes.get(node_type), schema.properties)
            if not columns:
                continue
            keys[node_type] = pd.Index(columns[schema.key])
            table = _Table(f"nodes-{node_type}", {f":ID({node_type})": pa.array(range(len(keys[node_type])))})
            multiline |= table.add(columns, schema.properties)
            table.write(temporary)
            files.append(f"--nodes={node_type}={folder.resolve() / table.file}")
        for kind, edges in tables.edges.items():
            columns = columns_of(edges, edge_columns(kind))
            if not columns:
                continue
            table = _Table(f"edges-{'-'.join(kind)}", _ends(kind, keys, columns.pop("src"), columns.pop("dst")))
            multiline |= table.add(columns, edge_columns(kind))
            table.write(temporary)
            files.append(f"--relationships={kind.edge_type}={folder.resolve() / table.file}")
        table = _Table(f"nodes-{META_LABEL}", {f":ID({META_LABEL})": pa.array([0])})
        multiline |= table.add({name: [value] for name, value in properties_of(meta).items()}, _META)
        table.write(temporary)
        files.append(f"--nodes={META_LABEL}={folder.resolve() / table.file}")
    return [
        *("database", "import", "full", database),
        "--overwrite-destination=true",
        "--id-type=integer",
        f"--array-delimiter=U+{ord(LIST_SEPARATOR):04X}",
        # Slower, so only where a text has more than one line.
        f"--multiline-fields={str(multiline).lower()}",
        "--bad-tolerance=0",
        f"--report-file={folder.resolve() / 'import.report'}",
        *files,
    ]


class _Table:
    """One CSV file with its header, column by column."""

    def __init__(self, name: str, columns: Mapping[str, pa.Array]) -> None:
        self.file = f"{name}.csv"
        self._columns = dict(columns)

    def add(self, columns: Mapping[str, Sequence[Any]], types: Mapping[str, PropertyType]) -> bool:
        """Add properties; return whether a text among them has several lines."""
        multiline = False
        for name, values in columns.items():
            kind = types[name]
            texts = values
            if kind == "strings":
                texts = [None if value is None else _joined(name, value) for value in values]
            column = pa.array(texts, _ARROW[kind])
            if kind in {"string", "strings"}:
                multiline |= any("\n" in text or "\r" in text for text in texts if text is not None)
            elif kind == "float":
                column = _java_floats(column)
            self._columns[f"{name}:{_TYPES[kind]}"] = column
        return multiline

    def write(self, folder: Path) -> None:
        """Write the file."""
        path = folder / self.file
        with path.open("wb") as file:
            file.write((",".join(self._columns) + "\n").encode())
            # Quotes around every text: an empty one is a text, nothing at all is a missing value.
            options = csv.WriteOptions(include_header=False, quoting_style="needed")
            csv.write_csv(pa.table(self._columns), file, options)
            file.flush()
            os.fsync(file.fileno())


def _ends(
    kind: EdgeKind, keys: Mapping[NodeType, pd.Index], sources: Sequence[Any], targets: Sequence[Any]
) -> dict[str, pa.Array]:
    return {
        f":START_ID({kind.source})": pa.array(keys[kind.source].get_indexer(pd.Index(sources))),
        f":END_ID({kind.target})": pa.array(keys[kind.target].get_indexer(pd.Index(targets))),
    }


def _joined(name: str, values: Sequence[str]) -> str:
    text = LIST_SEPARATOR.join(values)
    if not text or text.count(LIST_SEPARATOR) != len(values) - 1:
        raise InputError(f"{name}: {values!r} cannot be written for a bulk import; load this graph without it")
    return text


def _java_floats(column: pa.Array) -> pa.Array:
    """Return floats; where one is infinite, as texts that Java reads."""
    if not pc.any(pc.is_inf(column)).as_py():
        return column
    texts = (None if value is None else repr(value).replace("inf", "Infinity") for value in column.to_pylist())
    return pa.array(texts, pa.string())
