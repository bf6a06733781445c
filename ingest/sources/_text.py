"""The lines and the rows of a text file, plain or packed, each with its place.

A file may be made to harm: what a small one may unpack to, and how long a line and a cell may be, is bounded before
memory is spent on it.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from graphdb.errors import InputError

DELIMITERS = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".txt": "\t", ".sif": "\t"}

MOST_UNPACKED = 2**30
"""Bytes that any file may unpack to; beyond, only one that was not packed more than `MOST_RATIO` times.

Tables of measured numbers shrink to a third, those of few different words to a twentieth; deflate can do 1,032.
"""
MOST_RATIO = 200
MOST_LINE = 2**28
"""Bytes of one line; a million features of 20 characters take a twelfth of it."""
MOST_CELL = 2**24
"""Characters of one cell. The csv module's own bound, 131,072, would end an ingest at one absurd SMILES."""

_BLOCK = 2**18
_HARMLESS = 2**20  # bytes that may come out of a gzip before anybody wonders
_DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile)
_SIGNATURES = {
    b"\x1f\x8b": "packed by gzip; give its name the ending .gz",
    b"PK\x03\x04": "a ZIP archive or a workbook, not text",
    b"PAR1": "a Parquet file; give its name the ending .parquet",
    b"\xff\xfe": "UTF-16 text, expected UTF-8",
    b"\xfe\xff": "UTF-16 text, expected UTF-8",
}
"""First bytes of files that often bear the name of a text file."""


def unpacks_too_far(unpacked: int, packed: int) -> bool:
    """Return whether so many bytes out of so few (`packed`) are no table but a trap."""
    return unpacked > MOST_UNPACKED and unpacked > MOST_RATIO * packed


def delimiter(path: Path) -> str:
    """Return what stands between the columns of a text file, by its name; `InputError` for a name that says nothing."""
    suffix = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    if suffix.lower() not in DELIMITERS:
        raise InputError(
            f"cannot tell the format from the name; expected {', '.join(DELIMITERS)} (plain or .gz) or .parquet",
            path=path,
        )
    return DELIMITERS[suffix.lower()]


def check_file(path: Path) -> None:
    """Refuse what cannot be read to an end: a folder, a pipe, a device."""
    if not path.is_file():
        raise InputError(
            "no such file" if not path.exists() else "expected a file, found a folder or a device", path=path
        )


def _blocks(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a file, unpacked where it is packed; refuse a trap as soon as it shows."""
    check_file(path)
    with path.open("rb") as packed:
        if path.suffix != ".gz":
            while block := packed.read(_BLOCK):
                yield block
            return
        unpacked = 0
        suspect = False
        with gzip.GzipFile(fileobj=packed, mode="rb") as file:
            while block := file.read1(_BLOCK):
                unpacked += len(block)
                if not suspect and unpacked > _HARMLESS and unpacked > MOST_RATIO * packed.tell():
                    # Unpacking alone is a hundred times faster than to read a thousand million blank lines.
                    suspect = True
                    _measure(path)
                _check_unpacked(path, unpacked, packed.tell())
                yield block


def _measure(path: Path) -> None:
    """Unpack a gzip to nowhere; refuse it if it is a trap. Whether it is damaged the reading itself will find."""
    unpacked = 0
    with path.open("rb") as packed, gzip.GzipFile(fileobj=packed, mode="rb") as file, suppress(*_DAMAGED):
        while size := len(file.read1(_BLOCK)):
            unpacked += size
            _check_unpacked(path, unpacked, packed.tell())


def _check_unpacked(path: Path, unpacked: int, packed: int) -> None:
    if unpacks_too_far(unpacked, packed):
        raise InputError(f"unpacks to more than {unpacked:,} bytes out of {packed:,}; this is no table", path=path)


def text_lines(path: Path) -> Iterator[str]:
    """Go through the lines of a text file, plain or ``.gz``, each with its line break; errors as in `text_rows`."""
    number = 0
    held: list[bytes] = []  # the begin of a line whose end is not there yet
    held_bytes = 0
    try:
        for block in _blocks(path):
            if number == 0 and not held:
                for signature, meaning in _SIGNATURES.items():
                    if block.startswith(signature):
                        raise InputError(f"not UTF-8 text: {meaning}", path=path, line=1)
            if b"\0" in block:
                line = number + 1 + block.count(b"\n", 0, block.index(b"\0"))
                raise InputError("not text (a byte 0x00); is this a binary file, or UTF-16?", path=path, line=line)
            end = block.rfind(b"\n") + 1
            if held_bytes + (block.index(b"\n") if end else len(block)) > MOST_LINE:
                raise InputError(f"a line of more than {MOST_LINE:,} bytes", path=path, line=number + 1)
            held.append(block[:end] if end else block)
            held_bytes += len(held[-1])
            if end:
                whole = b"".join(held)
                yield from _decoded(path, whole, number)
                number += whole.count(b"\n")
                held, held_bytes = [block[end:]], len(block) - end
        yield from _decoded(path, b"".join(held), number)
    except _DAMAGED as error:
        raise InputError(f"truncated or damaged gzip ({error})", path=path, line=number + 1) from None


def _decoded(path: Path, content: bytes, before: int) -> io.StringIO:
    """Return whole lines as text; `before` lines of the file stand before them."""
    try:
        text = content.decode("utf-8-sig" if before == 0 else "utf-8")
    except UnicodeDecodeError as error:
        line = before + 1 + error.object.count(b"\n", 0, error.start)
        raise InputError(f"not UTF-8 text (byte 0x{error.object[error.start]:02x})", path=path, line=line) from None
    return io.StringIO(text, newline="\n")


@contextmanager
def _long_cells() -> Iterator[None]:
    # The bound belongs to the whole process; other users of the csv module find theirs again.
    before = csv.field_size_limit(MOST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def text_rows(path: Path, *, every: bool = False) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a CSV or TSV, plain or ``.gz``, each with the line on which it starts.

    Parameters
    ----------
    path
        The file; its name says what stands between columns.
    every
        Whether to yield blank lines too, as rows without cells, and to refuse a quote that is never closed. (Those who
        read a file a second time with pandas find out by that.)

    Raises
    ------
    InputError
        For a file that is missing, damaged, no UTF-8 text or made to harm, a name that does not say what stands between
        columns, and a row that the csv module cannot read: with the line.
    """
    reader = csv.reader(text_lines(path), delimiter=delimiter(path), strict=every)
    start = 1
    try:
        with _long_cells():
            for row in reader:
                # A lone pair of quotes is a cell that is empty, as it stands in a table of one column.
                if len(row) > 1 or (row and (row[0] == "" or row[0].strip())):
                    yield start, row
                elif every:
                    yield start, []
                start = reader.line_num + 1
    except csv.Error as error:
        reason = f"not readable as a table ({error})"
        if "new-line character" in str(error):
            reason = "not readable as a table: a carriage return that no line feed follows; save it with line feeds"
        elif "unexpected end of data" in str(error):
            reason = "a quote is opened and never closed in the record that begins here"
        elif "field limit" in str(error):
            reason = f"a cell of more than {MOST_CELL:,} characters, begun on this line; is a quote left open?"
        raise InputError(reason, path=path, line=start) from None
