"""Sources on small files with faults that the real ones do not have."""

from __future__ import annotations

import gzip
from pathlib import Path

import _source_files as source_files
import numpy as np
import pytest
from _source_files import hetionet, lincs

from graphdb.errors import InputError
from graphdb.schema import EdgeType
from ingest.sources import SOURCES


@pytest.fixture
def cpjump1(tmp_path: Path) -> Path:
    return source_files.cpjump1(tmp_path)


def test_cpjump1_medians_and_rejects(cpjump1: Path) -> None:
    records = SOURCES["cpjump1"].records(cpjump1)
    (profiles,) = records.profiles
    found = {
        (row.value, row.perturbation, row.hours): (row.line, row.replicates, values[0])
        for row, values in zip(profiles.table.itertuples(), profiles.values, strict=True)
    }
    assert found == {
        ("BRD-K00000001", "compound", 24.0): (2, 3, 2.0),
        ("BRD-K00000001", "compound", 48.0): (5, 1, 7.0),
        ("BRD-K00000002", "compound", 24.0): (7, 1, 3.0),
        ("TP53", "orf", 24.0): (10, 1, 3.0),
    }
    rejects = records.rejects.set_index("line")["reason"].to_dict()
    assert rejects == {
        4: "negative control",  # DMSO of the compounds
        6: "no finite value",
        8: "negative control",
        9: "no structure for this compound",
        11: "duplicate of line 10",
        12: "negative control (no gene)",
        13: "unknown kind of treatment",
    }
    assert not records.rejects["kept"].any()


def test_cpjump1_hours_must_be_a_number(cpjump1: Path) -> None:
    file = cpjump1 / "jump_phenotype_profiles.tsv"
    file.write_text(file.read_text().replace("\t48\t", "\tlate\t"))
    with pytest.raises(InputError, match=r"jump_phenotype_profiles.tsv:5: column Time: expected hours, found 'late'"):
        SOURCES["cpjump1"].records(cpjump1)


def test_hetionet_metaedges(tmp_path: Path) -> None:
    records = SOURCES["hetionet"].records(hetionet(tmp_path))
    assert [table.edge_type for table in records.links] == [EdgeType.INTERACTS, EdgeType.BINDS]
    assert [table.table.iloc[0].tolist() for table in records.links] == [
        [2, "ncbi", "1", "ncbi", "2"],
        [3, "drugbank", "DB1", "ncbi", "2"],
    ]
    assert sorted(records.rejects[["line", "reason"]].to_numpy().tolist()) == [
        [4, "self-loop"],
        [5, "metaedge CtD is not part of the context graph"],
    ]
    assert {path.name for path in records.files} == {"hetionet-v1.0-nodes.tsv", "hetionet-v1.0-edges.sif"}


def test_hetionet_faults(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"edges.sif:3: CbG joins a Compound and a Gene, found 'Gene::1' and 'Gene::2'"
    ):
        SOURCES["hetionet"].records(hetionet(tmp_path, "Gene::1\tGiG\tGene::2\nGene::1\tCbG\tGene::2\n"))
    with pytest.raises(InputError, match=r"edges.sif:2: expected Kind::identifier .* found 'Gene::x'"):
        SOURCES["hetionet"].records(hetionet(tmp_path, "Gene::1\tGiG\tGene::x\n"))


def test_lincs_missing_values(tmp_path: Path) -> None:
    records = SOURCES["lincs"].records(lincs(tmp_path, "perturbagen\t1\t2\nDB1\t0.5\t\nDB2\tinf\t1\n"))
    np.testing.assert_array_equal(records.profiles[0].values, np.array([[0.5, np.nan], [np.inf, 1]], np.float32))
    table = records.structures[0].table
    assert table[["line", "value", "smiles", "inchikey"]].to_numpy().tolist() == [
        [2, "BRD-1", "CCO", "LFQSCWFLJHTTHZ-UHFFFAOYSA-N"]
    ]
    assert table["name"].tolist() == [None]


def test_lincs_faults(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"consensi-drugbank.tsv:1: columns should be NCBI gene ids; found 'TP53'"):
        SOURCES["lincs"].records(lincs(tmp_path, "perturbagen\t1\tTP53\nDB1\t0.5\t1\n"))
    with pytest.raises(InputError, match=r"genes.tsv:2: expected an NCBI gene id, found 'x'"):
        SOURCES["lincs"].records(lincs(tmp_path, "perturbagen\t1\nDB1\t0.5\n", genes="x\tA\tB"))


def test_molecules(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text("ID,Name,SMILES,chembl_id\nx1,ethanol,CCO,CHEMBL545\n,, ,\nx3,NA, CC ,\n")
    records = SOURCES["molecules"].records(file)
    table = records.structures[0].table
    assert records.structures[0].is_node
    assert table[["line", "namespace", "value", "smiles", "name", "chembl", "synonyms"]].to_numpy().tolist() == [
        [2, "smiles", "CCO", "CCO", "ethanol", "CHEMBL545", ["x1"]],
        [4, "smiles", "CC", "CC", None, None, ["x3"]],
    ]
    assert records.rejects[["line", "reason"]].to_numpy().tolist() == [[3, "no SMILES"]]


def test_molecules_faults(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,structure\n1,CC\n")
    (tmp_path / "b.csv").write_text("smiles,SMILES\nC,CC\n")
    with pytest.raises(InputError, match=r"a.csv:1: missing column smiles; there are id, structure"):
        SOURCES["molecules"].records(tmp_path / "a.csv")
    with pytest.raises(InputError, match="differ only in upper and lower case"):
        SOURCES["molecules"].records(tmp_path / "b.csv")
    with pytest.raises(InputError, match="found a folder"):
        SOURCES["molecules"].records(tmp_path)


@pytest.mark.parametrize(
    ("name", "header", "row"),
    [
        ("chemical_annotations.csv", "BROAD_ID,CPD_NAME,CPD_SMILES", "{0},{2},{1}"),
        ("structure.csv.gz", "mol_id,smiles,inchikey,pert_id,pert_iname", "m1,{1},X,{0},{2}"),
    ],
)
def test_bray(tmp_path: Path, name: str, header: str, row: str) -> None:
    rows = [
        ("BRD-K12345678-001-01-1", "CCO", "ethanol"),
        ("BRD-K00000001", "C", "BRD-K00000001"),
        ("", "CC", ""),
        ("BRD-K00000002", "NA", "two"),
    ]
    text = "\n".join([header, *(row.format(*cells) for cells in rows)]) + "\n"
    file = tmp_path / name
    file.write_bytes(gzip.compress(text.encode()) if file.suffix == ".gz" else text.encode())
    records = SOURCES["bray"].records(tmp_path)
    (structures,) = records.structures
    assert structures.is_node
    assert structures.table.to_numpy().tolist() == [
        [2, "brd", "BRD-K12345678", "CCO", "ethanol"],
        [3, "brd", "BRD-K00000001", "C", None],
        [4, "smiles", "CC", "CC", None],
    ]
    assert records.rejects[["line", "key", "reason"]].to_numpy().tolist() == [[5, "BRD-K00000002", "no SMILES"]]
    file.unlink()
    with pytest.raises(InputError, match=r"none of chemical_annotations.csv, structure.csv \(or .gz\)"):
        SOURCES["bray"].records(tmp_path)
