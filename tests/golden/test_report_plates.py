"""Plate effects against analysis of variance by hand and by scipy, and on data with no effect and with nothing else."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import f_oneway

from ingest.quality import plates
from ingest.quality.plates import plate_effect, standardised, sums_of_squares


def names(group: npt.NDArray[np.intp]) -> npt.NDArray[np.object_]:
    return np.array([f"P{place}" for place in group], dtype=object)


def test_sums_of_squares_by_hand() -> None:
    """Groups (1, 3), (5, 7, 9): means 2 and 7, mean 5; between 2·9 + 3·4 = 30, in all 16 + 4 + 0 + 4 + 16 = 40."""
    x = np.array([[1.0], [3.0], [5.0], [7.0], [9.0]])
    between, total, observed = sums_of_squares(x, np.array([0, 0, 1, 1, 1]), 2)
    assert (between[0], total[0], observed[0]) == pytest.approx((30, 40, 5))
    assert plates.eta(between, total) == pytest.approx(0.75)
    # SS within 10, MS within 10 / 3; omega² = (30 - 10/3) / (40 + 10/3) = 8/13.
    assert plates.omega(between, total, observed, 2) == pytest.approx(8 / 13)


def test_sums_agree_with_scipys_f_also_with_missing_cells() -> None:
    rng = np.random.default_rng(0)
    group = rng.integers(4, size=60)
    x = rng.normal(size=(60, 5)) + group[:, None] * 0.3
    x[rng.random(x.shape) < 0.2] = np.nan
    between, total, observed = sums_of_squares(x, group, 4)
    for column in range(5):
        seen = ~np.isnan(x[:, column])
        expected = f_oneway(*(x[seen & (group == g), column] for g in range(4))).statistic
        found = (between[column] / 3) / ((total[column] - between[column]) / (observed[column] - 4))
        assert found == pytest.approx(expected)


def test_no_effect_is_about_zero() -> None:
    rng = np.random.default_rng(1)
    found = plate_effect(rng.normal(size=(400, 30)), names(rng.integers(8, size=400)))
    assert found is not None
    assert abs(found.omega_squared) < 0.01
    assert found.eta_squared == pytest.approx(7 / 399, abs=0.006)  # what chance gives: (groups - 1) / (n - 1)
    assert found.eta_squared_by_chance == pytest.approx(7 / 399, abs=0.003)
    assert abs(found.nearest_on_plate - found.nearest_by_chance) < 0.08


def test_nothing_but_an_effect_is_one() -> None:
    rng = np.random.default_rng(2)
    group = rng.integers(5, size=200)
    values = rng.normal(size=(5, 12))[group] + 1e-6 * rng.normal(size=(200, 12))
    found = plate_effect(values, names(group))
    assert found is not None
    assert found.eta_squared == pytest.approx(1)
    assert found.omega_squared == pytest.approx(1, abs=1e-6)
    assert found.nearest_on_plate == 1
    assert (found.profiles, found.plates) == (200, 5)


def test_the_most_affected_feature_is_named() -> None:
    rng = np.random.default_rng(3)
    group = rng.integers(3, size=90)
    values = rng.normal(size=(90, 6))
    values[:, 4] += 10 * group
    found = plate_effect(values, names(group))
    assert found is not None
    assert found.most_affected[0] == 4
    assert found.most_affected[1] > 0.9


def test_a_sample_is_taken_of_many_and_the_same_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plates, "MOST_PROFILES", 50)
    monkeypatch.setattr(plates, "NEIGHBOUR_ROWS", 30)
    rng = np.random.default_rng(4)
    values, group = rng.normal(size=(300, 4)), names(rng.integers(3, size=300))
    one, other = plate_effect(values, group), plate_effect(values, group)
    assert one == other
    assert one is not None
    assert one.profiles == 50


@pytest.mark.parametrize(
    "of_plate",
    [[None] * 6, ["P1"] * 6, ["P1", "P2", "P3", None, None, None], ["P1", None, None, None, None, None]],
    ids=["none", "one", "a profile a plate", "one profile"],
)
def test_where_it_cannot_be_told_there_is_no_number(of_plate: list[str | None]) -> None:
    assert plate_effect(np.random.default_rng(0).normal(size=(6, 3)), np.array(of_plate, dtype=object)) is None


def test_constant_features_say_nothing() -> None:
    values = np.tile([1.0, 2.0], (8, 1))
    assert plate_effect(values, names(np.arange(8) % 2)) is None
    assert standardised(values).shape == (8, 0)
