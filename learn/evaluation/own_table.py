"""A user's own table as a data set of the evaluation: structures and labels, NaN allowed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from graphdb.console import note
from graphdb.errors import InputError
from learn.table_task import read_task
from learn.tasks.task import Task, TaskData

FEWEST = 100
"""Usable molecules below which a split has no test set worth the name."""


def read_table(path: Path) -> TaskData:
    """Read a table as `learn.predict` does, and say which rows cannot be used.

    It is split by scaffold like the paper's data sets, and scored by AUC where all labels are 0 or 1, else by MAE. Its
    name is that of its file.

    Raises
    ------
    InputError
        If it cannot be read, has no label column, or has fewer than `FEWEST` rows with a valid structure.
    """
    from rdkit import Chem, rdBase

    table = read_task(path)
    with rdBase.BlockLogs():
        usable = [row for row, text in enumerate(table.smiles) if text and Chem.MolFromSmiles(text) is not None]
    lost = len(table.smiles) - len(usable)
    if lost:
        broken = sorted(set(range(len(table.smiles))) - set(usable))
        lines = ", ".join(str(int(table.lines[row])) for row in broken[:5])
        note(f"{path.name}: {lost:,} rows have no valid structure and are left out (lines {lines}{', …' * (lost > 5)})")
    if len(usable) < FEWEST:
        raise InputError(f"{len(usable)} rows with a valid structure; {FEWEST} are needed", path=path)
    name = path.name.split(".")[0]
    task = Task(
        name=name,
        title=name,
        kind=table.kind,
        metric="auc" if table.kind == "classification" else "mae",
        split="scaffold",
        folder=str(path.parent),
        columns_from=0,
        n_molecules=len(usable),
        n_tasks=len(table.names),
        smiles_column=table.smiles_column,
        files=(path.name,),
    )
    labels = np.asarray(table.labels[usable], dtype=np.float32)
    return TaskData(task, path, table.sha256, tuple(table.smiles[row] for row in usable), labels, table.names, None)
