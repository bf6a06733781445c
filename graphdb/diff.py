"""What must be written to turn one context graph into another. Pure: it reads and writes nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

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
        If `wanted` is no graph: a row without a key, two rows of one identity, an edge to a node that is not there.
    """
    nodes, keys = {}, {}
    for node_type, schema in NODES.items():
        # A value that somebody wrote by hand, of another type, differs from all that is wanted, and is replaced.
        old = rows_of(present.nodes.get(node_type), schema.properties, strict=False)
        new = rows_of(wanted.nodes.get(node_type), schema.properties)
        nodes[node_type] = _changes(str(node_type), old, new, (schema.key,))
        keys[node_type] = {row[schema.key] for row in new}
    edges = {}
    for kind in sorted({*present.edges, *wanted.edges}):
        columns = edge_columns(kind)
        old = rows_of(present.edges.get(kind), columns, strict=False)
        new = rows_of(wanted.edges.get(kind), columns)
        edges[kind] = _changes(" ".join(kind), old, new, edge_identity(kind))
        for column, node_type in (("src", kind.source), ("dst", kind.target)):
            absent = {row[column] for row in new} - keys[node_type]
            if absent:
                raise GraphError(
                    f"{' '.join(kind)}: edges name {len(absent)} {node_type} that are no nodes: {sorted(absent)[0]}"
                )
    return nodes, edges


def edge_identity(kind: EdgeKind) -> tuple[str, ...]:
    """Return the columns that tell one edge from another."""
    return ("src", "dst", *EDGES[kind.edge_type].identity)


def _changes(name: str, present: list[Row], wanted: list[Row], identity: tuple[str, ...]) -> Changes:
    new = {_key(name, row, identity): row for row in wanted}
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


def _key(name: str, row: Row, identity: tuple[str, ...]) -> tuple[object, ...]:
    try:
        return tuple(row[column] for column in identity)
    except KeyError as error:
        raise GraphError(f"{name}: a row has no {error.args[0]}: {row}") from None
