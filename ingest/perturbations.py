"""Profiles → profile nodes, perturbation edges (weight 1) and feature matrices.

Method: a molecule's profile is a node of its own; a gene that was perturbed carries its profile itself, as in the
paper, unless nodes are asked for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from graphdb.errors import InputError
from graphdb.schema import MEASURED, NODES, SIMULATED, EdgeType, NodeType
from graphdb.tables import EdgeKind
from ingest.links import merge_sources
from ingest.records import Perturbation, ProfileTable, rejects_table
from ingest.references import Resolver
from ingest.standardise.profiles import clean, repeated_names

GeneProfiles = Literal["features", "nodes"]

_HAS = {NodeType.MORPHOLOGY: EdgeType.HAS_MORPHOLOGY, NodeType.EXPRESSION: EdgeType.HAS_EXPRESSION}


@dataclass(frozen=True)
class FeatureMatrix:
    """Features of nodes of one type in one feature space.

    Attributes
    ----------
    node_type, feature_space
        What is described, and in which columns.
    keys
        (n,) node keys in the database's own type, sorted, distinct.
    columns
        (d,) names of the features.
    values
        (n, d) float32, NaN where missing.
    modality
        ``Morphology`` or ``Expression``: what kind of profile this is, also where a gene carries it.
    simulated
        True where no instrument measured them.
    sources
        Sources that gave profiles in this feature space, sorted.
    batches
        (n,) what each profile was measured together with: ``source/plate``, or ``source`` where no plate is known.
        None where a row is no single profile.
    """

    node_type: NodeType
    feature_space: str
    keys: npt.NDArray[np.object_]
    columns: tuple[str, ...]
    values: npt.NDArray[np.float32]
    modality: NodeType
    simulated: bool
    sources: tuple[str, ...]
    batches: npt.NDArray[np.object_] | None = None


@dataclass(frozen=True)
class Perturbations:
    """What the profiles of all sources become.

    Attributes
    ----------
    nodes
        Per profile node type the nodes, sorted by key.
    edges
        Perturbation edges.
    features
        One matrix a node type and feature space.
    treatments
        Per expression feature space what each row of its matrix is the profile of: columns ``node_type``, ``key``.
    used
        Columns ``node_type``, ``key``, ``source``: which source refers to which molecule or gene.
    rejects
        Profiles that could not be used, and such as were mended.
    """

    nodes: dict[NodeType, pd.DataFrame]
    edges: dict[EdgeKind, pd.DataFrame]
    features: tuple[FeatureMatrix, ...]
    treatments: dict[str, pd.DataFrame]
    used: pd.DataFrame
    rejects: pd.DataFrame


def profile_id(source: str, feature_space: str, record: str) -> str:
    """Return the key of a profile node: 16 hexadecimal digits that depend on the three names alone."""
    return hashlib.sha256(json.dumps([source, feature_space, record]).encode()).hexdigest()[:16]


def place_profiles(tables: Sequence[ProfileTable], resolver: Resolver, gene_profiles: GeneProfiles) -> Perturbations:
    """Clean the profiles, find out what was perturbed, and make nodes, edges and matrices of them."""
    rejects = [rejects_table("", "", [], [], [])]
    placed: list[_Placed] = []
    for raw in tables:
        table, mended = clean(raw)
        kept, unknown = _resolve(table, resolver)
        rejects += [mended, unknown]
        placed.append(kept)
    placed, repeated = _without_repeated_names(placed)
    rejects.append(repeated)
    on_genes, as_nodes = [], []
    for part in placed:
        genes = part.perturbed == NodeType.GENE if gene_profiles == "features" else np.zeros(len(part.keys), bool)
        on_genes.append(part.take(genes))
        as_nodes.append(part.take(~genes))
    nodes, matrices, treatments = _profile_nodes(as_nodes)
    used = [pd.DataFrame({"node_type": p.perturbed, "key": p.keys, "source": p.table.source}) for p in placed]
    return Perturbations(
        nodes=nodes,
        edges=_perturbation_edges(as_nodes),
        features=(*matrices, *_gene_matrices(on_genes)),
        treatments=treatments,
        used=pd.concat([pd.DataFrame({"node_type": [], "key": [], "source": []}, dtype=object), *used]).drop_duplicates(
            ignore_index=True
        ),
        rejects=pd.concat([part for part in rejects if len(part)] or rejects, ignore_index=True),
    )


@dataclass(frozen=True)
class _Placed:
    """A profile table whose rows all have a known treatment: the type and key of what was perturbed, row by row."""

    table: ProfileTable
    perturbed: npt.NDArray[np.object_]
    keys: npt.NDArray[np.object_]

    def take(self, chosen: npt.NDArray[np.bool_]) -> _Placed:
        rows = self.table.table[chosen].reset_index(drop=True)
        table = replace(self.table, table=rows, values=self.table.values[chosen])
        return _Placed(table, self.perturbed[chosen], self.keys[chosen])

    @property
    def profile_ids(self) -> list[str]:
        return [
            profile_id(self.table.source, self.table.feature_space, record) for record in self.table.table["record"]
        ]


def _resolve(table: ProfileTable, resolver: Resolver) -> tuple[_Placed, pd.DataFrame]:
    rows = table.table
    found = resolver.resolve(rows["namespace"], rows["value"])
    reason = found["reason"].to_numpy(object, copy=True)
    twice = repeated_names(rows["record"], table.values)
    reason[twice & found["reason"].isna().to_numpy()] = "a second profile under the same name"
    bad = pd.notna(reason)
    rejects = rejects_table(table.source, table.path, rows["line"][bad], rows["record"][bad], reason[bad])
    compound = (rows["perturbation"] == Perturbation.COMPOUND).to_numpy()
    perturbed = np.where(compound, NodeType.MOLECULE, NodeType.GENE).astype(object)
    return _Placed(table, perturbed, found["key"].to_numpy(object)).take(~bad), rejects


def _without_repeated_names(parts: Sequence[_Placed]) -> tuple[list[_Placed], pd.DataFrame]:
    """Leave out profiles of a table that have the name of one in another table: a profile's key is made of its name."""
    seen: dict[tuple[str, str, object], str] = {}
    kept, rejects = [], [rejects_table("", "", [], [], [])]
    for part in sorted(parts, key=lambda part: str(part.table.path)):
        table = part.table
        names = [(table.source, table.feature_space, record) for record in table.table["record"]]
        where = [seen.setdefault(name, str(table.path)) for name in names]
        bad = np.array([path != str(table.path) for path in where], dtype=bool)
        rows = table.table[bad]
        reasons = [f"a second profile under the same name: {path} has it" for path in np.array(where, object)[bad]]
        rejects.append(rejects_table(table.source, table.path, rows["line"], rows["record"], reasons))
        kept.append(part.take(~bad))
    return kept, pd.concat([part for part in rejects if len(part)] or rejects, ignore_index=True)


