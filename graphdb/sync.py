"""Make the graph hold exactly these tables: read what is there, write the difference.

Killed at any moment and run again it ends in the same state: every batch is one transaction, and each is such that
sending it twice is as sending it once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from rich.progress import Progress

from graphdb.console import progress
from graphdb.content import Row, content_hash, edge_columns
from graphdb.diff import Changes, check, diff_edges, diff_nodes, edge_identity
from graphdb.errors import GraphError, InputError
from graphdb.export import stored_tables
from graphdb.meta import GraphMeta, read_meta, write_meta
from graphdb.schema import EDGES, NODES, NodeType
from graphdb.store import GraphStore
from graphdb.tables import EdgeKind, GraphTables

BATCH_SIZE = 10_000
"""Rows a transaction."""

Query = Callable[[Sequence[int]], str]
"""Returns a query whose ``$rows`` are lists of all columns, given the places of those that have values."""


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
    first = not any(store.node_counts().values())
    if first:
        store.ensure_keys()
    else:
        store.ensure_schema()
    meta = GraphMeta(tuple(sorted(sources)), "complete", wanted_hash)
    with progress() as bar:
        # Until the end the graph is part of both: `--add` and `--replace` are asked about either.
        begun = {*meta.sources, *(present_meta.sources if present_meta else ())}
        writer = _Writer(store, bar, GraphMeta(tuple(sorted(begun)), "loading", target=wanted_hash))
        report = replace(_write(writer, stored_tables(store), wanted), content_hash=wanted_hash)
    if first:
        started = time.perf_counter()
        store.ensure_schema()
        report = replace(report, write_seconds=report.write_seconds + time.perf_counter() - started)
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

    def send(self, what: str, query: Query, columns: Iterable[str], rows: Sequence[Row]) -> None:
        """Send rows as lists of all `columns`, None where a row lacks one."""
        if not rows:
            return
        started = time.perf_counter()
        if not self.begun:
            write_meta(self.store, self.loading)
            self.begun = True
        task = self.bar.add_task(what, total=len(rows))
        names = list(columns)
        there = {name for row in rows for name in row}
        used = [place for place, name in enumerate(names) if name in there]
        packed = ([row.get(name) for name in names] for row in rows)
        self.store.write(query(used), packed, batch_size=BATCH_SIZE, advance=partial(self.bar.advance, task))
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
        writer.send(f"write {node_type}", partial(_merge_node, node_type), NODES[node_type].properties, rows)
    for kind in present.edges:
        changes = diff_edges(kind, present.edges[kind], wanted.edges.get(kind))
        if changes.total or changes.unchanged:
            edges[kind] = Counts.of(changes)
        writer.send(f"delete {kind.edge_type}", partial(_delete_edge, kind), edge_columns(kind), changes.deleted)
        rows = changes.added + changes.updated
        writer.send(f"write {kind.edge_type}", partial(_merge_edge, kind), edge_columns(kind), rows)
    for node_type, deleted in gone.items():
        writer.send(f"delete {node_type}", partial(_delete_node, node_type), NODES[node_type].properties, deleted)
    return SyncReport("", nodes, edges, writer.seconds)


def _merge_node(node_type: NodeType, used: Sequence[int]) -> str:
    schema = NODES[node_type]
    at = {name: f"row[{place}]" for place, name in enumerate(schema.properties)}
    others = _set("n", at, used, (schema.key,))
    return f"UNWIND $rows AS row MERGE (n:{node_type} {{{schema.key}: {at[schema.key]}}}) {others}"


def _merge_edge(kind: EdgeKind, used: Sequence[int]) -> str:
    at = {name: f"row[{place}]" for place, name in enumerate(edge_columns(kind))}
    edge = f"(a)-[r:{kind.edge_type}{_identity(kind, at)}]->(b)"
    return f"UNWIND $rows AS row {_ends(kind, at)} MERGE {edge} {_set('r', at, used, edge_identity(kind))}"


def _delete_edge(kind: EdgeKind, _: Sequence[int]) -> str:
    at = {name: f"row[{place}]" for place, name in enumerate(edge_columns(kind))}
    return f"UNWIND $rows AS row {_ends(kind, at)} MATCH (a)-[r:{kind.edge_type}{_identity(kind, at)}]->(b) DELETE r"


def _delete_node(node_type: NodeType, _: Sequence[int]) -> str:
    schema = NODES[node_type]
    at = {name: f"row[{place}]" for place, name in enumerate(schema.properties)}
    return f"UNWIND $rows AS row MATCH (n:{node_type} {{{schema.key}: {at[schema.key]}}}) DETACH DELETE n"


def _ends(kind: EdgeKind, at: Mapping[str, str]) -> str:
    source, target = NODES[kind.source], NODES[kind.target]
    src, dst = at["src"], at["dst"]
    return f"MATCH (a:{kind.source} {{{source.key}: {src}}}) MATCH (b:{kind.target} {{{target.key}: {dst}}})"


def _identity(kind: EdgeKind, at: Mapping[str, str]) -> str:
    names = EDGES[kind.edge_type].identity
    return " {" + ", ".join(f"{name}: {at[name]}" for name in names) + "}" if names else ""


def _set(variable: str, at: Mapping[str, str], used: Sequence[int], identity: Sequence[str]) -> str:
    """Return the clause that sets what is `used` and not of the identity; None takes a property away."""
    places = [
        f"{variable}.{name} = {at[name]}" for place, name in enumerate(at) if place in used and name not in identity
    ]
    return "SET " + ", ".join(places) if places else ""
