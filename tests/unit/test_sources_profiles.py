"""A laboratory's own tables: what a row is of, controls, replicates, and what is wrong with a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphdb.errors import InputError
from graphdb.schema import NodeType
from ingest.records import SourceRecords
from ingest.sources import SOURCES
from ingest.sources.profiles import Description, read_profiles

HEADER = "Metadata_Plate,Metadata_Well,Metadata_broad_sample,Metadata_SMILES,Metadata_pert_type,Cells_a,Nuclei_b"
WELLS = [
    "P1,A01,BRD-K00000001-001-01-1,CCO,trt,1,10",
    "P1,A02,BRD-K00000001-001-01-1,CCO,trt,3,30",
    "P2,A01,BRD-K00000001-002-01-1,CCO,trt,8,50",
    "P1,A03,,CCN,trt,2,20",
    "P1,A04,,CS(C)=O,negcon,0,0",
    "P1,A05,,,trt,4,40",
    "P1,A01,BRD-K00000001-001-01-1,CCO,trt,5,50",
]


def table(tmp_path: Path, lines: list[str], header: str = HEADER, name: str = "mylab.csv") -> Path:
    path = tmp_path / name
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def described(path: Path, **more: str) -> SourceRecords:
    return read_profiles(Description(path, "mylab-2026", **more))  # type: ignore[arg-type]


def test_wells_of_a_treatment_become_their_median(tmp_path: Path) -> None:
    records = described(table(tmp_path, WELLS))
    (profiles,) = records.profiles
    assert (profiles.feature_space, profiles.columns) == ("mylab-2026", ("Cells_a", "Nuclei_b"))
    assert profiles.table[["namespace", "value", "replicates"]].to_numpy().tolist() == [
        ["brd", "BRD-K00000001", 3],
        ["smiles", "CCN", 1],
    ]
    assert profiles.values.tolist() == [[3, 30], [2, 20]]
    assert records.rejects[["line", "reason"]].sort_values("line").to_numpy().tolist() == [
        [6, "negative control"],
        [7, "no Metadata_ column says what was perturbed"],
        [8, "the well of line 2 again"],
    ]
    assert records.structures[0].table[["namespace", "value", "smiles"]].to_numpy().tolist() == [
        ["brd", "BRD-K00000001", "CCO"],
        ["smiles", "CCN", "CCN"],
    ]


def test_wells_can_be_kept(tmp_path: Path) -> None:
    (profiles,) = described(table(tmp_path, WELLS), aggregate="none").profiles
    assert profiles.table[["record", "plate"]].to_numpy().tolist() == [
        ["P1 A01", "P1"],
        ["P1 A02", "P1"],
        ["P2 A01", "P2"],
        ["P1 A03", "P1"],
    ]


def test_doses_and_times_are_treatments_of_their_own(tmp_path: Path) -> None:
    header = "Metadata_InChIKey,Metadata_mmoles_per_liter,Metadata_Time,f"
    key = "LFQSCWFLJHTTHZ-UHFFFAOYSA-N"
    path = table(tmp_path, [f"{key},0.01,24,1", f"{key},0.01,24,3", f"{key},0.01,48,5", f"{key},0.1,24,7"], header)
    (profiles,) = described(path).profiles
    assert profiles.table[["dose_um", "hours", "replicates"]].to_numpy().tolist() == [
        [10, 24, 2],
        [10, 48, 1],
        [100, 24, 1],
    ]
    path.write_text(path.read_text().replace(",48,", ",late,"))
    with pytest.raises(InputError, match=r"mylab.csv:4: column Metadata_time: expected a number, found 'late'"):
        described(path)


def test_genes_by_crispr(tmp_path: Path) -> None:
    header = "Metadata_NCBI_Gene_ID,Metadata_Symbol,Metadata_JCP2022,f"
    path = table(tmp_path, ["9,NAT1,JCP2022_800001,1", ",NAT2,,2", ",,JCP2022_800003,3"], header)
    (profiles,) = described(path, perturbation="crispr").profiles
    assert profiles.table[["namespace", "value"]].to_numpy().tolist() == [
        ["ncbi", "9"],
        ["symbol", "NAT2"],
        ["symbol", "JCP2022_800003"],
    ]
    assert set(profiles.table["perturbation"]) == {"crispr"}


def test_expression_columns_are_genes(tmp_path: Path) -> None:
    path = table(tmp_path, ["CCO,1,2"], "Metadata_smiles,TP53,9")
    (profiles,) = described(path, modality="expression").profiles
    assert profiles.node_type == NodeType.EXPRESSION
    assert [tuple(ref) for ref in profiles.column_genes or ()] == [("symbol", "TP53"), ("ncbi", "9")]


def test_parquet_is_read_like_csv(tmp_path: Path) -> None:
    path = table(tmp_path, WELLS)
    frame = pd.read_csv(path)
    frame.to_parquet(tmp_path / "mylab.parquet")
    one, other = (described(file).profiles[0] for file in (path, tmp_path / "mylab.parquet"))
    np.testing.assert_array_equal(one.values, other.values)
    assert one.table["value"].tolist() == other.table["value"].tolist()


def test_faulty_values_do_not_enter_a_median(tmp_path: Path) -> None:
    lines = ["P1,A01,,CCO,trt,inf,1", "P1,A02,,CCO,trt,2,3", "P1,A03,,CCN,trt,nan,nan", "P1,A04,,CCO,trt,4,5"]
    records = described(table(tmp_path, lines))
    assert records.profiles[0].values.tolist() == [[3, 3]]
    assert records.rejects[["line", "reason", "kept"]].to_numpy().tolist() == [
        [2, "1 infinite value(s) made missing", True],
        [4, "no finite value", False],
    ]


@pytest.mark.parametrize(
    ("lines", "header", "message"),
    [
        (["1,2"], "a,b", r"mylab.csv:1: no column begins with Metadata_"),
        (["1"], "Metadata_x", r"mylab.csv:1: every column begins with Metadata_"),
        (["CCO;1"], "Metadata_SMILES;f", r"mylab.csv:1: every column begins with Metadata_"),
        (["CCO,=1+1"], "Metadata_SMILES,f", r"mylab.csv:2: column f: expected a number, found '=1\+1'"),
        (["CCO,1,2"], "Metadata_SMILES,f", r"mylab.csv:2: 3 fields, expected 2"),
        (["CCO,1,2"], "Metadata_SMILES,f,f", r"column f occurs more than once"),
    ],
)
def test_faults_are_said_with_their_place(tmp_path: Path, lines: list[str], header: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        described(table(tmp_path, lines, header))


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "mylab.csv"
    path.write_bytes(b"Metadata_SMILES,f\nCCO,1\nC\xff,2\n")
    with pytest.raises(InputError, match=r"mylab.csv:3: not UTF-8 text"):
        described(path)


def test_a_description_is_written_and_read_again(tmp_path: Path) -> None:
    path = table(tmp_path, WELLS)
    folder = tmp_path / "described"
    one = Description(path, "one", aggregate="modz")
    one.write(folder, alone=False)
    other = Description(path, "other", aggregate="none")
    other.write(folder, alone=False)
    assert Description.read(folder / "one.toml") == one
    assert [profiles.feature_space for profiles in SOURCES["profiles"].records(folder).profiles] == ["one", "other"]
    other.write(folder, alone=True)
    assert [file.name for file in folder.iterdir()] == ["other.toml"]


def test_a_table_alone_is_the_space_of_its_name(tmp_path: Path) -> None:
    path = table(tmp_path, WELLS, name="plate.v1.csv")
    assert SOURCES["profiles"].records(path).profiles[0].feature_space == "plate.v1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path = ", r"one.toml: not valid TOML"),
        ('path = "x.csv"', r"one.toml: path and feature_space are needed"),
        ('path = "x.csv"\nfeature_space = "a b"', r"one.toml: a feature space needs a plain name, got 'a b'"),
        ('path = "x.csv"\nfeature_space = "a"\nmodality = "taste"', r"modality: expected morphology, expression"),
        ('path = "x.csv"\nfeature_space = "a"\nplate = "1"', r"unknown entry 'plate'"),
        ('path = 1\nfeature_space = "a"', r"every entry must be a text in quotes"),
        ('path = "x.csv"\nfeature_space = "a"', r"x.csv.*: no such file"),
    ],
)
def test_a_wrong_description_is_said_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "one.toml").write_text(text)
    with pytest.raises(InputError, match=message):
        SOURCES["profiles"].records(tmp_path)


@pytest.mark.data
def test_the_plate_of_jump(shared_data: Path) -> None:
    path = next((shared_data / "jump_moa_plate").glob("*.csv.gz"))
    listed = pd.read_csv(path)
    trt = listed[
        (listed["Metadata_pert_type"] == "trt") & listed["Metadata_broad_sample"].str.startswith("BRD", na=False)
    ]
    (profiles,) = described(path).profiles
    features = [name for name in listed.columns if not name.startswith("Metadata_")]
    expected = trt[features].groupby(trt["Metadata_broad_sample"].str[:13]).median()
    assert sorted(profiles.table["value"]) == expected.index.tolist()
    np.testing.assert_allclose(profiles.values, expected.loc[profiles.table["value"]].to_numpy(), rtol=1e-5, atol=1e-6)
