"""Expression edges against brute force: all cells sorted by absolute value."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from graphdb.errors import InputError
from ingest.edges.expression import top_pairs


def brute_top(values: npt.NDArray[np.float64], percent: int) -> list[tuple[int, int, float]]:
    """Sort all observed cells by (absolute value descending, row, column), take percent / 100 of them, drop zeros."""
    cells = [(-abs(float(v)), r, c) for (r, c), v in np.ndenumerate(values) if not np.isnan(v)]
    chosen = [cell for cell in sorted(cells)[: len(cells) * percent // 100] if cell[0] != 0]
    largest = -min(cells)[0] if cells else 0.0
    return sorted((r, c, -negative / largest) for negative, r, c in chosen)


cells = st.one_of(st.integers(-3, 3).map(float), st.just(float("nan")), st.floats(-10, 10, allow_subnormal=False))


@settings(max_examples=200, deadline=None)
@given(
    values=arrays(np.float64, st.tuples(st.integers(0, 12), st.integers(0, 12)), elements=cells),
    percent=st.sampled_from([0, 1, 7, 10, 29, 50, 100]),
)
def test_equals_brute_force(values: npt.NDArray[np.float64], percent: int) -> None:
    row, column, weight = top_pairs(values, percent / 100)
    assert list(zip(row.tolist(), column.tolist(), weight.tolist(), strict=True)) == brute_top(values, percent)


def test_ties_at_the_cut_go_to_the_first_cells() -> None:
    row, column, weight = top_pairs(np.tile([2.0, -2.0], (10, 5)), 0.1)
    assert row.tolist() == [0] * 10
    assert column.tolist() == list(range(10))
    assert (weight == 1.0).all()


def test_nothing_observed_and_nothing_changed() -> None:
    for values in (np.full((20, 20), np.nan), np.zeros((20, 20)), np.empty((0, 5)), np.ones((3, 3))):
        assert [len(part) for part in top_pairs(values)] == [0, 0, 0]


@pytest.mark.parametrize(
    ("values", "fraction"), [(np.ones(3), 0.1), (np.array([[1.0, -np.inf]]), 0.1), (np.ones((2, 2)), 1.1)]
)
def test_bad_input_is_one_clear_line(values: npt.NDArray[np.float64], fraction: float) -> None:
    with pytest.raises(InputError):
        top_pairs(values, fraction)


@pytest.mark.data
def test_top_one_percent_of_the_real_lincs_values(shared_data: Path) -> None:
    values = pd.read_csv(shared_data / "lincs" / "consensi-drugbank.tsv.gz", sep="\t", index_col=0).to_numpy(np.float64)
    assert values.shape == (1170, 978)
    row, column, weight = top_pairs(values)
    assert len(row) == 11_442  # floor(1170 · 978 / 100)
    order = np.argsort(-np.abs(values), axis=None, kind="stable")[:11_442]
    assert sorted(zip(*np.unravel_index(order, values.shape), strict=True)) == list(zip(row, column, strict=True))
    np.testing.assert_allclose(weight, np.abs(values)[row, column] / np.abs(values).max())
    assert weight.max() == 1.0
