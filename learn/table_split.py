"""Who learns and who is tested, for a user's own table: by scaffold, by time, as given, or at random."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from graphdb.errors import InputError
from learn.table_task import TableTask
from learn.tasks.split import SplitIndices, scaffold_split

SplitName = Literal["scaffold", "time", "given", "random"]
SPLITS: tuple[SplitName, ...] = get_args(SplitName)

WORDS = {"train": 0, "training": 0, "valid": 1, "validation": 1, "val": 1, "dev": 1, "test": 2, "testing": 2}
"""What a column of a given split may say, in any case."""


def split_table(
    task: TableTask,
    rows: npt.NDArray[np.int64],
    smiles: Sequence[str],
    how: SplitName,
    *,
    column: str | None = None,
    train: float = 0.6,
    valid: float = 0.15,
    seed: int = 0,
) -> SplitIndices:
    """Split the usable rows of a table.

    Parameters
    ----------
    task
        The table.
    rows
        (k,) its rows that can be used.
    smiles
        k standardised structures of theirs.
    how
        ``scaffold``: the paper's split (`learn.tasks.split.scaffold_split`); ``time``: the oldest to train, the newest
        to test, rows of one time in the table's order; ``given``: as `column` says (`WORDS`; empty cells are left
        out); ``random``: rows of one structure stay together.
    column
        Of the time (dates or numbers), or of the split.
    train, valid
        Shares of training and validation; the rest is for the test.
    seed
        Of the random split.

    Returns
    -------
    SplitIndices
        Indices into `rows`.

    Raises
    ------
    InputError
        If the column is missing or a cell of it cannot be read (with its line), or a part comes out empty.
    """
    if how in ("time", "given") and column is None:
        raise InputError(f"the split {how!r} needs --{'time' if how == 'time' else 'split'}-column", path=task.path)
    if column is not None and column not in task.table.columns:
        raise InputError(f"no column {column!r}", path=task.path, line=1)
    if how == "given":
        assert column is not None
        parts = _given(task, rows, column)
    elif how == "time":
        assert column is not None
        parts = _dealt(np.argsort(_times(task, rows, column), kind="stable"), train, valid)
    elif how == "random":
        group, order = _grouped(smiles, seed)
        parts = _dealt(order, train, valid, group)
    else:
        parts = scaffold_split(smiles, train, valid)
    for name, part in parts._asdict().items():
        if not len(part):
            raise InputError(
                f"no molecule is left to {'train on' if name == 'train' else name} of the {len(rows):,} usable ones",
                path=task.path,
            )
    return parts


def _dealt(
    order: npt.NDArray[np.int64], train: float, valid: float, group: npt.NDArray[np.int64] | None = None
) -> SplitIndices:
    """Cut `order`; a cut that would fall into a group comes behind it."""
    first = int(train * len(order))
    second = first + int(valid * len(order))
    if group is not None:
        first, second = (_behind(group[order], cut) for cut in (first, second))
    return SplitIndices(order[:first], order[first:second], order[second:])


def _behind(groups: npt.NDArray[np.int64], cut: int) -> int:
    while 0 < cut < len(groups) and groups[cut] == groups[cut - 1]:
        cut += 1
    return cut


def _grouped(smiles: Sequence[str], seed: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the group (n,) of each row, one a structure, and the rows in a random order of the groups."""
    _, group = np.unique(np.array(smiles, dtype=str), return_inverse=True)
    shuffled = np.random.default_rng(seed).permutation(group.max() + 1 if len(group) else 0)
    return group, np.argsort(shuffled[group], kind="stable")


def _given(task: TableTask, rows: npt.NDArray[np.int64], column: str) -> SplitIndices:
    parts: tuple[list[int], list[int], list[int]] = ([], [], [])
    for index, text in enumerate(task.table[column].iloc[rows]):
        word = text.strip().lower()
        if word and word not in WORDS:
            raise InputError(
                f"column {column!r}: expected train, valid, test or nothing, found {text!r}",
                path=task.path,
                line=int(task.lines[rows[index]]),
            )
        if word:
            parts[WORDS[word]].append(index)
    return SplitIndices(*(np.array(part, dtype=np.intp) for part in parts))


def _times(task: TableTask, rows: npt.NDArray[np.int64], column: str) -> npt.NDArray[np.float64]:
    texts = task.table[column].iloc[rows].str.strip()
    numbers = np.asarray(pd.to_numeric(texts, errors="coerce"), dtype=np.float64)
    if np.isfinite(numbers).all():
        return numbers
    dates = pd.to_datetime(texts, errors="coerce", utc=True, format="ISO8601")
    if dates.isna().any():
        wrong = int(np.flatnonzero(dates.isna())[0])
        raise InputError(
            f"column {column!r}: expected a number or a date such as 2024-05-31, found {texts.iloc[wrong]!r}",
            path=task.path,
            line=int(task.lines[rows[wrong]]),
        )
    return np.asarray(dates.astype("int64"), dtype=np.float64)
