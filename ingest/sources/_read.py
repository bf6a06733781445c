"""Reading tables so that every record knows its line, and every fault of a file is said with its place.

A text file is gone through twice: once by the csv module, which knows where each record starts and how many fields it
has, once by pandas' C engine, which parses fast but pads short rows and cannot say where a record with a line break in
a quoted field begins. What the csv module has not accepted pandas never sees, and where the two disagree the file is
refused.

A file may be made to harm: what a small one may unpack to, and how long a line and a cell may be, is bounded before
memory is spent on it.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from graphdb.errors import InputError

DELIMITERS = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".txt": "\t", ".sif": "\t"}
MISSING_NUMBERS = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "<NA>", "-nan", "-NaN")

MOST_UNPACKED = 2**30
"""Bytes that any file may unpack to; beyond, only one that was not packed more than `MOST_RATIO` times.

Tables of measured numbers shrink to a third, those of few different words to a twentieth; deflate can do 1,032.
"""
MOST_RATIO = 200
MOST_LINE = 2**28
"""Bytes of one line; a million features of 20 characters take a twelfth of it."""
MOST_CELL = 2**24
"""Characters of one cell. The csv module's own bound, 131,072, would end an ingest at one absurd SMILES."""
MOST_COLUMNS = 200_000
"""Columns of a table; pandas spends a tenth of a millisecond on each, and no instrument has as many features."""
MOST_CELLS = 4_000_000_000
"""Cells of a binary table: 16 GB as float32."""
MOST_SHOWN = 80
"""Characters of a cell that a message repeats."""

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


class Matrix(NamedTuple):
    """A table of profiles.

    Attributes
    ----------
    text
        The columns that describe the rows (str objects), indexed by line.
    columns
        Names of the d other columns.
    values
        (n, d) float32; NaN where the file has none, ±inf as found.
    """

    text: pd.DataFrame
    columns: tuple[str, ...]
    values: npt.NDArray[np.float32]


def find_file(folder: Path, *names: str) -> Path:
    """Return the file of one of these names in `folder`, plain or ``.gz``.

    Raises
    ------
    InputError
        If `folder` is no folder or holds none of them; the message says what it holds.
    """
    found = find_optional(folder, *names)
    if found is None:
        there = sorted(entry.name for entry in folder.iterdir())
        shown = ", ".join(there[:8]) + (f" and {len(there) - 8} more" if len(there) > 8 else "")
        raise InputError(f"no {' or '.join(names)} (or .gz) in this folder; it holds {shown or 'nothing'}", path=folder)
    return found


def find_optional(folder: Path, *names: str) -> Path | None:
    """Return the file of one of these names in `folder`, plain or ``.gz``, or None."""
    if not folder.is_dir():
        raise InputError("expected a folder" if folder.exists() else "no such folder", path=folder)
    for name in names:
        for candidate in (folder / name, folder / f"{name}.gz"):
            if candidate.is_file():
                return candidate
    return None


def read_table(path: Path, required: Sequence[str]) -> pd.DataFrame:
    """Read a table of text: CSV, TSV (plain or ``.gz``; by its suffix) or Parquet.

    Parameters
    ----------
    path
        The file.
    required
        Columns that must be there; others are kept as well.

    Returns
    -------
    pandas.DataFrame
        All columns as str objects, missing cells ``""``. The index, named ``line``, is the line on which a record
        starts (1-based, the header is line 1); for Parquet, which has no lines, the number of the row (1-based).

    Raises
    ------
    InputError
        With file and line: missing file, empty file, no records, missing or duplicated column, truncated or damaged
        gzip, bytes that are not UTF-8, a row of another length than the header, a file that unpacks beyond measure.
    """
    if path.suffix == ".parquet":
        frame = _read_parquet(path)
        check_header(path, list(frame.columns), required)
        return pd.DataFrame(
            {name: pd.Series([_text(cell) for cell in frame[name]], dtype=object) for name in frame.columns}
        ).set_index(pd.RangeIndex(1, len(frame) + 1, name="line"))
    scan = _scan(path, required)
    frame = _parse(path, scan, dict.fromkeys(scan.header, object), {})
    return _by_line(path, frame, scan, scan.header)


