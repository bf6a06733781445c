"""Systems on an encoder: the paper's head on its frozen embeddings, a linear probe, fine-tuning."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from learn.checkpoint import Checkpoint
from learn.evaluation.beside_descriptors import systems_beside_descriptors
from learn.evaluation.cells import Predictions
from learn.evaluation.end_to_end import EndToEndConfig, end_to_end
from learn.evaluation.problem import Floats, Problem
from learn.evaluation.summary_types import Group
from learn.evaluation.system import Compute, System
from learn.finetune import untrained
from learn.head import HeadConfig
from learn.head_training import train_heads
from learn.objectives import recipe_of
from learn.probe import LinearProbe

NAMES = {
    "infoalign": "InfoAlign",
    "attrmask": "AttrMask",
    "contextpred": "ContextPred",
    "edgepred": "EdgePred",
    "cloome": "CLOOME",
    "infocore-cp": "InfoCORE (CP)",
    "infocore-ge": "InfoCORE (GE)",
    "masked-smiles": "masked-SMILES model",
    "next-token": "next-token SMILES model",
}
"""What tables call the objectives. A language model of the paper's name is larger than what is trained here."""
UNTRAINED = "untrained encoder"


def systems_of(model: Checkpoint, *, name: str | None = None, beside_untrained: bool = False) -> list[System]:
    """Return the systems on an encoder.

    Parameters
    ----------
    model
        The encoder.
    name
        What tables call it; None: by its objective.
    beside_untrained
        Whether to add those on the same network before any training, without which a score says little (decision 7).
    """
    graphs = recipe_of(model.config).embeds != "smiles"
    group: Group = "encoder" if graphs else "language model"
    found = _ways(model, name or NAMES[model.config.objective], group, fine_tuned=graphs)
    if beside_untrained and graphs:
        found += _ways(untrained(model), UNTRAINED, group, fine_tuned=True)
    return found


def _ways(model: Checkpoint, name: str, group: Group, *, fine_tuned: bool) -> list[System]:
    about: dict[str, Any] = {"encoder": model.model_hash}
    found = [
        System(name, group, _head(model), {**about, "head": asdict(HeadConfig())}, together=True, cost=0.3),
        System(f"{name}, linear probe", group, _probe(model), about, random=False, cost=0.1),
    ]
    found += systems_beside_descriptors(model, name, group)
    if fine_tuned:
        config = EndToEndConfig()
        settings = {**about, "training": asdict(config)}
        found.append(System(f"{name}, fine-tuned", group, end_to_end(model, config), settings, cost=2.0))
    return found


def _head(model: Checkpoint) -> Compute:
    def compute(problem: Problem, seeds: Sequence[int]) -> list[Predictions]:
        sets = _Embedded.of(problem, model)
        began = time.monotonic()
        heads = train_heads(problem.kind, problem.metric, sets.train, sets.valid, seeds=seeds, device=problem.device)
        seconds = (time.monotonic() - began) / len(heads)
        return [sets.answers(problem, head.predict, seconds) for head in heads]

    return compute


def _probe(model: Checkpoint) -> Compute:
    def compute(problem: Problem, seeds: Sequence[int]) -> list[Predictions]:
        sets = _Embedded.of(problem, model)
        began = time.monotonic()
        probe = LinearProbe(problem.kind, problem.metric).fit(sets.train, sets.valid)
        return [sets.answers(problem, probe.predict, time.monotonic() - began) for _ in seeds]

    return compute


@dataclass(frozen=True)
class _Embedded:
    """Embeddings (n, d) of all molecules, 0 where there is none; which there are; train and validation set."""

    x: Floats
    known: npt.NDArray[np.bool_]
    train: tuple[Floats, Floats]
    valid: tuple[Floats, Floats]

    @classmethod
    def of(cls, problem: Problem, model: Checkpoint) -> Self:
        found = problem.embeddings(model)
        known: npt.NDArray[np.bool_] = np.asarray(np.isfinite(found).all(axis=1), dtype=np.bool_)
        x = np.where(known[:, None], found, 0).astype(np.float32)
        labels = np.where(known[:, None], problem.data.labels, np.nan).astype(np.float32)
        parts = problem.parts
        return cls(x, known, (x[parts.train], labels[parts.train]), (x[parts.valid], labels[parts.valid]))

    def answers(
        self, problem: Problem, predict: Callable[[Floats], npt.NDArray[np.float64]], seconds: float
    ) -> Predictions:
        valid, test = (
            np.where(self.known[part, None], predict(self.x[part]), np.nan).astype(np.float32)
            for part in (problem.parts.valid, problem.parts.test)
        )
        return Predictions(valid, test, seconds)
