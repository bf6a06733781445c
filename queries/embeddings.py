"""All published embeddings in memory: exact search, and the map of the explorer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graphdb.errors import GraphError, InputError
from graphdb.schema import EMBEDDING_DIMENSION
from graphdb.store import GraphStore
from graphdb.vectors import nearest, publications, published, published_models
from queries.cached import OfGraph, graph_state

NOT_PUBLISHED = "the graph has no embeddings: python -m learn.pretrain, then python -m learn.encode --graph --publish"


@dataclass(frozen=True, eq=False, repr=False)
class EmbeddingMatrix:
    """The published embeddings of a graph.

    Attributes
    ----------
    model
        Hash of the model that they are of.
    keys
        (n,) InChIKeys, ascending.
    unit
        (n, 300) float32, each of length 1 (a vector of zeros stays one).
    length
        (n,) float32, what they were divided by.
    """

    model: str
    keys: npt.NDArray[np.str_]
    unit: npt.NDArray[np.float32]
    length: npt.NDArray[np.float32]

    def nearest(self, vector: npt.ArrayLike, k: int) -> list[tuple[str, float]]:
        """Return the `k` molecules with the largest cosine, exactly: (InChIKey, cosine), ties by InChIKey.

        Parameters
        ----------
        vector
            (300,) finite, not all 0.
        k
            How many.
        """
        query = np.asarray(vector, dtype=np.float32)
        if query.shape != (self.unit.shape[1],) or not np.isfinite(query).all() or not query.any():
            raise InputError(f"embedding: expected {self.unit.shape[1]} finite numbers that are not all 0")
        if k < 1:
            raise InputError(f"expected at least 1 neighbour, got {k}")
        cosines = self.unit @ (query / np.linalg.norm(query))
        best = np.arange(len(cosines))
        if k < len(cosines):
            # All that tie with the last one, so that the keys decide among them.
            best = np.flatnonzero(cosines >= np.partition(cosines, -k)[-k])
        # The keys ascend: a stable sort leaves ties in their order.
        best = best[np.argsort(-cosines[best], kind="stable")][:k]
        return [(str(self.keys[place]), float(np.clip(cosines[place], -1, 1))) for place in best]


def read(store: GraphStore) -> EmbeddingMatrix:
    """Read all embeddings of the model that most recently published here.

    Raises
    ------
    GraphError
        If there are none, or those of several models (one is being published just now).
    """
    models = published_models(store)
    if not models:
        raise GraphError(NOT_PUBLISHED)
    if len(models) > 1:
        raise GraphError("the graph has embeddings of several models: one is being published; try again later")
    pages = list(published(store, models[0]))
    keys = np.array([key for page, _ in pages for key in page], dtype=np.str_)
    vectors = np.concatenate([page for _, page in pages]) if pages else np.empty((0, EMBEDDING_DIMENSION), np.float32)
    length = np.linalg.norm(vectors, axis=1).astype(np.float32)
    vectors /= np.where(length > 0, length, 1)[:, None]
    return EmbeddingMatrix(models[0], keys, vectors, length)


_EMBEDDINGS = OfGraph(
    read, lambda store: None if (state := graph_state(store)) is None else (state, publications(store))
)
embeddings_of = _EMBEDDINGS.of
"""Return the embeddings of a graph; reads them if they are not there, or no longer the same."""
kept = _EMBEDDINGS.kept
"""Return the embeddings if they are there and still the same, else None."""
forget = _EMBEDDINGS.forget


def recall_of_index(store: GraphStore, queries: Sequence[npt.ArrayLike], k: int = 10) -> float:
    """Return which share of the exact `k` nearest molecules the database's vector index finds, over some vectors."""
    matrix = embeddings_of(store)
    found = 0.0
    for query in queries:
        exact = {key for key, _ in matrix.nearest(query, k)}
        found += len(exact & {key for key, _ in nearest(store, query, k)}) / len(exact)
    return found / len(queries)
