"""Scores against scikit-learn and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from learn.metrics import auc, over_seeds, score

NAN = np.nan


@given(st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.integers(0, 5)), min_size=2, max_size=60))
def test_auc_is_scikit_learns_ties_included(cells: list[tuple[float, int]]) -> None:
    labels = np.array([label for label, _ in cells])
    predictions = np.array([value / 5 for _, value in cells])
    if len(set(labels)) < 2:
        assert np.isnan(auc(labels, predictions))
    else:
        assert auc(labels, predictions) == pytest.approx(roc_auc_score(labels, predictions))


def test_missing_labels_are_left_out_and_tasks_of_one_class_are_counted() -> None:
    labels = np.array([[1, 1, NAN], [0, 1, NAN], [NAN, NAN, 0], [0, 1, 1]], dtype=np.float32)
    predictions = np.array([[0.9, 0.1, 0.2], [0.1, 0.2, 0.3], [0.99, 0.5, 0.9], [0.95, 0.4, 0.3]])
    scores = score("auc", labels, predictions)
    np.testing.assert_allclose(scores.by_task, [0.5, NAN, 0.0])
    assert scores.n_scored == 2
    assert scores.mean == 0.25


def test_shares_are_of_the_tasks_scored_and_strictly_above() -> None:
    labels = np.array([[1, 1, 1], [0, 0, 1]], dtype=np.float32)
    scores = score("auc", labels, np.array([[1.0, 0.5, 0.5], [0.0, 0.5, 0.1]]))
    assert scores.by_task[:2].tolist() == [1.0, 0.5]
    assert scores.share_above(0.8) == 0.5
    assert scores.share_above(0.5) == 0.5


def test_mae_by_hand() -> None:
    labels = np.array([[1.0, NAN], [2.0, 0.5]])
    scores = score("mae", labels, np.array([[1.5, 100.0], [1.0, 0.5]]))
    np.testing.assert_allclose(scores.by_task, [0.75, 0.0])
    assert scores.mean == 0.375


def test_a_prediction_that_is_no_number_is_not_hidden() -> None:
    with pytest.raises(ValueError, match="not finite"):
        score("mae", np.array([[1.0]]), np.array([[NAN]]))
    assert score("mae", np.array([[NAN], [1.0]]), np.array([[NAN], [1.0]])).mean == 0


def test_over_seeds_gives_the_sample_deviation() -> None:
    summary = over_seeds([0.70, 0.72, 0.74])
    assert (summary.mean, summary.deviation, summary.n_seeds) == (pytest.approx(0.72), pytest.approx(0.02), 3)
    assert str(summary) == "0.720 ± 0.020"
    assert str(over_seeds([0.7])) == "0.700"


def test_auprc_and_r2_are_scikit_learns() -> None:
    from sklearn.metrics import average_precision_score, r2_score

    from learn.metrics import auprc, r2

    random = np.random.default_rng(3)
    for ties in (1, 10, 1000):
        labels = (random.random(60) < 0.3).astype(float)
        predictions = np.floor(random.random(60) * ties) / ties
        assert auprc(labels, predictions) == pytest.approx(average_precision_score(labels, predictions))
        values = labels + random.standard_normal(60)
        assert r2(values, predictions) == pytest.approx(r2_score(values, predictions))
        values[::3] = np.nan
        assert r2(values, predictions) == pytest.approx(
            r2_score(values[~np.isnan(values)], predictions[~np.isnan(values)])
        )
    assert np.isnan(auprc(np.ones(3), np.zeros(3)))
    assert np.isnan(r2(np.ones(3), np.zeros(3)))
