"""Reading tables so that every record knows its line, and every fault of a file is said with its place.

A text file is gone through twice: once by the csv module, which knows where each record starts and how many fields it
has, once by pandas' C engine, which parses fast but pads short rows and cannot say where a record with a line break in
a quoted field begins. What the csv module has not accepted pandas never sees, and where the two disagree the file is
refused.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from graphdb.errors import InputError
from ingest.sources._text import check_file, delimiter, text_lines, text_rows, unpacks_too_far

MISSING_NUMBERS = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "<NA>", "-nan", "-NaN")

MOST_COLUMNS = 200_000
"""Columns of a table; pandas spends a tenth of a millisecond on each, and no instrument has as many features."""
MOST_CELLS = 4_000_000_000
"""Cells of a binary table: 16 GB as float32."""
MOST_SHOWN = 80
"""Characters of a cell that a message repeats."""


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


class _Scan(NamedTuple):
    """What the csv module finds: the header, the line on which each record starts, and two records to compare with."""

    header: list[str]
    starts: npt.NDArray[np.int64]
    first: list[str]
    last: list[str]


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
            hint = f"; is {delimiter(path)!r} what stands between columns?"
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
                sep=delimiter(path),
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
