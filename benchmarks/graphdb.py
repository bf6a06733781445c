"""Rates of the graph on both engines: load, export, topology, second load, neighbourhoods, nearest neighbours.

The graph is random and of the paper's size (276,855 nodes and 366,384 edges; InfoAlign, arXiv 2406.12056), with the
properties that an ingest writes. It goes to a server of each engine in a temporary folder, or with ``--uri`` to another
server, whose graph must be empty and is emptied again.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.report import write_report
from graphdb import connect, engines, process
from graphdb.bulk_load import bulk_load
from graphdb.console import note, print_table, run, say
from graphdb.content import content_hash
from graphdb.engines import ENGINE_NAMES, EngineName
from graphdb.errors import InputError
from graphdb.export import read_tables
from graphdb.meta import read_meta
from graphdb.process import free_ports
from graphdb.schema import EDGES, EMBEDDING_DIMENSION, META_LABEL, NODES, EdgeType, NodeType
from graphdb.snapshot import Snapshot
from graphdb.snapshot.live import read_snapshot
from graphdb.store import GraphStore
from graphdb.sync import sync
from graphdb.tables import EdgeKind, GraphTables
from graphdb.vectors import nearest, publish
from graphdb.walks import WalkConfig
from graphdb.walks.cypher import CypherSampler
from graphdb.walks.gds import GdsSampler
from graphdb.workspace import Workspace
from queries.neighbourhood import neighbourhood

NODE_COUNTS = {
    NodeType.MOLECULE: 129_592,
    NodeType.GENE: 4_533,
    NodeType.MORPHOLOGY: 128_935,
    NodeType.EXPRESSION: 13_795,
}
# The paper gives the sum alone; this is a plausible division of it.
EDGE_COUNTS = {
    EdgeType.HAS_MORPHOLOGY: 120_000,
    EdgeType.HAS_EXPRESSION: 13_795,
    EdgeType.INTERACTS: 60_000,
    EdgeType.BINDS: 11_000,
    EdgeType.CHANGES_EXPRESSION: 40_000,
    EdgeType.SIMILAR_STRUCTURE: 80_000,
    EdgeType.SIMILAR_MORPHOLOGY: 41_589,
}
VECTORS = 10_000
QUERIES = 50
SPACE = "bench-1"


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.graphdb", description=__doc__)
    parser.add_argument("--json", type=Path, help="write the rates to this file")
    parser.add_argument("--scale", type=float, default=1.0, help="size of the graph, the paper's being 1 (default: 1)")
    parser.add_argument("--engine", choices=ENGINE_NAMES, action="append", help="default: both, one after the other")
    parser.add_argument("--uri", help="a server to load into; user and password from NEO4J_USERNAME, NEO4J_PASSWORD")
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Measure, print, and write the report."""
    rows: list[dict[str, Any]] = []
    for engine in [None] if arguments.uri else arguments.engine or ENGINE_NAMES:
        with empty_graph(arguments.uri, engine) as store:
            rows += measure(store, arguments.scale)
        if engine == "neo4j":
            with empty_graph(None, engine) as store:
                rows += measure_bulk(store, arguments.scale)
    names = list(dict.fromkeys(row["name"] for row in rows))
    found = list(dict.fromkeys(row["engine"] for row in rows))
    values = {(row["name"], row["engine"]): row for row in rows}
    units = {row["name"]: row["unit"] for row in rows}
    table = [
        [name, *(values[name, engine]["value"] if (name, engine) in values else "" for engine in found), units[name]]
        for name in names
    ]
    print_table("Graph", ["what", *found, "unit"], table)
    if arguments.json:
        write_report(arguments.json, "graphdb", rows)
        say(f"written to {arguments.json}")


