"""What pretraining did to embeddings, seen by the molecules that they bring together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graphdb.store import GraphStore

TARGETS = "MATCH (m:Molecule)-[:TARGETS]->(g:Gene) RETURN m.inchikey AS key, collect(g.ncbi_id) AS genes"
NAMES = "UNWIND $keys AS key MATCH (m:Molecule {inchikey: key}) RETURN key, m.name AS name"


@dataclass(frozen=True)
class Embeddings:
    """Vectors of molecules.

    Attributes
    ----------
    keys
        (n,) InChIKeys.
    vectors
        (n, d), none of them zero.
    """

    keys: npt.NDArray[np.object_]
    vectors: npt.NDArray[np.float32]

    def nearest(self, key: str, count: int) -> list[tuple[str, float]]:
        """Return (key, cosine) of the molecules most similar to `key`, without itself, the most similar one first."""
        unit = self.vectors / np.linalg.norm(self.vectors, axis=1, keepdims=True)
        own = int(np.flatnonzero(self.keys == key)[0])
        cosine = unit @ unit[own]
        cosine[own] = -np.inf
        return [(str(self.keys[i]), float(cosine[i])) for i in np.argsort(-cosine, kind="stable")[:count]]


def targets(store: GraphStore) -> dict[str, frozenset[int]]:
    """Return the NCBI ids of the targets of every molecule that has one, by InChIKey."""
    return {str(row["key"]): frozenset(row["genes"]) for row in store.read(TARGETS)}


def share_with_common_target(embeddings: Embeddings, known: Mapping[str, frozenset[int]], count: int) -> float:
    """Return how many of the `count` molecules nearest to each one with a known target have a target in common with it.

    A share in [0, 1]; NaN where no molecule has a known target.
    """
    hits = [
        not known[key].isdisjoint(known.get(other, frozenset()))
        for key in known
        if (embeddings.keys == key).any()
        for other, _ in embeddings.nearest(key, count)
    ]
    return float(np.mean(hits)) if hits else float("nan")


def side_by_side(
    store: GraphStore, before: Embeddings, after: Embeddings, key: str, count: int
) -> list[tuple[str, float, str, float]]:
    """Return name and cosine of the molecules nearest to `key`, before and after; a star marks a common target."""
    known = targets(store)
    sides = [embeddings.nearest(key, count) for embeddings in (before, after)]
    rows = store.read(NAMES, keys=sorted({other for side in sides for other, _ in side}))
    names = {str(row["key"]): str(row["name"] or row["key"]) for row in rows}
    own = known.get(key, frozenset())

    def described(other: str) -> str:
        return names[other] + ("" if own.isdisjoint(known.get(other, frozenset())) else " *")

    return [(described(one), x, described(two), y) for (one, x), (two, y) in zip(*sides, strict=True)]
