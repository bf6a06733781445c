"""Two readers go through a text file: what is read is what the csv module says, or the file is refused."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import example, given, settings
from hypothesis import strategies as st

from graphdb.errors import InputError
from ingest.sources._read import header, read_matrix, read_table

PIECES = st.sampled_from(
    ["a", "b1", ",", ",", '"', '""', "\n", "\n", "\r\n", "\r", " ", "\t", "1", "inf", "\ufeff", "é", "\0", "=1"]
)
ANY = st.lists(PIECES, max_size=40).map("".join)


@settings(max_examples=400, deadline=None)
@given(ANY, st.booleans())
@example('x\n""\nb\n', False)
@example(",x\n1,2\n", False)
@example('id,x\n"a""b",1\n"c"d,"2"\n', True)
@example('\ufeff"id",x\n  a,1\n', False)
@example('id,x\n"a\r\n\nb",1\n\n', True)
def test_a_table_is_what_the_csv_module_reads_or_refused(text: str, packed: bool) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / ("t.csv.gz" if packed else "t.csv")
        content = text.encode()
        path.write_bytes(gzip.compress(content, mtime=0) if packed else content)
        try:
            table = read_table(path, [])
        except InputError:
            return
        rows = [row for row in csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")) if row]
        rows = [row for row in rows if len(row) > 1 or row[0] == "" or row[0].strip()]
        assert list(table.columns) == rows[0] == header(path)
        assert table.to_numpy().tolist() == rows[1:]
        physical = text.removeprefix("\ufeff").split("\n")
        for line, row in zip(table.index, rows[1:], strict=True):
            assert '"' in physical[line - 1] or physical[line - 1].startswith(row[0])


@settings(max_examples=200, deadline=None)
@given(ANY)
def test_a_matrix_is_read_or_refused_in_one_line(text: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        path.write_bytes(("id,x\n" + text).encode())
        try:
            matrix = read_matrix(path, ["id"])
        except InputError:
            return
        assert matrix.values.shape == (len(matrix.text), 1)
        assert matrix.text["id"].tolist() == read_table(path, [])["id"].tolist()