def measure(store: GraphStore, scale: float) -> list[dict[str, Any]]:
    """Return the rows of the report."""
    rows: list[dict[str, Any]] = []
    started = time.perf_counter()

    def add(name: str, amount: float, unit: str, seconds: float | None = None) -> None:
        nonlocal started
        seconds = time.perf_counter() - started if seconds is None else seconds
        value = amount / seconds if unit.endswith("/s") else seconds * 1000 / amount if unit == "ms" else seconds
        rows.append({"name": name, "value": value, "unit": unit, "engine": store.engine, **size})
        note(f"{name}: {value:,.1f} {unit}")
        started = time.perf_counter()

    tables = random_tables(scale)
    nodes, edges = sum(tables.node_counts().values()), sum(tables.edge_counts().values())
    size = {"nodes": nodes, "edges": edges}
    started = time.perf_counter()
    wanted = content_hash(tables)
    add("content hash", 1, "s")
    loaded = time.perf_counter()
    add("nodes written", nodes, "nodes/s", sync(store, GraphTables(tables.nodes), sources=["bench"]).write_seconds)
    add("edges written", edges, "edges/s", sync(store, tables, sources=["bench"]).write_seconds)
    add("graph loaded, read back and verified (nodes, then edges)", 1, "s", time.perf_counter() - loaded)
    read_tables(store)
    add("graph exported", 1, "s")
    snapshot = read_snapshot(store, graph_hash=wanted)
    add("topology exported, the first time (server not warm)", 1, "s")
    read_snapshot(store, graph_hash=wanted)
    add("topology exported", 1, "s")
    rows += measure_walks(store, snapshot, size)
    rng = np.random.default_rng(1)
    for name, look in LOOKS.items():
        molecules = rng.choice(tables.nodes[NodeType.MOLECULE]["inchikey"], QUERIES).tolist()
        look(store, molecules[0])
        seconds = []
        for molecule in molecules:
            started = time.perf_counter()
            look(store, molecule)
            seconds.append(time.perf_counter() - started)
        add(name, 1, "ms", statistics.median(seconds))
    started = time.perf_counter()
    if sync(store, tables, sources=["bench"]).content_hash != wanted:
        raise AssertionError("the graph does not hold what was written")
    add("second load, nothing to write", 1, "s")
    keys = tables.nodes[NodeType.MOLECULE]["inchikey"].tolist()[:VECTORS]
    vectors = rng.standard_normal((len(keys), EMBEDDING_DIMENSION), dtype=np.float32)
    started = time.perf_counter()
    publish(store, keys, vectors, "bench")
    add("embeddings published", len(keys), "vectors/s")
    nearest(store, vectors[0], 10)
    add("first nearest-neighbour query", 1, "ms")
    for vector in vectors[:QUERIES]:
        nearest(store, vector, 10)
    add("nearest-neighbour query", min(QUERIES, len(vectors)), "ms")
    return rows


