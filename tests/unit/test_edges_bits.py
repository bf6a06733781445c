"""Fingerprint pairs in machine words, against NumPy over all pairs; large enough for several threads and chunks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from ingest.edges import bits
from ingest.edges.cosine import similar_pairs, similar_pairs_binary


def families(n: int, size: int = 1024, seed: int = 0) -> npt.NDArray[np.uint8]:
    """Rows of very different density, many of them alike, a few empty."""
    rng = np.random.default_rng(seed)
    centres = rng.random((n // 8, size)) < rng.uniform(0.005, 0.5, size=(n // 8, 1))
    rows = centres[rng.integers(len(centres), size=n)] ^ (rng.random((n, size)) < 0.004)
    rows[:3] = False
    return np.packbits(rows, axis=1)


def in_order(packed: npt.NDArray[np.uint8]) -> bits.Words:
    counts = np.bitwise_count(packed).sum(axis=1)
    return bits.as_words(packed[np.argsort(counts, kind="stable")])


@pytest.mark.parametrize("cutoff", [0.05, 0.5, 0.8, 0.99, 1.0])
@pytest.mark.parametrize("n", [1, 40, 2500])
def test_pairs_above_are_those_of_brute_force(n: int, cutoff: float) -> None:
    words = in_order(families(max(n, 8))[:n])
    i, j, cosine = bits.pairs_above(words, words, cutoff)
    counts = np.bitwise_count(words).sum(axis=1, dtype=np.int64)
    unpacked = np.unpackbits(words.view(np.uint8), axis=1).astype(np.float32)
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = (unpacked @ unpacked.T).astype(np.float64) / np.sqrt(np.outer(counts, counts))
    found = np.full_like(expected, np.nan)
    found[i, j] = cosine
    assert len(i) == np.count_nonzero(~np.isnan(found))  # none twice
    # What lies at the cutoff but for rounding may be there or not.
    surely = expected >= cutoff + 1e-6
    assert not np.isnan(found[surely]).any()
    assert (expected[i, j] >= cutoff - 1e-5).all()
    np.testing.assert_allclose(cosine, expected[i, j], rtol=1e-12)


@pytest.mark.parametrize("size", [8, 72, 1024])
def test_any_width_equals_the_dense_cosine(size: int) -> None:
    packed = families(600, size, seed=size)
    one = similar_pairs_binary(packed, 0.7, 0.98)
    other = similar_pairs(np.unpackbits(packed, axis=1), 0.7, 0.98)
    for a, b in zip(one[:2], other[:2], strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(one[2], other[2], rtol=1e-12)


def test_block_size_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = families(700, seed=5)
    whole = similar_pairs_binary(packed)
    assert len(whole[0]) > 100
    for block in (37, 256):
        monkeypatch.setattr("ingest.edges.cosine.BLOCK_FINGERPRINTS", block)
        for a, b in zip(whole, similar_pairs_binary(packed, block_rows=block), strict=True):
            np.testing.assert_array_equal(a, b)
