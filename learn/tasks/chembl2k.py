"""ChEMBL2K: binding and toxicity assays of ChEMBL for molecules of JUMP (paper, section 5.1)."""

from __future__ import annotations

from learn.tasks.task import Task

TASK = Task(
    name="chembl2k",
    title="ChEMBL2K",
    kind="classification",
    metric="auc",
    split="scaffold",
    folder="chembl2k",
    inchikey_column="inchikey",
    columns_from=4,
    n_molecules=2355,
    n_tasks=41,
    baseline_seeds=5,
)
