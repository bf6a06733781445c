"""Make the graph hold exactly these tables: read what is there, write the difference.

Killed at any moment and run again it ends in the same state: every batch is one transaction, and each is such that
sending it twice is as sending it once.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from graphdb.console import progress
from graphdb.content import Row, content_hash
from graphdb.diff import Changes, diff, edge_identity
from graphdb.errors import GraphError, InputError
from graphdb.export import read_tables
from graphdb.meta import GraphMeta, read_meta, write_meta
from graphdb.schema import EDGES, NODES, EdgeSchema, NodeType
from graphdb.store import GraphStore
from graphdb.tables import EdgeKind, GraphTables


@dataclass(frozen=True)
class SyncReport:
    """What a load did.

    Attributes
    ----------
    content_hash
        Of the graph as read back.
    nodes, edges
        The differences that were written, by type.
    write_seconds
        How long the writing took, without reading and comparing.
    """

    content_hash: str
    nodes: Mapping[NodeType, Changes]
    edges: Mapping[EdgeKind, Changes]
    write_seconds: float = 0.0

    @property
    def total_added(self) -> int:
        """Nodes and edges that were not there."""
        return sum(len(changes.added) for changes in self._all)

    @property
    def total_updated(self) -> int:
        """Nodes and edges with another property."""
        return sum(len(changes.updated) for changes in self._all)

    @property
    def total_deleted(self) -> int:
        """Nodes and edges that are no longer wanted."""
        return sum(len(changes.deleted) for changes in self._all)

    @property
    def unchanged(self) -> bool:
        """Whether the graph already held all of it, and nothing else."""
        return not any(changes.total for changes in self._all)

    @property
    def _all(self) -> list[Changes]:
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
        If `wanted` is no graph (see `graphdb.diff.diff`), or the graph, read back, is not what was written.
    """
    present_meta = read_meta(store)
    store.ensure_schema()
    nodes, edges = diff(read_tables(store), wanted)
    wanted_hash = content_hash(wanted)
    meta = GraphMeta(tuple(sorted(sources)), "complete", wanted_hash)
    report = SyncReport(wanted_hash, nodes, edges)
    if not report.unchanged:
        # Until the end the graph is part of both: `--add` and `--replace` are asked about either.
        begun = {*meta.sources, *(present_meta.sources if present_meta else ())}
        write_meta(store, GraphMeta(tuple(sorted(begun)), "loading"))
        started = time.perf_counter()
        _write(store, nodes, edges)
        report = replace(report, write_seconds=time.perf_counter() - started)
        found_hash = content_hash(read_tables(store))
        if found_hash != wanted_hash:
            raise GraphError(
                f"the graph read back has content hash {found_hash[:16]}, expected {wanted_hash[:16]}; "
                "something else has written to it meanwhile: run the same command again"
            )
    if not report.unchanged or present_meta != meta:
        write_meta(store, meta)
    return report


def _write(store: GraphStore, nodes: Mapping[NodeType, Changes], edges: Mapping[EdgeKind, Changes]) -> None:
    with progress() as bar:

        def send(what: str, cypher: str, rows: Sequence[Row]) -> None:
            if rows:
                task = bar.add_task(what, total=len(rows))
                store.write(cypher, rows, advance=partial(bar.advance, task))

        for kind, changes in edges.items():
            send(f"delete {kind.edge_type}", _delete_edge(kind), changes.deleted)
        for node_type, changes in nodes.items():
            send(f"delete {node_type}", _delete_node(node_type), changes.deleted)
        for node_type, changes in nodes.items():
            rows = _packed(changes.added + changes.updated, (NODES[node_type].key,))
            send(f"write {node_type}", _merge_node(node_type), rows)
        for kind, changes in edges.items():
            rows = _packed(changes.added + changes.updated, edge_identity(kind))
            send(f"write {kind.edge_type}", _merge_edge(kind), rows)


def _packed(rows: list[Row], identity: tuple[str, ...]) -> list[Row]:
    """Return each row as its identity and a map of the other properties, which ``SET x += map`` takes whole."""
    return [
        {name: row[name] for name in identity}
        | {"properties": {name: value for name, value in row.items() if name not in identity}}
        for row in rows
    ]


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
