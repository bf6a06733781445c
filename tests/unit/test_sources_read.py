"""Every fault that a file can have is said with its place."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphdb.errors import InputError
from ingest.sources._read import find_file, find_optional, read_matrix, read_table, text_column


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.mark.parametrize("name", ["t.tsv", "t.tsv.gz"])
def test_line_is_where_a_record_starts(tmp_path: Path, name: str) -> None:
    content = b'id\ttext\na\tone\nb\t"two\r\nlines\n\nmore"\n\nc\t"a ""word"""\nd\t\n'
    table = read_table(write(tmp_path / name, content), ["id"])
    assert list(table.index) == [2, 3, 8, 9]
    assert list(table["id"]) == ["a", "b", "c", "d"]
    assert list(table["text"]) == ["one", "two\r\nlines\n\nmore", 'a "word"', ""]


def test_text_is_kept_as_it_is(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "t.csv", "\ufeffid,x\n007,NA\n1e3,µM\n".encode()), ["id", "x"])
    assert table.to_numpy().tolist() == [["007", "NA"], ["1e3", "µM"]]
    assert text_column(table["x"], ("NA",)).tolist() == [None, "µM"]


def test_parquet(tmp_path: Path) -> None:
    pd.DataFrame({"id": ["a", None], "n": [1, 2]}).to_parquet(tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet", ["id"])
    assert table.to_numpy().tolist() == [["a", "1"], ["", "2"]]
    assert list(table.index) == [1, 2]
    pd.DataFrame({"id": ["a"], "x": [0.5], "y": [np.inf]}).to_parquet(tmp_path / "m.parquet")
    matrix = read_matrix(tmp_path / "m.parquet", text=["id"])
    assert matrix.columns == ("x", "y")
    assert matrix.values.tolist() == [[0.5, np.inf]]


FAULTS = {
    "missing column": (b"id,y\n1,2\n", ":1: missing column x, z; there are id, y"),
    "column twice": (b"id,x,z,x\n1,2,3,4\n", ":1: column x occurs more than once"),
    "long row": (b"id,x,z\n1,2,3\n4,5,6,7\n", ":3: 4 fields, expected 3"),
    "short row": (b"id,x,z\n1,2,3\n4,5\n", ":3: 2 fields, expected 3"),
    "ragged after a line break": (b'id,x,z\n1,"2\n2",3\n4,5\n', ":4: 2 fields, expected 3"),
    "empty": (b"", ": the file is empty"),
    "blank": (b"\n\n", ": the file is empty"),
    "header only": (b"id,x,z\n", ": no records below the header"),
    "not text": (b"id,x,z\n1,2,3\n4,\xff\xfe,5\n", ":3: not UTF-8 text (byte 0xff)"),
    "open quote": (b'id,x,z\n1,2,3\n4,"5,6\n7,8,9\n', ":3: "),
    "carriage return": (b"id,x,z\r1,2,3\r", ":1: "),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz"])
def test_faults_of_a_table(tmp_path: Path, fault: str, name: str) -> None:
    content, message = FAULTS[fault]
    path = write(tmp_path / name, content)
    with pytest.raises(InputError) as raised:
        read_table(path, ["id", "x", "z"])
    assert str(raised.value).startswith(f"{path}{message}")
    assert "\n" not in str(raised.value)


def test_truncated_gzip(tmp_path: Path) -> None:
    rows = "".join(f"{i},{i * 7919 % 104729}\n" for i in range(20_000))
    whole = gzip.compress(("id,x\n" + rows).encode())
    for keep in (len(whole) // 2, len(whole) - 4):
        path = tmp_path / "t.csv.gz"
        path.write_bytes(whole[:keep])
        with pytest.raises(InputError, match=r"t\.csv\.gz:\d+: truncated or damaged gzip"):
            read_table(path, ["id"])


def test_damaged_gzip(tmp_path: Path) -> None:
    whole = bytearray(gzip.compress(b"id,x\n" + b"1,2\n" * 1000))
    whole[-6] ^= 1  # the checksum
    damaged, no_gzip = tmp_path / "a.csv.gz", tmp_path / "b.csv.gz"
    damaged.write_bytes(whole)
    no_gzip.write_bytes(b"id,x\n1,2\n")
    for path in (damaged, no_gzip):
        with pytest.raises(InputError, match="truncated or damaged gzip"):
            read_table(path, ["id"])


def test_missing_file_unknown_suffix_damaged_parquet(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"t\.csv: no such file|t\.csv:\d+: no such file"):
        read_table(tmp_path / "t.csv", [])
    with pytest.raises(InputError, match="cannot tell the format from the name"):
        read_table(write(tmp_path / "t.xlsx", b"PK"), [])
    with pytest.raises(InputError, match="not a Parquet file"):
        read_table(write(tmp_path / "t.parquet", b"PAR1 nothing"), [])
    with pytest.raises(InputError, match="no such file"):
        read_table(tmp_path / "none.parquet", [])


def test_matrix_numbers(tmp_path: Path) -> None:
    path = write(tmp_path / "m.csv", b"id,x,y\nNA,1.5,inf\nnull,,-inf\nc,NA,NaN\n")
    matrix = read_matrix(path, text=["id"])
    assert list(matrix.text["id"]) == ["NA", "null", "c"]  # names, not missing values
    assert matrix.values.dtype == np.float32
    np.testing.assert_array_equal(matrix.values, [[1.5, np.inf], [np.nan, -np.inf], [np.nan, np.nan]])


def test_a_cell_that_is_no_number_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "m.tsv", b'id\tx\ty\n"a\nb"\t1\t2\nc\t3\tmany\n')
    with pytest.raises(InputError) as raised:
        read_matrix(path, text=["id"])
    assert str(raised.value) == f"{path}:4: column y: expected a number, found 'many'"


def test_find_file_takes_plain_or_gz_and_the_first_name(tmp_path: Path) -> None:
    write(tmp_path / "b.tsv.gz", b"")
    assert find_file(tmp_path, "a.tsv", "b.tsv").name == "b.tsv.gz"
    write(tmp_path / "a.tsv", b"")
    assert find_file(tmp_path, "a.tsv", "b.tsv").name == "a.tsv"
    assert find_optional(tmp_path, "c.tsv") is None
    with pytest.raises(InputError, match="expected a folder"):
        find_file(tmp_path / "a.tsv", "a.tsv")
