"""The InChIKeys of a data set: what its molecules are called once they are standardised as the graph's are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import get_args

import pandas as pd

from graphdb.errors import InputError
from graphdb.files import replacing_file, sha256
from graphdb.holdout import BLOCK, HeldOutList, key_file, parse_holdout, read_blocks, read_certificate
from ingest.cache import code_version
from ingest.sources._read import listing, read_table
from ingest.sources._text import text_lines
from ingest.standardise import _counterions, molecules
from ingest.standardise.molecules import Tautomers, standardise_table

STATED = "inchikey"
LISTS = (".txt", ".smi", ".list")
"""Suffixes of plain lists: a SMILES or an InChIKey a line."""
_STATED_KEY = re.compile(r"[A-Z]{14}(-[A-Z]{10}-[A-Z])?")


@dataclass(frozen=True)
class DataSet:
    """A data set to hold out.

    Attributes
    ----------
    name
        Its name.
    path
        Its file; None where that is gone and only its keys are left.
    earlier
        What an earlier ingest said of it; None where it is named for the first time.
    """

    name: str
    path: Path | None
    earlier: HeldOutList | None = None

    @cached_property
    def sha256(self) -> str:
        """Of its file."""
        if self.path is not None:
            return sha256(self.path)
        assert self.earlier is not None
        return self.earlier.sha256


def data_sets(texts: Sequence[str], folder: Path, *, none: bool = False) -> list[DataSet]:
    """Return the data sets to hold out: those of the certificate in `folder`, and those named now in their place.

    Parameters
    ----------
    texts
        ``NAME=PATH`` each.
    folder
        Of the certificate and the key files.
    none
        Whether what an earlier ingest held out is to end.

    Raises
    ------
    InputError
        If a file that is named now is not there.
    ArtefactError
        If the certificate is damaged or its keys are gone.
    """
    found = {}
    for item in () if none else read_certificate(folder):
        path = Path(item.path) if item.path else None
        found[item.name] = DataSet(item.name, path if path is not None and path.is_file() else None, item)
    for name, path in map(parse_holdout, texts):
        if not path.is_file():
            raise InputError(f"no such file (to be held out as {name})", path=path)
        found[name] = DataSet(name, path.resolve())
    return [found[name] for name in sorted(found)]


def hold_out_lists(wanted: Sequence[DataSet], folder: Path, inchikeys: Iterable[str]) -> tuple[HeldOutList, ...]:
    """Make the key files of data sets where they are missing, and count their molecules in a graph.

    Parameters
    ----------
    wanted
        The data sets.
    folder
        Of the key files.
    inchikeys
        Of the graph's molecules.
    """
    blocks = pd.Series([key[:BLOCK] for key in inchikeys], dtype=object)
    found = []
    for item in wanted:
        keys = key_file(folder, item.sha256)
        structures = 0 if item.earlier is None else item.earlier.structures
        if item.path is not None:
            table = read_structures(item.path)
            structures = len(table)
            if not keys.exists() or not _is_current(keys):
                write_keys(standardised(table), item.path, keys)
        held = read_blocks(keys)
        path = "" if item.path is None else str(item.path)
        found.append(HeldOutList(item.name, item.sha256, structures, len(held), int(blocks.isin(held).sum()), path))
    return tuple(found)


def with_earlier(lists: Sequence[HeldOutList], folder: Path) -> tuple[HeldOutList, ...]:
    """Return `lists` and those of the certificate in `folder`, which hold until the new graph has its own."""
    there = {(item.name, item.sha256) for item in lists}
    return (*lists, *(item for item in read_certificate(folder) if (item.name, item.sha256) not in there))


def read_structures(path: Path, column: str = "smiles") -> pd.DataFrame:
    """Read the structures of a data set.

    Parameters
    ----------
    path
        A table (CSV, TSV, plain or ``.gz``, or Parquet) with a column of structures, or of InChIKeys, or both; or a
        plain list (`LISTS`).
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
    rows = _listed(text_lines(path)) if path.suffix in LISTS else _table(read_table(path, []), column, path)
    return pd.DataFrame(list(rows), columns=["line", "smiles", "stated"])


def standardised(structures: pd.DataFrame) -> pd.DataFrame:
    """Standardise the structures of a data set, in the tautomer that they are drawn in and in the canonical one.

    Returns
    -------
    pandas.DataFrame
        `structures`, with ``inchikey`` (None where rejected), ``canonical``, the InChIKey of the canonical tautomer (of
        the graph that has those, `ingest.all --tautomers canonical`), and ``reason`` (None where not rejected).
    """
    texts = [("smiles", text) for text in structures["smiles"]]
    standard, canonical = (standardise_table(texts, tautomers=choice) for choice in get_args(Tautomers))
    given = (structures["smiles"] != "").to_numpy(dtype=bool)
    return structures.assign(
        inchikey=standard["inchikey"].to_numpy(object),
        canonical=canonical["inchikey"].to_numpy(object),
        # A row that states its key alone is no reject.
        reason=standard["reason"].astype(object).where(given, None).to_numpy(object),
    )


def write_keys(table: pd.DataFrame, source: Path, out: Path) -> int:
    """Write the keys of a table, stated and made, to `out`; return how many there are."""
    keys = sorted({*table["inchikey"].dropna(), *table["canonical"].dropna(), *table["stated"]} - {""})
    with replacing_file(out) as temporary:
        about = f"{len(table)} structures of {source.name}, SHA-256 {sha256(source)}"
        temporary.write_text(f"# {about}, standardiser {_standardiser()}\n")
        with temporary.open("a") as file:
            file.writelines(f"{key}\n" for key in keys)
    return len(keys)


def _is_current(keys: Path) -> bool:
    """Return whether a key file was made by the standardiser of today."""
    with keys.open(encoding="utf-8") as file:
        return file.readline().rstrip().endswith(f"standardiser {_standardiser()}")


def _standardiser() -> str:
    return code_version([molecules, _counterions], ["rdkit"])


def _listed(lines: Iterable[str]) -> Iterable[tuple[int, str, str]]:
    for number, line in enumerate(lines, start=1):
        text = line.partition("#")[0] if line.startswith("#") else line
        word = text.split()[0] if text.split() else ""
        if word:
            stated = word if _STATED_KEY.fullmatch(word) else ""
            yield number, "" if stated else word, stated


def _table(table: pd.DataFrame, column: str, path: Path) -> Iterable[tuple[int, str, str]]:
    if column not in table and STATED not in table:
        raise InputError(f"no column {column!r}; there are: {listing(list(table.columns))}", path=path, line=1)
    blank = pd.Series("", index=table.index, dtype=object)
    texts, stated = (table.get(name, blank) for name in (column, STATED))
    for line, text, key in zip(table.index, texts, stated, strict=True):
        yield int(line), text, key.strip() if _STATED_KEY.fullmatch(key.strip()) else ""
