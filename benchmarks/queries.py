"""How long a person waits: neighbourhoods, suggestions, similar molecules, substructures.

Times from function call to data frame, p50 and p95 over nodes drawn at random. On a random graph of the paper's size,
on both engines, one after the other (`benchmarks.graphdb`); with ``--here`` on the graph that the environment names,
which has real hubs and real structures.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.graphs import graphs, parser_of
from benchmarks.report import write_report
from graphdb.console import note, print_table, run, say
from graphdb.errors import InputError
from graphdb.schema import EMBEDDING_DIMENSION, NodeType
from graphdb.store import GraphStore
from queries import name_index, resident
from queries.embeddings import EmbeddingMatrix
from queries.name_index import names_of
from queries.neighbourhood import neighbourhood
from queries.substructure import library_of, substructure

ASKED = 200
EMBEDDINGS = 129_592
PATTERNS = ("c1ccc2[nH]ccc2c1", "C(=O)N", "[#6]1:[#6]:[#7]:[#6]:[#7]:1", "O=C1CCCCO1", "CC(C)(C)c1ccccc1", "S(=O)(=O)N")


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this benchmark."""
    return parser_of("queries", __doc__)


def main(arguments: argparse.Namespace) -> None:
    """Measure, print, and write the report."""
    rows: list[dict[str, Any]] = []
    for store in graphs(arguments):
        rows += measure(store)
        if arguments.here:  # a random graph has no structures
            rows += measure_structures(store)
    rows += measure_embeddings()
    print_table("Queries", ["what", "engine", "value", "unit"], [_row(row) for row in rows])
    if arguments.json:
        write_report(arguments.json, "queries", rows)
        say(f"written to {arguments.json}")


def _row(row: dict[str, Any]) -> list[Any]:
    return [row["name"], row.get("engine", ""), row["value"], row["unit"]]


def measure(store: GraphStore) -> list[dict[str, Any]]:
    """Return the times of neighbourhoods, by queries and in memory, and of suggestions."""
    rng = np.random.default_rng(0)
    resident.forget()
    started = time.perf_counter()
    graph = resident.keep(store)
    read = time.perf_counter() - started
    size = {"engine": store.engine, "nodes": len(graph.nodes), "edges": len(graph.source)}
    rows = [{"name": "topology and names read into memory", "value": read, "unit": "s", **size}]
    chosen = rng.choice(len(graph.nodes), min(ASKED, len(graph.nodes)), replace=False)
    # By name where a person would: the keys of a random graph are no InChIKeys.
    texts = [
        graph.names[place] for place in chosen if graph.nodes[place].node_type in {NodeType.MOLECULE, NodeType.GENE}
    ]
    for name, keep in (("by queries", False), ("in memory", True)):
        resident.forget()
        name_index.forget()
        if keep:
            # As the explorer does at its start: identifiers are looked up among the names.
            resident.keep(store)
            names_of(store)
        for hops in (1, 2):
            rows += _times(
                f"neighbourhood of {hops} hop{'s' if hops > 1 else ''}, {name}",
                [lambda text=text, hops=hops: neighbourhood(store, text, hops=hops) for text in texts],
                size,
            )
    name_index.forget()
    started = time.perf_counter()
    names = names_of(store)
    rows.append({"name": "names read", "value": time.perf_counter() - started, "unit": "s", **size})
    begun = [text[: max(3, len(text) // 2)] for text in texts]
    return rows + _times("suggestions", [lambda text=text: names.suggest(text) for text in begun], size)


def measure_structures(store: GraphStore) -> list[dict[str, Any]]:
    """Return the times of substructure searches, once the library is there."""
    size = {"engine": store.engine, "molecules": len(library_of(store).keys)}
    return _times("substructure", [lambda pattern=pattern: substructure(store, pattern) for pattern in PATTERNS], size)


def measure_embeddings() -> list[dict[str, Any]]:
    """Return the times of the exact search among as many embeddings as the paper has molecules."""
    rng = np.random.default_rng(1)
    unit = rng.standard_normal((EMBEDDINGS, EMBEDDING_DIMENSION), dtype=np.float32)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    keys = np.array([f"K{place:08d}" for place in range(EMBEDDINGS)])
    matrix = EmbeddingMatrix("random", keys, unit, np.ones(EMBEDDINGS, dtype=np.float32))
    asked = [lambda place=place: matrix.nearest(unit[place], 10) for place in range(50)]
    return _times("10 nearest of 129,592 embeddings, exact", asked, {"embeddings": EMBEDDINGS})


def _times(name: str, asked: Sequence[Callable[[], object]], about: dict[str, Any]) -> list[dict[str, Any]]:
    seconds = []
    failed = 0
    for ask in asked:
        started = time.perf_counter()
        try:
            ask()
        except InputError as error:  # a name of real data may be ambiguous: counted, not timed
            note(f"{name}: {str(error)[:100]}")
            failed += 1
            continue
        seconds.append(time.perf_counter() - started)
    return [
        {
            "name": f"{name}, {label}",
            "value": float(np.percentile(seconds, share)) * 1000,
            "unit": "ms",
            "failed": failed,
        }
        | about
        for label, share in (("p50", 50), ("p95", 95))
    ]


if __name__ == "__main__":
    run(main, build_parser())
