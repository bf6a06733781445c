"""The map: all published embeddings in two dimensions, and what colours them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from graphdb.errors import InputError
from graphdb.files import replacing_file
from graphdb.schema import NodeType
from graphdb.store import GraphStore
from graphdb.workspace import Workspace
from queries.cached import OfGraph
from queries.embeddings import EmbeddingMatrix, embeddings_of
from queries.explorer.predicted import labels, predictions

Method = Literal["pca", "umap"]
METHODS: tuple[Method, ...] = ("pca", "umap")
COLOURS = ("source", "target", "length")
OTHER = "other"
MOST_GROUPS = 8
SEED = 0


@dataclass(frozen=True, eq=False)
class Map:
    """Molecules in the plane.

    Attributes
    ----------
    keys
        (n,) InChIKeys.
    places
        (n, 2) float32.
    method
        How they were placed.
    explained
        Share of the variance that the plane holds; NaN for UMAP.
    """

    keys: npt.NDArray[np.str_]
    places: npt.NDArray[np.float32]
    method: Method
    explained: float


def map_of(store: GraphStore, method: Method = "pca") -> Map:
    """Return the map of a graph's published embeddings; a map that was made once is kept in the workspace.

    Raises
    ------
    GraphError
        If no embeddings are published.
    InputError
        If the method is unknown, or umap-learn is not installed.
    """
    if method not in METHODS:
        raise InputError(f"expected one of {', '.join(METHODS)}, got {method!r}")
    matrix = embeddings_of(store)
    path = Workspace.default().cache / f"map-{method}-{matrix.model[:16]}-{len(matrix.keys)}.npz"
    if path.exists():
        with np.load(path) as stored:
            if np.array_equal(stored["keys"], matrix.keys):
                return Map(matrix.keys, stored["places"], method, float(stored["explained"]))
    places, explained = project(matrix.unit * matrix.length[:, None], method)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing_file(path) as temporary, temporary.open("wb") as file:
        np.savez(file, keys=matrix.keys, places=places, explained=explained)
    return Map(matrix.keys, places, method, explained)


def project(vectors: npt.NDArray[np.float32], method: Method) -> tuple[npt.NDArray[np.float32], float]:
    """Return n vectors (n, d) in the plane, (n, 2), and the share of their variance that it holds.

    Principal components (`sklearn.decomposition.PCA`), or UMAP (McInnes et al. 2018; the package umap-learn).
    """
    if len(vectors) < 3:
        raise InputError(f"a map needs at least 3 molecules with an embedding, there are {len(vectors)}")
    if method == "umap":
        try:
            import umap
        except ImportError:
            raise InputError("this map needs the package umap-learn: pip install 'infoalign-db[umap]'") from None
        places = umap.UMAP(metric="cosine", random_state=SEED, n_neighbors=min(15, len(vectors) - 1)).fit_transform(
            vectors
        )
        return np.asarray(places, dtype=np.float32), float("nan")
    from sklearn.decomposition import PCA

    fitted = PCA(2, random_state=SEED)
    return fitted.fit_transform(vectors).astype(np.float32), float(fitted.explained_variance_ratio_.sum())


def groups_of(
    store: GraphStore, matrix: EmbeddingMatrix, colour: str
) -> npt.NDArray[np.str_] | npt.NDArray[np.float32]:
    """Return what colours each molecule of a map, (n,): the largest groups by name, or a number.

    ``source``: the first source. ``target``: the first gene that it targets or binds, of the commonest. ``length``: the
    length of its embedding, before it is normalised. Else one of `queries.explorer.predicted.labels`: NaN where the
    predictor says nothing.
    """
    if colour == "length":
        return matrix.length
    if colour not in COLOURS:
        predicted = labels()
        if colour not in predicted:
            raise InputError(f"expected one of {', '.join((*COLOURS, *predicted))}, got {colour!r}")
        path, column = predicted[colour]
        return predictions(store, matrix, path)[:, column]
    names = _SOURCES.of(store) if colour == "source" else _TARGETS.of(store)
    found = np.array([names.get(str(key), "") for key in matrix.keys], dtype=np.str_)
    values, counts = np.unique(found[found != ""], return_counts=True)
    largest = set(values[np.argsort(-counts, kind="stable")][:MOST_GROUPS].tolist())
    return np.array([name if name in largest else OTHER for name in found.tolist()], dtype=np.str_)


def names_on(store: GraphStore, matrix: EmbeddingMatrix) -> npt.NDArray[np.str_]:
    """Return the name of each molecule of a map, (n,); its key where it has none."""
    names = _NAMES.of(store)
    return np.array([names.get(key, key) for key in matrix.keys.tolist()], dtype=np.str_)


def _read_names(store: GraphStore) -> dict[str, str]:
    keys, names = store.read_one(
        f"MATCH (m:{NodeType.MOLECULE}) WHERE m.name IS NOT NULL RETURN [collect(m.inchikey), collect(m.name)]"
    )
    return dict(zip(keys, names, strict=True))


def _read_sources(store: GraphStore) -> dict[str, str]:
    keys, sources = store.read_one(
        f"MATCH (m:{NodeType.MOLECULE}) RETURN [collect(m.inchikey), collect(coalesce(m.sources, []))]"
    )
    return {key: listed[0] for key, listed in zip(keys, sources, strict=True) if listed}


def _read_targets(store: GraphStore) -> dict[str, str]:
    keys, symbols = store.read_one(
        f"MATCH (m:{NodeType.MOLECULE})-[:TARGETS|BINDS]->(g:{NodeType.GENE}) WHERE g.symbol IS NOT NULL "
        "RETURN [collect(m.inchikey), collect(g.symbol)]"
    )
    common: dict[str, int] = {}
    for symbol in symbols:
        common[symbol] = common.get(symbol, 0) + 1
    best: dict[str, str] = {}
    for key, symbol in sorted(zip(keys, symbols, strict=True)):
        if key not in best or common[symbol] > common[best[key]]:
            best[key] = symbol
    return best


_NAMES = OfGraph(_read_names)
_SOURCES = OfGraph(_read_sources)
_TARGETS = OfGraph(_read_targets)
