"""What a downstream data set is, and reading one.

The file format is that of the InfoAlign repository (``raw_data/*/raw/assays.csv.gz``): comma-separated, one molecule a
row, a few identifier columns, then one column a task; an empty cell is a missing label.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from graphdb.errors import InputError
from graphdb.files import sha256

Kind = Literal["classification", "regression"]
Metric = Literal["auc", "mae", "auprc", "r2"]
Split = Literal["scaffold", "ogb_scaffold"]

ADDED_COLUMN = "inchikey"
"""Column that `learn.keys` adds to a file without InChIKeys; it is no label, wherever it stands."""


@dataclass(frozen=True)
class Task:
    """A downstream data set: how its file reads, how it is split and how it is scored.

    Attributes
    ----------
    name, title
        Its name in commands, and in tables.
    kind
        Labels are 0/1 (``"classification"``) or real numbers (``"regression"``).
    metric
        What it is ranked by: ``"auc"``, the higher the better, or ``"mae"``, in the labels' unit, the lower the better.
    split
        The function of `learn.tasks.split` that makes train, validation and test sets.
    folder, files
        Name of its folder, and the files in it; the first holds the labels.
    smiles_column, inchikey_column
        Columns of the structure and of the InChIKey's first block; the latter is None where the published file has none
        (a column ``inchikey`` that was added to hold its molecules out of pretraining is read all the same).
    columns_from
        Index of the first label column, 0-based; all columns from there on are labels.
    n_molecules, n_tasks
        Size of the published file. A file of another size is refused, since the split depends on every row.
    baseline_seeds
        Seeds of the random forest that the fine-tuning command runs unless told otherwise: as many as keep it within
        some three minutes on two cores.
    """

    name: str
    title: str
    kind: Kind
    metric: Metric
    split: Split
    folder: str
    columns_from: int
    n_molecules: int
    n_tasks: int
    inchikey_column: str | None = None
    smiles_column: str = "smiles"
    files: tuple[str, ...] = ("assays.csv.gz",)
    baseline_seeds: int = 1


@dataclass(frozen=True)
class TaskData:
    """The molecules and labels of a downstream data set, in the order of its file.

    Attributes
    ----------
    task
        What was read.
    path, sha256
        The file that was read, and its hash.
    smiles
        n SMILES, as the file writes them.
    labels
        (n, t) float32; NaN where a label is missing.
    names
        Names of the t tasks.
    inchikey_blocks
        n first blocks of InChIKeys (14 capital letters), or None where the file has none.
    """

    task: Task
    path: Path
    sha256: str
    smiles: tuple[str, ...]
    labels: npt.NDArray[np.float32]
    names: tuple[str, ...]
    inchikey_blocks: tuple[str, ...] | None


def read(task: Task, path: Path | str) -> TaskData:
    """Read a downstream data set.

    Parameters
    ----------
    task
        What to read.
    path
        The file, its folder, or the folder that holds the folders of all data sets.

    Raises
    ------
    InputError
        If there is no such file, it is damaged, a column is missing, a structure is empty, a label is no number (for
        classification: neither 0 nor 1), or the file does not have the published size. The message names file and line.
    """
    file = find_file(task, Path(path))
    return _parse(task, file, _read_table(file))


def find_file(task: Task, path: Path) -> Path:
    """Return the file with the labels of `task`, given the file, its folder or the folder above."""
    name = task.files[0]
    if not path.exists():
        raise InputError(
            f"no such file or folder; expected {name} of {task.title} (to fetch it: python -m learn.tasks.download)",
            path=path,
        )
    if path.is_file():
        return path
    for candidate in (path / name, path / task.folder / name):
        if candidate.is_file():
            return candidate
    raise InputError(f"neither {name} nor {task.folder}/{name} ({task.title}) in this folder", path=path)


def _read_table(file: Path) -> pd.DataFrame:
    """Read all cells as text; rows that are too short or too long are refused, since pandas would fill the former."""
    try:
        with gzip.open(file, "rt", newline="") if file.suffix == ".gz" else file.open(newline="") as stream:
            reader = csv.reader(stream)
            header = next(reader, [])
            rows = []
            for row in reader:
                if len(row) != len(header):
                    found = f"expected {len(header)} columns, found {len(row)}"
                    raise InputError(found, path=file, line=reader.line_num)
                rows.append(row)
    except (EOFError, zlib.error) as error:
        raise InputError(f"the compressed file is damaged or cut off ({error})", path=file) from error
    except gzip.BadGzipFile as error:
        raise InputError(f"not a whole gzip file ({error})", path=file) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"not a table of text ({error})", path=file) from error
    if not header:
        raise InputError("the file is empty", path=file)
    return pd.DataFrame(rows, columns=header, dtype=str)


def _parse(task: Task, file: Path, table: pd.DataFrame) -> TaskData:
    blocks = None
    if task.inchikey_column is None and ADDED_COLUMN in table.columns:
        blocks = _blocks(table[ADDED_COLUMN])
        table = table.drop(columns=ADDED_COLUMN)
    for column in filter(None, (task.smiles_column, task.inchikey_column)):
        if column not in table.columns:
            first = ", ".join(table.columns[:6])
            raise InputError(f"{task.title} needs a column {column!r}; the first ones are {first}", path=file, line=1)
    names = tuple(map(str, table.columns[task.columns_from :]))
    if len(table) != task.n_molecules or len(names) != task.n_tasks:
        raise InputError(
            f"{task.title} has {task.n_molecules:,} molecules and {task.n_tasks} tasks;"
            f" found {len(table):,} and {len(names)}",
            path=file,
        )
    smiles = tuple(table[task.smiles_column].str.strip())
    if "" in smiles:
        raise InputError("no SMILES", path=file, line=smiles.index("") + 2)
    if task.inchikey_column is not None:
        blocks = _blocks(table[task.inchikey_column])
    return TaskData(task, file, sha256(file), smiles, _labels(task, file, table), names, blocks)


def _blocks(keys: pd.Series[str]) -> tuple[str, ...]:
    return tuple(keys.str[:14])


def _labels(task: Task, file: Path, table: pd.DataFrame) -> npt.NDArray[np.float32]:
    text = table.iloc[:, task.columns_from :]
    missing = (text == "").to_numpy()
    values = text.apply(pd.to_numeric, errors="coerce").to_numpy(dtype=np.float64)
    if task.kind == "classification":
        wrong, expected = ~missing & (values != 0) & (values != 1), "0, 1 or nothing"
    else:
        wrong, expected = ~missing & ~np.isfinite(values), "a number or nothing"
    if wrong.any():
        row, column = (int(index) for index in np.argwhere(wrong)[0])
        raise InputError(
            f"column {text.columns[column]!r}: expected {expected}, found {text.iat[row, column]!r}",
            path=file,
            line=row + 2,
        )
    labels: npt.NDArray[np.float32] = values.astype(np.float32)
    return labels
