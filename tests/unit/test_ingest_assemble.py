"""From records to the context graph, on records made by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from graphdb.content import content_hash
from graphdb.errors import InputError
from graphdb.feature_store import FeatureStore
from graphdb.schema import EDGES, NODES, EdgeType, NodeType
from graphdb.tables import EdgeKind
from graphdb.workspace import Workspace
from ingest.assemble import Assembled, assemble
from ingest.options import IngestOptions
from ingest.perturbations import profile_id
from ingest.records import (
    GeneTable,
    LinkTable,
    ProfileTable,
    Ref,
    SourceRecords,
    StructureTable,
)
from ingest.write import write_features

ASPIRIN = "BSYNRYMUTXBXSQ-UHFFFAOYSA-N"
CAFFEINE = "RYYVLZVUVIJVGH-UHFFFAOYSA-N"
ETHANOL = "LFQSCWFLJHTTHZ-UHFFFAOYSA-N"


def structures(source: str, rows: list[dict[str, Any]], *, is_node: bool) -> StructureTable:
    table = pd.DataFrame(rows, dtype=object)
    table.insert(0, "line", range(2, len(rows) + 2))
    return StructureTable(source, Path(f"{source}.csv"), table, is_node)


def genes(*rows: tuple[int, str]) -> GeneTable:
    table = pd.DataFrame(
        {
            "line": range(2, len(rows) + 2),
            "ncbi_id": [number for number, _ in rows],
            "symbol": [symbol for _, symbol in rows],
            "name": None,
            "synonyms": [[] for _ in rows],
        }
    )
    return GeneTable("genes", Path("genes.tsv"), table)


def links(source: str, edge_type: EdgeType, *rows: tuple[str, str, str, str]) -> LinkTable:
    names = ["src_namespace", "src_value", "dst_namespace", "dst_value"]
    table = pd.DataFrame(list(rows), columns=names, dtype=object)
    table.insert(0, "line", range(2, len(rows) + 2))
    return LinkTable(source, Path(f"{source}.tsv"), edge_type, table)


def profiles(
    source: str,
    refs: list[tuple[str, str, str]],
    values: Any,
    *,
    node_type: NodeType = NodeType.MORPHOLOGY,
    space: str = "cells-3",
    column_genes: tuple[Ref, ...] | None = None,
) -> ProfileTable:
    array = np.asarray(values, dtype=np.float32)
    table = pd.DataFrame(refs, columns=["namespace", "value", "perturbation"], dtype=object)
    table.insert(0, "line", range(2, len(refs) + 2))
    table["record"] = [f"r{number}" for number in range(len(refs))]
    columns = tuple(f"f{number}" for number in range(array.shape[1]))
    return ProfileTable(source, Path(f"{source}.csv"), node_type, space, columns, column_genes, array, table)


LIST = structures(
    "mine",
    [
        {"namespace": "chembl", "value": "CHEMBL25", "smiles": "CC(=O)Oc1ccccc1C(=O)[O-].[Na+]", "name": "aspirin"},
        {"namespace": "smiles", "value": "not one", "smiles": "C1CC", "name": None},
    ],
    is_node=True,
)
LOOKUP = structures(
    "ids",
    [
        {"namespace": "drugbank", "value": "DB00945", "smiles": "CC(=O)Oc1ccccc1C(=O)O", "name": "Aspirin"},
        {"namespace": "drugbank", "value": "DB00201", "smiles": "Cn1c(=O)c2c(ncn2C)n(C)c1=O", "name": "Caffeine"},
        {"namespace": "drugbank", "value": "DB00898", "smiles": "CCO", "name": "Ethanol"},
        {"namespace": "drugbank", "value": "DB00001", "smiles": None, "name": "Lepirudin"},
    ],
    is_node=False,
)
GENES = genes((5742, "PTGS1"), (5743, "PTGS2"), (134, "ADORA1"))


def build(**sources: SourceRecords) -> Assembled:
    return assemble(sources, IngestOptions())


def molecules(result: Assembled) -> pd.DataFrame:
    return result.tables.nodes[NodeType.MOLECULE].set_index("inchikey")


def test_identifiers_of_several_sources_make_one_molecule() -> None:
    binding = links("net", EdgeType.BINDS, ("drugbank", "DB00945", "ncbi", "5742"))
    result = build(
        mine=SourceRecords(structures=(LIST,)),
        ids=SourceRecords(structures=(LOOKUP,), genes=(GENES,)),
        net=SourceRecords(links=(binding,)),
    )
    found = molecules(result)
    assert list(found.index) == [ASPIRIN]
    aspirin = found.loc[ASPIRIN]
    assert aspirin["chembl_ids"] == ["CHEMBL25"]
    assert aspirin["drugbank_ids"] == ["DB00945"]
    assert aspirin["sources"] == ["mine", "net"]
    assert aspirin["smiles"] == "CC(=O)Oc1ccccc1C(=O)O"
    assert {aspirin["name"], *aspirin["synonyms"]} == {"aspirin", "Aspirin"}
    unusable = result.rejects[result.rejects["source"] == "mine"]
    assert list(unusable["line"]) == [3]


def test_look_up_structures_that_nothing_refers_to_are_no_nodes() -> None:
    result = build(ids=SourceRecords(structures=(LOOKUP,), genes=(GENES,)), mine=SourceRecords(structures=(LIST,)))
    assert list(molecules(result).index) == [ASPIRIN]


def test_links_merge_over_sources_and_keep_their_rejects() -> None:
    one = links(
        "one",
        EdgeType.INTERACTS,
        ("ncbi", "5743", "ncbi", "5742"),
        ("ncbi", "5742", "ncbi", "5742"),
        ("ncbi", "5742", "ncbi", "999999"),
    )
    two = links("two", EdgeType.INTERACTS, ("symbol", "PTGS1", "symbol", "PTGS2"))
    result = build(
        ids=SourceRecords(genes=(GENES,)),
        mine=SourceRecords(structures=(LIST,)),
        one=SourceRecords(links=(one,)),
        two=SourceRecords(links=(two,)),
    )
    edges = result.tables.edges[EdgeKind(EdgeType.INTERACTS, NodeType.GENE, NodeType.GENE)]
    assert edges[["src", "dst", "weight"]].to_numpy().tolist() == [[5742, 5743, 1.0]]
    assert edges["sources"].tolist() == [["one", "two"]]
    rejects = result.rejects[result.rejects["source"] == "one"]
    assert list(rejects["line"]) == [3, 4]
    assert "itself" in rejects["reason"].iloc[0]
    assert "999999" in rejects["reason"].iloc[1]
    assert sorted(result.tables.nodes[NodeType.GENE]["ncbi_id"]) == [5742, 5743]


def test_a_drug_without_structure_rejects_its_profile_with_the_reason() -> None:
    table = profiles(
        "cells",
        [("drugbank", "DB00001", "compound"), ("drugbank", "DB99999", "compound"), ("drugbank", "DB00898", "compound")],
        [[1, 2, 3], [2, 1, 0], [0, 1, 2]],
    )
    result = build(ids=SourceRecords(structures=(LOOKUP,)), cells=SourceRecords(profiles=(table,)))
    assert list(molecules(result).index) == [ETHANOL]
    reasons = dict(zip(result.rejects["line"], result.rejects["reason"], strict=True))
    assert "gives no structure" in reasons[2]
    assert reasons[3] == "no structure for drugbank DB99999"
    nodes = result.tables.nodes[NodeType.MORPHOLOGY]
    assert nodes["profile_id"].tolist() == [profile_id("cells", "cells-3", "r2")]
    edges = result.tables.edges[EdgeKind(EdgeType.HAS_MORPHOLOGY, NodeType.MOLECULE, NodeType.MORPHOLOGY)]
    assert edges[["src", "dst", "weight"]].to_numpy().tolist() == [[ETHANOL, nodes["profile_id"][0], 1.0]]


def perturbed_genes() -> ProfileTable:
    return profiles(
        "cells",
        [("symbol", "PTGS1", "crispr"), ("symbol", "PTGS1", "crispr"), ("symbol", "PTGS2", "orf")],
        [[1, 2, 3], [3, 2, 5], [0, 1, 2]],
    )


def test_a_perturbed_gene_carries_the_median_of_its_profiles() -> None:
    result = build(
        ids=SourceRecords(genes=(GENES,)),
        mine=SourceRecords(structures=(LIST,)),
        cells=SourceRecords(profiles=(perturbed_genes(),)),
    )
    spaces = {matrix.feature_space: matrix for matrix in result.features}
    assert set(spaces) == {"cells-3-crispr", "cells-3-orf"}
    crispr = spaces["cells-3-crispr"]
    assert crispr.node_type == NodeType.GENE
    assert crispr.keys.tolist() == [5742]
    np.testing.assert_array_equal(crispr.values, [[2, 2, 4]])
    assert NodeType.MORPHOLOGY not in result.tables.nodes


def test_gene_profiles_as_nodes_on_demand() -> None:
    result = assemble(
        {
            "ids": SourceRecords(genes=(GENES,)),
            "mine": SourceRecords(structures=(LIST,)),
            "cells": SourceRecords(profiles=(perturbed_genes(),)),
        },
        IngestOptions(gene_profiles="nodes"),
    )
    edges = result.tables.edges[EdgeKind(EdgeType.HAS_MORPHOLOGY, NodeType.GENE, NodeType.MORPHOLOGY)]
    assert sorted(edges["src"]) == [5742, 5742, 5743]
    assert len(result.tables.nodes[NodeType.MORPHOLOGY]) == 3


def test_the_top_percent_of_expression_makes_edges_to_genes() -> None:
    values = np.full((2, 100), 0.1, dtype=np.float32)
    values[0, 3], values[1, 7] = -4.0, 2.0
    refs = [("drugbank", "DB00898", "compound"), ("drugbank", "DB00201", "compound")]
    columns = (
        *(Ref("ncbi", "1") for _ in range(3)),
        Ref("ncbi", "134"),
        *(Ref("symbol", "nobody") for _ in range(3)),
        Ref("symbol", "PTGS2"),
        *(Ref("ncbi", "1") for _ in range(92)),
    )
    table = profiles("x", refs, values, node_type=NodeType.EXPRESSION, space="x-100", column_genes=columns)
    result = build(ids=SourceRecords(structures=(LOOKUP,), genes=(GENES,)), x=SourceRecords(profiles=(table,)))
    edges = result.tables.edges[EdgeKind(EdgeType.CHANGES_EXPRESSION, NodeType.MOLECULE, NodeType.GENE)]
    rows = edges.set_index("src")
    assert rows.loc[ETHANOL, ["dst", "weight", "value"]].tolist() == [134, 1.0, -4.0]
    assert rows.loc[CAFFEINE, ["dst", "weight", "value"]].tolist() == [5743, 0.5, 2.0]
    unknown = result.rejects[result.rejects["source"] == "x"]
    assert set(unknown["key"]) == {"1", "nobody"}
    assert unknown["kept"].all()


def test_left_out_edge_types_leave_no_node_behind() -> None:
    targets = links("net", EdgeType.TARGETS, ("drugbank", "DB00945", "symbol", "PTGS1"))
    sources = {
        "ids": SourceRecords(structures=(LOOKUP,), genes=(GENES,)),
        "mine": SourceRecords(structures=(LIST,)),
        "net": SourceRecords(links=(targets,)),
    }
    whole = assemble(sources, IngestOptions())
    without = assemble(sources, IngestOptions(without=frozenset({EdgeType.TARGETS})))
    assert NodeType.GENE in whole.tables.nodes
    assert NodeType.GENE not in without.tables.nodes
    assert without.tables.edge_counts()[EdgeType.TARGETS] == 0


def test_one_feature_space_with_two_sets_of_columns_is_an_error() -> None:
    refs = [("drugbank", "DB00898", "compound")]
    first = profiles("a", refs, [[1, 2, 3]])
    second = profiles("b", refs, [[1, 2]])
    with pytest.raises(InputError, match="other columns"):
        build(
            ids=SourceRecords(structures=(LOOKUP,)),
            a=SourceRecords(profiles=(first,)),
            b=SourceRecords(profiles=(second,)),
        )


def test_the_order_of_sources_does_not_matter_and_the_schema_knows_every_column() -> None:
    rng = np.random.default_rng(0)
    refs = [("drugbank", key, "compound") for key in ("DB00898", "DB00201", "DB00945")] * 5
    sources = {
        "ids": SourceRecords(structures=(LOOKUP,), genes=(GENES,)),
        "mine": SourceRecords(structures=(LIST,)),
        "cells": SourceRecords(profiles=(profiles("cells", refs, rng.normal(size=(15, 6))),)),
        "net": SourceRecords(links=(links("net", EdgeType.BINDS, ("drugbank", "DB00945", "ncbi", "5743")),)),
    }
    forward = assemble(sources, IngestOptions())
    backward = assemble(dict(reversed(sources.items())), IngestOptions())
    assert content_hash(forward.tables) == content_hash(backward.tables)
    for node_type, table in forward.tables.nodes.items():
        assert set(table.columns) <= set(NODES[node_type].properties)
    for kind, table in forward.tables.edges.items():
        assert set(table.columns) == {"src", "dst", *EDGES[kind.edge_type].properties}
        assert table["weight"].between(0, 1).all()


def test_a_profile_says_what_it_was_measured_with() -> None:
    """The batch is the plate, by source; the source where no plate is known; rows stand in the order of the keys."""
    refs = [
        ("drugbank", "DB00945", "compound"),
        ("drugbank", "DB00201", "compound"),
        ("drugbank", "DB00898", "compound"),
    ]
    plated, plain = (profiles(source, refs, np.eye(3)) for source in ("lab", "other"))
    plated.table["plate"] = ["P1", None, "P2"]
    result = build(
        ids=SourceRecords(structures=(LOOKUP,)),
        lab=SourceRecords(profiles=(plated,)),
        other=SourceRecords(profiles=(plain,)),
    )
    (matrix,) = result.features
    expected = {profile_id("lab", "cells-3", f"r{i}"): name for i, name in enumerate(["lab/P1", "lab", "lab/P2"])}
    expected |= {profile_id("other", "cells-3", f"r{i}"): "other" for i in range(3)}
    assert matrix.batches is not None
    assert dict(zip(matrix.keys, matrix.batches, strict=True)) == expected


def test_a_median_over_profiles_of_a_gene_has_no_batch_and_the_store_keeps_what_there_is(tmp_path: Path) -> None:
    refs = [("ncbi", "5742", "crispr"), ("ncbi", "5742", "crispr"), ("drugbank", "DB00945", "compound")]
    table = profiles("lab", refs, np.eye(3))
    table.table["plate"] = ["P1", "P2", "P3"]
    result = build(
        ids=SourceRecords(structures=(LOOKUP,), genes=(GENES,)),
        lab=SourceRecords(profiles=(table,)),
    )
    write_features(Workspace(tmp_path), result, "hash", {}, "keep")
    spaces = {space.node_type: space for space in FeatureStore.open(Workspace(tmp_path).features, verify=True).spaces()}
    assert spaces[NodeType.GENE].batches is None
    assert spaces[NodeType.MORPHOLOGY].batches is not None
    assert spaces[NodeType.MORPHOLOGY].batches.tolist() == ["lab/P3"]
