"""Write the graph to one file that both engines restore: ``python -m graphdb.backup graph.zip``.

The file holds the context graph, the published embeddings and the names of the sources. Nodes, edges and properties
that are not of the platform's schema are not in it: for those, use the database's own dump.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from graphdb import connect
from graphdb.archive import write_archive
from graphdb.console import note, run, say
from graphdb.errors import GraphError, InputError
from graphdb.export import stored_tables
from graphdb.files import replacing_file
from graphdb.meta import read_meta, require_complete
from graphdb.store import GraphStore
from graphdb.vectors import published, published_models


def backup(store: GraphStore, file: Path) -> dict[str, Any]:
    """Write the graph to a file, all or nothing; return its manifest (see `graphdb.archive`).

    Raises
    ------
    GraphError
        If the graph is half loaded, changes while it is read, or is none that could be restored.
    """
    meta = require_complete(store)
    models = published_models(store)
    if len(models) > 1 or models == [""]:
        raise GraphError(f"the graph has embeddings of {len(models)} models; publish one: python -m learn.publish")
    model = models[0] if models else ""
    with replacing_file(file) as temporary:
        manifest = write_archive(
            temporary,
            stored_tables(store),
            meta.sources,
            embeddings=published(store, model) if model else (),
            embedding_model=model,
        )
        after = read_meta(store)
        if after != meta or after is None or after.version != meta.version or published_models(store) != models:
            raise GraphError("the graph was changed while it was read; run the same command again")
    if manifest["content_hash"] != meta.content_hash:
        note("the graph is not what was loaded: somebody has changed it since; it is in the file as it is now")
    return manifest


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    parser = argparse.ArgumentParser(prog="python -m graphdb.backup", description=__doc__)
    parser.add_argument("file", type=Path, help="the file to write")
    parser.add_argument("--overwrite", action="store_true", help="replace the file if it is there")
    parser.add_argument("--uri", help="graph server (default: NEO4J_URI, else the workspace's own)")
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Write the file, and say what is in it."""
    file: Path = arguments.file
    if file.is_dir():
        raise InputError("expected a file, this is a folder", path=file)
    if file.exists() and not arguments.overwrite:
        raise InputError("is there already; --overwrite replaces it", path=file)
    started = time.perf_counter()
    with connect(arguments.uri, read_only=True) as store:
        manifest = backup(store, file)
    nodes, edges = sum(manifest["nodes"].values()), sum(manifest["edges"].values())
    say(
        f"{file}: {nodes:,} nodes, {edges:,} edges, {manifest['embeddings']:,} embeddings, "
        f"content hash {manifest['content_hash'][:16]}, {file.stat().st_size / 1e6:,.1f} MB; "
        f"{time.perf_counter() - started:.1f} s"
    )


if __name__ == "__main__":
    run(main, build_parser())
