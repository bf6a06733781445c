"""Write embeddings to the molecules of the graph: ``python -m learn.publish``."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from graphdb import connect
from graphdb.console import note, run, say
from graphdb.vectors import publish as publish_vectors
from graphdb.vectors import published_models, published_state
from graphdb.workspace import Workspace


def publish(inchikeys: Sequence[str], vectors: npt.NDArray[np.float32], model: str) -> int:
    """Write embeddings (n, 300) and the hash of their model to the Molecule nodes, and say how many there were."""
    began = time.perf_counter()
    with connect() as store:
        former = [each[:16] or "unknown" for each in published_models(store) if each != model]
        count = publish_vectors(store, inchikeys, vectors, model)
        instead = f", in place of {', '.join(former)}" if former else ""
        seconds = time.perf_counter() - began
        say(f"{count:,} embeddings published to {store.uri}, model {model[:16]}{instead} ({seconds:.1f} s)")
        state = published_state(store)
    if state.missing:
        note(
            f"{state.missing:,} of {state.molecules:,} molecules of the graph have no embedding: what was encoded is "
            "another state of the graph; run python -m ingest.all, then python -m learn.encode --graph --publish"
        )
    return count


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    parser = argparse.ArgumentParser(prog="python -m learn.publish", description=__doc__)
    parser.add_argument("--embeddings", type=Path, help="default: workspace/embeddings.parquet")
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Publish what `learn.encode` has written."""
    from learn.embedding_file import read_embeddings

    keys, vectors, model = read_embeddings(arguments.embeddings or Workspace.default().embeddings)
    known = np.isfinite(vectors).all(axis=1)
    publish([str(key) for key in keys[known]], vectors[known], model)


if __name__ == "__main__":
    run(main, build_parser())
