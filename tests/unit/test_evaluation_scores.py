"""Scores of cells: over seeds, with intervals, in pairs, and on the molecules that a system can predict."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from learn.evaluation.scores import Scored, best, compare, duel
from learn.metrics import score

RNG = np.random.default_rng(0)
LABELS = (RNG.random((200, 3)) < 0.4).astype(np.float32)
LABELS[::5, 1] = np.nan


def predicted(noise: float, seeds: int = 2, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.clip(np.nan_to_num(LABELS, nan=0.5) + noise * rng.standard_normal((seeds, *LABELS.shape)), 0, 1).astype(
        np.float32
    )


def test_scores_are_means_over_seeds() -> None:
    predictions = predicted(0.8)
    found = Scored("auc", LABELS, predictions)
    each = [score("auc", LABELS, one).mean for one in predictions]
    assert found.estimate.mean == pytest.approx(np.mean(each))
    assert found.estimate.deviation == pytest.approx(np.std(each, ddof=1))
    assert found.estimate.low < found.estimate.mean < found.estimate.high
    known = ~np.isnan(LABELS[:, 1])
    by_hand = np.mean([roc_auc_score(LABELS[known, 1], one[known, 1]) for one in predictions])
    assert found.by_task[1] == pytest.approx(by_hand)
    assert found.shares["0.80"].mean == np.mean(
        [(score("auc", LABELS, one).by_task > 0.8).mean() for one in predictions]
    )


def test_hard_labels_lose_what_probabilities_know() -> None:
    """The paper's rows of forests and Gaussian processes scored them (method, section 5)."""
    rare = np.zeros((400, 1), np.float32)
    rare[:40] = 1
    sure = 0.2 * rare + 0.1 + 0.1 * np.random.default_rng(0).random(rare.shape)  # right in order, never above one half
    found = Scored("auc", rare, sure[None].astype(np.float32))
    assert found.estimate.mean == 1
    assert found.other("auc", hard=True).mean == 0.5


def test_molecules_without_a_prediction_are_left_out() -> None:
    predictions = predicted(0.8)
    predictions[1, :50] = np.nan
    found = Scored("auc", LABELS, predictions)
    assert found.covered.sum() == 150
    alone = Scored("auc", LABELS[50:], predictions[:, 50:])
    assert found.estimate.mean == pytest.approx(alone.estimate.mean)


def test_pairs_are_compared_on_the_same_molecules() -> None:
    good, bad = Scored("auc", LABELS, predicted(0.5)), Scored("auc", LABELS, predicted(2.0, seed=2))
    found = compare(good, bad, "bad")
    assert found is not None
    assert found.difference == pytest.approx(good.estimate.mean - bad.estimate.mean)
    assert found.low < found.difference < found.high
    assert found.p < 0.02
    assert (found.tasks_better, found.tasks) == (3, 3)
    again = compare(good, Scored("auc", LABELS, predicted(0.5, seed=3)), "like it")
    assert again is not None
    assert again.p > 0.05
    same = compare(good, good, "itself")
    assert same is not None
    assert (same.difference, same.p, same.tasks_better) == (0, 1, 0)
    part = predicted(0.5)
    part[:, 100:] = np.nan
    half = compare(Scored("auc", LABELS, part), bad, "bad")
    whole = compare(
        Scored("auc", LABELS[:100], part[:, :100]), Scored("auc", LABELS[:100], bad.predictions[:, :100]), ""
    )
    assert half is not None
    assert whole is not None
    assert half.difference == pytest.approx(whole.difference)
    part[:, 10:] = np.nan
    assert compare(Scored("auc", LABELS, part), bad, "bad") is None


def test_a_duel_is_task_by_task_on_the_same_molecules() -> None:
    names = ("a", "b", "c")
    part = predicted(0.5)
    part[:, 100:] = np.nan
    labels = LABELS.copy()
    labels[:100, 2] = 1  # one class alone on the molecules that both have
    first, second = Scored("auc", labels, part), Scored("auc", labels, predicted(2.0, seed=2))
    found = duel("mine", names, first, second, ("good", "bad"))
    assert found is not None
    assert (found.first, found.second, found.molecules, set(found.scores)) == ("good", "bad", 100, {"a", "b"})
    for name, column in (("a", 0), ("b", 1)):
        known = ~np.isnan(labels[:100, column])
        for place, one in enumerate((first, second)):
            by_hand = [
                roc_auc_score(labels[:100, column][known], each[:100, column][known]) for each in one.predictions
            ]
            assert found.scores[name][place] == pytest.approx(np.mean(by_hand))
    assert found.second_better == 0
    swapped = duel("mine", names, second, first, ("bad", "good"))
    assert swapped is not None
    assert swapped.second_better == 2
    part[:, 10:] = np.nan
    assert duel("mine", names, Scored("auc", labels, part), second, ("good", "bad")) is None
    errors = duel(
        "m", names[:1], *(Scored("mae", LABELS[:, :1], LABELS[None, :, :1] + d) for d in (0.5, 0.1)), ("", "")
    )
    assert errors is not None
    assert errors.second_better == 1


def test_errors_are_better_the_smaller() -> None:
    values = RNG.standard_normal((100, 2)).astype(np.float32)
    near = Scored("mae", values, values[None] + 0.1)
    far = Scored("mae", values, values[None] + 0.5)
    assert best("mae", [("far", far), ("near", near)]) == "near"
    assert best("auc", []) is None
    found = compare(near, far, "far")
    assert found is not None
    assert found.difference == pytest.approx(-0.4, abs=1e-5)
    assert found.tasks_better == 2
    assert near.shares == {}
    assert near.other("r2").mean == pytest.approx(score("r2", values, values + 0.1).mean)
