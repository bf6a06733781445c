"""Embeddings in the graph: written to the Molecule nodes, and searched through a vector index.

Neo4j makes and asks its index by Cypher; ArcadeDB by its own SQL, over the HTTP interface that the embedded graph opens
on loopback for this alone.
"""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from graphdb import embedded
from graphdb.errors import GraphError, InputError
from graphdb.schema import EMBEDDING_DIMENSION, EMBEDDING_INDEX, NODES, NodeType
from graphdb.store import GraphStore
from graphdb.workspace import Workspace

BATCH_SIZE = 1000
HTTP_SECONDS = 300
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
    rows = ({"key": key, "vector": vector.tolist()} for key, vector in zip(inchikeys, vectors, strict=True))
    store.write(
        f"UNWIND $rows AS row MATCH (n:{_LABEL} {{{_KEY}: row.key}}) "
        "SET n.embedding = row.vector, n.embedding_model = $model",
        rows,
        batch_size=BATCH_SIZE,
        model=model,
    )
    if store.engine == "neo4j":
        store.read("CALL db.awaitIndexes(300)")
    count: int = store.read(
        f"MATCH (n:{_LABEL}) WHERE n.embedding_model = $model RETURN count(n) AS count", model=model
    )[0]["count"]
    return count


def ensure_index(store: GraphStore) -> None:
    """Make the vector index (cosine) where it is missing."""
    if store.engine == "neo4j":
        store.write(
            f"CREATE VECTOR INDEX {EMBEDDING_INDEX} IF NOT EXISTS FOR (n:{_LABEL}) ON (n.embedding) OPTIONS "
            f"{{indexConfig: {{`vector.dimensions`: {EMBEDDING_DIMENSION}, "
            "`vector.similarity_function`: 'cosine'}}"
        )
        return
    _sql(store, f"CREATE VERTEX TYPE {_LABEL} IF NOT EXISTS")
    _sql(store, f"CREATE PROPERTY {_LABEL}.embedding IF NOT EXISTS ARRAY_OF_FLOATS")
    settings = json.dumps({"dimensions": EMBEDDING_DIMENSION, "similarity": "COSINE"})
    _sql(store, f"CREATE INDEX IF NOT EXISTS ON {_LABEL} (embedding) LSM_VECTOR METADATA {settings}")


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
        (InChIKey, cosine in [-1, 1]), the most similar first. The index proposes four times as many (it is
        approximate); their cosines are computed exactly from the stored vectors.
    """
    query = np.asarray(vector, dtype=np.float64)
    if query.shape != (EMBEDDING_DIMENSION,):
        raise InputError(f"embedding: expected shape ({EMBEDDING_DIMENSION},), got {query.shape}")
    wanted = k * OVERSAMPLING
    if store.engine == "neo4j":
        rows = store.read(
            "CALL db.index.vector.queryNodes($index, $wanted, $vector) YIELD node "
            f"RETURN node.{_KEY} AS key, node.embedding AS vector",
            index=EMBEDDING_INDEX,
            wanted=wanted,
            vector=query.tolist(),
        )
    else:
        found = _sql(
            store,
            f"SELECT expand(vectorNeighbors('{_LABEL}[embedding]', :vector, :wanted))",
            vector=query.tolist(),
            wanted=wanted,
        )
        rows = [{"key": row[_KEY], "vector": row["embedding"]} for row in found]
    if not rows:
        return []
    vectors = np.array([row["vector"] for row in rows], dtype=np.float64)
    norms = np.linalg.norm(vectors, axis=1) * np.linalg.norm(query)
    cosines = np.divide(vectors @ query, norms, out=np.zeros(len(rows)), where=norms > 0)
    ranked = sorted(
        zip((row["key"] for row in rows), cosines.tolist(), strict=True), key=lambda pair: (-pair[1], pair[0])
    )
    return ranked[:k]


def _sql(store: GraphStore, statement: str, **parameters: Any) -> list[dict[str, Any]]:
    """Run one statement of ArcadeDB's SQL on the embedded graph."""
    server = store.server
    if server is None:
        raise GraphError(f"{store.uri} is not the embedded graph of this workspace")
    folder = Workspace.default().graph
    token = base64.b64encode(f"{embedded.USERNAME}:{embedded.read_password(folder)}".encode()).decode()
    body = json.dumps({"language": "sql", "command": statement, "params": parameters}).encode()
    request = urllib.request.Request(
        f"{server.http_url}/api/v1/command/{embedded.DATABASE}",
        data=body,
        headers={"Content-Type": "application/json", "Authorization": f"Basic {token}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=HTTP_SECONDS) as response:
            rows: list[dict[str, Any]] = json.load(response)["result"]
            return rows
    except urllib.error.HTTPError as error:
        detail = error.read().decode(errors="replace")[:300]
        raise GraphError(
            f"the embedded graph refused {statement.split('(', maxsplit=1)[0].strip()!r}: {detail}"
        ) from error
    except OSError as error:
        raise GraphError(f"the embedded graph does not answer at {server.http_url} ({error})") from error
