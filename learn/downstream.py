"""How well an embedding, or a baseline, predicts a downstream data set: seed by seed on the test set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from graphdb.molecule_graphs import MoleculeGraphs
from learn.baselines import Boosting, RandomForest
from learn.bootstrap import Intervals, intervals
from learn.encoder import Encoder
from learn.fine_tuning import FineTuneConfig, fine_tune
from learn.head import HeadConfig
from learn.head_training import train_heads
from learn.metrics import THRESHOLDS, MeanAndDeviation, Scores, over_seeds, score
from learn.probe import LinearProbe
from learn.tasks import TaskData
from learn.tasks.split import SplitIndices

Labels = npt.NDArray[np.float32]
OnSeed = Callable[[int], None] | None


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
    intervals
        95 % of the scores that other test molecules would give, averaged over the seeds (`learn.bootstrap`).
    """

    system: str
    seeds: tuple[int, ...]
    scores: tuple[Scores, ...]
    intervals: Intervals

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
            "interval": _pair(self.intervals.mean.low, self.intervals.mean.high),
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
            "interval_by_task": {
                name: _pair(interval.low, interval.high)
                for name, interval in zip(names, self.intervals.by_task, strict=True)
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
    on_seed: OnSeed = None,
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
        As for `learn.head_training.train_heads`.
    on_seed
        Called with each seed that is done.
    """
    x = _finite(embeddings)
    seeds = tuple(seeds)
    train, valid = ((x[part], labels[part]) for part in (parts.train, parts.valid))
    task = data.task
    fitted = train_heads(
        task.kind, task.metric, train, valid, seeds=seeds, config=config, device=device, on_seed=on_seed
    )
    return _result(data, labels, parts, system, seeds, [head.predict(x[parts.test]) for head in fitted])


def probe_result(
    data: TaskData, labels: Labels, parts: SplitIndices, embeddings: npt.NDArray[np.float32], system: str
) -> Result:
    """Fit a linear probe on frozen embeddings, and score it on the test set; parameters as for `head_result`.

    Nothing of it is random, so that one seed stands for all.
    """
    x = _finite(embeddings)
    train, valid = ((x[part], labels[part]) for part in (parts.train, parts.valid))
    probe = LinearProbe(data.task.kind, data.task.metric).fit(train, valid)
    return _result(data, labels, parts, system, (0,), [probe.predict(x[parts.test])])


def fine_tuned_result(
    data: TaskData,
    labels: Labels,
    parts: SplitIndices,
    graphs: MoleculeGraphs,
    place: npt.NDArray[np.int64],
    encoder: Encoder,
    system: str,
    seeds: Iterable[int],
    config: FineTuneConfig | None = None,
    device: str = "cpu",
    *,
    on_epoch: Callable[[int], None] | None = None,
    on_seed: OnSeed = None,
) -> Result:
    """Train an encoder with its head, once a seed, and score it on the test set.

    Parameters
    ----------
    data, labels, parts, system, seeds, on_seed
        As for `head_result`.
    graphs, place
        The molecules, and the graph of each row (−1: none; such rows must have no labels); see
        `learn.standard_graphs`.
    encoder
        What each seed starts from.
    config, device, on_epoch
        As for `learn.fine_tuning.fine_tune`.
    """
    usable = [part[place[part] >= 0] for part in parts]
    train, valid = ((graphs.take(place[part]), labels[part]) for part in usable[:2])
    test = graphs.take(place[usable[2]])
    known = place[parts.test] >= 0
    seeds = tuple(seeds)
    predictions = []
    for seed in seeds:
        tuned = fine_tune(
            data.task.kind,
            data.task.metric,
            encoder,
            train,
            valid,
            seed=seed,
            config=config,
            device=device,
            on_epoch=on_epoch,
        )
        answers = np.full((len(parts.test), labels.shape[1]), np.nan)
        answers[known] = tuned.predict(test)
        predictions.append(answers)
        if on_seed is not None:
            on_seed(seed)
    return _result(data, labels, parts, system, seeds, predictions)


def forest_result(
    data: TaskData, labels: Labels, parts: SplitIndices, seeds: Iterable[int], *, on_seed: OnSeed = None
) -> Result:
    """Fit one random forest a seed on the train set, and score it on the test set.

    It learns from the train set alone, without the validation set, as method.md's numbers do. Parameters as for
    `head_result`.
    """
    system = "random forest on Morgan fingerprints"
    make = partial(RandomForest, data.task.kind)
    return _baseline(data, labels, parts, system, seeds, lambda seed: make(seed=seed), on_seed)


def boosting_result(
    data: TaskData,
    labels: Labels,
    parts: SplitIndices,
    seeds: Iterable[int],
    cache: Path | None = None,
    *,
    on_seed: OnSeed = None,
) -> Result:
    """Fit LightGBM once a seed on the train set, and score it on the test set.

    Parameters as for `head_result`; `cache` is the folder in which descriptors are kept.

    Raises
    ------
    MissingExtraError
        If LightGBM is not installed.
    """
    system = "LightGBM on descriptors and Morgan counts"
    make = partial(Boosting, data.task.kind, cache=cache)
    return _baseline(data, labels, parts, system, seeds, lambda seed: make(seed=seed), on_seed)


def _baseline(
    data: TaskData,
    labels: Labels,
    parts: SplitIndices,
    system: str,
    seeds: Iterable[int],
    make: Callable[[int], RandomForest | Boosting],
    on_seed: OnSeed,
) -> Result:
    train, test = ([data.smiles[index] for index in part] for part in (parts.train, parts.test))
    seeds = tuple(seeds)
    predictions = []
    for seed in seeds:
        predictions.append(make(seed).fit(train, labels[parts.train]).predict(test))
        if on_seed is not None:
            on_seed(seed)
    return _result(data, labels, parts, system, seeds, predictions)


def _result(
    data: TaskData,
    labels: Labels,
    parts: SplitIndices,
    system: str,
    seeds: tuple[int, ...],
    predictions: Sequence[npt.NDArray[np.float64]],
) -> Result:
    metric, known = data.task.metric, labels[parts.test]
    scores = tuple(score(metric, known, one) for one in predictions)
    return Result(system, seeds, scores, intervals(metric, known, np.stack(predictions)))


def _finite(embeddings: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    # Molecules without an embedding have no labels; zeros keep their rows from spoiling the batch.
    return np.nan_to_num(embeddings, nan=0.0, posinf=0.0, neginf=0.0)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _pair(low: float, high: float) -> list[float] | None:
    return None if np.isnan(low) else [low, high]
