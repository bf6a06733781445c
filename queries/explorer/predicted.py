"""What the workspace's predictors say of every molecule of the map.

``python -m queries.explorer.predicted`` computes it for a whole graph beforehand, where a page would have to wait.
"""

from __future__ import annotations

import argparse
import time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from graphdb.console import run, say
from graphdb.errors import ArtefactError, InputError
from graphdb.files import replacing_file, sha256
from graphdb.schema import NodeType
from graphdb.store import GraphStore
from graphdb.workspace import Workspace
from queries.embeddings import EmbeddingMatrix, embeddings_of
from queries.graph import opened

if TYPE_CHECKING:
    from learn.predictor import Predictor

MOST_AT_ONCE = 2000
"""Molecules that a page may have encoded while its reader waits."""
SMILES = f"MATCH (m:{NodeType.MOLECULE}) WHERE m.smiles IS NOT NULL RETURN [collect(m.inchikey), collect(m.smiles)]"


def labels() -> dict[str, tuple[Path, int]]:
    """Return what can be predicted: ``predictor: label`` → file and column; a damaged file is left out."""
    found = {}
    for path in sorted(Workspace.default().predictors.glob("*.pt")):
        try:
            names = _opened(path).names
        except ArtefactError:
            continue
        found.update({f"{path.stem}: {name}": (path, column) for column, name in enumerate(names)})
    return found


def predictions(store: GraphStore, matrix: EmbeddingMatrix, path: Path) -> npt.NDArray[np.float32]:
    """Return what a predictor says of the molecules of a map, (n, t) float32; NaN where it says nothing.

    Where it was fitted on the encoder whose embeddings are published, its heads read these; else all structures are
    encoded anew. The answer is kept in the workspace.

    Raises
    ------
    InputError
        If too many molecules would have to be encoded for a page.
    """
    return _predictions(store, matrix, path, MOST_AT_ONCE)


def _predictions(store: GraphStore, matrix: EmbeddingMatrix, path: Path, most: int | None) -> npt.NDArray[np.float32]:
    kept = Workspace.default().cache / f"predicted-{sha256(path)[:16]}-{matrix.model[:16]}-{len(matrix.keys)}.npz"
    if kept.exists():
        with np.load(kept) as stored:
            if np.array_equal(stored["keys"], matrix.keys):
                return np.asarray(stored["values"], dtype=np.float32)
    predictor = _opened(path)
    if len(predictor.encoders) == 1 and predictor.about["encoder"]["model_hash"] == matrix.model:
        values = predictor.of_embeddings(matrix.unit * matrix.length[:, None]).astype(np.float32)
    elif most is not None and len(matrix.keys) > most:
        raise InputError(
            f"{path.stem} has an encoder of its own, and {len(matrix.keys):,} molecules are too many to wait for; "
            "once: python -m queries.explorer.predicted"
        )
    else:
        structures = dict(zip(*store.read_one(SMILES), strict=True))
        smiles = [structures.get(str(key), "") for key in matrix.keys]
        values = predictor.predict(smiles).values.astype(np.float32)
    kept.parent.mkdir(parents=True, exist_ok=True)
    with replacing_file(kept) as temporary, temporary.open("wb") as file:
        np.savez(file, keys=matrix.keys, values=values)
    return values


def _opened(path: Path) -> Predictor:
    return _load(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _load(path: Path, _changed: int) -> Predictor:
    from learn.predictor import Predictor

    return Predictor.load(path)


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    return argparse.ArgumentParser(prog="python -m queries.explorer.predicted", description=__doc__)


def main(_: argparse.Namespace) -> None:
    """Ask all predictors of the workspace about all molecules of the map."""
    files = sorted({path for path, _ in labels().values()})
    if not files:
        raise InputError(f"no predictors in {Workspace.default().predictors}: python -m learn.predict --task TABLE")
    with opened() as store:
        matrix = embeddings_of(store)
        for path in files:
            began = time.perf_counter()
            values = _predictions(store, matrix, path, None)
            count = int(np.isfinite(values).all(axis=1).sum())
            say(f"{path.stem}: {count:,} of {len(values):,} molecules ({time.perf_counter() - began:.1f} s)")


if __name__ == "__main__":
    run(main, build_parser())
