from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphdb.schema import NodeType
from ingest.records import REJECT_COLUMNS, ProfileTable
from ingest.standardise.profiles import aggregate, clean

NAN, INF = np.nan, np.inf


def profiles(values: list[list[float]], perturbagens: str, **columns: object) -> ProfileTable:
    n = len(values)
    table = pd.DataFrame(
        {
            "line": range(2, n + 2),
            "record": [f"r{i}" for i in range(n)],
            "namespace": "brd",
            "value": list(perturbagens),
            "perturbation": "compound",
            **columns,
        }
    )
    array = np.array(values, dtype=np.float32)
    return ProfileTable(
        "test", Path("p.csv"), NodeType.MORPHOLOGY, "t-3", ("x", "y", "z")[: array.shape[1]], None, array, table
    )


def test_clean_says_what_it_mends_and_what_it_leaves_out() -> None:
    found = profiles(
        [[1, 2, 3], [INF, -INF, 1], [NAN, NAN, NAN], [1, 2, 3], [1, 2, 3], [INF, NAN, INF], [NAN, INF, 1]], "abaacad"
    )
    cleaned, rejects = clean(found)
    np.testing.assert_array_equal(cleaned.values, np.array([[1, 2, 3], [NAN, NAN, 1], [1, 2, 3], [NAN, NAN, 1]]))
    assert cleaned.table["line"].tolist() == [2, 3, 6, 8]
    assert list(cleaned.table.index) == [0, 1, 2, 3]
    assert tuple(rejects.columns) == REJECT_COLUMNS
    assert sorted(rejects[["line", "key", "reason", "kept"]].to_numpy().tolist()) == [
        [3, "r1", "2 infinite value(s) made missing", True],
        [4, "r2", "no finite value", False],
        [5, "r3", "duplicate of line 2", False],
        [7, "r5", "no finite value", False],
        [8, "r6", "1 infinite value(s) made missing", True],
    ]
    # What was lent is not changed.
    assert np.isinf(found.values).sum() == 5


def test_a_duplicate_has_the_same_perturbagen_and_every_bit() -> None:
    other = np.nextafter(np.float32(3), np.float32(4))
    cleaned, rejects = clean(profiles([[1, 2, 3], [1, 2, other], [1, 2, 3], [NAN, 2, 3], [NAN, 2, 3]], "aabaa"))
    assert rejects[["line", "reason"]].to_numpy().tolist() == [[6, "duplicate of line 5"]]
    assert len(cleaned.values) == 4
    # A missing value is a missing value, whatever its bits.
    odd = profiles([[1, NAN, 3], [1, NAN, 3]], "aa")
    odd.values.view(np.uint32)[1, 1] ^= 1
    assert len(clean(odd)[0].values) == 1
    # The same numbers of a gene's two perturbations are no repetition.
    kinds = profiles([[1, 2, 3], [1, 2, 3]], "aa", perturbation=["crispr", "orf"])
    assert len(clean(kinds)[0].values) == 2


def test_nothing_to_clean() -> None:
    cleaned, rejects = clean(profiles([[1, 1, 1], [2, 1, 1]], "ab"))
    assert len(cleaned.values) == 2
    assert len(rejects) == 0
    assert tuple(rejects.columns) == REJECT_COLUMNS


def test_aggregate_takes_medians_of_finite_values() -> None:
    found = profiles(
        [[1, NAN, 5], [9, NAN, 6], [3, INF, 9], [4, 1, 1], [5, 5, 5]], "aaaba", cell_line=["u", "u", "u", "u", "v"]
    )
    medians = aggregate(found, by=["namespace", "value", "perturbation", "cell_line"])
    np.testing.assert_array_equal(medians.values, np.array([[3, NAN, 6], [4, 1, 1], [5, 5, 5]], dtype=np.float32))
    assert medians.table[["value", "cell_line", "line", "replicates", "record"]].to_numpy().tolist() == [
        ["a", "u", 2, 3, "a compound u"],
        ["b", "u", 5, 1, "b compound u"],
        ["a", "v", 6, 1, "a compound v"],
    ]
    assert medians.values.dtype == np.float32
    with pytest.raises(ValueError, match="different perturbagens"):
        aggregate(found, by=["value", "namespace"])
