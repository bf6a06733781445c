"""Reading downstream data sets, and what is said when a file cannot be used."""

from __future__ import annotations

import dataclasses
import gzip
from pathlib import Path

import numpy as np
import pytest

from graphdb.errors import InputError
from learn.tasks import TASKS, Task, load, task_named
from learn.tasks.task import read

SMALL = dataclasses.replace(TASKS["chembl2k"], n_molecules=3, n_tasks=2)
SMALL_REGRESSION = dataclasses.replace(TASKS["biogen3k"], n_molecules=2, n_tasks=1)
HEADER = "smiles,inchikey,Metadata_JCP2022,ChEMBL_ID,ABL1,DRD2\n"
ROWS = "CCO,LFQSCWFLJHTTHZ,JCP1,C1,1.0,\nc1ccccc1,UHOVQNZJYSORNB,JCP2,C2,0.0,1.0\nCC,OTMSDBZUPAUEDD,JCP3,C3,,0.0\n"


def _write(folder: Path, text: str) -> Path:
    path = folder / "assays.csv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    return path


def test_reads_molecules_labels_and_blocks(tmp_path: Path) -> None:
    data = read(SMALL, _write(tmp_path, HEADER + ROWS))
    assert data.smiles == ("CCO", "c1ccccc1", "CC")
    assert data.names == ("ABL1", "DRD2")
    assert data.inchikey_blocks == ("LFQSCWFLJHTTHZ", "UHOVQNZJYSORNB", "OTMSDBZUPAUEDD")
    assert data.labels.dtype == np.float32
    np.testing.assert_array_equal(data.labels, [[1, np.nan], [0, 1], [np.nan, 0]])


def test_full_inchikeys_are_cut_to_their_first_block(tmp_path: Path) -> None:
    rows = ROWS.replace("LFQSCWFLJHTTHZ", "LFQSCWFLJHTTHZ-UHFFFAOYSA-N")
    blocks = read(SMALL, _write(tmp_path, HEADER + rows)).inchikey_blocks
    assert blocks is not None
    assert blocks[0] == "LFQSCWFLJHTTHZ"


@pytest.mark.parametrize("place", ["file", "folder", "folder above"])
def test_finds_the_file(tmp_path: Path, place: str) -> None:
    folder = tmp_path / SMALL.folder
    folder.mkdir()
    file = _write(folder, HEADER + ROWS)
    path = {"file": file, "folder": folder, "folder above": tmp_path}[place]
    assert read(SMALL, path).path == file


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (HEADER.replace("smiles", "structure") + ROWS, 1, "needs a column 'smiles'"),
        (HEADER.replace("inchikey", "key") + ROWS, 1, "needs a column 'inchikey'"),
        (HEADER + ROWS.replace("JCP2,C2,0.0", "JCP2,C2,0.5"), 3, "'ABL1': expected 0, 1 or nothing, found '0.5'"),
        (HEADER + ROWS.replace("JCP3,C3,,0.0", "JCP3,C3,,yes"), 4, "'DRD2': expected 0, 1 or nothing, found 'yes'"),
        (HEADER + ROWS.replace("CCO,LFQ", ",LFQ"), 2, "no SMILES"),
        (HEADER + ROWS.replace("JCP2,C2,0.0,1.0", "JCP2,C2,0.0,1.0,7"), 3, "expected 6 columns, found 7"),
        (HEADER + ROWS.rsplit("CC,", 1)[0], None, "3 molecules and 2 tasks; found 2 and 2"),
        (HEADER.replace(",DRD2", "") + ROWS.replace(",1.0\n", "\n"), None, "found"),
        ("", None, "empty"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_its_line(
    tmp_path: Path, text: str, line: int | None, words: str
) -> None:
    path = _write(tmp_path, text)
    with pytest.raises(InputError) as caught:
        read(SMALL, path)
    assert words in str(caught.value)
    assert caught.value.path == str(path)
    if line is not None:
        assert caught.value.line == line


def test_a_short_last_row_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=":4: expected 6 columns, found 5"):
        read(SMALL, _write(tmp_path, HEADER + ROWS.removesuffix(",0.0\n")))


@pytest.mark.parametrize("place", [0, 2, 5])
def test_a_column_of_keys_that_was_added_is_no_label(tmp_path: Path, place: int) -> None:
    rows = ["Internal ID,Vendor ID,smiles,CollectionName,LOG HLM", "M1,1,CC,a,0.5", "M2,2,CO,a,0.25"]
    added = []
    for row, key in zip(rows, ["inchikey", "OTMSDBZUPAUEDD-UHFFFAOYSA-N", "OKKJLVBELUTLKV"], strict=True):
        cells = row.split(",")
        added.append(",".join([*cells[:place], key, *cells[place:]]))
    data = read(SMALL_REGRESSION, _write(tmp_path, "\n".join([*added, ""])))
    assert data.names == ("LOG HLM",)
    assert data.labels.tolist() == [[0.5], [0.25]]
    assert data.inchikey_blocks == ("OTMSDBZUPAUEDD", "OKKJLVBELUTLKV")


def test_quoted_fields_keep_the_line_numbers_right(tmp_path: Path) -> None:
    text = HEADER + ROWS.replace("JCP1", '"JCP1, first"').replace("JCP3,C3,,0.0", "JCP3,C3,,2")
    with pytest.raises(InputError, match=":4: column 'DRD2'"):
        read(SMALL, _write(tmp_path, text))


@pytest.mark.parametrize("value", ["inf", "n/a", "-inf"])
def test_a_regression_label_must_be_a_finite_number(tmp_path: Path, value: str) -> None:
    text = f"Internal ID,Vendor ID,smiles,CollectionName,LOG HLM\nM1,1,CC,a,0.5\nM2,2,CO,a,{value}\n"
    with pytest.raises(InputError, match=r":3: .*expected a number or nothing"):
        read(SMALL_REGRESSION, _write(tmp_path, text))


def test_a_truncated_gzip_is_said(tmp_path: Path) -> None:
    path = _write(tmp_path, HEADER + ROWS)
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(InputError, match="damaged or cut off"):
        read(SMALL, path)


def test_a_file_that_is_no_gzip_is_said(tmp_path: Path) -> None:
    path = tmp_path / "assays.csv.gz"
    path.write_text(HEADER + ROWS)
    with pytest.raises(InputError, match="not a whole gzip file"):
        read(SMALL, path)


@pytest.mark.parametrize("missing", [True, False])
def test_a_missing_file_is_said(tmp_path: Path, missing: bool) -> None:
    with pytest.raises(InputError, match=r"assays\.csv\.gz"):
        read(SMALL, tmp_path / "nowhere" if missing else tmp_path)


def test_an_unknown_task_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match="chembl2k, broad6k, biogen3k, toxcast"):
        task_named("tox21")


@pytest.mark.data
@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_the_published_files_have_the_published_size(shared_data: Path, task: Task) -> None:
    """Sizes: method.md, section 5."""
    data = load(task.name, shared_data / "infoalign")
    assert data.labels.shape == (task.n_molecules, task.n_tasks)
    assert len(data.smiles) == task.n_molecules
    assert np.isfinite(data.labels).any(axis=0).all()
    if data.inchikey_blocks is not None:
        assert all(len(block) == 14 and block.isupper() for block in data.inchikey_blocks)
