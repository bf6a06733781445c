"""How well an embedding, or the baseline, predicts a downstream data set: seed by seed on the test set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from learn.baselines import RandomForest
from learn.head import HeadConfig, train_head
from learn.metrics import THRESHOLDS, MeanAndDeviation, Scores, over_seeds, score
from learn.tasks import TaskData
from learn.tasks.split import SplitIndices

Labels = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Result:
    """Test scores of one system.

    Attributes
    ----------
    system
        Its name, as tables show it.
    seeds
        The seeds that were run.
    scores
        Scores of each.
    """

    system: str
    seeds: tuple[int, ...]
    scores: tuple[Scores, ...]

    @property
    def mean(self) -> MeanAndDeviation:
        """The mean score over tasks, over seeds."""
        return over_seeds([scores.mean for scores in self.scores])

    def share_above(self, threshold: float) -> MeanAndDeviation:
        """Return the share of tasks whose AUC is above `threshold`, over seeds."""
        return over_seeds([scores.share_above(threshold) for scores in self.scores])

    def as_json(self, names: Sequence[str]) -> dict[str, Any]:
        """Return everything as JSON values; None where a score does not exist."""
        classified = self.scores[0].metric == "auc"
        return {
            "system": self.system,
            "metric": self.scores[0].metric,
            "seeds": list(self.seeds),
            "mean": _number(self.mean.mean),
            "deviation": _number(self.mean.deviation),
            "tasks_scored": self.scores[0].n_scored,
            "shares_above": {
                f"{threshold:.2f}": {
                    "mean": _number(self.share_above(threshold).mean),
                    "deviation": _number(self.share_above(threshold).deviation),
                }
                for threshold in (THRESHOLDS if classified else ())
            },
            "by_seed": [_number(scores.mean) for scores in self.scores],
            "by_task": {
                name: [_number(float(scores.by_task[task])) for scores in self.scores]
                for task, name in enumerate(names)
            },
        }


def head_result(
    data: TaskData,
    labels: Labels,
    parts: SplitIndices,
    embeddings: npt.NDArray[np.float32],
    system: str,
    seeds: Iterable[int],
    config: HeadConfig | None = None,
    device: str = "cpu",
    *,
    on_seed: Callable[[int], None] | None = None,
) -> Result:
    """Train one head a seed on frozen embeddings, and score it on the test set.

    Parameters
    ----------
    data
        The data set.
    labels
        (n, t) labels to use, NaN where missing.
    parts
        Its split.
    embeddings
        (n, d); rows that are not finite must have no labels.
    system
        Name for the result.
    seeds, config, device
        As for `learn.head.train_head`.
    on_seed
        Called with each seed that is done.
    """
    # Molecules without an embedding have no labels; zeros keep their rows from spoiling the batch.
    x = np.nan_to_num(embeddings, nan=0.0, posinf=0.0, neginf=0.0)
    task = data.task
    scores = []
    seeds = tuple(seeds)
    for seed in seeds:
        train, valid = ((x[part], labels[part]) for part in (parts.train, parts.valid))
        fitted = train_head(task.kind, task.metric, train, valid, seed=seed, config=config, device=device)
        scores.append(score(task.metric, labels[parts.test], fitted.predict(x[parts.test])))
        if on_seed is not None:
            on_seed(seed)
    return Result(system, seeds, tuple(scores))


def forest_result(
    data: TaskData,
    labels: Labels,
    parts: SplitIndices,
    seeds: Iterable[int],
    *,
    on_seed: Callable[[int], None] | None = None,
) -> Result:
    """Fit one random forest a seed on the train set, and score it on the test set.

    It learns from the train set alone, without the validation set, as method.md's numbers do. Parameters as for
    `head_result`.
    """
    task = data.task
    train, test = ([data.smiles[index] for index in part] for part in (parts.train, parts.test))
    scores = []
    seeds = tuple(seeds)
    for seed in seeds:
        forest = RandomForest(task.kind, seed=seed).fit(train, labels[parts.train])
        scores.append(score(task.metric, labels[parts.test], forest.predict(test)))
        if on_seed is not None:
            on_seed(seed)
    return Result("random forest on Morgan fingerprints", seeds, tuple(scores))


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