def _profile_nodes(
    parts: Sequence[_Placed],
) -> tuple[dict[NodeType, pd.DataFrame], list[FeatureMatrix], dict[str, pd.DataFrame]]:
    nodes: dict[NodeType, list[pd.DataFrame]] = {}
    matrices, treatments = [], {}
    for (node_type, space), group in _by_space(parts).items():
        ids = np.array([key for part in group for key in part.profile_ids], dtype=object)
        order = np.argsort(ids.astype(str))
        values = np.concatenate([part.table.values for part in group])
        tables = [
            part.table.table.assign(
                profile_id=part.profile_ids,
                feature_space=space,
                source=part.table.source,
                simulated=part.table.simulated,
            )
            for part in group
        ]
        rows = pd.concat(tables, ignore_index=True)
        columns = [name for name in NODES[node_type].properties if name in rows]
        nodes.setdefault(node_type, []).append(rows[columns])
        first = group[0].table
        matrices.append(
            FeatureMatrix(
                node_type,
                space,
                ids[order],
                first.columns,
                values[order],
                node_type,
                first.simulated,
                _sources(group),
                _batches(rows)[order],
            )
        )
        perturbed = pd.DataFrame(
            {
                "node_type": np.concatenate([part.perturbed for part in group]),
                "key": np.concatenate([part.keys for part in group]),
            }
        )
        treatments[space] = perturbed.iloc[order].reset_index(drop=True)
    joined = {
        node_type: pd.concat(tables, ignore_index=True).sort_values("profile_id", ignore_index=True)
        for node_type, tables in nodes.items()
    }
    return joined, matrices, treatments