def measure_walks(store: GraphStore, snapshot: Snapshot, size: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rates of weighted walks of four steps that the server makes."""
    rows = []
    config = WalkConfig(weighted=True)
    molecules = snapshot.nodes(NodeType.MOLECULE)
    made: dict[str, tuple[type[GdsSampler] | type[CypherSampler], int]] = {"cypher": (CypherSampler, 2_000)}
    if store.engine == "neo4j":
        made["gds"] = (GdsSampler, 20_480)
    for name, (sampler, count) in made.items():
        started = time.perf_counter()
        with sampler(store, snapshot, config) as opened:
            opened.sample(molecules[:100])
            ready = time.perf_counter() - started
            started = time.perf_counter()
            walks = opened.sample(molecules[:count])
            seconds = time.perf_counter() - started
        about = {"engine": store.engine, **size, "walks": len(walks)}
        rows.append({"name": f"walks by {name}: ready", "value": ready, "unit": "s", **about})
        rows.append({"name": f"walks by {name}", "value": len(walks) / seconds, "unit": "walks/s", **about})
    return rows


def measure_bulk(store: GraphStore, scale: float) -> list[dict[str, Any]]:
    """Return the seconds of a first load by files into an empty Neo4j."""
    tables = random_tables(scale)
    size = {"nodes": sum(tables.node_counts().values()), "edges": sum(tables.edge_counts().values())}
    started = time.perf_counter()
    report = bulk_load(store, tables, sources=["bench"])
    whole = time.perf_counter() - started
    values = {
        "bulk import: files written, server stopped, import": report.write_seconds,
        "bulk import, with the server's start, indexes, and all read back and verified": whole,
    }
    return [{"name": name, "value": value, "unit": "s", "engine": "neo4j", **size} for name, value in values.items()]


def _three_hops(store: GraphStore, molecule: str) -> None:
    store.read("MATCH (m:Molecule {inchikey: $key})-[*1..3]-(n) RETURN count(DISTINCT n) AS count", key=molecule)


def _neighbourhood(store: GraphStore, molecule: str) -> None:
    # By name, as people ask; the keys of this graph are no InChIKeys.
    neighbourhood(store, f"name {int(molecule.rpartition('-')[2])}", hops=3)


LOOKS = {
    "3-hop neighbourhood, one query, median": _three_hops,
    "3-hop neighbourhood, heaviest paths and their edges as tables (queries.neighbourhood), median": _neighbourhood,
}


def random_tables(scale: float, seed: int = 0) -> GraphTables:
    """Return a random context graph of `scale` times the paper's size."""
    rng = np.random.default_rng(seed)
    nodes, keys = {}, {}
    for node_type, count in NODE_COUNTS.items():
        schema = NODES[node_type]
        number = np.arange(max(2, round(scale * count)))
        if schema.key_type == "integer":
            keys[node_type] = number.astype(object)
        else:
            keys[node_type] = np.array([f"{node_type.upper()}-{index:014d}" for index in number], dtype=object)
        columns: dict[str, Any] = {schema.key: keys[node_type]}
        for name, kind in schema.properties.items():
            if name == schema.key or name.endswith("_ids") or name in {"synonyms", "plate"}:
                continue
            columns[name] = {
                "string": [f"{name} {index}" for index in number],
                "strings": [["bench"]] * len(number),
                "integer": number % 7,
                "float": rng.random(len(number)),
                "boolean": number % 2 == 0,
            }[kind]
        if "feature_space" in columns:
            columns["feature_space"] = SPACE
        nodes[node_type] = pd.DataFrame(columns)
    edges = {}
    for edge_type, count in EDGE_COUNTS.items():
        edge_schema = EDGES[edge_type]
        kind = EdgeKind(edge_type, *edge_schema.endpoints[0])
        sources, targets = len(keys[kind.source]), len(keys[kind.target])
        wanted = max(1, round(scale * count))
        pairs = np.unique(rng.integers(sources * targets, size=round(1.05 * wanted) + 5))
        source, target = np.divmod(rng.permutation(pairs)[:wanted], targets)
        table = pd.DataFrame({"src": keys[kind.source][source], "dst": keys[kind.target][target]})
        table["weight"] = rng.random(len(table))
        for name in edge_schema.identity:
            table[name] = SPACE
        if "value" in edge_schema.properties:
            table["value"] = rng.standard_normal(len(table))
        if "sources" in edge_schema.properties:
            table["sources"] = [["bench"]] * len(table)
        edges[kind] = table
    return GraphTables(nodes, edges)


@contextmanager
def empty_graph(uri: str | None, engine: EngineName | None) -> Iterator[GraphStore]:
    """Yield an empty graph of an engine in a temporary folder, or the one at `uri`, which is emptied again."""
    if uri is not None:
        with connect(uri) as store:
            if read_meta(store) is not None or any(store.node_counts().values()):
                raise InputError(f"the graph at {uri} is not empty; nothing was measured")
            try:
                yield store
            finally:
                sync(store, GraphTables(), sources=[])
                store.write(f"MATCH (m:{META_LABEL}) DELETE m")
        return
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        os.environ["NEO4J_URI"] = ""  # wins over an .env file
        os.environ["INFOALIGN_WORKSPACE"] = folder
        os.environ["INFOALIGN_ENGINE"] = engine or ""
        try:
            started = time.perf_counter()
            engines.start(workspace, engine, port=free_ports(1)[0] if engine == "neo4j" else None)
            note(f"{engine}: started in {time.perf_counter() - started:.1f} s")
            with connect() as store:
                yield store
        finally:
            process.stop(engines.folder_of(workspace, engines.chosen(workspace)))


if __name__ == "__main__":
    run(main, build_parser())
