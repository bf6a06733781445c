"""Reading tables so that every record knows its line, and every fault of a file is said with its place.

A text file is gone through twice: once by the csv module, which knows where each record starts and how many fields it
has, once by pandas' C engine, which parses fast but pads short rows and cannot say where a record with a line break in
a quoted field begins.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from graphdb.errors import InputError

DELIMITERS = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".txt": "\t", ".sif": "\t"}
MISSING_NUMBERS = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "<NA>", "-nan", "-NaN")


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
        gzip, bytes that are not UTF-8, a row of another length than the header.
    """
    if path.suffix == ".parquet":
        frame = _read_parquet(path)
        _check_header(path, list(frame.columns), required)
        return pd.DataFrame(
            {
                name: pd.Series(["" if pd.isna(cell) else str(cell) for cell in frame[name]], dtype=object)
                for name in frame.columns
            }
        ).set_index(pd.RangeIndex(1, len(frame) + 1, name="line"))
    header, starts = _scan(path, required)
    frame = _parse(path, dict.fromkeys(header, object), {})
    return _by_line(path, frame, starts)


def read_matrix(path: Path, text: Sequence[str], required: Sequence[str] = ()) -> Matrix:
    """Read a table of profiles: the columns `text` as text, every other column as numbers.

    Raises
    ------
    InputError
        As `read_table`, and where a cell that should hold a number does not.
    """
    if path.suffix == ".parquet":
        frame = _read_parquet(path)
        _check_header(path, list(frame.columns), [*text, *required])
        frame.index = pd.RangeIndex(1, len(frame) + 1, name="line")
        columns = tuple(name for name in frame.columns if name not in text)
        for name in columns:
            if not pd.api.types.is_numeric_dtype(frame[name]):
                raise InputError(f"column {name}: expected numbers, found {frame[name].dtype}", path=path)
    else:
        header, starts = _scan(path, [*text, *required])
        columns = tuple(name for name in header if name not in text)
        dtypes = {name: object if name in text else np.float32 for name in header}
        try:
            frame = _by_line(path, _parse(path, dtypes, {name: list(MISSING_NUMBERS) for name in columns}), starts)
        except ValueError:
            raise _bad_number(path, columns) from None
    described = frame[list(text)].astype(object)
    return Matrix(described, columns, frame[list(columns)].to_numpy(dtype=np.float32))


def header(path: Path) -> list[str]:
    """Return the names of the columns of a table; see `read_table` for formats and errors."""
    if path.suffix == ".parquet":
        return [str(name) for name in _read_parquet(path).columns]
    try:
        for row in csv.reader(text_lines(path), delimiter=_delimiter(path)):
            if len(row) > 1 or (row and row[0].strip()):
                return row
    except csv.Error as error:
        raise InputError(f"not readable as a table ({error})", path=path, line=1) from None
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
            _check_header(path, header, required)
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


def _open(path: Path) -> gzip.GzipFile | io.BufferedReader:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")


def _delimiter(path: Path) -> str:
    suffix = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    if suffix.lower() not in DELIMITERS:
        raise InputError(
            f"cannot tell the format from the name; expected {', '.join(DELIMITERS)} (plain or .gz) or .parquet",
            path=path,
        )
    return DELIMITERS[suffix.lower()]


def text_lines(path: Path) -> Iterator[str]:
    """Go through the lines of a text file, plain or ``.gz``, each with its line break; errors as in `read_table`."""
    number = 0
    try:
        with _open(path) as file:
            for number, line in enumerate(file, start=1):
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8 text (byte 0x{error.object[error.start]:02x})", path=path, line=number) from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"truncated or damaged gzip ({error})", path=path, line=number + 1) from None
    except FileNotFoundError:
        raise InputError("no such file", path=path) from None


def _scan(path: Path, required: Sequence[str]) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Return the header and the line on which each record starts; check the length of every record."""
    reader = csv.reader(text_lines(path), delimiter=_delimiter(path))
    starts: list[int] = []
    header: list[str] | None = None
    start = 1
    try:
        for row in reader:
            if len(row) > 1 or (row and row[0].strip()):
                if header is None:
                    header = row
                    _check_header(path, header, required)
                elif len(row) != len(header):
                    raise InputError(f"{len(row)} fields, expected {len(header)}", path=path, line=start)
                else:
                    starts.append(start)
            start = reader.line_num + 1
    except csv.Error as error:
        raise InputError(f"not readable as a table ({error})", path=path, line=start) from None
    if header is None:
        raise InputError("the file is empty", path=path)
    if not starts:
        raise InputError("no records below the header", path=path)
    return header, np.array(starts, dtype=np.int64)


def _check_header(path: Path, header: Sequence[str], required: Sequence[str]) -> None:
    missing = [name for name in required if name not in header]
    if missing:
        shown = ", ".join(header[:12]) + (f" and {len(header) - 12} more" if len(header) > 12 else "")
        raise InputError(f"missing column {', '.join(missing)}; there are {shown}", path=path, line=1)
    repeated = [name for name, count in Counter(header).items() if count > 1]
    if repeated:
        raise InputError(f"column {', '.join(repeated[:5])} occurs more than once", path=path, line=1)


def _parse(path: Path, dtypes: Mapping[str, type], missing: dict[str, list[str]]) -> pd.DataFrame:
    try:
        frame: pd.DataFrame = pd.read_csv(
            path,
            sep=_delimiter(path),
            engine="c",
            # As the file has them: pandas would call a column without a name "Unnamed: 0".
            names=list(dtypes),
            header=0,
            dtype=dict(dtypes),
            na_values=missing,
            keep_default_na=False,
            index_col=False,
            encoding="utf-8-sig",
            compression="gzip" if path.suffix == ".gz" else None,
            low_memory=False,
        )
    except pd.errors.ParserError as error:
        raise InputError(f"not readable as a table ({error})", path=path) from None
    return frame


def _by_line(path: Path, frame: pd.DataFrame, starts: npt.NDArray[np.int64]) -> pd.DataFrame:
    if len(frame) != len(starts):
        raise InputError(
            f"quotes or line breaks can be read in two ways ({len(starts)} or {len(frame)} records)", path=path
        )
    frame.index = pd.Index(starts, name="line")
    return frame


def _bad_number(path: Path, columns: Sequence[str]) -> InputError:
    """Find the first cell that should be a number and is none."""
    table = read_table(path, columns)
    for name in columns:
        cells = table[name].where(~table[name].isin(MISSING_NUMBERS), "nan")
        bad = cells[pd.to_numeric(cells, errors="coerce").isna() & (cells != "nan")]
        if len(bad):
            return InputError(f"column {name}: expected a number, found {bad.iloc[0]!r}", path=path, line=bad.index[0])
    return InputError("a cell that should hold a number does not", path=path)


def _read_parquet(path: Path) -> pd.DataFrame:
    from pyarrow.lib import ArrowException

    try:
        frame: pd.DataFrame = pd.read_parquet(path)
    except FileNotFoundError:
        raise InputError("no such file", path=path) from None
    except (ArrowException, OSError, ValueError) as error:
        raise InputError(f"not a Parquet file, or a damaged one ({' '.join(str(error).split())})", path=path) from None
    if frame.empty:
        raise InputError("no records", path=path)
    return frame.reset_index(drop=True)
