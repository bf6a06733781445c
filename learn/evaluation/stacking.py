"""Our predictor without a look at the validation set: shares chosen by out-of-fold predictions of the train set.

Stacking (Wolpert 1992). The shares are chosen as the blend's are (`learn.evaluation.blend`), but by what each system
predicts of the molecules that it learns from, each fold predicted by one that has not seen it. So there are several
times as many molecules to choose by, for several times the work.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from learn.baselines.kernel_ridge import task_means
from learn.evaluation.blend import blended, choose
from learn.evaluation.cells import Predictions
from learn.evaluation.problem import Floats, Problem
from learn.evaluation.system import Compute, System, predictions
from learn.tasks.split import SplitIndices

STACK = "our stack"
FOLDS = 4


def stack_of(systems: Sequence[System]) -> System:
    """Return the system that stacks others, none of which looks at a validation set."""
    return System(
        STACK,
        "ours",
        _stacked(systems),
        {"folds": FOLDS, "systems": {system.name: dict(system.settings) for system in systems}},
        cost=(FOLDS + 1) * sum(system.cost for system in systems),
        skip={
            "toxcast": "617 tasks, each system fitted five times: hours of one core for a seed; name it in --systems"
        },
    )


def _stacked(systems: Sequence[System]) -> Compute:
    def compute(problem: Problem, seeds: Sequence[int]) -> list[Predictions]:
        labels = problem.data.labels[problem.learned_from]
        found = []
        for seed in seeds:
            began = time.monotonic()
            left_out = {system.name: out_of_fold(problem, system, seed) for system in systems}
            shares = choose(problem.metric, labels, left_out)
            whole = {system.name: system.compute(problem, [seed])[0] for system in systems if system.name in shares}
            valid, test = (
                blended(problem.metric, {name: getattr(cell, part) for name, cell in whole.items()}, shares)
                for part in ("valid", "test")
            )
            found.append(predictions(problem, valid, test, time.monotonic() - began))
        return found

    return compute


def out_of_fold(problem: Problem, system: System, seed: int) -> Floats:
    """Return what a system predicts, (n, t), of the n molecules that are learned from, each fold not knowing it.

    Train sets stand in the order of their scaffolds: folds are contiguous, so that analogues stay together as they do
    in the split. Where the other folds have no label of a task, the answer is the task's mean.
    """
    rows = problem.learned_from
    fold = np.arange(len(rows)) * FOLDS // len(rows)
    found = np.empty((len(rows), problem.data.labels.shape[1]), dtype=np.float32)
    for each in range(FOLDS):
        split = SplitIndices(rows[fold != each], rows[fold == each], problem.parts.test[:0])
        part = replace(problem, fitted="train", folded=split)
        found[fold == each] = system.compute(part, [seed])[0].valid
    mean = task_means(problem.data.labels[rows]).astype(np.float32)
    return np.where(np.isnan(found), np.nan_to_num(mean), found)
