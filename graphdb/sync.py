"""Make the graph hold exactly these tables: read what is there, write the difference.

Killed at any moment and run again it ends in the same state: every batch is one transaction, and each is such that
sending it twice is as sending it once.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from rich.progress import Progress

from graphdb.console import progress
from graphdb.content import Row, content_hash
from graphdb.diff import Changes, check, diff_edges, diff_nodes, edge_identity
from graphdb.errors import GraphError, InputError
from graphdb.export import stored_tables
from graphdb.meta import GraphMeta, read_meta, write_meta
from graphdb.schema import EDGES, NODES, EdgeSchema, NodeType
from graphdb.store import GraphStore
from graphdb.tables import EdgeKind, GraphTables


@dataclass(frozen=True)
class Counts:
    """How many nodes or edges of one kind a load wrote."""

    added: int
    updated: int
    deleted: int
    unchanged: int

    @classmethod
    def of(cls, changes: Changes) -> Counts:
        """Return the counts of changes."""
        return cls(len(changes.added), len(changes.updated), len(changes.deleted), changes.unchanged)


@dataclass(frozen=True)
class SyncReport:
    """What a load did.

    Attributes
    ----------
    content_hash
        Of the graph as read back.
    nodes, edges
        How many were written, by type.
    write_seconds
        How long the writing took, without reading and comparing.
    """

    content_hash: str
    nodes: Mapping[NodeType, Counts]
    edges: Mapping[EdgeKind, Counts]
    write_seconds: float = 0.0

    @property
    def total_added(self) -> int:
        """Nodes and edges that were not there."""
        return sum(counts.added for counts in self._all)

    @property
    def total_updated(self) -> int:
        """Nodes and edges with another property."""
        return sum(counts.updated for counts in self._all)

    @property
    def total_deleted(self) -> int:
        """Nodes and edges that are no longer wanted."""
        return sum(counts.deleted for counts in self._all)

    @property
    def unchanged(self) -> bool:
        """Whether the graph already held all of it, and nothing else."""
        return not (self.total_added or self.total_updated or self.total_deleted)

    @property
    def _all(self) -> list[Counts]:
        return [*self.nodes.values(), *self.edges.values()]


def check_sources(meta: GraphMeta | None, sources: Sequence[str], *, add: bool, replace: bool) -> None:
    """Refuse to mix or to empty a graph that holds other sources, unless that is asked for.

    Raises
    ------
    InputError
        If the graph holds a source that is not among `sources`, and neither `add` nor `replace` is given.
    """
    others = sorted(set(meta.sources) - set(sources)) if meta is not None else []
    if others and not add and not replace:
        raise InputError(
            f"the graph holds {', '.join(others)}; "
            f"say --add to keep it beside {', '.join(sources)}, or --replace to remove it"
        )


def sync(store: GraphStore, wanted: GraphTables, *, sources: Sequence[str]) -> SyncReport:
    """Make the graph hold exactly `wanted`.

    Nodes with labels outside the schema, and properties outside it (published embeddings among them), stay as they are.

    Parameters
    ----------
    store
        The graph.
    wanted
        The whole context graph.
    sources
        What it was made of; kept in the graph.

    Raises
    ------
    GraphError
        If `wanted` is no graph (see `graphdb.diff.check`), or the graph, read back, is not what was written.
    """
    present_meta = read_meta(store)
    check(wanted)
    wanted_hash = content_hash(wanted)
    store.ensure_schema()
    meta = GraphMeta(tuple(sorted(sources)), "complete", wanted_hash)
    with progress() as bar:
        # Until the end the graph is part of both: `--add` and `--replace` are asked about either.
        begun = {*meta.sources, *(present_meta.sources if present_meta else ())}
        writer = _Writer(store, bar, GraphMeta(tuple(sorted(begun)), "loading", target=wanted_hash))
        report = replace(_write(writer, stored_tables(store), wanted), content_hash=wanted_hash)
    if not report.unchanged:
        found_hash = content_hash(stored_tables(store))
        if found_hash != wanted_hash:
            raise GraphError(
                f"the graph read back has content hash {found_hash[:16]}, expected {wanted_hash[:16]}; "
                "something else has written to it meanwhile: run the same command again"
            )
    if not report.unchanged or present_meta != meta:
        write_meta(store, meta)
    return report


@dataclass
class _Writer:
    """Sends rows with a progress bar; says in the graph, before the first one, that a load is under way."""

    store: GraphStore
    bar: Progress
    loading: GraphMeta
    begun: bool = False
    seconds: float = 0.0

    def send(self, what: str, cypher: str, rows: Sequence[Row], identity: tuple[str, ...] | None = None) -> None:
        """Send rows; with `identity` each as these columns and a map of the others, ``SET x += map`` takes it whole."""
        if not rows:
            return
        started = time.perf_counter()
        if not self.begun:
            write_meta(self.store, self.loading)
            self.begun = True
        task = self.bar.add_task(what, total=len(rows))
        packed = rows if identity is None else (_packed(row, identity) for row in rows)
        self.store.write(cypher, packed, advance=partial(self.bar.advance, task))
        self.seconds += time.perf_counter() - started


def _write(writer: _Writer, present: GraphTables, wanted: GraphTables) -> SyncReport:
    """Write the difference, one kind after the other, so that the rows of one kind alone are in memory.

    Nodes come first and go last, so that an edge never lacks its ends.
    """
    nodes: dict[NodeType, Counts] = {}
    edges: dict[EdgeKind, Counts] = {}
    gone: dict[NodeType, list[Row]] = {}
    for node_type in NODES:
        changes = diff_nodes(node_type, present.nodes[node_type], wanted.nodes.get(node_type))
        nodes[node_type], gone[node_type] = Counts.of(changes), changes.deleted
        rows = changes.added + changes.updated
        writer.send(f"write {node_type}", _merge_node(node_type), rows, (NODES[node_type].key,))
    for kind in present.edges:
        changes = diff_edges(kind, present.edges[kind], wanted.edges.get(kind))
        if changes.total or changes.unchanged:
            edges[kind] = Counts.of(changes)
        writer.send(f"delete {kind.edge_type}", _delete_edge(kind), changes.deleted)
        rows = changes.added + changes.updated
        writer.send(f"write {kind.edge_type}", _merge_edge(kind), rows, edge_identity(kind))
    for node_type, deleted in gone.items():
        writer.send(f"delete {node_type}", _delete_node(node_type), deleted)
    return SyncReport("", nodes, edges, writer.seconds)


def _packed(row: Row, identity: tuple[str, ...]) -> Row:
    """Return a row as its identity and a map of the other properties."""
    return {name: row[name] for name in identity} | {
        "properties": {name: value for name, value in row.items() if name not in identity}
    }


def _merge_node(node_type: NodeType) -> str:
    key = NODES[node_type].key
    return f"UNWIND $rows AS row MERGE (n:{node_type} {{{key}: row.{key}}}) SET n += row.properties"


def _merge_edge(kind: EdgeKind) -> str:
    pattern = _identity(EDGES[kind.edge_type])
    return f"UNWIND $rows AS row {_ends(kind)} MERGE (a)-[r:{kind.edge_type}{pattern}]->(b) SET r += row.properties"


def _delete_edge(kind: EdgeKind) -> str:
    pattern = _identity(EDGES[kind.edge_type])
    return f"UNWIND $rows AS row {_ends(kind)} MATCH (a)-[r:{kind.edge_type}{pattern}]->(b) DELETE r"


def _delete_node(node_type: NodeType) -> str:
    key = NODES[node_type].key
    return f"UNWIND $rows AS row MATCH (n:{node_type} {{{key}: row.{key}}}) DETACH DELETE n"


def _ends(kind: EdgeKind) -> str:
    source, target = NODES[kind.source], NODES[kind.target]
    return f"MATCH (a:{kind.source} {{{source.key}: row.src}}) MATCH (b:{kind.target} {{{target.key}: row.dst}})"


def _identity(schema: EdgeSchema) -> str:
    if not schema.identity:
        return ""
    return " {" + ", ".join(f"{name}: row.{name}" for name in schema.identity) + "}"
