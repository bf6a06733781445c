"""Records of all sources → the context graph that they describe, with its features. Pure: reads and writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from graphdb.schema import EdgeType, NodeType
from graphdb.tables import EdgeKind, GraphTables
from ingest.cached import Cached
from ingest.computed import SIMILARITY_EDGE, column_genes, expression_edges, similarity_edges, structure_edges
from ingest.edges.rules import EdgeRules
from ingest.grouping import bounds, lists
from ingest.identity import index_molecules, molecule_table
from ingest.links import resolve_links
from ingest.options import IngestOptions
from ingest.perturbations import FeatureMatrix, place_profiles
from ingest.records import GENE_NAMESPACES, ProfileTable, SourceRecords, rejects_table
from ingest.references import Resolver
from ingest.stages import Stages
from ingest.standardise.genes import GeneIndex

MOST_SAID = 400
"""Characters of a reject's key and of its reason."""


@dataclass(frozen=True)
class Assembled:
    """A context graph with its features, before anything is written.

    Attributes
    ----------
    tables
        Nodes and edges.
    features
        Profiles, one matrix a node type and feature space.
    fingerprints
        (molecules, 128) uint8, bits packed, rows as in ``tables.nodes[Molecule]``.
    rejects
        Columns ``ingest.records.REJECT_COLUMNS``, sorted by source, file and line.
    """

    tables: GraphTables
    features: tuple[FeatureMatrix, ...]
    fingerprints: npt.NDArray[np.uint8]
    rejects: pd.DataFrame = field(repr=False)


def assemble(
    sources: Mapping[str, SourceRecords],
    options: IngestOptions,
    *,
    cached: Cached | None = None,
    stages: Stages | None = None,
) -> Assembled:
    """Make the context graph of these sources.

    Parameters
    ----------
    sources
        Records by name of source. Their order does not matter.
    options
        What to make of them.
    cached
        Computes what takes long, or knows it from an earlier ingest; the result does not depend on it.
    stages
        Notes what each stage took.
    """
    cached, stages = cached or Cached(), stages or Stages()
    records = [sources[name] for name in sorted(sources)]
    profiles = [table for part in records for table in part.profiles]
    links = [table for part in records for table in part.links if table.edge_type not in options.without]

    with stages("standardise molecules") as stage:

        def standardise(texts: Sequence[tuple[str, str]]) -> pd.DataFrame:
            table, stage.computed = cached.standardise(texts, options.tautomers)
            stage.kept = len(texts) - stage.computed
            return table

        structures = [table for part in records for table in part.structures]
        molecules = index_molecules(structures, _references(records), standardise)
        genes = GeneIndex.from_tables([table for part in records for table in part.genes])
        resolver = Resolver(molecules, genes)

    with stages("resolve profiles and links"):
        perturbations = place_profiles(profiles, resolver, options.gene_profiles)
        curated = resolve_links(links, resolver)
        used = pd.concat([perturbations.used, curated.used], ignore_index=True)
        of_molecules = used[used["node_type"] == NodeType.MOLECULE].rename(columns={"key": "inchikey"})
        molecule_nodes = molecule_table(molecules, of_molecules)

    with stages("fingerprints") as stage:
        fingerprints, stage.computed = cached.fingerprints(list(molecule_nodes["smiles"]))
        stage.kept = len(fingerprints) - stage.computed

    found: list[tuple[EdgeKind, pd.DataFrame]] = [*perturbations.edges.items(), *curated.edges.items()]
    with stages("expression edges"):
        measured = perturbations.features if EdgeType.CHANGES_EXPRESSION not in options.without else ()
        expression, unknown_columns, expressed = _expression(
            measured, perturbations.treatments, profiles, genes, options.rules
        )
        found += expression

    with stages("similarity edges") as stage:
        if EdgeType.SIMILAR_STRUCTURE not in options.without:
            found.append(structure_edges(molecule_nodes, fingerprints, options.rules, cached=cached, stage=stage))
        for matrix in perturbations.features:
            if SIMILARITY_EDGE[matrix.modality] not in options.without:
                found.append(similarity_edges(matrix, options.rules, cached=cached, stage=stage))

    of_genes = pd.concat([used[used["node_type"] == NodeType.GENE], expressed], ignore_index=True)
    nodes = {
        NodeType.MOLECULE: molecule_nodes,
        NodeType.GENE: _gene_nodes(of_genes, genes),
        **perturbations.nodes,
    }
    rejects = [part.rejects for part in records]
    rejects += [molecules.rejects, perturbations.rejects, curated.rejects, *unknown_columns]
    return Assembled(
        tables=GraphTables(
            {node_type: table for node_type, table in nodes.items() if len(table)},
            _joined_edges(found, options.without),
        ),
        features=perturbations.features,
        fingerprints=fingerprints,
        rejects=_joined_rejects(rejects),
    )


