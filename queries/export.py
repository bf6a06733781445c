"""Profiles and embeddings for scanpy: ``python -m queries.export --space lincs-consensus-978 --h5ad lincs.h5ad``.

AnnData: one observation a profile, with what was perturbed, its source and its plate; one variable a feature;
``obsm["X_infoalign"]`` the published embedding of its molecule. (The whole graph as PyTorch Geometric's HeteroData:
``python -m learn.hetero FILE``.)
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from graphdb.console import run, say
from graphdb.errors import GraphError, InputError
from graphdb.feature_space import FeatureSpace
from graphdb.feature_store import FeatureStore
from graphdb.files import replacing_file
from graphdb.schema import EMBEDDING_DIMENSION, NODES, NodeType
from graphdb.store import GraphStore
from queries.embeddings import embeddings_of
from queries.graph import opened
from queries.names import read_nodes
from queries.profile_search import features_of

if TYPE_CHECKING:
    from anndata import AnnData

EMBEDDING = "X_infoalign"
BATCH = 2000
_PROFILES = (NodeType.MORPHOLOGY, NodeType.EXPRESSION)


def to_anndata(store: GraphStore, space: str, *, scaled: bool = False) -> AnnData:
    """Return the profiles of a feature space.

    Parameters
    ----------
    store
        The graph.
    space
        Name of the feature space; where nodes of two types have it, ``Type/name``.
    scaled
        Features by their minimum and maximum to [0, 1], as they are decoded, instead of the units of the source.

    Returns
    -------
    anndata.AnnData
        n observations (profiles, named by their key) by d variables (features, by name), float32, NaN where not
        measured. ``obs``: the properties of the profile, ``perturbed`` (name) and ``perturbed_key`` (InChIKey or NCBI
        id). ``obsm["X_infoalign"]``: (n, 300), NaN without a published embedding; left out if the graph has none.
        ``uns``: the feature space, its graph's hash, and whether it is simulated.

    Raises
    ------
    InputError
        If there is no such feature space of profiles, or anndata is not installed.
    ArtefactError
        If the feature store is missing or of another graph.
    """
    try:
        from anndata import AnnData
    except ImportError:
        raise InputError("this needs the package anndata: pip install 'infoalign-db[anndata]'") from None
    features = features_of(store)
    found = _space(features, space)
    keys = [str(key) for key in found.keys]
    obs = _observations(store, found.node_type, keys)
    made = AnnData(
        X=np.asarray(found.scaled() if scaled else found.raw(), dtype=np.float32),
        obs=_of_objects(obs),
        var=pd.DataFrame(index=pd.Index(list(found.columns), dtype=object)),
    )
    made.uns["feature_space"] = found.name
    made.uns["graph_hash"] = features.graph_hash
    made.uns["simulated"] = bool(found.simulated)
    embedded = _embeddings(store, obs["perturbed_key"].tolist())
    if embedded is not None:
        made.obsm[EMBEDDING] = embedded
    return made


def _space(features: FeatureStore, text: str) -> FeatureSpace:
    profiles = [space for space in features.spaces() if space.node_type in _PROFILES]
    found = [space for space in profiles if text in {space.name, f"{space.node_type}/{space.name}"}]
    if len(found) != 1:
        listed = ", ".join(f"{space.node_type}/{space.name}" for space in profiles) or "none"
        raise InputError(f"expected the name of one feature space of profiles, got {text!r}; there are: {listed}")
    return found[0]


def _observations(store: GraphStore, node_type: NodeType, keys: list[str]) -> pd.DataFrame:
    owners: dict[str, tuple[str, Any]] = {}
    for owner in (NodeType.GENE, NodeType.MOLECULE):
        profiles, of = store.read_one(
            f"MATCH (m:{owner})-[:HAS_{node_type.upper()}]->(p:{node_type}) "
            f"RETURN [collect(p.profile_id), collect(m.{NODES[owner].key})]"
        )
        owners |= dict(zip(profiles, ((str(owner), key) for key in of), strict=True))
    rows = []
    for begin in range(0, len(keys), BATCH):
        nodes = read_nodes(store, node_type, keys[begin : begin + BATCH])
        for key in keys[begin : begin + BATCH]:
            node = nodes.get(key)
            kind, owner_key = owners.get(key, ("", None))
            properties = dict(node.properties) if node else {}
            perturbed = node.name.removeprefix("profile of ") if node else ""
            rows.append({**properties, "perturbed": perturbed, "perturbed_type": kind, "perturbed_key": owner_key})
    columns = [*NODES[node_type].properties, "perturbed", "perturbed_type", "perturbed_key"]
    return pd.DataFrame(rows, columns=columns, index=pd.Index(keys, dtype=object)).drop(columns="profile_id")


def _of_objects(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table as AnnData can write it: texts as categories of plain objects; columns without any value go."""
    columns: dict[str, Any] = {}
    for name in table.columns:
        values = table[name]
        if values.isna().all():
            continue
        number = pd.to_numeric(values, errors="coerce")
        if pd.api.types.is_bool_dtype(values.infer_objects()):
            columns[name] = values.astype(bool)
        elif number.notna().equals(values.notna()):
            columns[name] = number.astype(float)
        else:
            texts = values.astype(object).where(values.notna(), None).map(_text)
            columns[name] = pd.Categorical(texts, categories=pd.Index(sorted({*texts} - {None}), dtype=object))
    return pd.DataFrame(columns, index=table.index)


def _text(value: object) -> object:
    return None if value is None else str(value)


def _embeddings(store: GraphStore, keys: list[Any]) -> np.ndarray[Any, np.dtype[np.float32]] | None:
    try:
        matrix = embeddings_of(store)
    except GraphError:
        return None  # none are published: the profiles are worth having without
    place = {str(key): row for row, key in enumerate(matrix.keys)}
    made = np.full((len(keys), EMBEDDING_DIMENSION), np.nan, dtype=np.float32)
    for row, key in enumerate(keys):
        if key in place:
            made[row] = matrix.unit[place[key]] * matrix.length[place[key]]
    return made


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    parser = argparse.ArgumentParser(prog="python -m queries.export", description=__doc__)
    parser.add_argument("--space", required=True, help="the feature space")
    parser.add_argument("--scaled", action="store_true", help="features in [0, 1] instead of the units of the source")
    parser.add_argument("--h5ad", type=Path, required=True, metavar="FILE", help="the file to write")
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Write what is asked for."""
    with opened() as store:
        made = to_anndata(store, arguments.space, scaled=arguments.scaled)
    with replacing_file(arguments.h5ad) as temporary:
        made.write_h5ad(temporary)
    embedded = (
        f", {int(np.isfinite(made.obsm[EMBEDDING][:, 0]).sum()):,} with an embedding" if EMBEDDING in made.obsm else ""
    )
    say(f"{arguments.h5ad}: {made.n_obs:,} profiles of {made.n_vars:,} features{embedded}")


if __name__ == "__main__":
    run(main, build_parser())
