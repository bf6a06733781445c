"""Nearest molecules by cosine, and how many of them share a target."""

from __future__ import annotations

import numpy as np
import pytest

from queries.before_after import Embeddings, share_with_common_target

KEYS = np.array(["a", "b", "c", "d"], dtype=object)
VECTORS = np.array([[1, 0], [3, 0.3], [0, 2], [-1, 0]], dtype=np.float32)
EMBEDDINGS = Embeddings(KEYS, VECTORS)


def test_nearest_is_by_angle_and_leaves_the_molecule_out() -> None:
    found = EMBEDDINGS.nearest("a", 3)
    assert [key for key, _ in found] == ["b", "c", "d"]
    assert [cosine for _, cosine in found] == pytest.approx([1 / np.sqrt(1.01), 0, -1], abs=1e-6)


@pytest.mark.parametrize(("count", "share"), [(1, 2 / 3), (3, 2 / 9)])
def test_share_with_a_common_target(count: int, share: float) -> None:
    known = {"a": frozenset({1, 2}), "b": frozenset({2}), "d": frozenset({3}), "not embedded": frozenset({1})}
    assert share_with_common_target(EMBEDDINGS, known, count) == pytest.approx(share)


def test_no_known_target_gives_no_number() -> None:
    assert np.isnan(share_with_common_target(EMBEDDINGS, {}, 1))
