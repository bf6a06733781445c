"""Embeddings in the graph: written to the Molecule nodes, and searched through a vector index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from graphdb.dialect import NEO4J_VECTOR_INDEX, VECTOR_INDEX
from graphdb.errors import GraphError, InputError
from graphdb.schema import EMBEDDING_DIMENSION, EMBEDDING_INDEX, META_LABEL, NODES, NodeType
from graphdb.store import GraphStore

BATCH_SIZE = 1000
PAGE = 5000
# The index is approximate: asking for more than is wanted and ranking them exactly makes up for most of what it misses.
OVERSAMPLING = 4
_LABEL, _KEY = NodeType.MOLECULE, NODES[NodeType.MOLECULE].key


def publish(store: GraphStore, inchikeys: Sequence[str], vectors: npt.NDArray[np.float32], model: str) -> int:
    """Write embeddings to the Molecule nodes and make the index over them.

    Parameters
    ----------
    store
        The graph.
    inchikeys
        n keys; molecules that are not in the graph are passed over.
    vectors
        (n, 300) finite float32.
    model
        Hash of the model; kept beside each embedding. Embeddings of another model are removed.

    Returns
    -------
    int
        Number of molecules that now have an embedding of this model.
    """
    vectors = np.asarray(vectors, dtype=np.float32)
    if vectors.shape != (len(inchikeys), EMBEDDING_DIMENSION):
        raise InputError(f"embeddings: expected shape {(len(inchikeys), EMBEDDING_DIMENSION)}, got {vectors.shape}")
    if not np.isfinite(vectors).all():
        raise InputError("embeddings: some are not finite")
    ensure_index(store)
    store.write(
        f"MATCH (n:{_LABEL}) WHERE n.embedding_model IS NOT NULL AND n.embedding_model <> $model "
        "REMOVE n.embedding, n.embedding_model",
        model=model,
    )
    _note_change(store)
    rows = ({"key": key, "vector": vector.tolist()} for key, vector in zip(inchikeys, vectors, strict=True))
    store.write(
        f"UNWIND $rows AS row MATCH (n:{_LABEL} {{{_KEY}: row.key}}) "
        "SET n.embedding = row.vector, n.embedding_model = $model",
        rows,
        batch_size=BATCH_SIZE,
        model=model,
    )
    _note_change(store)
    if store.engine == "neo4j":
        store.read("CALL db.awaitIndex($name, 300)", name=EMBEDDING_INDEX)
    elif len(vectors):
        _propose(store, np.ones(EMBEDDING_DIMENSION).tolist(), 1)  # the first query builds the index: seconds
    count: int = store.read(
        f"MATCH (n:{_LABEL}) WHERE n.embedding_model = $model RETURN count(n) AS count", model=model
    )[0]["count"]
    return count


def published_models(store: GraphStore) -> list[str]:
    """Return the hashes of the models whose embeddings are in the graph, sorted."""
    rows = store.read(
        f"MATCH (n:{_LABEL}) WHERE n.embedding IS NOT NULL RETURN DISTINCT coalesce(n.embedding_model, '') AS model"
    )
    return sorted(str(row["model"]) for row in rows)


class Published(NamedTuple):
    """What a graph holds of embeddings.

    Attributes
    ----------
    models
        Hashes of the models that they are of, sorted.
    molecules, embedded
        How many molecules there are, and how many of them have one.
    """

    models: tuple[str, ...]
    molecules: int
    embedded: int

    @property
    def missing(self) -> int:
        """How many molecules have none."""
        return self.molecules - self.embedded


def published_state(store: GraphStore) -> Published:
    """Return what the graph holds of embeddings."""
    row = store.read(f"MATCH (n:{_LABEL}) RETURN count(n) AS molecules, count(n.embedding) AS embedded")[0]
    return Published(tuple(published_models(store)), row["molecules"], row["embedded"])


def published(store: GraphStore, model: str) -> Iterator[tuple[list[str], npt.NDArray[np.float32]]]:
    """Yield the InChIKeys (n) and embeddings (n, 300) of one model, page by page, by ascending InChIKey."""
    beyond = f"n.{_KEY} IS NOT NULL"
    last: dict[str, Any] = {}
    while True:
        keys, vectors = store.read_one(
            f"MATCH (n:{_LABEL}) WHERE {beyond} AND n.embedding_model = $model AND n.embedding IS NOT NULL "
            f"WITH n ORDER BY n.{_KEY} LIMIT {PAGE} RETURN [collect(n.{_KEY}), collect(n.embedding)]",
            model=model,
            **last,
        )
        if keys:
            yield keys, np.asarray(vectors, dtype=np.float32).reshape(len(keys), -1)
        if len(keys) < PAGE:
            return
        beyond, last = f"n.{_KEY} > $last", {"last": keys[-1]}


def publications(store: GraphStore) -> int:
    """Return a number that each change of the published embeddings raises; 0 for a graph without a description."""
    rows = store.read(f"MATCH (m:{META_LABEL}) RETURN coalesce(m.publications, 0) AS publications")
    return int(rows[0]["publications"]) if rows else 0


def _note_change(store: GraphStore) -> None:
    # Embeddings are no part of what the graph's content hash is of: it is not edited by them.
    store.write(f"MATCH (m:{META_LABEL}) SET m.publications = coalesce(m.publications, 0) + 1")


def withdraw(store: GraphStore) -> None:
    """Remove all embeddings from the graph; the index over them stays."""
    _note_change(store)
    store.write(f"MATCH (n:{_LABEL}) WHERE n.embedding IS NOT NULL REMOVE n.embedding, n.embedding_model")


def ensure_index(store: GraphStore) -> None:
    """Make the vector index (cosine) where it is missing.

    Raises
    ------
    GraphError
        On an ArcadeDB that has none: only the helper process of the embedded graph can make one.
    """
    if store.engine == "neo4j":
        store.write(NEO4J_VECTOR_INDEX)
        return
    try:
        _propose(store, [1.0] + [0.0] * (EMBEDDING_DIMENSION - 1), 1)
    except GraphError as error:
        raise GraphError(
            f"the ArcadeDB at {store.uri} has no vector index over {VECTOR_INDEX['arcadedb']} ({error}); the embedded "
            "graph makes one when it starts: python -m graphdb.server stop, then try again"
        ) from error


def nearest(store: GraphStore, vector: npt.ArrayLike, k: int) -> list[tuple[str, float]]:
    """Return the `k` molecules whose embeddings are most similar to `vector`.

    Parameters
    ----------
    store
        The graph.
    vector
        (300,) an embedding.
    k
        How many.

    Returns
    -------
    list
        (InChIKey, cosine in [-1, 1]), the most similar first, ties by InChIKey. The index is approximate: it proposes
        four times as many, and their cosines are computed exactly from the stored vectors.
    """
    query = np.asarray(vector, dtype=np.float64)
    if query.shape != (EMBEDDING_DIMENSION,):
        raise InputError(f"embedding: expected shape ({EMBEDDING_DIMENSION},), got {query.shape}")
    if not np.isfinite(query).all() or not query.any():
        raise InputError("embedding: expected finite numbers that are not all 0; such a vector has no direction")
    if k < 1:
        raise InputError(f"expected at least 1 neighbour, got {k}")
    rows = _propose(store, query.tolist(), k * OVERSAMPLING)
    if not rows:
        return []
    vectors = np.array([row["vector"] for row in rows], dtype=np.float64)
    norms = np.linalg.norm(vectors, axis=1) * np.linalg.norm(query)
    cosines = np.divide(vectors @ query, norms, out=np.zeros(len(rows)), where=norms > 0).clip(-1, 1)
    ranked = sorted(
        zip((row["key"] for row in rows), cosines.tolist(), strict=True), key=lambda pair: (-pair[1], pair[0])
    )
    return ranked[:k]


def _propose(store: GraphStore, vector: list[float], k: int) -> list[dict[str, Any]]:
    return store.read(
        "CALL db.index.vector.queryNodes($index, $k, $vector) YIELD node "
        f"RETURN node.{_KEY} AS key, node.embedding AS vector",
        index=VECTOR_INDEX[store.engine],
        k=k,
        vector=vector,
    )
