"""What must be written to turn one context graph into another. Pure: it reads and writes nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from graphdb.content import Row, edge_columns, rows_of
from graphdb.errors import GraphError
from graphdb.schema import EDGES, NODES, NodeType
from graphdb.tables import EdgeKind, GraphTables


@dataclass(frozen=True)
class Changes:
    """The difference of two tables of one type, as rows to write.

    Attributes
    ----------
    added, updated
        Whole rows; an updated row also lists under ``None``-valued names what must be taken away.
    deleted
        Rows of which the identity alone counts.
    unchanged
        How many rows are the same.
    """

    added: list[Row] = field(default_factory=list)
    updated: list[Row] = field(default_factory=list)
    deleted: list[Row] = field(default_factory=list)
    unchanged: int = 0

    @property
    def total(self) -> int:
        """Number of rows that differ."""
        return len(self.added) + len(self.updated) + len(self.deleted)


def diff(present: GraphTables, wanted: GraphTables) -> tuple[dict[NodeType, Changes], dict[EdgeKind, Changes]]:
    """Return what must be written to turn `present` into `wanted`, by node type and edge kind.

    Raises
    ------
    GraphError
        If `wanted` is no graph (see `check`).
    """
    check(wanted)
    nodes = {
        node_type: diff_nodes(node_type, present.nodes.get(node_type), wanted.nodes.get(node_type))
        for node_type in NODES
    }
    edges = {
        kind: diff_edges(kind, present.edges.get(kind), wanted.edges.get(kind))
        for kind in sorted({*present.edges, *wanted.edges})
    }
    return nodes, edges


def diff_nodes(node_type: NodeType, present: pd.DataFrame | None, wanted: pd.DataFrame | None) -> Changes:
    """Return what must be written to turn the nodes of one type into those that are wanted."""
    schema = NODES[node_type]
    # A value that somebody wrote by hand, of another type, differs from all that is wanted, and is replaced.
    old = rows_of(present, schema.properties, strict=False)
    return _changes(str(node_type), old, rows_of(wanted, schema.properties), (schema.key,))


def diff_edges(kind: EdgeKind, present: pd.DataFrame | None, wanted: pd.DataFrame | None) -> Changes:
    """Return what must be written to turn the edges of one kind into those that are wanted."""
    columns = edge_columns(kind)
    return _changes(
        " ".join(kind), rows_of(present, columns, strict=False), rows_of(wanted, columns), edge_identity(kind)
    )


def check(graph: GraphTables) -> None:
    """Check that tables are a graph.

    Raises
    ------
    GraphError
        If a row has no key, two rows have one identity, or an edge names a node that is not there.
    """
    keys: dict[NodeType, set[object]] = {}
    for node_type, schema in NODES.items():
        table = graph.nodes.get(node_type)
        _check_identity(str(node_type), table, (schema.key,))
        keys[node_type] = set() if table is None or table.empty else set(table[schema.key].tolist())
    for kind, table in graph.edges.items():
        _check_identity(" ".join(kind), table, edge_identity(kind))
        for column, node_type in (("src", kind.source), ("dst", kind.target)):
            absent = set() if table.empty else set(table[column].tolist()) - keys[node_type]
            if absent:
                raise GraphError(
                    f"{' '.join(kind)}: edges name {len(absent)} {node_type} that are no nodes: {min(map(str, absent))}"
                )


def _check_identity(name: str, table: pd.DataFrame | None, identity: tuple[str, ...]) -> None:
    if table is None or table.empty:
        return
    for column in identity:
        missing = table[column].isna() if column in table else pd.Series([True])
        if missing.any():
            row = table.iloc[int(missing.to_numpy().argmax())].to_dict()
            raise GraphError(f"{name}: a row has no {column}: {row}")
    repeated = int(table.duplicated(list(identity)).sum())
    if repeated:
        raise GraphError(f"{name}: {repeated} rows repeat another's identity ({', '.join(identity)})")


def edge_identity(kind: EdgeKind) -> tuple[str, ...]:
    """Return the columns that tell one edge from another."""
    return ("src", "dst", *EDGES[kind.edge_type].identity)


def _changes(name: str, present: list[Row], wanted: list[Row], identity: tuple[str, ...]) -> Changes:
    new = {tuple(row[column] for column in identity): row for row in wanted}
    if len(new) != len(wanted):
        raise GraphError(f"{name}: {len(wanted) - len(new)} rows repeat another's identity ({', '.join(identity)})")
    old: dict[tuple[object, ...], Row] = {}
    repeated: set[tuple[object, ...]] = set()
    for row in present:
        key = tuple(row.get(column) for column in identity)
        if key in old:
            repeated.add(key)
        old[key] = row
    changes = Changes(unchanged=sum(key not in repeated and old.get(key) == row for key, row in new.items()))
    for key, row in new.items():
        if key not in old or key in repeated:
            changes.added.append(row)
        elif old[key] != row:
            changes.updated.append({**dict.fromkeys(old[key]), **row})
    # What is there twice (edges have no constraint) goes altogether, and comes back once.
    changes.deleted.extend(row for key, row in old.items() if key not in new or key in repeated)
    return changes