def _references(records: Sequence[SourceRecords]) -> pd.DataFrame:
    """Return every reference to a molecule: columns ``namespace``, ``value``, distinct."""
    parts = [pd.DataFrame({"namespace": [], "value": []}, dtype=object)]
    for part in records:
        parts += [table.table[["namespace", "value"]] for table in part.profiles]
        for link in part.links:
            for end in ("src", "dst"):
                ends = link.table[[f"{end}_namespace", f"{end}_value"]]
                parts.append(ends.set_axis(["namespace", "value"], axis=1).drop_duplicates())
    refs = pd.concat([part.astype(object) for part in parts], ignore_index=True).drop_duplicates()
    return refs[~refs["namespace"].isin(GENE_NAMESPACES)].reset_index(drop=True)


def _expression(
    features: Sequence[FeatureMatrix],
    treatments: Mapping[str, pd.DataFrame],
    profiles: Sequence[ProfileTable],
    genes: GeneIndex,
    rules: EdgeRules,
) -> tuple[list[tuple[EdgeKind, pd.DataFrame]], list[pd.DataFrame], pd.DataFrame]:
    """Return the expression edges, the rejected columns, and which source refers to which gene."""
    edges: list[tuple[EdgeKind, pd.DataFrame]] = []
    rejects: list[pd.DataFrame] = []
    used = [pd.DataFrame({"node_type": [], "key": [], "source": []}, dtype=object)]
    for matrix in features:
        if matrix.node_type != NodeType.EXPRESSION:
            continue
        tables = [table for table in profiles if table.feature_space == matrix.feature_space]
        ids, unknown = column_genes(tables, genes)
        rejects.append(unknown)
        found = expression_edges(matrix, treatments[matrix.feature_space], ids, rules)
        edges += found.items()
        for table in found.values():
            used += [
                pd.DataFrame({"node_type": NodeType.GENE, "key": table["dst"], "source": source})
                for source in sorted({part.source for part in tables})
            ]
    return edges, rejects, pd.concat(used, ignore_index=True).drop_duplicates(ignore_index=True)


def _gene_nodes(used: pd.DataFrame, genes: GeneIndex) -> pd.DataFrame:
    """Return the Gene nodes, sorted by NCBI id; `used` has the columns ``key`` and ``source``."""
    distinct = used.assign(key=used["key"].astype("int64")).drop_duplicates(["key", "source"])
    distinct = distinct.sort_values(["key", "source"])
    ids = [int(key) for key in distinct["key"].drop_duplicates()]
    described = genes.describe(ids)
    return pd.DataFrame(
        {
            "ncbi_id": ids,
            "symbol": described["symbol"].to_numpy(object),
            "name": described["name"].to_numpy(object),
            "sources": lists(distinct["source"], bounds(distinct["key"])),
        }
    )


def _joined_edges(
    found: Iterable[tuple[EdgeKind, pd.DataFrame]], without: frozenset[EdgeType]
) -> dict[EdgeKind, pd.DataFrame]:
    by_kind: dict[EdgeKind, list[pd.DataFrame]] = {}
    for kind, table in found:
        if len(table) and kind.edge_type not in without:
            by_kind.setdefault(kind, []).append(table)
    return {kind: pd.concat(tables, ignore_index=True) for kind, tables in by_kind.items()}


def _clipped(text: str) -> str:
    """Return a text as a reject says it: a cell of a million characters is told by its begin."""
    return text if len(text) <= MOST_SAID else f"{text[:MOST_SAID]}… ({len(text):,} characters)"


def _joined_rejects(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    filled = [part for part in parts if len(part)] or [rejects_table("", "", [], [], [])]
    rejects = pd.concat(filled, ignore_index=True)
    for name in ("key", "reason"):
        rejects[name] = [_clipped(str(text)) for text in rejects[name]]
    return rejects.sort_values(["source", "file", "line", "key"], ignore_index=True, kind="stable")