def read_matrix(path: Path, text: Sequence[str], required: Sequence[str] = ()) -> Matrix:
    """Read a table of profiles: the columns `text` as text, every other column as numbers.

    Raises
    ------
    InputError
        As `read_table`, and where a cell that should hold a number does not.
    """
    if path.suffix == ".parquet":
        frame = _read_parquet(path)
        check_header(path, list(frame.columns), [*text, *required])
        frame.index = pd.RangeIndex(1, len(frame) + 1, name="line")
        described = set(text)
        columns = tuple(name for name in frame.columns if name not in described)
        for name in columns:
            if not pd.api.types.is_numeric_dtype(frame[name]):
                raise InputError(f"column {name}: expected numbers, found {frame[name].dtype}", path=path)
    else:
        scan = _scan(path, [*text, *required])
        described = set(text)
        columns = tuple(name for name in scan.header if name not in described)
        if "" in columns:
            raise InputError(f"column {scan.header.index('') + 1} has no name", path=path, line=1)
        dtypes = {name: object if name in described else np.float32 for name in scan.header}
        try:
            frame = _parse(path, scan, dtypes, {name: list(MISSING_NUMBERS) for name in columns})
        except ValueError:
            raise _bad_number(path, columns) from None
        frame = _by_line(path, frame, scan, text)
    return Matrix(frame[list(text)].astype(object), columns, frame[list(columns)].to_numpy(dtype=np.float32))


def header(path: Path) -> list[str]:
    """Return the names of the columns of a table; see `read_table` for formats and errors."""
    if path.suffix == ".parquet":
        return [str(name) for name in _read_parquet(path).columns]
    for _, row in text_rows(path):
        return row
    raise InputError("the file is empty", path=path)


def read_plain(
    path: Path, required: Sequence[str], *, where: tuple[str, str] | None = None, may_lack: int = 0
) -> pd.DataFrame:
    """Read a tab-separated table in which quotes mean nothing, as NCBI and HGNC write them, plain or ``.gz``.

    Such files need not fit into memory: rows that `where` does not want are dropped as they are read.

    Parameters
    ----------
    path
        The file; its name says nothing. The ``#`` before the name of the first column is left out.
    required
        Columns that must be there; others are dropped.
    where
        Column and the text that it must hold; None: every row.
    may_lack
        How many empty fields at its end a row may lack.

    Returns
    -------
    pandas.DataFrame
        As `read_table`, with the columns `required`; without rows where none is wanted.

    Raises
    ------
    InputError
        As `read_table`, but for quotes and for a file without records that are wanted.
    """
    header: list[str] | None = None
    places: list[int] = []
    wanted: tuple[int, str] | None = None
    starts: list[int] = []
    cells: list[list[str]] = []
    for number, line in enumerate(text_lines(path), start=1):
        fields = line.rstrip("\r\n").split("\t")
        if fields == [""]:
            continue
        if header is None:
            header = [fields[0].removeprefix("#"), *fields[1:]]
            check_header(path, header, required)
            places = [header.index(name) for name in required]
            wanted = None if where is None else (header.index(where[0]), where[1])
            continue
        if not len(header) - may_lack <= len(fields) <= len(header):
            raise InputError(f"{len(fields)} fields, expected {len(header)}", path=path, line=number)
        if wanted is not None and fields[wanted[0]] != wanted[1]:
            continue
        fields += [""] * (len(header) - len(fields))
        starts.append(number)
        cells.append([fields[place] for place in places])
    if header is None:
        raise InputError("the file is empty", path=path)
    index = pd.Index(np.array(starts, dtype=np.int64), name="line")
    return pd.DataFrame(cells, index=index, columns=list(required), dtype=object)


