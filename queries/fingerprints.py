"""Fingerprints of the workspace's molecules, and of others, and how alike they are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graphdb.feature_space import FeatureSpace
from graphdb.schema import FINGERPRINT_SPACE, NodeType
from graphdb.store import GraphStore
from queries.molecule_query import Query
from queries.profile_search import features_of


def fingerprint_space(store: GraphStore) -> FeatureSpace:
    """Return the fingerprints (Morgan, radius 4, 1,024 packed bits) of all molecules of the workspace."""
    return features_of(store).space(NodeType.MOLECULE, FINGERPRINT_SPACE)


def fingerprint_of(space: FeatureSpace, query: Query) -> npt.NDArray[np.uint8]:
    """Return the packed bits of a molecule; computed where the space does not have it."""
    row = int(space.index_of([query.inchikey])[0])
    if row >= 0:
        return np.asarray(space.values[row], dtype=np.uint8)
    # RDKit is needed only for what is not there.
    from ingest.features.fingerprints import morgan_bits

    return np.asarray(morgan_bits([query.smiles])[0], dtype=np.uint8)


def tanimoto(query: npt.NDArray[np.uint8], fingerprints: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Return the Tanimoto coefficient of one fingerprint (b,) with each of (n, b), both packed bits, as (n,).

    Two fingerprints without any bit have 0.
    """
    shared = np.bitwise_count(fingerprints & query).sum(axis=1, dtype=np.int64)
    either = np.bitwise_count(fingerprints | query).sum(axis=1, dtype=np.int64)
    coefficients = np.zeros(len(fingerprints))
    np.divide(shared, either, out=coefficients, where=either > 0)
    return coefficients
