"""The graphs that a benchmark of `queries` measures on, and its arguments."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from benchmarks.graphdb import empty_graph, random_tables
from graphdb import connect
from graphdb.engines import ENGINE_NAMES
from graphdb.store import GraphStore
from graphdb.sync import sync


def parser_of(name: str, description: str | None) -> argparse.ArgumentParser:
    """Return the arguments of a benchmark: which graphs, and where the times are written to."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=description)
    parser.add_argument("--json", type=Path, help="write the times to this file")
    parser.add_argument("--scale", type=float, default=1.0, help="size of the random graph, the paper's being 1")
    parser.add_argument("--engine", choices=ENGINE_NAMES, action="append", help="default: both")
    parser.add_argument("--here", action="store_true", help="the graph that the environment names, as it is")
    return parser


def graphs(arguments: argparse.Namespace) -> Iterator[GraphStore]:
    """Yield the graph of the environment, or a random one on each engine, one after the other."""
    if arguments.here:
        with connect(read_only=True) as store:
            yield store
        return
    for engine in arguments.engine or ENGINE_NAMES:
        with empty_graph(None, engine) as store:
            sync(store, random_tables(arguments.scale), sources=["bench"])
            yield store
