"""Make the graph what a file of ``graphdb.backup`` holds: ``python -m graphdb.restore graph.zip``.

The graph must be empty, unless ``--replace`` is given. The file is verified before anything is written, the graph after
it. Killed at any moment and run again it ends the same. Nodes, edges and properties that are not of the platform's
schema stay as they are.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from graphdb import connect
from graphdb.archive import Archive, opened_archive
from graphdb.console import run, say
from graphdb.errors import GraphError, InputError
from graphdb.meta import read_meta
from graphdb.store import GraphStore
from graphdb.sync import SyncReport, sync
from graphdb.vectors import publish, published_models, withdraw


def restore(store: GraphStore, archive: Archive, *, replace: bool = False) -> SyncReport:
    """Make the graph what the archive holds.

    Raises
    ------
    InputError
        If the graph holds something else, and `replace` is not given.
    GraphError
        If the graph, read back, is not what was written.
    """
    if not replace and not is_free(store, archive):
        raise InputError("the graph is not empty; --replace makes it what the file holds, and deletes all else")
    report = sync(store, archive.tables, sources=archive.sources)
    if set(published_models(store)) - {archive.embedding_model}:
        withdraw(store)
    keys, vectors = archive.embeddings()
    if archive.embedding_model:
        count = publish(store, keys, vectors, archive.embedding_model)
        if count != len(keys):
            raise GraphError(f"the graph has {count:,} embeddings, the file {len(keys):,}; run the same command again")
    return report


def is_free(store: GraphStore, archive: Archive) -> bool:
    """Return whether a restore loses nothing: the graph is empty, or what an interrupted restore of this file left."""
    if set(published_models(store)) - {archive.embedding_model}:
        return False
    meta = read_meta(store)
    if meta is not None and not meta.edited:
        same = meta.target if meta.state == "loading" else meta.content_hash
        if same == archive.content_hash:
            return True
    return not any(store.node_counts().values())


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    parser = argparse.ArgumentParser(prog="python -m graphdb.restore", description=__doc__)
    parser.add_argument("file", type=Path, help="the file that graphdb.backup wrote")
    parser.add_argument("--replace", action="store_true", help="delete what else the graph holds")
    parser.add_argument("--uri", help="graph server (default: NEO4J_URI, else the workspace's own)")
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Restore, and say what the graph holds now."""
    started = time.perf_counter()
    with opened_archive(arguments.file) as archive, connect(arguments.uri) as store:
        report = restore(store, archive, replace=arguments.replace)
        nodes, edges = sum(store.node_counts().values()), sum(store.edge_counts().values())
        say(
            f"{store.uri}: {nodes:,} nodes and {edges:,} edges of {', '.join(archive.sources) or 'no source'} as of "
            f"{archive.created}, content hash {report.content_hash[:16]}; {report.total_added:,} added, "
            f"{report.total_updated:,} changed, {report.total_deleted:,} deleted; {time.perf_counter() - started:.1f} s"
        )


if __name__ == "__main__":
    run(main, build_parser())
