"""Bootstrap intervals: the weighted scores against the plain ones, and how often the truth is inside."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learn.bootstrap import intervals, weighted
from learn.metrics import score

METRICS = ("auc", "auprc", "mae", "r2")


def _plain(metric, labels, predictions) -> float:
    return score(metric, labels[:, None], predictions[:, None]).mean


@pytest.mark.parametrize("metric", METRICS)
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_weight_is_a_number_of_copies(metric, data) -> None:
    n = data.draw(st.integers(2, 12))
    whole = st.integers(0, 3)
    labels = np.array(data.draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)), dtype=float)
    if metric in ("mae", "r2"):
        labels += np.arange(n) / 7
    predictions = np.array(data.draw(st.lists(whole, min_size=n, max_size=n)), dtype=float)  # few values: many ties
    weights = np.array(data.draw(st.lists(whole, min_size=n, max_size=n).filter(any)))
    copies = np.repeat(np.arange(n), weights)
    found = weighted(metric, labels, predictions, weights[None].astype(float))
    np.testing.assert_allclose(found, [_plain(metric, labels[copies], predictions[copies])], atol=1e-9)


def test_the_interval_holds_the_truth_19_times_in_20() -> None:
    """AUC of two normal distributions d apart is Φ(d/√2), mean |error| of a normal one √(2/π)."""
    truth = NormalDist().cdf(1.2 / 2**0.5)
    random = np.random.default_rng(0)
    hits = {"auc": 0, "mae": 0}
    trials = 200
    for trial in range(trials):
        labels = (random.random(150) < 0.4).astype(float)[:, None]
        predictions = random.standard_normal((150, 1)) + 1.2 * labels
        for metric, true, found in (
            ("auc", truth, intervals("auc", labels, predictions, draws=300, seed=trial)),
            ("mae", (2 / np.pi) ** 0.5, intervals("mae", 1.2 * labels, predictions, draws=300, seed=trial)),
        ):
            hits[metric] += found.mean.low <= true <= found.mean.high
    # 200 trials of .95: four standard deviations are .062.
    assert all(0.888 <= count / trials <= 1 for count in hits.values()), hits


def test_of_several_seeds_it_is_that_of_their_mean() -> None:
    random = np.random.default_rng(1)
    labels = random.standard_normal((80, 2))
    labels[random.random(labels.shape) < 0.3] = np.nan
    one = random.standard_normal((80, 2))
    same = intervals("mae", labels, np.stack([one, one]), draws=200)
    assert same == intervals("mae", labels, one, draws=200)
    assert same.mean.low < score("mae", labels, one).mean < same.mean.high
    assert all(interval.low < interval.high for interval in same.by_task)


def test_what_cannot_be_scored_has_none() -> None:
    labels = np.column_stack([np.ones(10), np.full(10, np.nan), np.arange(10) % 2])
    found = intervals("auc", labels, np.random.default_rng(2).random((10, 3)), draws=50)
    assert [str(interval) == "-" for interval in found.by_task] == [True, True, False]
    assert found.mean == found.by_task[2]