def _gene_matrices(parts: Sequence[_Placed]) -> list[FeatureMatrix]:
    """Return the matrices that genes carry: the median where a gene has several profiles by one perturbation."""
    matrices = []
    for (node_type, space), group in _by_space(parts).items():
        first = group[0].table
        kinds = np.concatenate([part.table.table["perturbation"].to_numpy(object) for part in group])
        keys = np.concatenate([part.keys for part in group])
        values = np.concatenate([part.table.values for part in group])
        for kind in sorted(set(kinds)):
            frame = pd.DataFrame(values[kinds == kind]).groupby(keys[kinds == kind].astype(np.int64)).median()
            matrices.append(
                FeatureMatrix(
                    NodeType.GENE,
                    space_of_genes(space, kind),
                    frame.index.to_numpy().astype(object),
                    first.columns,
                    frame.to_numpy(np.float32),
                    node_type,
                    first.simulated,
                    _sources(group),
                )
            )
    return matrices


def space_of_genes(space: str, kind: str) -> str:
    """Return the feature space of genes that were perturbed in one way; a name that says the way stays as it is."""
    return space if kind in space.split("-") else f"{space}-{kind}"


def _perturbation_edges(parts: Sequence[_Placed]) -> dict[EdgeKind, pd.DataFrame]:
    found: dict[tuple[EdgeKind, str], list[pd.DataFrame]] = {}
    for part in parts:
        node_type = part.table.node_type
        criterion = SIMULATED if part.table.simulated else MEASURED
        edges = pd.DataFrame({"src": part.keys, "dst": part.profile_ids, "source": part.table.source}, dtype=object)
        for perturbed in (NodeType.MOLECULE, NodeType.GENE):
            chosen = edges[part.perturbed == perturbed]
            if len(chosen):
                kind = EdgeKind(_HAS[node_type], perturbed, node_type)
                found.setdefault((kind, criterion), []).append(chosen)
    merged: dict[EdgeKind, list[pd.DataFrame]] = {}
    for (kind, criterion), tables in found.items():
        merged.setdefault(kind, []).append(merge_sources(pd.concat(tables), criterion))
    # A profile node is of one source and feature space, so no edge is in two of these.
    return {kind: pd.concat(tables, ignore_index=True) for kind, tables in merged.items()}


def _batches(rows: pd.DataFrame) -> npt.NDArray[np.object_]:
    """Return the batch of each profile: plates of two sources may bear one name, so the source stands before it."""
    if "plate" not in rows:
        return rows["source"].to_numpy(object)
    named = rows["source"].astype(str) + "/" + rows["plate"].astype(str)
    return named.where(rows["plate"].notna(), rows["source"]).to_numpy(object)


def _sources(group: Sequence[_Placed]) -> tuple[str, ...]:
    return tuple(sorted({part.table.source for part in group}))


def _by_space(parts: Sequence[_Placed]) -> dict[tuple[NodeType, str], list[_Placed]]:
    groups: dict[tuple[NodeType, str], list[_Placed]] = {}
    for part in parts:
        if len(part.keys) == 0:
            continue
        group = groups.setdefault((part.table.node_type, part.table.feature_space), [])
        if group and group[0].table.columns != part.table.columns:
            raise InputError(
                f"feature space {part.table.feature_space!r} has other columns here than in {group[0].table.path}",
                path=part.table.path,
                line=1,
            )
        group.append(part)
    return groups
