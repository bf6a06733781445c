"""Label propagation as systems: over structures alone, and over the context graph of a workspace too."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from graphdb.feature_store import FeatureStore
from graphdb.snapshot import Snapshot
from graphdb.workspace import Workspace
from learn.baselines.label_propagation import ALPHAS, CONTEXTS, NEAREST, PRIORS, SHARPNESS, LabelPropagation
from learn.evaluation.cells import Predictions
from learn.evaluation.problem import Problem
from learn.evaluation.system import Compute, System, by_seed, predictions
from learn.shared_neighbours import STRONGEST, shared_neighbours

STRUCTURES, CONTEXT = "label propagation, structures", "label propagation, structures + context graph"

_SETTINGS = {"nearest": NEAREST, "alphas": list(ALPHAS), "sharpness": list(SHARPNESS), "priors": list(PRIORS)}


def propagation_systems(workspace: Path | None) -> list[System]:
    """Return the system of structures, and that of the context graph where the workspace has one."""
    found = [
        System(
            STRUCTURES,
            "stronger",
            by_seed(lambda problem, _seed: LabelPropagation(problem.kind, problem.metric, cache=problem.cache)),
            _SETTINGS,
            random=False,
            cost=0.3,
        )
    ]
    place = None if workspace is None else Workspace(workspace)
    if place is not None and place.snapshot.is_dir() and place.features.is_dir():
        graph = FeatureStore.open(place.features).graph_hash
        settings = {**_SETTINGS, "contexts": list(CONTEXTS), "strongest": STRONGEST, "graph": graph}
        compute = _over_graph(place.snapshot)
        found.append(System(CONTEXT, "stronger", compute, settings, random=False, cost=0.5))
    return found


def _over_graph(snapshot: Path) -> Compute:
    def compute(problem: Problem, seeds: Sequence[int]) -> list[Predictions]:
        began = time.monotonic()
        rows, blocks = problem.learned_from, problem.blocks()
        context = shared_neighbours(Snapshot.load(snapshot), [blocks[int(row)] for row in rows])
        model = LabelPropagation(problem.kind, problem.metric, cache=problem.cache)
        model.fit(problem.smiles(rows), problem.data.labels[rows], context)
        valid, test = (model.predict(problem.smiles(part)) for part in (problem.parts.valid, problem.parts.test))
        return [predictions(problem, valid, test, time.monotonic() - began)] * len(seeds)

    return compute
