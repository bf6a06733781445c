"""One model a task, each learning from the molecules that have a label for it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt

from learn.tasks.task import Kind

IN_PROCESS = 2000
"""Labels up to which the work is done right here: starting processes would take longer."""

Order = Literal["C", "F"]
Make = Callable[[], Any]
Floats = npt.NDArray[np.floating]


class ByTask(ABC):
    """A system that learns each task for itself from inputs that all tasks share.

    Parameters
    ----------
    kind
        What is predicted.
    seed
        Of every model.
    jobs
        Processes, one task each; -1 for all cores. The result does not depend on it.
    """

    order: ClassVar[Order] = "C"
    """In what order models read inputs fastest, by row or by column."""

    def __init__(self, kind: Kind, *, seed: int = 0, jobs: int = -1) -> None:
        self.kind = kind
        self.seed = seed
        self.jobs = jobs

    def fit(self, smiles: Sequence[str], labels: Floats) -> Self:
        """Learn from n molecules and labels (n, t), NaN where missing; an invalid SMILES is an `InputError`."""
        self._models = fit_by_task(self._make(), self._learn_inputs(smiles), labels, self.jobs, self.order)
        return self

    def predict(self, smiles: Sequence[str]) -> npt.NDArray[np.float64]:
        """Return (n, t) predictions: the probability of label 1, or the value in the labels' unit.

        A task without any label to learn from is NaN; one with a single class or value answers that one.
        """
        return predict_by_task(self._models, self._inputs(smiles))

    def fit_predict(
        self, smiles: Sequence[str], labels: Floats, asked: Sequence[Sequence[str]]
    ) -> list[npt.NDArray[np.float64]]:
        """Return what `predict` would answer of some lists after `fit`, holding one task's model at a time.

        The forests of 617 tasks together are gigabytes.
        """
        learned_from = self._learn_inputs(smiles)
        parts = [self._inputs(part) for part in asked]
        return answers_by_task(self._make(), learned_from, labels, parts, self.jobs, self.order)

    @abstractmethod
    def _make(self) -> Make:
        """Return what makes a new model with scikit-learn's interface; a function of a module, for processes."""

    @abstractmethod
    def _inputs(self, smiles: Sequence[str]) -> npt.NDArray[Any]:
        """Return (n, d)."""

    def _learn_inputs(self, smiles: Sequence[str]) -> npt.NDArray[Any]:
        """Return `_inputs` of the molecules that are learned from, and remember what others need of them."""
        return self._inputs(smiles)


def fit_by_task(make: Make, features: npt.NDArray[Any], labels: Floats, jobs: int, order: Order = "C") -> list[Any]:
    """Fit one model a task.

    Parameters
    ----------
    make
        Returns a new model with scikit-learn's interface; a function of a module, since processes call it.
    features
        (n, d).
    labels
        (n, t); NaN where a label is missing.
    jobs
        Processes, one task each; -1 for all cores. The result does not depend on it.
    order
        Memory layout in which each model gets its features.

    Returns
    -------
    list
        t models; a number in place of one that had fewer than two different labels to learn from (NaN: none).
    """
    return _parallel(_fit_task, labels, jobs, make, features, order)


def predict_by_task(models: Sequence[Any], features: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return (n, t) predictions for features (n, d): the probability of label 1, or the value in the labels' unit."""
    return np.column_stack([_predict_task(model, features) for model in models])


def answers_by_task(
    make: Make,
    features: npt.NDArray[Any],
    labels: Floats,
    asked: Sequence[npt.NDArray[Any]],
    jobs: int,
    order: Order = "C",
) -> list[npt.NDArray[np.float64]]:
    """Return (m, t) predictions for each (m, d) of `asked`, holding one task's model at a time (as `fit_by_task`)."""
    answers = _parallel(_answer_task, labels, jobs, make, features, order, np.concatenate(asked))
    ends = np.cumsum([len(part) for part in asked])[:-1]
    return np.split(np.column_stack(answers), ends)


def _parallel(work: Callable[..., Any], labels: Floats, jobs: int, *arguments: Any) -> list[Any]:
    from sklearn.utils.parallel import Parallel, delayed

    if np.count_nonzero(~np.isnan(labels)) <= IN_PROCESS:
        jobs = 1
    # A process a task: threads inside a forest gain less, and race on Python's warning filters (scikit-learn 1.9).
    one = delayed(work)
    found: list[Any] = Parallel(n_jobs=jobs)(one(column, *arguments) for column in np.asarray(labels).T)
    return found


def _fit_task(labels: Floats, make: Make, features: npt.NDArray[Any], order: Order) -> Any:
    known = ~np.isnan(labels)
    if np.unique(labels[known]).size < 2:
        return float(labels[known][0]) if known.any() else float("nan")
    return make().fit(np.asarray(features[known], order=order), labels[known])


def _answer_task(
    labels: Floats, make: Make, features: npt.NDArray[Any], order: Order, asked: npt.NDArray[Any]
) -> npt.NDArray[np.float64]:
    return _predict_task(_fit_task(labels, make, features, order), asked)


def _predict_task(model: Any, features: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    if isinstance(model, float):
        return np.full(len(features), model)
    if hasattr(model, "predict_proba"):
        # Labels are 0 and 1, so column 1 is label 1.
        return np.asarray(model.predict_proba(features)[:, 1], dtype=np.float64)
    return np.asarray(model.predict(features), dtype=np.float64)
