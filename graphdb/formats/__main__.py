"""Write the live graph for other tools: ``python -m graphdb.formats parquet|graphml PATH``."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from graphdb import connect
from graphdb.console import run, say
from graphdb.errors import InputError
from graphdb.export import read_tables
from graphdb.formats import write_graphml, write_parquet
from graphdb.meta import require_complete


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of ``python -m graphdb.formats``."""
    parser = argparse.ArgumentParser(prog="python -m graphdb.formats", description=__doc__)
    parser.add_argument(
        "format", choices=("parquet", "graphml"), help="parquet: a folder of tables; graphml: one file, for Gephi &c."
    )
    parser.add_argument("path", type=Path, help="the folder or file to write")
    parser.add_argument("--uri", help="Bolt address of the graph (default: as for all commands)")
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Read the graph, and write it."""
    started = time.perf_counter()
    path: Path = arguments.path
    if path.is_dir() != (arguments.format == "parquet") and path.exists():
        raise InputError(f"expected a {'folder' if arguments.format == 'parquet' else 'file'}", path=path)
    with connect(arguments.uri, read_only=True) as store:
        meta = require_complete(store)
        tables = read_tables(store)
    if arguments.format == "parquet":
        write_parquet(tables, path, sources=list(meta.sources))
    else:
        write_graphml(tables, path)
    nodes, edges = sum(tables.node_counts().values()), sum(tables.edge_counts().values())
    say(f"{nodes:,} nodes and {edges:,} edges written to {path} in {time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    run(main, build_parser())
