"""What a system is: a name, and predictions of the validation and test set for seeds."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from learn.baselines.by_task import ByTask
from learn.evaluation.cells import Predictions
from learn.evaluation.problem import Problem
from learn.evaluation.summary_types import Group

Floats = npt.NDArray[np.floating]
Compute = Callable[[Problem, Sequence[int]], list[Predictions]]
Answers = list[npt.NDArray[np.float64]]


class Model(Protocol):
    """What most systems are made of: fitted on SMILES and labels (NaN: missing), then asked about SMILES."""

    def fit(self, smiles: Sequence[str], labels: Floats) -> Any:
        """Learn from n molecules and labels (n, t)."""

    def predict(self, smiles: Sequence[str]) -> npt.NDArray[np.float64]:
        """Return (n, t) predictions."""


Make = Callable[[Problem, int], Model]
"""Of a data set and a seed."""


@dataclass(frozen=True)
class System:
    """A row of the table.

    Attributes
    ----------
    name, group
        As tables show it.
    compute
        Makes the predictions of some seeds.
    settings
        What its predictions depend on beside data and seed; with ``encoder``, a hash, where it has an encoder.
    random
        Whether seeds differ; else one seed stands for all.
    together
        Whether all seeds are best computed at once.
    cost
        Minutes of a seed on ChEMBL2K, roughly: what the order goes by.
    skip
        Data sets on which it is not run unless asked for by name, with the reason.
    """

    name: str
    group: Group
    compute: Compute
    settings: Mapping[str, Any] = field(default_factory=dict)
    random: bool = True
    together: bool = False
    cost: float = 1.0
    skip: Mapping[str, str] = field(default_factory=dict)

    @property
    def encoder(self) -> str | None:
        """Hash of its encoder's weights."""
        found = self.settings.get("encoder")
        return None if found is None else str(found)


def by_seed(make: Make) -> Compute:
    """Return what fits a new model a seed."""

    def compute(problem: Problem, seeds: Sequence[int]) -> list[Predictions]:
        found = []
        learned = problem.learned()
        for seed in seeds:
            began = time.monotonic()
            on_valid, on_test = answers(make(problem, seed), *learned)
            found.append(predictions(problem, on_valid, on_test, time.monotonic() - began))
        return found

    return compute


def answers(model: Model, smiles: Sequence[str], labels: Floats, asked: Sequence[Sequence[str]]) -> Answers:
    """Return what a model answers, (m, t), of each list, once it has learned from n molecules and labels (n, t)."""
    if isinstance(model, ByTask):
        return model.fit_predict(smiles, labels, asked)
    model.fit(smiles, labels)
    return [model.predict(part) for part in asked]


def predictions(problem: Problem, valid: Floats, test: Floats, seconds: float) -> Predictions:
    """Return the answers of a model as a cell; a refitted one has seen the validation set, and says nothing of it."""
    if problem.fitted != "train":
        valid = np.full_like(valid, np.nan)
    return Predictions(valid.astype(np.float32), test.astype(np.float32), seconds)
