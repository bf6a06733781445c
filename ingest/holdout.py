"""The InChIKeys of a data set: what its molecules are called once they are standardised as the graph's are."""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from graphdb.errors import InputError
from graphdb.files import replacing_file, sha256
from graphdb.holdout import BLOCK, HeldOutList, key_file, read_blocks
from ingest.standardise.molecules import standardise_table

STATED = "inchikey"
LISTS = (".txt", ".smi", ".list")
"""Suffixes of plain lists: a SMILES or an InChIKey a line."""
_STATED_KEY = re.compile(r"[A-Z]{14}(-[A-Z]{10}-[A-Z])?")


def hold_out_lists(
    data_sets: Sequence[tuple[str, Path]], folder: Path, inchikeys: Iterable[str]
) -> tuple[HeldOutList, ...]:
    """Make the key files of data sets where they are missing, and count their molecules in a graph.

    Parameters
    ----------
    data_sets
        Name and file of each; names are distinct.
    folder
        Of the key files.
    inchikeys
        Of the graph's molecules.
    """
    blocks = pd.Series([key[:BLOCK] for key in inchikeys], dtype=object)
    found = []
    for name, path in sorted(data_sets):
        digest = sha256(path)
        structures = read_structures(path)
        keys = key_file(folder, digest)
        if not keys.exists():
            write_keys(standardised(structures), path, keys)
        held = read_blocks(keys)
        found.append(HeldOutList(name, digest, len(structures), len(held), int(blocks.isin(held).sum())))
    return tuple(found)


def read_structures(path: Path, column: str = "smiles") -> pd.DataFrame:
    """Read the structures of a data set.

    Parameters
    ----------
    path
        CSV, gzipped where the name ends on ``.gz``, with a column of structures, or of InChIKeys, or both; or a plain
        list (`LISTS`).
    column
        Where the structures stand.

    Returns
    -------
    pandas.DataFrame
        ``line`` (1-based), ``smiles`` ("" where there is none), and ``stated``: the file's own InChIKey or first block,
        "" where it has none.

    Raises
    ------
    InputError
        If the file cannot be read, has neither column, or has rows of different lengths.
    """
    try:
        with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="") as file:
            rows = list(_listed(file) if path.suffix in LISTS else _table(csv.reader(file), column, path))
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise InputError("truncated or damaged gzip", path=path) from None
    except UnicodeDecodeError:
        raise InputError("not a text file in UTF-8", path=path) from None
    except csv.Error as error:
        raise InputError(f"not a CSV file ({error})", path=path) from None
    return pd.DataFrame(rows, columns=["line", "smiles", "stated"])


def standardised(structures: pd.DataFrame) -> pd.DataFrame:
    """Add ``inchikey`` of the standardised structure (None where rejected) and ``reason`` (None where not)."""
    standard = standardise_table([("smiles", text) for text in structures["smiles"]])
    given = (structures["smiles"] != "").to_numpy(dtype=bool)
    return structures.assign(
        inchikey=standard["inchikey"].to_numpy(object),
        # A row that states its key alone is no reject.
        reason=standard["reason"].astype(object).where(given, None).to_numpy(object),
    )


def write_keys(table: pd.DataFrame, source: Path, out: Path) -> int:
    """Write the keys of a table, stated and made, to `out`; return how many there are."""
    keys = sorted({*table["inchikey"].dropna(), *table["stated"]} - {""})
    with replacing_file(out) as temporary:
        temporary.write_text(f"# {len(table)} structures of {source.name}, SHA-256 {sha256(source)}\n")
        with temporary.open("a") as file:
            file.writelines(f"{key}\n" for key in keys)
    return len(keys)


def _listed(lines: Iterable[str]) -> Iterable[tuple[int, str, str]]:
    for number, line in enumerate(lines, start=1):
        text = line.partition("#")[0] if line.startswith("#") else line
        word = text.split()[0] if text.split() else ""
        if word:
            stated = word if _STATED_KEY.fullmatch(word) else ""
            yield number, "" if stated else word, stated


def _table(reader: Iterable[list[str]], column: str, path: Path) -> Iterable[tuple[int, str, str]]:
    rows = iter(reader)
    header = next(rows, [])
    if column not in header and STATED not in header:
        there = ", ".join(header[:12]) or "none"
        raise InputError(f"no column {column!r}; there are: {there}", path=path, line=1)
    smiles = header.index(column) if column in header else None
    stated = header.index(STATED) if STATED in header else None
    for row in rows:
        line = getattr(reader, "line_num", 0)
        if len(row) != len(header):
            raise InputError(f"expected {len(header)} cells, found {len(row)}", path=path, line=line)
        key = "" if stated is None else row[stated].strip()
        yield line, "" if smiles is None else row[smiles], key if _STATED_KEY.fullmatch(key) else ""
