"""An encoder trained end to end on a data set is a system of the table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from _checkpoints import tiny_checkpoint

from learn.evaluation.encoders import systems_of
from learn.evaluation.end_to_end import EndToEndConfig, end_to_end
from learn.evaluation.problem import Problem
from learn.tasks import TASKS, TaskData
from learn.tasks.split import SplitIndices

CHAINS = [f"{'C' * n}{end}" for n in range(2, 22) for end in ("O", "N", "Cl")]
SPLIT = SplitIndices(np.arange(0, 60, 2), np.arange(1, 60, 4), np.arange(3, 60, 4))
CONFIG = EndToEndConfig(epochs=25, batch=10)


def _problem(folder: Path, task: str, labels: list[float]) -> Problem:
    y = np.array(labels, dtype=np.float32)[:, None]
    y[4] = np.nan
    smiles = tuple(text if row != 7 else "[Na+].[Cl-]" for row, text in enumerate(CHAINS))
    data = TaskData(TASKS[task], folder, task, smiles, y, ("one",), None)
    return Problem(data, folder / "cache", folded=SPLIT)


def test_it_learns_and_leaves_the_checkpoint_as_it_is(tmp_path: Path) -> None:
    model = tiny_checkpoint()
    before = {name: weights.clone() for name, weights in model.encoder_state.items()}
    problem = _problem(tmp_path, "biogen3k", [100.0 * len(text) for text in CHAINS])
    first, second = end_to_end(model, CONFIG)(problem, [0, 1])
    labels = problem.data.labels
    known = [row for row in SPLIT.test if row != 7]
    answers = first.test[[list(SPLIT.test).index(row) for row in known], 0]
    assert np.corrcoef(answers, labels[known, 0])[0, 1] > 0.9
    assert answers.mean() == pytest.approx(labels[known, 0].mean(), rel=0.3), "in the unit of the labels"
    assert np.isnan(first.test[list(SPLIT.test).index(7)]).all(), "table salt has no graph"
    assert np.isfinite(first.valid).all()
    assert not np.array_equal(first.test, second.test, equal_nan=True)
    assert all(torch.equal(weights, before[name]) for name, weights in model.encoder_state.items())
    (again,) = end_to_end(model, CONFIG)(problem, [0])
    np.testing.assert_array_equal(first.test, again.test)
    (other,) = end_to_end(model, replace(CONFIG, dropout=0.6))(problem, [0])
    assert not np.array_equal(first.test, other.test, equal_nan=True), "the encoder is in training mode"


def test_classes_are_answered_by_probabilities_and_a_refitted_one_has_seen_the_validation_set(tmp_path: Path) -> None:
    problem = _problem(tmp_path, "chembl2k", [float("O" in text) for text in CHAINS])
    (cell,) = end_to_end(tiny_checkpoint(), CONFIG)(replace(problem, fitted="train+valid"), [0])
    assert np.isnan(cell.valid).all()
    there = np.isfinite(cell.test[:, 0])
    assert ((cell.test[there] >= 0) & (cell.test[there] <= 1)).all()
    right = problem.data.labels[SPLIT.test][there] > 0.5
    assert cell.test[there][right].mean() > cell.test[there][~right].mean() + 0.3


def test_only_encoders_of_graphs_are_trained_so() -> None:
    names = [system.name for system in systems_of(tiny_checkpoint(), beside_untrained=True)]
    assert "InfoAlign, fine-tuned" in names
    assert "untrained encoder, fine-tuned" in names
