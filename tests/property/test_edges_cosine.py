"""Similarity edges against brute force: every pair in float64, sorted, cut."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from graphdb.errors import InputError
from ingest.edges import best_pairs
from ingest.edges.best_pairs import Cut
from ingest.edges.cosine import similar_pairs, similar_pairs_binary

Matrix = npt.NDArray[np.float64]


def quota(rows: int, sparsity: float = 0.995) -> int:
    return Cut(0.8, sparsity).quota(rows)


def brute_cosine(a: Matrix, b: Matrix) -> float:
    """Cosine over the cells that both rows have, one pair at a time, in extended precision."""
    common = ~(np.isnan(a) | np.isnan(b))
    a, b = a[common].astype(np.longdouble), b[common].astype(np.longdouble)
    product = (a @ a) * (b @ b)
    return float((a @ b) / np.sqrt(product)) if product > 0 else float("nan")


def brute_pairs(
    features: Matrix, threshold: float, sparsity: float
) -> tuple[list[tuple[int, int]], dict[tuple[int, int], float]]:
    """Return the pairs that must be edges, best first, and the cosine of all pairs."""
    n = len(features)
    cosines = {(i, j): brute_cosine(features[i], features[j]) for i, j in itertools.combinations(range(n), 2)}
    limit = int((1 - Fraction(str(sparsity))) * (n * (n - 1) // 2))
    chosen = sorted((pair for pair, c in cosines.items() if c >= threshold), key=lambda pair: (-cosines[pair], pair))
    return chosen[:limit], cosines


def assert_is_best(features: Matrix, result: tuple[np.ndarray, ...], threshold: float, sparsity: float) -> None:
    """The result may differ from brute force only among pairs whose cosines are equal up to rounding."""
    i, j, cosine = result
    pairs = list(zip(i.tolist(), j.tolist(), strict=True))
    expected, cosines = brute_pairs(features, threshold - 1e-12, sparsity)
    assert pairs == sorted(set(pairs))
    assert all(a < b for a, b in pairs)
    np.testing.assert_allclose(cosine, [cosines[pair] for pair in pairs], rtol=0, atol=1e-13)
    assert (cosine >= threshold).all()
    assert (cosine <= 1).all()
    assert len(pairs) <= quota(len(features), sparsity)
    strict = [pair for pair in expected if cosines[pair] >= threshold + 1e-12]
    assert len(strict) <= len(pairs) <= len(expected)
    cut = min((cosines[pair] for pair in expected), default=1.0)
    assert {pair for pair in strict if cosines[pair] > cut + 1e-12} <= set(pairs)
    assert all(cosines[pair] >= cut - 1e-12 for pair in pairs)


cells = st.one_of(st.integers(-3, 3).map(float), st.floats(-10, 10, allow_subnormal=False, width=32))
shapes = st.tuples(st.integers(0, 14), st.integers(1, 5))
cuts = st.tuples(st.sampled_from([0.8, 0.5, 0.0, 0.99]), st.sampled_from([0.995, 0.9, 0.7, 0.5, 0.0]))


@settings(max_examples=150, deadline=None)
@given(features=arrays(np.float64, shapes, elements=cells), cut=cuts, block_rows=st.integers(1, 6))
def test_equals_brute_force(features: Matrix, cut: tuple[float, float], block_rows: int) -> None:
    assert_is_best(features, similar_pairs(features, *cut, block_rows=block_rows), *cut)


@settings(max_examples=150, deadline=None)
@given(
    features=arrays(np.float64, shapes, elements=st.one_of(cells, st.just(float("nan")))),
    cut=cuts,
    block_rows=st.integers(1, 6),
)
def test_missing_cells_equal_brute_force(features: Matrix, cut: tuple[float, float], block_rows: int) -> None:
    assert_is_best(features, similar_pairs(features, *cut, block_rows=block_rows), *cut)


@settings(max_examples=60, deadline=None)
@given(features=arrays(np.float64, shapes, elements=st.one_of(cells, st.just(float("nan")))), cut=cuts)
def test_block_size_changes_no_bit(features: Matrix, cut: tuple[float, float]) -> None:
    whole = similar_pairs(features, *cut)
    for block_rows in (1, 2, 3, 5):
        for a, b in zip(whole, similar_pairs(features, *cut, block_rows=block_rows), strict=True):
            np.testing.assert_array_equal(a, b)


@settings(max_examples=80, deadline=None)
@given(
    bits=arrays(np.uint8, st.tuples(st.integers(0, 14), st.sampled_from([8, 16])), elements=st.integers(0, 1)),
    cut=cuts,
    block_rows=st.integers(1, 6),
)
def test_fingerprints_equal_brute_force(bits: npt.NDArray[np.uint8], cut: tuple[float, float], block_rows: int) -> None:
    """Here equality is exact: a bit cosine is one division of integers and roots."""
    i, j, cosine = similar_pairs_binary(np.packbits(bits, axis=1), *cut, block_rows=block_rows)
    counts = bits.sum(axis=1, dtype=np.int64)
    cosines = {
        (a, b): min(1.0, int((bits[a] & bits[b]).sum()) / float(np.sqrt(float(counts[a] * counts[b]))))
        for a, b in itertools.combinations(range(len(bits)), 2)
        if counts[a] and counts[b]
    }
    chosen = sorted((p for p, c in cosines.items() if c >= cut[0]), key=lambda p: (-cosines[p], p))
    chosen = sorted(chosen[: quota(len(bits), cut[1])])
    assert list(zip(i.tolist(), j.tolist(), strict=True)) == chosen
    assert cosine.tolist() == [cosines[pair] for pair in chosen]


def clustered(n: int, d: int, seed: int = 0) -> npt.NDArray[np.float32]:
    """Rows around thirty centres, so that many pairs lie near any cut."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(30, d))
    rows = centres[rng.integers(0, 30, n)] + rng.uniform(0.1, 0.6, size=(n, 1)) * rng.normal(size=(n, d))
    return rows.astype(np.float32)


