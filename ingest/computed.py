"""Computational edges: similarity within a type and feature space, and the top 1 % of expression values.

Source: InfoAlign, section 3 and appendix B. The numbers are said in `ingest.edges`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from graphdb.schema import FINGERPRINT_SPACE, EdgeType, NodeType
from graphdb.tables import EdgeKind
from ingest.cached import Cached
from ingest.edges.cosine import similar_pairs, similar_pairs_binary
from ingest.edges.expression import top_pairs
from ingest.edges.known_pairs import Memory
from ingest.edges.rules import EdgeRules, Similarity
from ingest.links import ordered_pairs
from ingest.perturbations import FeatureMatrix
from ingest.records import ProfileTable, Ref, rejects_table
from ingest.stages import Stage
from ingest.standardise.genes import GeneIndex

SIMILARITY_EDGE = {
    NodeType.MORPHOLOGY: EdgeType.SIMILAR_MORPHOLOGY,
    NodeType.EXPRESSION: EdgeType.SIMILAR_EXPRESSION,
}
"""Modality of a profile → the type of the edges between similar ones."""


def similarity_edges(
    matrix: FeatureMatrix, rules: EdgeRules, *, cached: Cached, stage: Stage | None = None
) -> tuple[EdgeKind, pd.DataFrame]:
    """Return the cosine edges of one node type and feature space; the weight is the cosine.

    `matrix` has its rows sorted by key, so that ties at the 0.5 % cut fall the same way for every order of input.
    """
    kind = EdgeKind(SIMILARITY_EDGE[matrix.modality], matrix.node_type, matrix.node_type)
    rule = rules.of(kind.edge_type)
    name = f"{matrix.node_type}-{matrix.feature_space}".lower()
    memory = Memory.of(cached.pairs(name, rule.least), [str(key) for key in matrix.keys], matrix.values)
    i, j, cosine = similar_pairs(matrix.values, rule.least, _sparsity(rule), scheduler=cached.scheduler, memory=memory)
    _count(stage, memory, len(matrix.keys))
    edges = _pairs(matrix.keys, i, j, cosine, matrix.feature_space, rule)
    edges["sources"] = [list(matrix.sources)] * len(edges)
    return kind, edges


def structure_edges(
    molecules: pd.DataFrame,
    fingerprints: npt.NDArray[np.uint8],
    rules: EdgeRules,
    *,
    cached: Cached,
    stage: Stage | None = None,
) -> tuple[EdgeKind, pd.DataFrame]:
    """Return the cosine edges between molecules by fingerprint.

    Parameters
    ----------
    molecules
        n rows, sorted by ``inchikey``; ``sources`` of each: an edge rests on those of both its ends.
    fingerprints
        (n, bits / 8) packed bits.
    rules
        The criterion.
    cached
        What is known of earlier ingests, and where the work is done.
    stage
        Is told how much was computed.
    """
    rule = rules.of(EdgeType.SIMILAR_STRUCTURE)
    inchikeys = molecules["inchikey"].to_numpy(object)
    memory = Memory.of(cached.pairs(FINGERPRINT_SPACE, rule.least), inchikeys.tolist(), fingerprints)
    i, j, cosine = similar_pairs_binary(
        fingerprints, rule.least, _sparsity(rule), scheduler=cached.scheduler, memory=memory
    )
    _count(stage, memory, len(inchikeys))
    kind = EdgeKind(EdgeType.SIMILAR_STRUCTURE, NodeType.MOLECULE, NodeType.MOLECULE)
    edges = _pairs(inchikeys, i, j, cosine, FINGERPRINT_SPACE, rule)
    lists = dict(zip(inchikeys, map(tuple, molecules["sources"]), strict=True))
    both = [(lists[src], lists[dst]) for src, dst in zip(edges["src"], edges["dst"], strict=True)]
    unions = {pair: sorted({*pair[0], *pair[1]}) for pair in set(both)}
    edges["sources"] = [unions[pair] for pair in both]
    return kind, edges


def expression_edges(
    matrix: FeatureMatrix, treatments: pd.DataFrame, genes: npt.NDArray[np.object_], rules: EdgeRules
) -> dict[EdgeKind, pd.DataFrame]:
    """Return the edges from what was perturbed to the genes whose expression changed most.

    Parameters
    ----------
    matrix
        An expression feature space.
    treatments
        Columns ``node_type``, ``key``: what each row of `matrix` is the profile of.
    genes
        (d,) NCBI gene id of each column, None where the gene is unknown: such a cell counts, but makes no edge.
    rules
        Which share of the cells is taken.

    Returns
    -------
    dict
        Edges from molecules, and from genes, to genes. Where several profiles or columns give the same pair the one
        with the largest weight stays; its signed value is the property ``value``.
    """
    row, column, weight = top_pairs(matrix.values, rules.expression_share)
    edges = pd.DataFrame(
        {
            "node_type": treatments["node_type"].to_numpy(object)[row],
            "src": treatments["key"].to_numpy(object)[row],
            "dst": genes[column],
            "weight": weight,
            "value": matrix.values[row, column].astype(np.float64),
            "feature_space": matrix.feature_space,
            "criterion": rules.expression_criterion,
        }
    )
    edges = edges[edges["dst"].notna() & ~((edges["node_type"] == NodeType.GENE) & (edges["src"] == edges["dst"]))]
    edges = edges.assign(_key=edges["src"].astype(str)).sort_values(
        ["_key", "dst", "weight", "value"], ascending=[True, True, False, False]
    )
    edges = edges.drop_duplicates(["node_type", "_key", "dst"]).drop(columns="_key")
    by_kind = {}
    for node_type in (NodeType.MOLECULE, NodeType.GENE):
        chosen = edges[edges["node_type"] == node_type].drop(columns="node_type")
        if len(chosen):
            kind = EdgeKind(EdgeType.CHANGES_EXPRESSION, node_type, NodeType.GENE)
            by_kind[kind] = chosen.reset_index(drop=True)
            by_kind[kind]["sources"] = [list(matrix.sources)] * len(chosen)
    return by_kind


def column_genes(tables: Sequence[ProfileTable], genes: GeneIndex) -> tuple[npt.NDArray[np.object_], pd.DataFrame]:
    """Resolve the columns of one expression feature space to genes.

    Returns
    -------
    tuple
        (d,) NCBI gene ids, None where unknown; and the rejects, on the header line of the first file.
    """
    refs: tuple[Ref, ...] = tables[0].column_genes or ()
    ids = np.full(len(refs), None, dtype=object)
    reasons = np.full(len(refs), None, dtype=object)
    names = np.array([ref.value for ref in refs], dtype=object)
    for namespace in sorted({ref.namespace for ref in refs}):
        chosen = np.array([ref.namespace == namespace for ref in refs])
        found = genes.resolve(namespace, pd.Series(names[chosen]))
        known = found["ncbi_id"].notna().to_numpy(bool)
        ids[chosen] = [int(i) if there else None for i, there in zip(found["ncbi_id"], known, strict=True)]
        reasons[chosen] = found["reason"].to_numpy(object)
    unknown = pd.isna(ids)
    return ids, rejects_table(tables[0].source, tables[0].path, 1, names[unknown], reasons[unknown], kept=True)


def _count(stage: Stage | None, memory: Memory | None, rows: int) -> None:
    if stage is not None:
        computed = rows if memory is None else memory.new
        stage.computed += computed
        stage.kept += rows - computed


def _sparsity(rule: Similarity) -> float:
    # In decimal, as people write it: 1 - 0.005 is 0.995, in floats as well after this.
    return round(1 - rule.share, 12)


def _pairs(
    keys: npt.NDArray[np.object_],
    i: npt.NDArray[np.integer],
    j: npt.NDArray[np.integer],
    cosine: npt.NDArray[np.float64],
    feature_space: str,
    rule: Similarity,
) -> pd.DataFrame:
    edges = pd.DataFrame(
        {
            "src": keys[i],
            "dst": keys[j],
            "weight": cosine,
            "feature_space": feature_space,
            "criterion": rule.criterion,
        }
    )
    return ordered_pairs(edges).sort_values(["src", "dst"], ignore_index=True)
