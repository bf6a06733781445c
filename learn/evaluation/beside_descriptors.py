"""Systems that read an embedding beside descriptors and counts: what it knows that they do not."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict

from learn.baselines import Boosting, MultitaskNetwork, boosting
from learn.baselines.multitask import MultitaskConfig
from learn.checkpoint import Checkpoint
from learn.evaluation.cells import Predictions
from learn.evaluation.problem import Floats, Problem
from learn.evaluation.summary_types import BESIDE_DESCRIPTORS, Group
from learn.evaluation.system import Answers, Compute, System, predictions

NETWORK, BOOSTED = BESIDE_DESCRIPTORS
COUNTS = ("morgan",)

Fit = Callable[[Problem, int, Sequence[Floats]], Answers]
"""Of a data set, a seed and the embeddings of what is learned from, the validation and the test set."""


def systems_beside_descriptors(model: Checkpoint, name: str, group: Group) -> list[System]:
    """Return the table's multi-task network and LightGBM with an encoder's embeddings as further inputs."""
    about = {"encoder": model.model_hash}
    settings = {**about, "network": asdict(MultitaskConfig())}
    found = [System(NETWORK + name, group, _beside(model, _network), settings, cost=0.8)]
    if boosting.available():
        settings = {**about, **boosting.SETTINGS, "counts": list(COUNTS)}
        skip = {"toxcast": "617 tasks: more than a quarter of an hour of one core for a seed; name it in --systems"}
        found.append(System(BOOSTED + name, group, _beside(model, _boosted), settings, cost=2.5, skip=skip))
    return found


def _beside(model: Checkpoint, fit: Fit) -> Compute:
    def compute(problem: Problem, seeds: Sequence[int]) -> list[Predictions]:
        x = problem.embeddings(model)
        more = [x[rows] for rows in (problem.learned_from, problem.parts.valid, problem.parts.test)]
        found = []
        for seed in seeds:
            began = time.monotonic()
            valid, test = fit(problem, seed, more)
            found.append(predictions(problem, valid, test, time.monotonic() - began))
        return found

    return compute


def _network(problem: Problem, seed: int, more: Sequence[Floats]) -> Answers:
    learned, labels, asked = problem.learned()
    network = MultitaskNetwork(problem.kind, seed=seed, cache=problem.cache, device=problem.device)
    network.fit(learned, labels, more[0])
    return [network.predict(part, beside) for part, beside in zip(asked, more[1:], strict=True)]


def _boosted(problem: Problem, seed: int, more: Sequence[Floats]) -> Answers:
    model = Boosting(problem.kind, seed=seed, jobs=1, cache=problem.cache, counts=COUNTS)
    return model.fit_predict_beside(*problem.learned(), more)