@pytest.mark.parametrize("missing", [0.0, 0.05])
def test_larger_matrix_equals_brute_force_whatever_the_blocks(missing: float) -> None:
    features = clustered(400, 120).astype(np.float64)
    rng = np.random.default_rng(1)
    features[rng.random(features.shape) < missing] = np.nan
    results = [similar_pairs(features, block_rows=rows) for rows in (2048, 97, 33)]
    assert_is_best(features, results[0], 0.8, 0.995)
    assert len(results[0][0]) == quota(400)  # the sparsity cut, not the threshold, decides here
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_ties_at_the_cut_go_to_the_smallest_indices() -> None:
    features = np.tile([[1.0, 2.0, 3.0]], (200, 1))
    i, j, cosine = similar_pairs(features, block_rows=16)
    assert quota(200) == 99
    assert (i == 0).all()
    assert j.tolist() == list(range(1, 100))
    assert (cosine == 1.0).all()


def test_cuts_finer_than_the_matrix_products_can_see() -> None:
    """Cosines with the first row lie 1e-10 apart around the threshold; float32 products are off by 1e-8 or more."""
    rng = np.random.default_rng(0)
    offsets = rng.permutation(np.arange(-100, 100)) * 1e-10 + 0.5e-10
    cosines = 0.7 + offsets
    features = np.zeros((201, 202))
    features[0, 0] = 1.0
    features[1:, 0] = cosines
    features[np.arange(1, 201), np.arange(1, 201)] = np.sqrt(1 - cosines**2)  # the others have 0.49 with each other
    features = features @ np.linalg.qr(rng.normal(size=(202, 202)))[0]
    few = 0.999  # 20 of 201 · 200 / 2 pairs
    for block_rows in (2048, 37, 1):
        i, j, _ = similar_pairs(features, 0.7, 0.5, block_rows=block_rows)
        assert (i == 0).all()
        assert (j - 1).tolist() == np.flatnonzero(offsets > 0).tolist()
        i, j, _ = similar_pairs(features, 0.6, few, block_rows=block_rows)
        assert (i == 0).all()
        assert (j - 1).tolist() == sorted(np.argsort(-offsets)[:20])


