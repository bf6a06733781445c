"""ToxCast: toxicity screens of the EPA (Richard et al. 2016), with the split of the Open Graph Benchmark."""

from __future__ import annotations

from learn.tasks.task import Task

TASK = Task(
    name="toxcast",
    title="ToxCast",
    kind="classification",
    metric="auc",
    split="ogb_scaffold",
    folder="moltoxcast",
    columns_from=2,
    n_molecules=8576,
    n_tasks=617,
)
