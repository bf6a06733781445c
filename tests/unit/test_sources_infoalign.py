"""InfoAlign's release: files of its layout, made here, whole and damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from _source_files import SMILES, infoalign, save_matrix

from graphdb.errors import InputError
from graphdb.schema import EdgeType, NodeType
from ingest.assemble import assemble
from ingest.options import IngestOptions
from ingest.sources import SOURCES


@pytest.fixture
def release(tmp_path: Path) -> Path:
    return infoalign(tmp_path)


def test_every_part_is_read(release: Path) -> None:
    records = SOURCES["infoalign"].records(release)
    assert records.structures[0].table[["value", "smiles"]].to_numpy().tolist() == [
        list(pair) for pair in SMILES.items()
    ]
    spaces = {table.feature_space: table for table in records.profiles}
    assert set(spaces) == {
        "infoalign-bray-7",
        "infoalign-jump-5",
        "infoalign-l1000-3",
        "infoalign-crispr-6",
        "infoalign-orf-4",
    }
    bray = spaces["infoalign-bray-7"]
    assert bray.table[["line", "record", "value"]].to_numpy().tolist() == [
        [2, "CP-Bray0", "m1"],
        [3, "CP-Bray1", "m2"],
        [4, "CP-Bray2", "m2"],
    ]
    with np.load(release / "CP-Bray_feature.npz") as content:
        np.testing.assert_array_equal(bray.values, content["data"])
    assert [ref.value for ref in spaces["infoalign-l1000-3"].column_genes or ()] == ["9", "10", "12"]
    assert len(records.files) == 13


def test_it_becomes_a_graph(release: Path) -> None:
    made = assemble({"infoalign": SOURCES["infoalign"].records(release)}, IngestOptions())
    nodes = made.tables.node_counts()
    assert (nodes[NodeType.MOLECULE], nodes[NodeType.MORPHOLOGY], nodes[NodeType.EXPRESSION]) == (5, 5, 2)
    assert made.tables.nodes[NodeType.GENE]["ncbi_id"].tolist() == [9, 10, 12]
    edges = made.tables.edge_counts()
    assert edges[EdgeType.HAS_MORPHOLOGY] == 5
    assert edges[EdgeType.INTERACTS] == 2
    assert {matrix.feature_space for matrix in made.features if matrix.node_type == NodeType.GENE} == {
        "infoalign-crispr-6",
        "infoalign-orf-4",
    }
    assert made.rejects["reason"].tolist() == ["an edge from a node to itself"]


def test_parts_may_be_absent(release: Path) -> None:
    for name in ("CP-Bray.csv.gz", "G-G.csv.gz", "GE.csv.gz", "L1k_idmaps.csv"):
        (release / name).unlink()
    records = SOURCES["infoalign"].records(release)
    assert len(records.profiles) == 3
    assert records.links == ()


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("structure.csv.gz", "mol_id"),
        ("structure.csv.gz", "smiles"),
        ("CP-Bray.csv.gz", "cell_bid"),
        ("CP-JUMP.csv.gz", "mol_id"),
        ("G-ORF.csv.gz", "ncbi_gene_id"),
        ("L1k_idmaps.csv", "ncbi_gene_id"),
        ("G-G.csv.gz", "target_id"),
    ],
)
def test_each_column_missing_in_turn(release: Path, name: str, column: str) -> None:
    table = pd.read_csv(release / name)
    table.rename(columns={column: "other"}).to_csv(release / name, index=False)
    with pytest.raises(InputError, match=rf"{name}:1: missing column {column}"):
        SOURCES["infoalign"].records(release)


def test_a_matrix_must_fit_its_table(release: Path) -> None:
    save_matrix(release, "CP-JUMP", np.zeros((3, 5)))
    with pytest.raises(InputError, match=r"CP-JUMP_feature.npz: 3 rows, but 2 in the table beside it"):
        SOURCES["infoalign"].records(release)
    save_matrix(release, "CP-JUMP", np.zeros(2))
    with pytest.raises(InputError, match=r"expected a matrix of numbers, found float32 of shape \(2,\)"):
        SOURCES["infoalign"].records(release)
    (release / "CP-JUMP_feature.npz").unlink()
    with pytest.raises(InputError, match=r"no CP-JUMP_feature.npz"):
        SOURCES["infoalign"].records(release)


def test_columns_of_expression_must_fit_their_genes(release: Path) -> None:
    save_matrix(release, "GE", np.zeros((2, 4)))
    with pytest.raises(InputError, match=r"GE_feature.npz: 4 columns, but 3 genes in L1k_idmaps.csv"):
        SOURCES["infoalign"].records(release)


def test_a_damaged_or_unsafe_matrix_is_refused(release: Path) -> None:
    file = release / "CP-Bray_feature.npz"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="not an NPZ file of numbers, or a damaged one"):
        SOURCES["infoalign"].records(release)
    np.savez(file, data=np.array([[object()] * 7] * 3, dtype=object))
    with pytest.raises(InputError, match=r"expected a matrix of numbers, found object of shape \(3, 7\)"):
        SOURCES["infoalign"].records(release)
    np.savez(file, features=np.zeros((3, 7)))
    with pytest.raises(InputError, match="no array 'data'; there are features"):
        SOURCES["infoalign"].records(release)
