"""What the report of an ingest says, as plain numbers and texts: the page and the JSON are made of the same ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from graphdb.schema import NodeType
from graphdb.tables import EdgeKind, GraphTables
from ingest.assemble import Assembled
from ingest.perturbations import FeatureMatrix
from ingest.quality.plates import plate_effect
from ingest.write import reason_kind, reject_counts

EXAMPLES = 3
WEIGHT_BINS = np.linspace(0.0, 1.0, 11)


def summarise(assembled: Assembled) -> dict[str, Any]:
    """Return the quality of a graph that was assembled; JSON can hold it."""
    tables = assembled.tables
    return {
        "nodes_by_source": nodes_by_source(tables),
        "molecule_overlap": overlap(tables.nodes.get(NodeType.MOLECULE)),
        "reject_examples": reject_examples(assembled.rejects),
        "edges": [edge_distribution(kind, table) for kind, table in tables.edges.items()],
        "feature_spaces": [feature_space(matrix, tables) for matrix in assembled.features],
    }


def nodes_by_source(tables: GraphTables) -> dict[str, dict[str, int]]:
    """Return how many nodes of each type a source supports, by source; a node may be of several."""
    counts: dict[str, Counter[str]] = {}
    for node_type, table in tables.nodes.items():
        for found in table["sources"] if "sources" in table else [[name] for name in table["source"]]:
            for source in found:
                counts.setdefault(source, Counter())[str(node_type)] += 1
    return {source: dict(found) for source, found in sorted(counts.items())}


def overlap(molecules: pd.DataFrame | None) -> dict[str, Any]:
    """Return the number of molecules that two sources share, a square matrix; the diagonal is a source's own number."""
    if molecules is None:
        return {"sources": [], "shared": []}
    lists: Sequence[Sequence[str]] = molecules["sources"].tolist()
    names = sorted({source for found in lists for source in found})
    place = {name: i for i, name in enumerate(names)}
    shared = np.zeros((len(names), len(names)), dtype=np.int64)
    for found, count in Counter(tuple(found) for found in lists).items():
        rows = [place[name] for name in found]
        shared[np.ix_(rows, rows)] += count
    return {"sources": names, "shared": shared.tolist()}


def reject_examples(rejects: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of `reject_counts`, each with the first few records it counts and their whole reasons."""
    kinds = rejects.assign(kind=rejects["reason"].astype(str).map(reason_kind))
    groups = {key: rows.head(EXAMPLES) for key, rows in kinds.groupby(["source", "kind", "kept"])}
    found = []
    for counted in reject_counts(rejects):
        rows = groups[counted["source"], counted["reason"], counted["kept"]]
        examples = [
            {"file": file.rpartition("/")[2], "line": int(line), "key": str(key), "reason": str(reason)}
            for file, line, key, reason in rows[["file", "line", "key", "reason"]].itertuples(index=False)
        ]
        found.append({**counted, "examples": examples})
    return found


def edge_distribution(kind: EdgeKind, table: pd.DataFrame) -> dict[str, Any]:
    """Return count, weights and degrees of one kind of edge."""
    weights = table["weight"].to_numpy(dtype=np.float64)
    # Either end of its own: a molecule and a gene with the same key are two nodes.
    ends = [_degrees(table["src"]), _degrees(table["dst"])]
    if kind.source == kind.target:
        ends = [_degrees(pd.concat([table["src"], table["dst"]]))]
    return {
        "type": str(kind.edge_type),
        "source": str(kind.source),
        "target": str(kind.target),
        "criteria": sorted(set(table["criterion"])) if "criterion" in table else [],
        "count": len(table),
        "weight_quartiles": [float(q) for q in np.quantile(weights, [0, 0.25, 0.5, 0.75, 1])],
        "weight_histogram": np.histogram(weights, WEIGHT_BINS)[0].tolist(),
        "degrees": [_degree_histogram(degrees) for degrees in ends],
        "largest_degree": int(max(degrees.max() for degrees in ends)),
    }


def feature_space(matrix: FeatureMatrix, tables: GraphTables) -> dict[str, Any]:
    """Return size, missing share and plate effect of a feature space."""
    effect = plate_effect(matrix.values, plates_of(matrix, tables))
    return {
        "node_type": str(matrix.node_type),
        "name": matrix.feature_space,
        "rows": len(matrix.keys),
        "columns": len(matrix.columns),
        "missing": float(np.isnan(matrix.values).mean()) if matrix.values.size else 0.0,
        "simulated": matrix.simulated,
        "plates": None if effect is None else asdict(effect),
    }


def plates_of(matrix: FeatureMatrix, tables: GraphTables) -> npt.NDArray[np.object_]:
    """Return the plate (n,) of every profile, None where it has none or is carried by a gene."""
    nodes = tables.nodes.get(matrix.node_type)
    if nodes is None or "plate" not in nodes:
        return np.full(len(matrix.keys), None, dtype=object)
    plates: Mapping[object, object] = dict(zip(nodes["profile_id"], nodes["plate"], strict=True))
    return np.array([plates.get(key) for key in matrix.keys], dtype=object)


def _degrees(ends: pd.Series) -> npt.NDArray[np.int64]:
    return np.asarray(ends.value_counts(), dtype=np.int64)


def _degree_histogram(degrees: npt.NDArray[np.int64]) -> list[list[int]]:
    """Return [smallest degree of a bin, number of nodes], bins doubling (1, 2, 4, 8 and so on)."""
    bins = np.floor(np.log2(degrees)).astype(np.int64)
    return [[int(2**place), int(count)] for place, count in enumerate(np.bincount(bins))]
