"""Files of structures, read as a stream: SMILES a line, CSV, TSV, Parquet or SDF, however long they are.

Every record keeps its place: n records give n structures in their order, also where there is none in a record.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from rdkit import Chem, rdBase

from graphdb.errors import InputError
from ingest.prepare import Structure
from ingest.sources._read import check_header, listing
from ingest.sources._text import check_file, text_lines, text_rows
from ingest.sources.molecules import MISSING

CHUNK = 2048
MOST_RECORD = 2**22
"""Characters of one record of an SDF; a protein of 10,000 atoms takes a sixth of it."""

SMILES_COLUMN = "smiles"
NAME_COLUMNS = ("name", "id")
KEY_COLUMN = "inchikey"

LINE_SUFFIXES = (".smi", ".smiles", ".txt")
TABLE_SUFFIXES = (".csv", ".tsv", ".tab")
FORMATS = ".smi, .txt, .csv, .tsv, .sdf (plain or .gz) or .parquet"


class Record(NamedTuple):
    """One record of a file.

    Attributes
    ----------
    line
        Where it begins: the line (1-based); in Parquet, which has none, the number of the row (1-based).
    name
        What the file calls it, or None.
    structure
        What it is.
    """

    line: int
    name: str | None
    structure: Structure


def read_structures(
    path: Path, *, column: str | None = None, name_column: str | None = None, chunk: int | None = None
) -> Iterator[list[Record]]:
    """Read a file of structures in chunks.

    Parameters
    ----------
    path
        ``.smi`` or ``.txt``: a SMILES a line, and its name after white space; ``.csv``, ``.tsv`` or ``.parquet``: a
        table; ``.sdf``: molfiles with ``$$$$`` between them. Text may be packed (``.gz``).
    column, name_column
        Of a table: where the SMILES and the names stand, in any case. None: ``smiles``, and ``name`` or ``id`` where
        there is one. A column ``inchikey`` is read too.
    chunk
        Records in a chunk (default `CHUNK`).

    Yields
    ------
    list of Record
        One a record of the file, in its order; a blank line, an empty cell and a molfile that RDKit does not
        read are records without a SMILES.

    Raises
    ------
    InputError
        With file and line: missing file, unknown format, no records, no such column, damaged, or not text.
    """
    check_file(path)
    records = _reader(path, column, name_column)
    found = False
    while part := list(islice(records, chunk or CHUNK)):
        found = True
        yield part
    if not found:
        raise InputError("no structures in this file", path=path)


def in_chunks(smiles: Iterable[str], chunk: int | None = None) -> Iterator[list[Structure]]:
    """Cut SMILES into chunks of structures."""
    structures = (Structure(text) for text in smiles)
    while part := list(islice(structures, chunk or CHUNK)):
        yield part


def _reader(path: Path, column: str | None, name_column: str | None) -> Iterator[Record]:
    suffix = (Path(path.stem).suffix if path.suffix == ".gz" else path.suffix).lower()
    if suffix in TABLE_SUFFIXES:
        return _table(path, column, name_column)
    if suffix == ".parquet" and path.suffix != ".gz":
        return _parquet(path, column, name_column)
    if column or name_column:
        raise InputError("a column is named, but this file has none", path=path)
    if suffix in LINE_SUFFIXES:
        return _lines(path)
    if suffix == ".sdf":
        return _molfiles(path)
    raise InputError(f"cannot tell the format from the name; expected {FORMATS}", path=path)


def _lines(path: Path) -> Iterator[Record]:
    for number, line in enumerate(text_lines(path), start=1):
        smiles, *name = line.split(maxsplit=1)[:2] or [""]
        yield Record(number, name[0].strip() if name else None, Structure(smiles or None))


class _Columns(NamedTuple):
    """Places of the columns of a table that are read; None for one that it lacks."""

    smiles: int
    name: int | None
    inchikey: int | None

    @classmethod
    def find(cls, path: Path, header: Sequence[str], column: str | None, name_column: str | None) -> _Columns:
        check_header(path, header, [])
        there = [name.strip().lower() for name in header]

        def place(wanted: Sequence[str], *, needed: bool) -> int | None:
            found = next((there.index(name) for name in wanted if name in there), None)
            if found is None and needed:
                hint = "" if column else "; say --column NAME"
                raise InputError(f"missing column {wanted[0]}; there are {listing(header)}{hint}", path=path, line=1)
            return found

        names = NAME_COLUMNS if name_column is None else (name_column.lower(),)
        smiles = place([(column or SMILES_COLUMN).lower()], needed=True) or 0
        return cls(smiles, place(names, needed=name_column is not None), place([KEY_COLUMN], needed=False))

    def of(self, cells: Sequence[str]) -> tuple[str | None, Structure]:
        """Return the name and the structure of a record."""
        smiles, name, inchikey = (None if place is None else _cell(cells[place]) for place in self)
        return name, Structure(smiles, inchikey)


def _cell(text: str) -> str | None:
    text = text.strip()
    return None if text in MISSING else text


def _table(path: Path, column: str | None, name_column: str | None) -> Iterator[Record]:
    columns: _Columns | None = None
    width = 0
    for line, row in text_rows(path, every=True):
        if columns is None:
            if row:  # blank lines before the header are no records
                columns, width = _Columns.find(path, row, column, name_column), len(row)
        elif not row:
            yield Record(line, None, Structure(None))
        elif len(row) == width:
            yield Record(line, *columns.of(row))
        elif any("\n" in cell for cell in row):
            raise InputError(f"{len(row)} fields, expected {width}; is a quote left open?", path=path, line=line)
        else:
            yield Record(line, None, Structure(None, reason=f"{len(row)} fields, expected {width}"))


def _parquet(path: Path, column: str | None, name_column: str | None) -> Iterator[Record]:
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path) as file:
            names = list(file.schema_arrow.names)
            places = _Columns.find(path, names, column, name_column)
            used = [names[place] for place in places if place is not None]
            if not pa.types.is_string(kind := file.schema_arrow.field(used[0]).type) and kind != pa.large_string():
                raise InputError(f"column {used[0]}: expected text, found {kind}", path=path)
            number = 0
            for batch in file.iter_batches(batch_size=CHUNK, columns=used):
                cells = {
                    name: ["" if cell is None else str(cell) for cell in batch.column(name).to_pylist()]
                    for name in dict.fromkeys(used)
                }
                # The columns come in the file's order, whatever order they are asked for in.
                taken = _Columns(0, *(None if place is None else k for k, place in enumerate(places[1:], start=1)))
                rows = zip(
                    *(cells[names[place]] if place is not None else cells[used[0]] for place in places), strict=True
                )
                for row in rows:
                    number += 1
                    yield Record(number, *taken.of(row))
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"not a Parquet file, or a damaged one ({' '.join(str(error).split())})", path=path) from None


def _molfiles(path: Path) -> Iterator[Record]:
    """Read molfiles; the SMILES of each is what RDKit writes of it, with the stereo of its wedges or coordinates."""
    lines: list[str] = []
    length, begin = 0, 1
    for number, line in enumerate(text_lines(path), start=1):
        if line.startswith("$$$$"):
            yield _molfile(begin, lines)
            lines, length, begin = [], 0, number + 1
            continue
        lines.append(line)
        length += len(line)
        if length > MOST_RECORD:
            raise InputError(f"a molfile of more than {MOST_RECORD:,} characters begins here", path=path, line=begin)
    if any(line.strip() for line in lines):
        yield _molfile(begin, lines)


def _molfile(begin: int, lines: Sequence[str]) -> Record:
    # Properties stand after the molfile, and blocks end in many ways where there is none.
    name = lines[0].strip() if lines else ""
    with rdBase.BlockLogs():
        try:
            molecule = Chem.MolFromMolBlock("".join(lines))
        except (ValueError, RuntimeError):  # broken invariants: no record may stop a file
            molecule = None
        smiles = "" if molecule is None else Chem.MolToSmiles(molecule)
    reason = "unreadable molfile" if molecule is None else None if smiles else "no atoms"
    return Record(begin, name or None, Structure(smiles or None, reason=reason))
