"""A first load of the workspace's own Neo4j by its offline importer: the server is stopped, filled, started again."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from graphdb import neo4j_server, process
from graphdb.bulk import write_csv
from graphdb.console import note
from graphdb.content import content_hash
from graphdb.errors import GraphError, InputError
from graphdb.export import stored_tables
from graphdb.meta import GraphMeta, read_meta
from graphdb.neo4j_server.lifecycle import importing
from graphdb.store import GraphStore
from graphdb.sync import Counts, SyncReport
from graphdb.tables import GraphTables


def require_bulk(store: GraphStore) -> None:
    """Check that a bulk import can be made.

    Raises
    ------
    InputError
        If the graph is not the workspace's own Neo4j, or is not empty: the importer overwrites all that there is.
    """
    if store.engine != "neo4j" or store.folder is None:
        raise InputError(
            "a bulk import is for the workspace's own Neo4j (python -m graphdb.server start --engine neo4j); "
            f"{store.uri} is {'the embedded graph' if store.engine != 'neo4j' else 'another server'}"
        )
    count = store.read("MATCH (n) RETURN count(n) AS count")[0]["count"]
    if count:
        raise InputError(f"a bulk import is for an empty graph; {store.uri} has {count:,} nodes: leave out --bulk")


def bulk_load(store: GraphStore, wanted: GraphTables, *, sources: Sequence[str]) -> SyncReport:
    """Fill an empty graph; it holds afterwards what `graphdb.sync.sync` would have written.

    Killed at any moment, it leaves an empty graph or a whole one.

    Parameters
    ----------
    store
        The workspace's own Neo4j. Its server is stopped and started again, on the same port.
    wanted
        The whole context graph.
    sources
        What it was made of; kept in the graph.

    Raises
    ------
    InputError
        See `require_bulk`, and `graphdb.bulk.write_csv`.
    GraphError
        If the importer fails, or the graph, read back, is not what was written.
    """
    require_bulk(store)
    folder = store.folder
    server = None if folder is None else process.running(folder)
    if folder is None or server is None:
        raise GraphError(f"{store.uri}: its server is not running")
    wanted_hash = content_hash(wanted)
    before = read_meta(store)
    meta = GraphMeta(tuple(sorted(sources)), "complete", wanted_hash, version=(before.version if before else 0) + 1)
    started = time.perf_counter()
    _import(folder, wanted, meta)
    imported = time.perf_counter() - started
    neo4j_server.start(folder, port=server.bolt_port)
    note(f"imported in {imported:.1f} s; reading it back")
    store.ensure_schema()
    if content_hash(stored_tables(store)) != wanted_hash:
        raise GraphError("the graph, read back, is not what was imported")
    nodes = {name: Counts(len(table), 0, 0, 0) for name, table in wanted.nodes.items() if len(table)}
    edges = {kind: Counts(len(table), 0, 0, 0) for kind, table in wanted.edges.items() if len(table)}
    return SyncReport(wanted_hash, nodes, edges, imported)


def _import(folder: Path, wanted: GraphTables, meta: GraphMeta) -> None:
    """Write the CSV, stop the server and import; the server is left stopped."""
    files = folder.resolve() / "bulk"
    try:
        arguments = write_csv(wanted, meta, files)
        process.stop(folder)
        with importing(folder):
            neo4j_server.admin(folder, *arguments)
    finally:
        shutil.rmtree(files, ignore_errors=True)
