"""Make the snapshot of the live graph. Apart from `Snapshot`, since what only loads one needs no database driver."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from graphdb import connect
from graphdb.console import note, print_table, run, say
from graphdb.content import content_hash
from graphdb.export import read_tables
from graphdb.meta import require_complete
from graphdb.schema import EdgeType, NodeType
from graphdb.snapshot.live import read_snapshot
from graphdb.workspace import Workspace


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of ``python -m graphdb.snapshot``."""
    parser = argparse.ArgumentParser(
        prog="python -m graphdb.snapshot", description="Write the topology of the graph as CSR, for walks."
    )
    parser.add_argument("--uri", help="Bolt address of the graph (default: NEO4J_URI, else the embedded graph)")
    parser.add_argument("--out", type=Path, help="folder to write (default: snapshot/ in the workspace)")
    parser.add_argument(
        "--without",
        action="append",
        default=[],
        type=EdgeType,
        choices=list(EdgeType),
        metavar="EDGE_TYPE",
        help="leave out this edge type; may be given again",
    )
    parser.add_argument(
        "--verify",
        action="store_true",
        help="read every property as well, and name the graph by what it holds now, not by what was loaded: "
        "for a graph that somebody has edited by hand (after queries.cypher --write it is done unasked)",
    )
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Make the snapshot of the live graph."""
    started = time.perf_counter()
    with connect(arguments.uri, read_only=True) as store:
        meta = require_complete(store)
        edge_types = [edge_type for edge_type in EdgeType if edge_type not in arguments.without]
        verify = arguments.verify or meta.edited
        graph_hash = content_hash(read_tables(store)) if verify else meta.content_hash
        snapshot = read_snapshot(store, edge_types, graph_hash=graph_hash)
        if verify and graph_hash != meta.content_hash:
            note("the graph is not what was loaded: somebody has changed it since")
    folder = arguments.out or Workspace.default().snapshot
    snapshot.save(folder, edge_types=edge_types)
    isolated = {node_type: int((snapshot.degree[snapshot.nodes(node_type)] == 0).sum()) for node_type in NodeType}
    print_table(
        "Snapshot",
        ["node type", "nodes", "without an edge"],
        [[node_type.value, len(snapshot.nodes(node_type)), isolated[node_type]] for node_type in NodeType],
    )
    say(f"{snapshot.number_of_edges:,} edges after merging parallel ones; id {snapshot.id[:16]}")
    say(f"written to {folder} in {time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    run(main, build_parser())
