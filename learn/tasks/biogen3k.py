"""Biogen3K: six ADME endpoints, log10 of the measured values (Fang et al. 2023; paper, section 5.1).

The tasks bear the file's names. The paper's table prints the same numbers under other names (docs/decisions/0007).
"""

from __future__ import annotations

from learn.tasks.task import Task

TASK = Task(
    name="biogen3k",
    title="Biogen3K",
    kind="regression",
    metric="mae",
    split="scaffold",
    folder="biogenadme",
    columns_from=4,
    n_molecules=3521,
    n_tasks=6,
)
