"""Molecules of downstream data sets: how they are told, left out and recorded; keys for data sets that have none."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from graphdb.errors import ArtefactError, InputError
from graphdb.files import sha256
from graphdb.holdout import parse_holdout, read_blocks
from graphdb.schema import NodeType
from graphdb.snapshot import Snapshot
from ingest.holdout import read_structures, standardised, write_keys
from learn.holdout import hold_out

ASPIRIN, CAFFEINE, ALANINE_L, ALANINE_D = (
    "BSYNRYMUTXBXSQ-UHFFFAOYSA-N",
    "RYYVLZVUVIJVGH-UHFFFAOYSA-N",
    "QNAYBMKLOCPYGJ-REOHCLBHSA-N",
    "QNAYBMKLOCPYGJ-UWTATZPHSA-N",
)


def snapshot() -> Snapshot:
    """Four molecules and a gene."""
    types = [NodeType.MOLECULE.code] * 4 + [NodeType.GENE.code]
    keys = [ALANINE_D, ALANINE_L, ASPIRIN, CAFFEINE, "1"]
    return Snapshot.from_edges(types, [0, 1, 2], [4, 4, 3], [1, 1, 0.9], keys)


def table(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def keyed(path: Path, *keys: str) -> Path:
    """A data set's file that has its key file already: no chemistry is needed."""
    table(path, f"smiles\nC{len(keys)}\n")
    (path.parent / f"{sha256(path)}.keys").write_text("# keys\n" + "".join(f"{key}\n" for key in keys))
    return path


def test_stereoisomers_of_a_held_out_molecule_are_left_out_too(tmp_path: Path) -> None:
    path = keyed(tmp_path / "a.csv", "QNAYBMKLOCPYGJ", "AAAAAAAAAAAAAA")
    excluded, (record,) = hold_out(snapshot(), [("chembl2k", path)], tmp_path)
    assert excluded.tolist() == [0, 1]
    assert (record.name, record.sha256, record.molecules) == ("chembl2k", sha256(path), 2)


def test_several_data_sets_are_left_out_together_in_any_order(tmp_path: Path) -> None:
    one = keyed(tmp_path / "one.csv", ASPIRIN)
    two = keyed(tmp_path / "two.csv", ASPIRIN, CAFFEINE)
    excluded, records = hold_out(snapshot(), [("two", two), ("one", one)], tmp_path)
    assert excluded.tolist() == [2, 3]
    assert [(record.name, record.molecules) for record in records] == [("one", 1), ("two", 2)]
    again, same = hold_out(snapshot(), [("one", one), ("two", two)], tmp_path)
    assert np.array_equal(again, excluded)
    assert same == records


def test_nothing_is_left_out_for_nothing(tmp_path: Path) -> None:
    excluded, records = hold_out(snapshot(), [], tmp_path)
    assert excluded.tolist() == []
    assert records == ()


def test_keys_are_made_where_there_are_none_and_found_again(tmp_path: Path) -> None:
    """By the standardised structure: the salt of aspirin's anion is held out as aspirin."""
    path = table(tmp_path / "a.csv.gz", "smiles,t\nCC(=O)Oc1ccccc1C(=O)[O-].[Na+],1\nnonsense,\n")
    folder = tmp_path / "keys"
    excluded, _ = hold_out(snapshot(), [("salts", path)], folder)
    assert excluded.tolist() == [2]
    (made,) = folder.iterdir()
    assert made.name == f"{sha256(path)}.keys"
    made.write_text(f"{CAFFEINE}\n")
    assert hold_out(snapshot(), [("salts", path)], folder)[0].tolist() == [3]


def test_a_data_set_without_structures_is_refused_in_one_line(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", "x,y\n1,2\n")
    with pytest.raises(InputError, match=r"a\.csv: its InChIKeys could not be made .*no column 'smiles'") as caught:
        hold_out(snapshot(), [("t", path)], tmp_path)
    assert "\n" not in str(caught.value)


def test_a_damaged_key_file_is_refused(tmp_path: Path) -> None:
    path = keyed(tmp_path / "a.csv", ASPIRIN, "CCO")
    with pytest.raises(ArtefactError, match=r"keys:3: expected an InChIKey.*'CCO'"):
        hold_out(snapshot(), [("t", path)], tmp_path)


def test_a_folder_stands_for_the_file_in_it(tmp_path: Path) -> None:
    assert parse_holdout(f"chembl2k={tmp_path}") == ("chembl2k", tmp_path / "assays.csv.gz")
    assert parse_holdout("a=b=c.csv") == ("a", Path("b=c.csv"))
    for wrong in ("chembl2k", "=x", "x="):
        with pytest.raises(InputError, match="expected NAME=PATH"):
            parse_holdout(wrong)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"x,t\nCCO,1\n", r"a\.csv:1: no column 'smiles'; there are: x, t"),
        ("a.csv", b"", "the file is empty"),
        ("a.csv", b"smiles,t\nC,1\nCC\n", r"a\.csv:3: 1 fields, expected 2"),
        ("a.csv.gz", gzip.compress(b"smiles\n" + bytes(range(65, 91)) * 999)[:-20], "truncated or damaged gzip"),
        ("a.csv.gz", b"smiles\nC\n", "truncated or damaged gzip"),
        ("a.csv", b"smiles\n\xff\xfe\n", "not UTF-8 text"),
    ],
)
def test_files_that_cannot_be_used_are_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_structures(tmp_path / name)


def test_keys_are_those_made_and_those_stated(tmp_path: Path) -> None:
    path = table(
        tmp_path / "a.csv", "inchikey,smiles\nAAAAAAAAAAAAAA,CC(=O)Oc1ccccc1C(=O)O\n,nonsense\n?,CC(N)C(=O)O\n"
    )
    found = standardised(read_structures(path))
    assert found["line"].tolist() == [2, 3, 4]
    assert found["reason"].isna().tolist() == [True, False, True]
    assert write_keys(found, path, tmp_path / "out.keys") == 3
    assert read_blocks(tmp_path / "out.keys") == {"AAAAAAAAAAAAAA", "BSYNRYMUTXBXSQ", "QNAYBMKLOCPYGJ"}


@pytest.mark.data
def test_stated_keys_alone_would_let_molecules_through(shared_data: Path) -> None:
    """ChEMBL2K states the keys of charged forms; those of the standardised structures are others for many."""
    structures = read_structures(shared_data / "infoalign" / "chembl2k" / "assays.csv.gz").iloc[:150]
    found = standardised(structures)
    differ = (found["inchikey"].str[:14] != found["stated"]).mean()
    assert 0.1 < differ < 0.4
