"""Our stack: shares by out-of-fold predictions; and systems that read an embedding beside descriptors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from _checkpoints import tiny_checkpoint

from learn.evaluation.beside_descriptors import BOOSTED, NETWORK, systems_beside_descriptors
from learn.evaluation.cells import Predictions
from learn.evaluation.problem import Problem
from learn.evaluation.stacking import FOLDS, out_of_fold, stack_of
from learn.evaluation.system import System
from learn.tasks import TASKS, TaskData
from learn.tasks.split import SplitIndices

N = 60
SPLIT = SplitIndices(np.arange(40)[::-1], np.arange(40, 50), np.arange(50, 60))


@pytest.fixture
def problem(tmp_path: Path) -> Problem:
    """Sixty alkanes with two tasks of noise, the second one known for a few molecules."""
    labels = np.random.default_rng(0).standard_normal((N, 2)).astype(np.float32)
    labels[12:, 1] = np.nan
    smiles = tuple("C" * (n + 1) for n in range(N))
    data = TaskData(TASKS["biogen3k"], tmp_path, "hash", smiles, labels, ("one", "few"), None)
    return Problem(data, tmp_path / "cache", folded=SPLIT)


def _answering(name: str, error: float, asked: list[Problem]) -> System:
    """Return what answers the truth with an error, and NaN for a task that none of its train set has."""

    def compute(problem: Problem, _seeds: Sequence[int]) -> list[Predictions]:
        asked.append(problem)
        known = ~np.isnan(problem.data.labels[problem.learned_from]).all(axis=0)
        valid, test = (
            np.where(known, np.nan_to_num(problem.data.labels[rows]) + error, np.nan).astype(np.float32)
            for rows in (problem.parts.valid, problem.parts.test)
        )
        return [Predictions(valid, test, 1.0)]

    return System(name, "stronger", compute, {"error": error})


def test_each_molecule_is_predicted_by_what_has_not_seen_it(problem: Problem) -> None:
    asked: list[Problem] = []
    found = out_of_fold(problem, _answering("a", 0.5, asked), 0)
    np.testing.assert_allclose(found[:, 0], problem.data.labels[SPLIT.train, 0] + 0.5, rtol=1e-6)
    assert len(asked) == FOLDS
    for part in asked:
        assert not np.intersect1d(part.parts.train, part.parts.valid).size
        assert not part.parts.test.size, "the test set is asked about once, by what learned from all folds"
        assert sorted([*part.parts.train, *part.parts.valid]) == list(range(40))
        assert (np.diff(part.parts.valid) == -1).all(), "a fold is contiguous in the order of the train set"
        np.testing.assert_array_equal(part.learned_from, part.parts.train)
    # The few labels of the second task lie in one fold and a bit: the others' mean, or the task's, stands for it.
    assert np.isfinite(found).all()
    alone = replace(problem.data, labels=problem.data.labels.copy())
    alone.labels[1:, 1] = np.nan
    found = out_of_fold(replace(problem, data=alone), _answering("a", 0.5, asked), 0)
    assert found[-1, 1] == pytest.approx(alone.labels[0, 1])


def test_a_stack_takes_what_is_right_where_it_had_not_seen_the_answer(problem: Problem) -> None:
    asked: list[Problem] = []
    systems = [_answering("high", 1.0, asked), _answering("low", -1.0, asked), _answering("far", 30.0, asked)]
    (cell,) = stack_of(systems).compute(problem, [0])
    np.testing.assert_allclose(cell.test[:, 0], problem.data.labels[SPLIT.test, 0], atol=0.15)
    assert np.isfinite(cell.valid).all()
    assert len(asked) == 3 * FOLDS + 2, "what has no share is not fitted again"
    (cell,) = stack_of(systems).compute(replace(problem, fitted="train+valid"), [0])
    assert np.isnan(cell.valid).all()
    assert len(asked[-3].parts.train) < len(asked[-1].learned_from) == 50


def test_its_cells_are_told_by_the_settings_of_what_it_stacks() -> None:
    one, other = (stack_of([_answering("a", error, [])]) for error in (1.0, 2.0))
    assert one.settings != other.settings


def test_an_embedding_stands_beside_descriptors(problem: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    n = 300
    x = np.random.default_rng(1).standard_normal((n, 5)).astype(np.float32)
    labels = np.column_stack([x[:, 2], np.ones(n)]).astype(np.float32)
    x[3] = np.nan
    smiles = tuple("C" * (row % 30 + 1) for row in range(n))
    data = replace(problem.data, smiles=smiles, labels=labels)
    split = SplitIndices(np.arange(200), np.arange(200, 250), np.arange(250, n))
    problem = replace(problem, data=data, folded=split)
    monkeypatch.setattr(Problem, "embeddings", lambda *_: x)
    network, boosted = systems_beside_descriptors(tiny_checkpoint(), "InfoAlign", "encoder")
    assert (network.name, boosted.name) == (NETWORK + "InfoAlign", BOOSTED + "InfoAlign")
    assert network.encoder == boosted.encoder == tiny_checkpoint().model_hash
    for system in (network, boosted):
        (cell,) = system.compute(problem, [0])
        assert np.corrcoef(cell.test[:, 0], x[split.test, 2])[0, 1] > 0.8, "chain lengths say nothing of it"
        assert np.isfinite(cell.valid).all()
    (cell,) = boosted.compute(replace(problem, fitted="train+valid"), [0])
    assert np.isnan(cell.valid).all()
    assert np.isfinite(cell.test).all()