def test_many_ties_are_not_kept_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    held = []
    prune = best_pairs._Best._prune

    def observed(self: best_pairs._Best) -> None:
        prune(self)
        held.append(self._count)

    monkeypatch.setattr(best_pairs._Best, "_prune", observed)
    similar_pairs(np.ones((200, 3)), block_rows=16)
    assert len(held) > 10
    assert max(held) <= 2 * quota(200)


def test_scale_of_a_row_does_not_matter() -> None:
    features = clustered(60, 20).astype(np.float64)
    scaled = features * np.ldexp(1.0, np.random.default_rng(0).integers(-900, 900, size=60))[:, None]
    for a, b in zip(similar_pairs(features, 0.5, 0.5), similar_pairs(scaled, 0.5, 0.5), strict=True):
        np.testing.assert_array_equal(a, b)


def test_degenerate_inputs() -> None:
    for features in (np.empty((0, 5)), np.ones((1, 5)), np.full((30, 4), np.nan), np.zeros((30, 4)), np.empty((30, 0))):
        assert [len(column) for column in similar_pairs(features, 0.0, 0.0)] == [0, 0, 0]
    assert [len(column) for column in similar_pairs_binary(np.zeros((30, 4), np.uint8), 0.0, 0.0)] == [0, 0, 0]


def test_columns_that_nobody_measured_change_nothing() -> None:
    features = clustered(80, 20).astype(np.float64)
    padded = np.hstack([np.full((80, 3), np.nan), features])
    i, j, cosine = similar_pairs(features, 0.5, 0.9)
    i2, j2, cosine2 = similar_pairs(padded, 0.5, 0.9)
    assert len(i) > 0
    np.testing.assert_array_equal([i, j], [i2, j2])
    np.testing.assert_allclose(cosine, cosine2, rtol=0, atol=1e-15)


def test_quota_reads_the_sparsity_as_a_decimal() -> None:
    assert [quota(5, 0.9), quota(20, 0.995), quota(21, 0.995), quota(0), quota(1)] == [1, 0, 1, 0, 0]


@pytest.mark.parametrize(
    ("features", "options"),
    [
        (np.array([1.0, 2.0]), {}),
        (np.array([[1.0, np.inf], [1.0, 2.0]]), {}),
        (np.ones((3, 2)), {"sparsity": 1.5}),
        (np.ones((3, 2)), {"threshold": 2.0}),
        (np.ones((3, 2)), {"block_rows": 0}),
    ],
)
def test_bad_input_is_one_clear_line(features: Matrix, options: dict[str, float]) -> None:
    with pytest.raises(InputError):
        similar_pairs(features, **options)  # type: ignore[arg-type]


def test_no_cluster_at_the_address_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(best_pairs, "CONNECT_SECONDS", 1)
    with pytest.raises(InputError, match="no Dask scheduler answers"):
        similar_pairs(clustered(30, 5), 0.5, 0.5, scheduler="tcp://127.0.0.1:9")


@pytest.mark.slow
def test_a_cluster_gives_the_same_edges() -> None:
    from distributed import LocalCluster

    features = clustered(300, 40)
    bits = np.packbits(features > 0, axis=1)
    with LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None, protocol="tcp"
    ) as cluster:
        address = cluster.scheduler_address
        for function, data in ((similar_pairs, features), (similar_pairs_binary, bits)):
            alone = function(data, block_rows=64)
            assert len(alone[0]) > 0
            for a, b in zip(alone, function(data, block_rows=64, scheduler=address), strict=True):
                np.testing.assert_array_equal(a, b)
