"""Extra trees of all tasks at once: what they share, what they do without, in what unit they answer."""

from __future__ import annotations

import numpy as np
import pytest

from learn.baselines import JointTrees
from learn.metrics import auc

CHAINS = ["C" * n + end for n in range(3, 23) for end in ("O", "N", "F", "Cl")]
OXYGEN = np.array([float("O" in text) for text in CHAINS])
LENGTH = np.array([float(text.count("C")) for text in CHAINS])
LONG = (LENGTH > 12).astype(np.float64)


def test_tasks_are_learned_from_the_molecules_that_have_a_label() -> None:
    labels = np.column_stack([OXYGEN, LONG]).astype(np.float32)
    labels[::3, 0] = np.nan
    found = JointTrees("classification", seed=1, trees=60).fit(CHAINS, labels).predict(CHAINS)
    assert found.min() >= 0
    assert found.max() <= 1
    assert auc(OXYGEN[::3], found[::3, 0]) > 0.9  # molecules whose label it has not seen
    assert auc(LONG, found[:, 1]) > 0.9
    again = JointTrees("classification", seed=1, trees=60).fit(CHAINS, labels).predict(CHAINS)
    np.testing.assert_array_equal(again, found)
    other = JointTrees("classification", seed=2, trees=60).fit(CHAINS, labels).predict(CHAINS)
    assert not np.array_equal(other, found)


def test_a_task_with_few_labels_is_split_by_what_splits_the_others() -> None:
    few = np.full(len(CHAINS), np.nan)
    few[[0, 4, 8, 12]], few[[65, 66, 69, 70]] = 1, 0  # short alcohols, and long ones of the rest: what is it about?
    rest = np.isnan(few)
    related = np.column_stack([few, *[OXYGEN] * 4]).astype(np.float32)
    with_others = JointTrees("classification", trees=100, leaves=(3,)).fit(CHAINS, related).predict(CHAINS)[:, 0]
    alone = JointTrees("classification", trees=100, leaves=(3,)).fit(CHAINS, related[:, :1]).predict(CHAINS)[:, 0]
    assert auc(OXYGEN[rest], with_others[rest]) > auc(OXYGEN[rest], alone[rest]) + 0.05


def test_what_is_not_known_says_nothing() -> None:
    """Without a label nearby an answer is the task's mean; fillers of missing labels do not pull at it."""
    labels = np.column_stack([LENGTH, np.where(OXYGEN == 1, 7.0, np.nan)]).astype(np.float32)
    found = JointTrees("regression", trees=40).fit(CHAINS, labels).predict(CHAINS)
    np.testing.assert_allclose(found[:, 1], 7, atol=1e-5)
    assert np.abs(found[:, 0] - LENGTH).mean() < 0.5 * LENGTH.std()


def test_tasks_and_molecules_without_labels() -> None:
    labels = np.column_stack([LENGTH, np.full(len(CHAINS), np.nan)]).astype(np.float32)
    labels[5:] = np.nan
    labels[20:, 0] = LENGTH[20:]
    found = JointTrees("regression", trees=20).fit(CHAINS, labels).predict(CHAINS[:3])
    assert np.isfinite(found[:, 0]).all()
    assert np.isnan(found[:, 1]).all()
    with pytest.raises(ValueError, match="no molecule has a label"):
        JointTrees("regression").fit(CHAINS, np.full_like(labels, np.nan))
