"""A user's own table as a downstream task: structures, labels, and who learns from what.

Any CSV or TSV (plain or ``.gz``) or Parquet file with a column of SMILES and at least one column of numbers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from graphdb.errors import InputError
from graphdb.files import sha256
from ingest.sources._read import MISSING_NUMBERS, listing, read_table
from learn.tasks.task import Kind

SMILES_NAMES = ("smiles", "canonical_smiles", "isosmiles", "structure", "molecule", "drug")
"""Columns that are taken for structures, in any case, the first that is there."""

Choice = Literal["auto", "classification", "regression"]


@dataclass(frozen=True)
class TableTask:
    """A table, read.

    Attributes
    ----------
    path, sha256
        The file and its hash.
    lines
        (n,) the line of each row (of Parquet: its number), 1-based.
    smiles
        n texts, "" where there is none.
    labels
        (n, t) float32; NaN where missing.
    names
        The t label columns.
    kind
        ``"classification"`` (0 and 1 only) or ``"regression"``.
    smiles_column
        Where the structures stand.
    passed_over
        Columns that are no labels, for not all that is in them are numbers.
    table
        All cells as text.
    """

    path: Path
    sha256: str
    lines: npt.NDArray[np.int64]
    smiles: tuple[str, ...]
    labels: npt.NDArray[np.float32]
    names: tuple[str, ...]
    kind: Kind
    smiles_column: str
    passed_over: tuple[str, ...]
    table: pd.DataFrame


def read_task(
    path: Path,
    *,
    smiles_column: str | None = None,
    labels: Sequence[str] = (),
    kind: Choice = "auto",
    no_labels: Sequence[str] = (),
) -> TableTask:
    """Read a table.

    Parameters
    ----------
    path
        The file.
    smiles_column
        Column of the structures; None: the first of `SMILES_NAMES` that is there.
    labels
        Label columns; none: every other column in which all that stands are numbers.
    kind
        ``"auto"``: classification where all labels of all columns are 0 or 1, else regression.
    no_labels
        Columns that are never labels (that of a split, for example).

    Raises
    ------
    InputError
        With file, and line where it has one: a column is not there or named twice, a label is no number, there are no
        labels, columns of 0 and 1 stand beside columns of other numbers, or a label does not fit `kind`.
    """
    table = read_table(path, [])
    structures = find_smiles_column(table, path, smiles_column)
    if labels:
        wanted = list(dict.fromkeys(labels))
        for name in wanted:
            if name not in table.columns:
                raise InputError(f"no column {name!r}; there are: {listing(list(table.columns))}", path=path, line=1)
            if name in (structures, *no_labels):
                raise InputError(f"the column {name!r} cannot be a label too", path=path, line=1)
        values = {name: _numbers(table[name], path) for name in wanted}
        passed_over: tuple[str, ...] = ()
    else:
        others = [name for name in table.columns if name not in (structures, *no_labels)]
        read = {name: _numbers_or_none(table[name]) for name in others}
        values = {name: column for name, column in read.items() if column is not None}
        passed_over = tuple(name for name in others if name not in values)
    if not values:
        raise InputError(
            f"no column holds numbers beside {structures!r}; name the label columns with --labels", path=path, line=1
        )
    matrix = np.column_stack(list(values.values()))
    return TableTask(
        path=path,
        sha256=sha256(path),
        lines=table.index.to_numpy(np.int64),
        smiles=tuple(table[structures].str.strip()),
        labels=matrix.astype(np.float32),
        names=tuple(values),
        kind=_kind(matrix, list(values), kind, path),
        smiles_column=structures,
        passed_over=passed_over,
        table=table,
    )


def find_smiles_column(table: pd.DataFrame, path: Path, named: str | None = None) -> str:
    """Return the column of structures: the one that is named, or the first of `SMILES_NAMES`."""
    there = [str(name) for name in table.columns]
    if named is not None:
        if named not in there:
            raise InputError(f"no column {named!r}; there are: {listing(there)}", path=path, line=1)
        return named
    by_name = {name.strip().lower(): name for name in reversed(there)}
    for name in SMILES_NAMES:
        if name in by_name:
            return by_name[name]
    found = [name for name in there if re.search("smiles", name, re.IGNORECASE)]
    if len(found) == 1:
        return found[0]
    raise InputError(
        f"no column of SMILES; name it with --smiles-column; there are: {listing(there)}", path=path, line=1
    )


def _numbers(column: pd.Series[str], path: Path) -> npt.NDArray[np.float64]:
    values = _parsed(column)
    wrong = np.isnan(values) & ~_missing(column)
    wrong |= ~np.isnan(values) & ~(np.abs(values) <= np.finfo(np.float32).max)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InputError(
            f"column {column.name!r}: expected a number or nothing, found {column.iloc[row]!r}",
            path=path,
            line=int(column.index[row]),
        )
    return values


def _numbers_or_none(column: pd.Series[str]) -> npt.NDArray[np.float64] | None:
    values = _parsed(column)
    known = ~np.isnan(values)
    fits = known.any() and bool((known | _missing(column)).all())
    return values if fits and (np.abs(values[known]) <= np.finfo(np.float32).max).all() else None


def _parsed(column: pd.Series[str]) -> npt.NDArray[np.float64]:
    return np.asarray(pd.to_numeric(column.str.strip(), errors="coerce"), dtype=np.float64)


def _missing(column: pd.Series[str]) -> npt.NDArray[np.bool_]:
    return column.str.strip().isin(MISSING_NUMBERS).to_numpy(bool)


def _kind(values: npt.NDArray[np.float64], names: Sequence[str], kind: Choice, path: Path) -> Kind:
    known = ~np.isnan(values)
    binary = (~known | (values == 0) | (values == 1)).all(axis=0)
    if kind == "classification" and not binary.all():
        name = names[int(np.flatnonzero(~binary)[0])]
        raise InputError(f"column {name!r} holds more than 0 and 1, which classification needs", path=path)
    if kind != "auto":
        return kind
    if binary.all():
        return "classification"
    if binary.any():
        zeros, others = (
            [name for name, is_binary in zip(names, binary, strict=True) if is_binary == one] for one in (True, False)
        )
        raise InputError(
            f"columns of 0 and 1 ({listing(zeros)}) stand beside columns of other numbers ({listing(others)}); choose "
            "with --labels, one model each, or take all as numbers with --kind regression",
            path=path,
        )
    return "regression"
