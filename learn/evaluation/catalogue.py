"""All systems of the table, by name, in its order."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from learn.baselines import (
    Boosting,
    ExtraTrees,
    JointTrees,
    MultitaskNetwork,
    RandomForest,
    TanimotoRidge,
    boosting,
    features,
    joint_trees,
    message_passing,
)
from learn.baselines.extra_trees import COLUMNS, LEAST_LEAF, TREES
from learn.baselines.fingerprint_head import FingerprintHead
from learn.baselines.kernel_ridge import RIDGES
from learn.baselines.message_passing import MessagePassing, MessagePassingConfig
from learn.baselines.multitask import MultitaskConfig
from learn.baselines.random_forest import RADIUS, SIZE
from learn.baselines.random_forest import TREES as FOREST_TREES
from learn.checkpoint import Checkpoint
from learn.evaluation.cells import Predictions
from learn.evaluation.encoders import systems_of
from learn.evaluation.problem import Problem
from learn.evaluation.profiles import profile_systems
from learn.evaluation.propagation import CONTEXT, STRUCTURES, propagation_systems
from learn.evaluation.stacking import stack_of
from learn.evaluation.summary_types import BESIDE_DESCRIPTORS
from learn.evaluation.system import System, by_seed
from learn.finetune import untrained
from learn.head import HeadConfig

FOREST, FP_MLP, FP_GP = "Morgan FP + RF", "Morgan FP + MLP", "Morgan FP + GP"
LIGHTGBM, EXTRA_TREES = "LightGBM, descriptors + counts", "ExtraTrees, descriptors + counts"
LIGHTGBM_MORE = "LightGBM, pairs and torsions too"
JOINT_TREES = "joint trees, all tasks at once"
RIDGE, MULTITASK, DMPNN = "Tanimoto kernel ridge", "multi-task network", "D-MPNN (chemprop)"
MEMBERS = (LIGHTGBM, LIGHTGBM_MORE, EXTRA_TREES, JOINT_TREES, RIDGE, MULTITASK, DMPNN, STRUCTURES, CONTEXT)
"""What our predictor is blended of: systems that never look at the validation set."""
STACKED = (LIGHTGBM, EXTRA_TREES, JOINT_TREES, RIDGE, MULTITASK, STRUCTURES)
"""What it is stacked of: those members that can be fitted five times in minutes."""
MEANS = {
    "mean of LightGBM and ExtraTrees": (LIGHTGBM, EXTRA_TREES),
    "mean of LightGBM, ExtraTrees and kernel ridge": (LIGHTGBM, EXTRA_TREES, RIDGE),
}
"""Baselines that are the plain mean of others, of ranks for a classification."""

_LONG = {"toxcast": "617 tasks: a quarter of an hour to an hour of one core for a seed; name it in --systems"}


def structure_systems() -> list[System]:
    """Return the systems that read nothing but the structure."""
    found = [
        System(
            FOREST,
            "structure",
            by_seed(lambda problem, seed: RandomForest(problem.kind, seed=seed, jobs=1)),
            {"radius": RADIUS, "bits": SIZE, "trees": FOREST_TREES},
            cost=0.8,
        ),
        System(FP_MLP, "structure", _fingerprint_head, {"bits": SIZE, "head": asdict(HeadConfig())}, together=True),
        System(
            RIDGE,
            "stronger",
            by_seed(lambda problem, _seed: TanimotoRidge(problem.kind, problem.metric, cache=problem.cache)),
            {"ridges": list(RIDGES)},
            random=False,
            cost=0.1,
        ),
        System(
            MULTITASK,
            "stronger",
            by_seed(
                lambda problem, seed: MultitaskNetwork(
                    problem.kind, seed=seed, cache=problem.cache, device=problem.device
                )
            ),
            asdict(MultitaskConfig()),
            cost=0.7,
        ),
        System(
            JOINT_TREES,
            "stronger",
            by_seed(lambda problem, seed: JointTrees(problem.kind, seed=seed, cache=problem.cache)),
            joint_trees.SETTINGS,
            cost=0.1,
        ),
        System(
            EXTRA_TREES,
            "stronger",
            by_seed(lambda problem, seed: ExtraTrees(problem.kind, seed=seed, jobs=1, cache=problem.cache)),
            {"trees": TREES, "leaf": LEAST_LEAF, "columns": COLUMNS, "least": LEAST_LEAF},
            cost=1.0,
            skip=_LONG,
        ),
    ]
    if boosting.available():
        for name, counts, cost in ((LIGHTGBM, ("morgan",), 2.0), (LIGHTGBM_MORE, ("morgan", "pairs", "torsions"), 4.0)):
            found.append(
                System(
                    name,
                    "stronger",
                    by_seed(partial(_boosting, counts=counts)),
                    {**boosting.SETTINGS, "counts": list(counts)},
                    cost=cost,
                    skip=_LONG,
                )
            )
    if message_passing.available():
        found.append(
            System(
                DMPNN,
                "stronger",
                by_seed(lambda problem, seed: MessagePassing(problem.kind, seed=seed, device=problem.device)),
                asdict(MessagePassingConfig()),
                cost=3.0,
            )
        )
    if find_spec("gpytorch") is not None:
        from learn.baselines.gaussian_process import SETTINGS, TanimotoGP

        found.insert(
            1,
            System(
                FP_GP,
                "structure",
                by_seed(lambda problem, _seed: TanimotoGP(problem.kind)),
                SETTINGS,
                random=False,
                cost=1.5,
                skip=_LONG,
            ),
        )
    return found


def catalogue(checkpoints: Sequence[Checkpoint], workspace: Path | None = None) -> dict[str, System]:
    """Return the systems by name: of structures, of the workspace's profiles, of the encoders.

    Those of the first encoder stand there untrained too. Two encoders of one objective are told by a number.
    """
    found = structure_systems() + propagation_systems(workspace)
    if workspace is not None:
        found += profile_systems(workspace)
    for place, model in enumerate(checkpoints):
        taken = {system.name for system in found}
        systems = systems_of(model, beside_untrained=place == 0)
        if systems[0].name in taken:
            systems = systems_of(model, name=f"{systems[0].name} ({place + 1})")
        found += systems
    found.append(stack_of([system for system in found if system.name in STACKED]))
    return {system.name: system for system in found}


def prepare(
    wanted: Sequence[tuple[Problem, Sequence[System]]], checkpoints: Sequence[Checkpoint], until: float = math.inf
) -> None:
    """Compute what systems share, in all processes at once, so that no cell has to; small data sets first.

    Parameters
    ----------
    wanted
        Data sets, and the systems that are to be computed on each.
    checkpoints
        The encoders.
    until
        By `time.monotonic`; no data set is begun after it, and its cells compute themselves what they need.
    """
    for problem, systems in sorted(wanted, key=lambda pair: len(pair[0].data.smiles)):
        if time.monotonic() >= until:
            break
        _prepare(problem, systems, checkpoints)


def _prepare(problem: Problem, systems: Sequence[System], checkpoints: Sequence[Checkpoint]) -> None:
    if any(system.group in {"stronger", "ours"} or system.name.startswith(BESIDE_DESCRIPTORS) for system in systems):
        parts = problem.parts
        both = np.concatenate([parts.train, parts.valid])
        lists = [problem.smiles(rows) for rows in (parts.train, parts.valid, parts.test, both)]
        features.prepare(lists, problem.cache)
    hashes = {system.encoder for system in systems} - {None}
    for place, model in enumerate(checkpoints):
        for each in (model, untrained(model)) if place == 0 else (model,):
            if each.model_hash in hashes:
                problem.embeddings(each)
    if any(system.group == "profile" or system.name == CONTEXT for system in systems):
        problem.blocks()
    if any("fine-tuned" in system.name for system in systems):
        for model in checkpoints:
            problem.graphs(model.tautomers)


def _boosting(problem: Problem, seed: int, counts: tuple[str, ...]) -> Boosting:
    return Boosting(problem.kind, seed=seed, jobs=1, cache=problem.cache, counts=counts)


def _fingerprint_head(problem: Problem, seeds: Sequence[int]) -> list[Predictions]:
    parts, labels = problem.parts, problem.data.labels
    began = time.monotonic()
    model = FingerprintHead(problem.kind, problem.metric, seeds=seeds, device=problem.device)
    valid = problem.smiles(parts.valid)
    model.fit(problem.smiles(parts.train), labels[parts.train], (valid, labels[parts.valid]))
    answers = [model.predict(part).astype(np.float32) for part in (valid, problem.smiles(parts.test))]
    seconds = (time.monotonic() - began) / len(seeds)
    return [Predictions(on_valid, on_test, seconds) for on_valid, on_test in zip(*answers, strict=True)]


def cache_of(workspace: Path) -> Path:
    """Return the folder in which an evaluation keeps what it computes of molecules."""
    return workspace / "cache" / "evaluation"
