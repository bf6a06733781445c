"""Our predictor's weights are chosen by samples of the validation set; scores of sums of ranks are AUC."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

from learn.evaluation.blend import blended, choose, choose_among, comparable
from learn.evaluation.cells import Predictions, Store
from learn.evaluation.ours import plain_mean
from learn.evaluation.rank_sums import RankSums, twice_ranks
from learn.evaluation.schedule import cell_of
from learn.evaluation.system import System
from learn.metrics import score
from learn.tasks import TASKS, TaskData
from learn.tasks.task import Metric


def test_a_blend_is_chosen_by_the_validation_set() -> None:
    rng = np.random.default_rng(0)
    labels = (rng.random((80, 3)) < 0.4).astype(np.float32)
    good = labels + rng.standard_normal(labels.shape)
    also = labels + rng.standard_normal(labels.shape)
    noise = rng.standard_normal(labels.shape)
    weights = choose("auc", labels, {"good": good, "also": also, "noise": noise})
    assert weights["good"]
    assert weights["also"]
    assert weights.get("noise", 0) <= 0.2
    assert sum(weights.values()) == pytest.approx(1)
    together = score("auc", labels, blended("auc", {"good": good, "also": also, "noise": noise}, weights)).mean
    assert together > max(score("auc", labels, one).mean for one in (good, also))
    # Only the order matters: how sure a system is of itself does not.
    assert choose("auc", labels, {"good": 1000 * good, "also": also, "noise": np.exp(noise)}) == weights


def test_no_single_molecule_decides_a_blend() -> None:
    rng = np.random.default_rng(3)
    labels = rng.standard_normal((200, 2))
    predictions = {name: labels + rng.standard_normal(labels.shape) for name in "abc"}
    before = choose("mae", labels, predictions)
    without = {name: one[1:] for name, one in predictions.items()}
    after = choose("mae", labels[1:], without)
    assert set(before) == set("abc"), "all are as good"
    assert max(abs(before[name] - after[name]) for name in "abc") < 0.15


def test_a_class_of_one_molecule_is_missing_from_most_samples_and_still_scored() -> None:
    labels = np.zeros((12, 1), dtype=np.float32)
    labels[4] = 1
    right, wrong = np.eye(12)[:, [4]], 1 - np.eye(12)[:, [4]]
    assert choose("auc", labels, {"right": right, "wrong": wrong}) == {"right": 1.0}


def test_of_hundreds_of_tasks_samples_see_some_and_together_all() -> None:
    rng = np.random.default_rng(4)
    labels = (rng.random((40, 150)) < 0.5).astype(np.float32)
    halves = np.arange(150) < 75
    first = np.where(halves, labels, 0.5)
    second = np.where(halves, 0.5, labels)
    weights = choose("auc", labels, {"first": first, "second": second})
    assert weights["first"] == pytest.approx(0.5, abs=0.1)


def test_a_blend_of_a_regression_is_of_values() -> None:
    rng = np.random.default_rng(1)
    labels = rng.standard_normal((60, 2))
    high, low = labels + 1, labels - 1
    weights = choose("mae", labels, {"high": high, "low": low, "far": labels + 9})
    assert set(weights) == {"high", "low"}
    assert weights["high"] == pytest.approx(0.5, abs=0.05)
    np.testing.assert_allclose(blended("mae", {"high": high, "low": low}, weights), labels, atol=0.1)
    with pytest.raises(ValueError, match="nothing"):
        choose("mae", labels, {})
    with pytest.raises(ValueError, match="can be scored"):
        choose("mae", np.full((3, 1), np.nan), {"a": np.zeros((3, 1))})


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=2, max_size=20))
def test_ranks_keep_the_order_and_its_ties(values: list[float]) -> None:
    found = comparable("auc", np.array(values)[:, None])[:, 0]
    assert ((found > 0) & (found < 1)).all()
    for i, x in enumerate(values):
        for j, y in enumerate(values):
            assert (found[i] < found[j]) == (x < y)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 30), st.integers(1, 4))
def test_sums_of_ranks_have_the_auc_of_any_predictions(seed: int, n: int, tasks: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.where(rng.random((n, tasks)) < 0.3, np.nan, rng.integers(0, 2, (n, tasks)))
    systems = [rng.integers(0, 6, (n, tasks)).astype(float) for _ in range(3)]
    counts = rng.integers(0, 4, 3)
    sums = np.einsum("s,stn->tn", counts.astype(np.int32), np.stack([twice_ranks(one) for one in systems]))
    expected = score("auc", labels, sum(c * rankdata(one, axis=0) for c, one in zip(counts, systems, strict=True)))
    assert RankSums(labels).mean_auc(sums) == pytest.approx(expected.mean, nan_ok=True, abs=1e-12)


def test_a_prediction_that_is_not_finite_has_no_rank() -> None:
    with pytest.raises(ValueError, match="not finite"):
        twice_ranks(np.array([[0.1], [np.nan]]))


@pytest.mark.parametrize("metric", ["auc", "mae"])
def test_choosing_among_some_of_the_systems_is_choosing_from_those_alone(metric: Metric) -> None:
    rng = np.random.default_rng(6)
    labels = (rng.random((60, 4)) < 0.4).astype(np.float64)
    predictions = {name: labels + rng.standard_normal(labels.shape) for name in "abcd"}
    among = ["abcd", "bcd", "acd", "ab"]
    found = choose_among(metric, labels, predictions, among)
    assert found == [choose(metric, labels, {name: predictions[name] for name in some}) for some in among]
    assert [set(shares) <= set(some) for shares, some in zip(found, among, strict=True)] == [True] * 4


def test_a_plain_mean_is_there_for_the_seeds_that_all_have(tmp_path: Path) -> None:
    def never(*_: object) -> NoReturn:
        raise AssertionError

    data = TaskData(TASKS["biogen3k"], Path("x"), "hash", ("C", "CC"), np.zeros((2, 1), np.float32), ("a",), None)
    problem = SimpleNamespace(data=data, metric="mae")
    one, fixed = System("one", "stronger", never), System("fixed", "stronger", never, random=False)
    store = Store(tmp_path)
    for system, seed, value in ((one, 0, 1.0), (one, 2, 3.0), (fixed, 0, 2.0)):
        part = np.full((2, 1), value, dtype=np.float32)
        store.put(cell_of(data, system, seed), Predictions(part, 10 * part, 1.5))
    found = plain_mean(problem, [one, fixed], store, 4)
    assert {seed: (cell.valid[0, 0], cell.test[1, 0], cell.seconds) for seed, cell in found.items()} == {
        0: (1.5, 15.0, 3.0),
        2: (2.5, 25.0, 3.0),
    }