def text_column(values: Iterable[object], missing: Sequence[str] = ("",)) -> pd.Series:
    """Return a column of str with None where a value is one of `missing`.

    Object dtype on purpose: pandas' own string type would turn None into NaN.
    """
    return pd.Series([None if value in missing else value for value in values], dtype=object)


def finite_numbers(cells: pd.Series, what: str, path: Path) -> npt.NDArray[np.float64]:
    """Return a column of text (n,) as numbers.

    Parameters
    ----------
    cells
        The column, indexed by line.
    what
        What is expected, for the message: ``"column Time: expected hours"``.
    path
        The file.

    Raises
    ------
    InputError
        With the line, where a cell is missing, no number or not finite.
    """
    numbers = pd.to_numeric(cells, errors="coerce").to_numpy(dtype=np.float64)
    bad = ~np.isfinite(numbers)
    if bad.any():
        place = int(np.argmax(bad))
        raise InputError(f"{what}, found {shown(cells.iloc[place])}", path=path, line=int(cells.index[place]))
    return numbers


def shown(cell: object) -> str:
    """Return a cell as a message repeats it: in quotes, in one line, and not longer than a line should be."""
    text = str(cell)
    return repr(text) if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]!r}… ({len(text):,} characters)"


def unpacks_too_far(unpacked: int, packed: int) -> bool:
    """Return whether so many bytes out of so few (`packed`) are no table but a trap."""
    return unpacked > MOST_UNPACKED and unpacked > MOST_RATIO * packed


def _delimiter(path: Path) -> str:
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
    """Go through the lines of a text file, plain or ``.gz``, each with its line break; errors as in `read_table`."""
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


