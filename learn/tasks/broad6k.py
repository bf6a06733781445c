"""Broad6K: cell-based and biochemical assays of the Broad Institute (Moshkov et al. 2023; paper, section 5.1)."""

from __future__ import annotations

from learn.tasks.task import Task

TASK = Task(
    name="broad6k",
    title="Broad6K",
    kind="classification",
    metric="auc",
    split="scaffold",
    folder="broad6k",
    inchikey_column="inchikey",
    columns_from=2,
    n_molecules=6567,
    n_tasks=32,
)
