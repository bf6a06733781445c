"""MODZ against its definition, replicate by replicate."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from ingest.standardise.profiles import modz


def by_hand(rows: np.ndarray) -> np.ndarray:
    weights = []
    for i, one in enumerate(rows):
        others = [spearmanr(one, other).statistic for j, other in enumerate(rows) if j != i]
        weights.append(max(float(np.mean(others)), 0.01))
    return np.average(rows, axis=0, weights=weights)


@pytest.mark.parametrize("n", [2, 3, 6])
def test_weights_are_mean_rank_correlations(n: int) -> None:
    rng = np.random.default_rng(n)
    truth = rng.normal(size=40)
    rows = truth + rng.normal(size=(n, 40)) * np.linspace(0.2, 3, n)[:, None]
    np.testing.assert_allclose(modz(rows), by_hand(rows), rtol=1e-10)


def test_a_replicate_unlike_the_others_hardly_counts() -> None:
    truth = np.arange(20.0)
    rows = np.stack([truth, truth + 0.1, -truth])
    weights = np.array([0.01, 0.01, 0.01])  # (1 - 1) / 2 = 0 for the first two, -1 for the third
    np.testing.assert_allclose(modz(rows), np.average(rows, axis=0, weights=weights), rtol=1e-10)


def test_one_replicate_is_itself_and_missing_values_do_not_count() -> None:
    rows = np.array([[1.0, np.nan, 3.0, 4.0, np.nan]])
    np.testing.assert_array_equal(modz(rows), rows[0])
    rows = np.array([[1.0, 2.0, 3.0, 4.0, np.nan], [1.0, np.nan, 3.0, 5.0, np.nan]])
    found = modz(rows)
    np.testing.assert_allclose(found[:4], [1, 2, 3, 4.5])
    assert np.isnan(found[4])
