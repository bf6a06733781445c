"""The molecules whose measured profiles are most like those of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from graphdb.errors import ArtefactError, InputError
from graphdb.feature_space import FeatureSpace
from graphdb.feature_store import FeatureStore
from graphdb.holdout import BLOCK
from graphdb.meta import read_meta
from graphdb.schema import NodeType
from graphdb.store import GraphStore
from graphdb.workspace import Workspace
from queries.cached import OfGraph


class ProfileMatch(NamedTuple):
    """A molecule by its profile that is most like one of another molecule.

    Attributes
    ----------
    inchikey
        The molecule.
    cosine
        Of the two profiles.
    feature_space
        In which both lie.
    simulated
        No instrument measured them.
    """

    inchikey: str
    cosine: float
    feature_space: str
    simulated: bool


@dataclass(frozen=True, eq=False)
class ProfileMatrix:
    """The profiles of molecules in one feature space.

    Attributes
    ----------
    space
        The feature space.
    owners
        (n,) InChIKey of the molecule that each profile is of.
    rows
        (n,) rows of the feature space.
    unit
        (n, d) float32: the features as distances from their mean in standard deviations (over all profiles of the
        space), 0 where not measured or constant, each row of length 1.
    """

    space: FeatureSpace
    owners: npt.NDArray[np.str_]
    rows: npt.NDArray[np.int64]
    unit: npt.NDArray[np.float32]


def features_of(store: GraphStore) -> FeatureStore:
    """Open the workspace's feature store; `ArtefactError` if it is missing or of another graph."""
    features = FeatureStore.open(Workspace.default().features)
    meta = read_meta(store)
    if meta is not None and meta.content_hash and features.graph_hash not in {"", meta.content_hash}:
        raise ArtefactError(f"{features.folder}: made for another graph than {store.uri}; run python -m ingest.all")
    return features


def standardised(space: FeatureSpace) -> npt.NDArray[np.float32]:
    """Return all rows of a feature space by column as distances from the mean in standard deviations, (n, d).

    What is not measured and what is constant is 0.
    """
    values = space.raw().astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        count = np.maximum(np.isfinite(values).sum(axis=0), 1)
        mean = np.nansum(values, axis=0) / count
        deviation = np.sqrt(np.nansum((values - mean) ** 2, axis=0) / count)
        scaled = (values - mean) / deviation
    finite: npt.NDArray[np.float32] = np.nan_to_num(scaled, nan=0.0, posinf=0.0, neginf=0.0).astype(np.float32)
    return finite


def read(store: GraphStore) -> dict[NodeType, list[ProfileMatrix]]:
    """Read the profiles of all molecules, by kind."""
    features = features_of(store)
    return {
        node_type: [
            matrix
            for space in features.spaces()
            if space.node_type is node_type
            and len(space)
            and (matrix := _matrix(space, _owners(store, node_type))) is not None
        ]
        for node_type in (NodeType.MORPHOLOGY, NodeType.EXPRESSION)
    }


def _owners(store: GraphStore, node_type: NodeType) -> tuple[list[str], list[str]]:
    molecules, profiles = store.read_one(
        f"MATCH (m:{NodeType.MOLECULE})-[:HAS_{node_type.upper()}]->(p:{node_type}) "
        "RETURN [collect(m.inchikey), collect(p.profile_id)]"
    )
    return molecules, profiles


def _matrix(space: FeatureSpace, owned: tuple[list[str], list[str]]) -> ProfileMatrix | None:
    molecules, profiles = owned
    if not profiles:
        return None
    rows = space.index_of(np.array(profiles, dtype=np.str_)).astype(np.int64)
    present = rows >= 0
    if not present.any():
        return None
    owners = np.array(molecules, dtype=np.str_)[present]
    order = np.lexsort((rows[present], owners))
    rows, owners = rows[present][order], owners[order]
    scaled = standardised(space)[rows]
    length = np.linalg.norm(scaled, axis=1, keepdims=True)
    scaled /= np.where(length > 0, length, 1)
    return ProfileMatrix(space, owners, rows, scaled)


_PROFILES = OfGraph(read)
profiles_of = _PROFILES.of
"""Return the profiles of a graph's molecules, read once in a process and again when the graph has changed."""
forget = _PROFILES.forget


def nearest_by_profile(store: GraphStore, inchikey: str, node_type: NodeType, k: int) -> list[ProfileMatch]:
    """Return the molecules whose profiles are most like those of a molecule, the most similar first.

    Of all pairs of profiles in the same feature space the best one counts.

    Parameters
    ----------
    store
        The graph.
    inchikey
        Of the molecule.
    node_type
        Morphology or Expression.
    k
        How many molecules.

    Raises
    ------
    InputError
        If the molecule has no such profile; other forms of it (stereoisomers) that have one are named.
    ArtefactError
        If the feature store is missing or of another graph.
    """
    best: dict[str, ProfileMatch] = {}
    measured = False
    for matrix in profiles_of(store)[node_type]:
        own = matrix.owners == inchikey
        if not own.any():
            continue
        measured = True
        cosines = (matrix.unit @ matrix.unit[own].T).max(axis=1)
        for place in np.argsort(-cosines, kind="stable"):
            owner, cosine = str(matrix.owners[place]), float(cosines[place])
            if owner == inchikey or (owner in best and best[owner].cosine >= cosine):
                continue
            best[owner] = ProfileMatch(owner, min(cosine, 1.0), matrix.space.name, matrix.space.simulated)
    if not measured:
        block = inchikey[:BLOCK]
        others = {str(key) for matrix in profiles_of(store)[node_type] for key in matrix.owners if key[:BLOCK] == block}
        forms = f"; another form of it has: {', '.join(sorted(others))}" if others else ""
        raise InputError(f"{inchikey} has no {node_type} profile{forms}; or compare by embedding or fingerprint")
    return sorted(best.values(), key=lambda match: (-match.cosine, match.inchikey))[:k]
