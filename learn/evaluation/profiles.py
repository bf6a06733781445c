"""Systems that read a molecule's measured profile in place of its structure ("Cell Morphology + RF" and its like).

Only molecules that were measured can be predicted: the others are NaN, and the number of those that are scored stands
beside the score. The profiles are those of the graph, scaled as decoders see them; of the feature spaces of a type the
one is read in which most molecules of the data set were measured.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from graphdb.errors import InputError
from graphdb.feature_store import FeatureStore
from graphdb.holdout import BLOCK
from graphdb.schema import NodeType
from graphdb.snapshot import Snapshot
from graphdb.workspace import Workspace
from learn.baselines.by_task import fit_by_task, predict_by_task
from learn.evaluation.cells import Predictions
from learn.evaluation.problem import Problem
from learn.evaluation.system import Compute, System
from learn.head_training import train_heads
from learn.held_pairs import EDGES
from learn.spaces import rows_of_nodes
from learn.tasks.task import Kind

Floats = npt.NDArray[np.float32]
Way = Literal["MLP", "RF", "GP"]
TITLES = {NodeType.MORPHOLOGY: "Cell Morphology", NodeType.EXPRESSION: "Gene Expression"}
FEWEST = 40
"""Measured molecules of a data set's train set below which nothing is fitted."""
TREES = 200


def profile_systems(workspace: Path) -> list[System]:
    """Return the systems on the profiles of a workspace's graph; none where it has no graph."""
    place = Workspace(workspace)
    if not (place.snapshot.is_dir() and place.features.is_dir()):
        return []
    graph = FeatureStore.open(place.features).graph_hash
    found = []
    for node_type, title in TITLES.items():
        for way in ("MLP", "RF", "GP"):
            found.append(
                System(
                    f"{title} + {way}",
                    "profile",
                    _compute(workspace, node_type, way),
                    {"graph": graph, "trees": TREES if way == "RF" else 0},
                    random=way != "GP",
                    together=way == "MLP",
                    cost=0.2,
                )
            )
    return found


def profiles_of(workspace: Path, node_type: NodeType, blocks: Sequence[str]) -> tuple[Floats, str]:
    """Return the profiles (n, d) of molecules, scaled to [0, 1], NaN rows where not measured, and their feature space.

    Parameters
    ----------
    workspace
        Of the graph.
    node_type
        Morphology or expression.
    blocks
        n first blocks of InChIKeys; "" where there is none. Several profiles of one are averaged.

    Raises
    ------
    InputError
        If the graph has no such profile of any of them.
    """
    place = Workspace(workspace)
    snapshot, features = Snapshot.load(place.snapshot), FeatureStore.open(place.features)
    typed = snapshot.of_edge_types((EDGES[node_type],)).typed
    assert typed is not None  # of_edge_types demands it
    keys = snapshot.keys
    is_molecule = np.zeros(snapshot.number_of_nodes, dtype=np.bool_)
    is_molecule[snapshot.nodes(NodeType.MOLECULE)] = True
    wanted: dict[str, list[int]] = {}
    for row, block in enumerate(blocks):
        if block:
            wanted.setdefault(block, []).append(row)
    measured: dict[str, list[int]] = {}
    for one, other in zip(typed.edge_src.tolist(), typed.edge_dst.tolist(), strict=True):
        molecule, profile = (one, other) if is_molecule[one] else (other, one)
        block = str(keys[molecule])[:BLOCK]
        if block in wanted:
            measured.setdefault(block, []).append(profile)
    best: tuple[int, Floats, str] | None = None
    for space in features.spaces():
        if space.node_type is not node_type:
            continue
        rows = rows_of_nodes(snapshot, node_type, space.keys)
        found = np.full((len(blocks), space.dimension), np.nan, dtype=np.float32)
        for block, profiles in measured.items():
            there = rows[profiles]
            if (there >= 0).any():
                with np.errstate(all="ignore"):
                    found[wanted[block]] = np.nan_to_num(
                        np.nanmean(space.scaled(there[there >= 0]), axis=0), nan=0.5
                    ).astype(np.float32)
        count = int(np.isfinite(found).all(axis=1).sum())
        if count and (best is None or count > best[0]):
            best = (count, found, space.name)
    if best is None:
        raise InputError(f"the graph has no {node_type.value.lower()} profile of any of these molecules")
    return best[1], best[2]


def _compute(workspace: Path, node_type: NodeType, way: Way) -> Compute:
    def compute(problem: Problem, seeds: Sequence[int]) -> list[Predictions]:
        x, space = profiles_of(workspace, node_type, problem.blocks())
        known: npt.NDArray[np.bool_] = np.asarray(np.isfinite(x).all(axis=1), dtype=np.bool_)
        parts, labels = problem.parts, problem.data.labels
        train, valid, test = (part[known[part]] for part in parts)
        usable = labels[:, [_two(labels[train, task]) for task in range(labels.shape[1])]]
        if len(train) < FEWEST or not usable.shape[1]:
            raise InputError(f"{len(train)} molecules of the train set have a profile ({space}); {FEWEST} are needed")
        began = time.monotonic()
        predict: list[Callable[[Floats], npt.NDArray[np.float64]]]
        if way == "MLP":
            heads = train_heads(
                problem.kind,
                problem.metric,
                (x[train], labels[train]),
                (x[valid], labels[valid]),
                seeds=seeds,
                device=problem.device,
            )
            predict = [head.predict for head in heads]
        else:
            from sklearn.exceptions import ConvergenceWarning

            makes = [partial(_forest, problem.kind, seed) if way == "RF" else _process for seed in seeds]
            with warnings.catch_warnings():
                # A length scale at its bound, hundreds of times: profiles that say nothing of a task.
                warnings.simplefilter("ignore", ConvergenceWarning)
                models = [fit_by_task(make, x[train], labels[train], 1) for make in makes]
            predict = [partial(predict_by_task, model) for model in models]
        found = []
        for one in predict:
            answers = np.full(labels.shape, np.nan, dtype=np.float32)
            for rows in (valid, test):
                if len(rows):
                    answers[rows] = _cut(problem.kind, _filled(one(x[rows]), labels[train]))
            found.append(Predictions(answers[parts.valid], answers[parts.test], time.monotonic() - began))
        return found

    return compute


def _two(labels: npt.NDArray[np.floating]) -> bool:
    return np.unique(labels[~np.isnan(labels)]).size > 1


def _filled(answers: npt.NDArray[np.float64], labels: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return the answers, with one and the same number for tasks of which no measured molecule has a label."""
    known = ~np.isnan(labels)
    mean = np.where(known, labels, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.asarray(np.where(np.isnan(answers), mean, answers))


def _cut(kind: Kind, answers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return answers if kind == "regression" else np.clip(answers, 0, 1)


def _forest(kind: Kind, seed: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    forest = RandomForestClassifier if kind == "classification" else RandomForestRegressor
    return forest(n_estimators=TREES, random_state=seed)


def _process() -> Any:
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

    kernel = ConstantKernel(0.1) * RBF(5.0, (0.5, 100.0)) + WhiteKernel(0.1)
    return GaussianProcessRegressor(kernel, normalize_y=True, random_state=0)