class _Scan(NamedTuple):
    """What the csv module finds: the header, the line on which each record starts, and two records to compare with."""

    header: list[str]
    starts: npt.NDArray[np.int64]
    first: list[str]
    last: list[str]


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
        As `read_table`, but for what is wrong with a header.
    """
    reader = csv.reader(text_lines(path), delimiter=_delimiter(path), strict=every)
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


def _scan(path: Path, required: Sequence[str]) -> _Scan:
    """Go through a text file; check the header and the length of every record."""
    starts = array("q")
    header: list[str] | None = None
    first: list[str] = []
    row: list[str] = []
    for start, row in text_rows(path):
        if header is None:
            header = row
            check_header(path, header, required)
        elif len(row) != len(header):
            quote = "; is a quote left open?" if any("\n" in cell for cell in row) else ""
            raise InputError(f"{len(row)} fields, expected {len(header)}{quote}", path=path, line=start)
        else:
            if not starts:
                first = row
            starts.append(start)
    if header is None:
        raise InputError("the file is empty", path=path)
    if not starts:
        raise InputError("no records below the header", path=path)
    return _Scan(header, np.frombuffer(starts, dtype=np.int64), first, row)


def check_header(path: Path, header: Sequence[str], required: Sequence[str]) -> None:
    if len(header) > MOST_COLUMNS:
        raise InputError(f"{len(header):,} columns, at most {MOST_COLUMNS:,} can be read", path=path, line=1)
    there_are = set(header)
    missing = [name for name in dict.fromkeys(required) if name not in there_are]
    if missing:
        there = listing(header)
        hint = ""
        if len(header) == 1 and path.suffix != ".parquet" and any(mark in header[0] for mark in ",;|\t "):
            hint = f"; is {_delimiter(path)!r} what stands between columns?"
        raise InputError(f"missing column {listing(missing)}; there are {there}{hint}", path=path, line=1)
    repeated = [name for name, count in Counter(header).items() if count > 1]
    if repeated:
        raise InputError(f"column {listing(repeated, 5)} occurs more than once", path=path, line=1)


def listing(header: Sequence[str], most: int = 12) -> str:
    """Return names (of columns, say) for a message: in one line, the first few."""
    names = [name if name.isprintable() and 0 < len(name) <= MOST_SHOWN else shown(name) for name in header[:most]]
    return ", ".join(names) + (f" and {len(header) - most} more" if len(header) > most else "")


def _parse(path: Path, scan: _Scan, dtypes: Mapping[str, type], missing: dict[str, list[str]]) -> pd.DataFrame:
    try:
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and that becomes missing
            frame: pd.DataFrame = pd.read_csv(
                path,
                sep=_delimiter(path),
                engine="c",
                # The names as the csv module read them: pandas would call one that is empty "Unnamed: 0".
                header=0,
                names=scan.header,
                dtype=dict(dtypes),
                na_values=missing,
                keep_default_na=False,
                index_col=False,
                encoding="utf-8-sig",
                compression="gzip" if path.suffix == ".gz" else None,
                low_memory=False,
            )
    except pd.errors.ParserError as error:
        reason = " ".join(str(error).split())
        if "EOF inside string" in reason:  # so the last record goes to the end of the file
            raise InputError(
                "a quote is opened and never closed in the record that begins here",
                path=path,
                line=int(scan.starts[-1]),
            ) from None
        raise InputError(f"not readable as a table ({reason})", path=path) from None
    return frame


def _by_line(path: Path, frame: pd.DataFrame, scan: _Scan, text: Sequence[str]) -> pd.DataFrame:
    """Give the records of pandas the lines of the csv module; refuse a file in which the two see different records."""
    if len(frame) != len(scan.starts):
        raise InputError(
            f"quotes or line breaks can be read in two ways ({len(scan.starts)} or {len(frame)} records)", path=path
        )
    place_of = {name: place for place, name in enumerate(scan.header)}
    places = [place_of[name] for name in text]
    cells = frame.iloc[[0, -1], places].to_numpy(dtype=object).tolist()
    for found, row, start in zip(cells, (scan.first, scan.last), scan.starts[[0, -1]], strict=True):
        if found != [row[place] for place in places]:
            raise InputError("quotes or line breaks can be read in two ways", path=path, line=int(start))
    frame.index = pd.Index(scan.starts, name="line")
    return frame


def _bad_number(path: Path, columns: Sequence[str]) -> InputError:
    """Find the first cell that should be a number and is none."""
    table = read_table(path, columns)
    for name in columns:
        cells = table[name].where(~table[name].isin(MISSING_NUMBERS), "nan")
        bad = cells[pd.to_numeric(cells, errors="coerce").isna() & (cells != "nan")]
        if len(bad):
            return InputError(
                f"column {listing([name])}: expected a number, found {shown(bad.iloc[0])}", path=path, line=bad.index[0]
            )
    return InputError("a cell that should hold a number does not", path=path)


def _text(cell: Any) -> str:
    # Of a list pandas would say for each of its parts whether it is missing.
    return "" if pd.api.types.is_scalar(cell) and pd.isna(cell) else str(cell)


def _read_parquet(path: Path) -> pd.DataFrame:
    from pyarrow.lib import ArrowException
    from pyarrow.parquet import ParquetFile

    check_file(path)
    try:
        with ParquetFile(path) as file:
            rows, columns = file.metadata.num_rows, file.metadata.num_columns
        # Runs of one value take a few bytes, however long they are.
        if rows * columns > MOST_CELLS or unpacks_too_far(8 * rows * columns, path.stat().st_size):
            raise InputError(
                f"{rows:,} rows of {columns:,} columns in {path.stat().st_size:,} bytes are too many", path=path
            )
        frame: pd.DataFrame = pd.read_parquet(path)
    except (ArrowException, OSError, ValueError) as error:
        raise InputError(f"not a Parquet file, or a damaged one ({' '.join(str(error).split())})", path=path) from None
    if frame.empty:
        raise InputError("no records", path=path)
    frame.columns = pd.Index([str(name) for name in frame.columns])
    return frame.reset_index(drop=True)
