"""Pairs found with the help of an earlier run are those of a run that knows nothing."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.edges import cosine
from ingest.edges.cosine import similar_pairs, similar_pairs_binary
from ingest.edges.known_pairs import KnownPairs, Memory, PairCache, row_ids

KEYS = [f"k{place:03}" for place in range(40)]


def some_rows(rng: np.random.Generator) -> list[int]:
    return np.flatnonzero(rng.random(len(KEYS)) < rng.choice([0.3, 0.7, 0.9])).tolist()


@settings(max_examples=120, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    threshold=st.sampled_from([0.8, 0.3, 0.03, 0.0]),
    sparsity=st.sampled_from([0.995, 0.9, 0.5, 0.0]),
    kind=st.sampled_from(["dense", "missing", "bits"]),
    block=st.integers(1, 9),
)
def test_adding_removing_and_changing_rows(seed: int, threshold: float, sparsity: float, kind: str, block: int) -> None:
    rng = np.random.default_rng(seed)
    # Small whole numbers, so that there are ties.
    dense = rng.integers(-2, 3, (len(KEYS), 4)).astype(np.float32)
    if kind == "missing":
        dense[rng.random(dense.shape) < 0.2] = np.nan
    bits = np.packbits(rng.random((len(KEYS), 24)) < 0.4, axis=1)
    features, find = (bits, similar_pairs_binary) if kind == "bits" else (dense, similar_pairs)
    with tempfile.TemporaryDirectory() as folder:
        cache = PairCache(Path(folder) / "space" / "version" / "pairs.npz")
        for _ in range(4):
            chosen = some_rows(rng)
            if rng.random() < 0.5:  # another value in one row
                features[rng.integers(len(KEYS))] = features[rng.integers(len(KEYS))]
            rows, keys = features[chosen], [KEYS[place] for place in chosen]
            memory = Memory.of(cache, keys, rows)
            found = find(rows, threshold, sparsity, block_rows=block, memory=memory)
            for mine, plain in zip(found, find(rows, threshold, sparsity, block_rows=block), strict=True):
                np.testing.assert_array_equal(mine, plain)


def test_only_new_rows_are_scored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((20, 16))
    rows = np.repeat(centres, 10, axis=0) + 0.3 * rng.standard_normal((200, 16))
    keys = [f"k{place:03}" for place in range(200)]
    cache = PairCache(tmp_path / "space" / "version" / "pairs.npz")
    scored: list[int] = []
    real = cosine._unit_cosine

    def counted(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        scored.append(len(left) * len(right))
        return real(left, right)

    monkeypatch.setattr(cosine, "_unit_cosine", counted)

    def run(chosen: list[int]) -> tuple[int, int]:
        scored.clear()
        memory = Memory.of(cache, [keys[place] for place in chosen], rows[chosen])
        assert memory is not None
        similar_pairs(rows[chosen], 0.8, 0.5, memory=memory, block_rows=50)
        return memory.new, sum(scored)

    first = [place for place in range(200) if place % 20]
    assert run(first) == (190, 6 * 50 * 50 + 3 * 50 * 40 + 40 * 40)
    assert run(first) == (0, 0)
    new, pairs = run(list(range(200)))
    assert new == 10
    assert pairs == 10 * 10 + 10 * 190
    assert run(first)[0] == 0


def test_a_quota_that_outgrows_the_reserve_scores_all_again(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    # The rows that are known are all alike, so the pairs of the new ones do not reach the floor.
    rows = np.concatenate([rng.standard_normal((60, 3)) * 0.3 + 1, rng.standard_normal((50, 3))])
    keys = [f"k{place:03}" for place in range(110)]
    cache = PairCache(tmp_path / "space" / "version" / "pairs.npz")
    for size in (60, 110):
        memory = Memory.of(cache, keys[:size], rows[:size])
        assert memory is not None
        similar_pairs(rows[:size], 0.0, 0.9, memory=memory)
        assert memory.new == size


def test_equal_pairs_at_the_end_are_no_reason_to_score_again(tmp_path: Path) -> None:
    rows = np.ones((40, 3))
    keys = [f"k{place:03}" for place in range(40)]
    cache = PairCache(tmp_path / "space" / "version" / "pairs.npz")
    for chosen, scored in ((40, 40), (40, 0), (39, 0), (40, 40)):
        memory = Memory.of(cache, keys[:chosen], rows[:chosen])
        assert memory is not None
        i, j, _ = similar_pairs(rows[:chosen], 0.8, 0.9, memory=memory)
        assert memory.new == scored
        first = [(a, b) for a in range(chosen) for b in range(a + 1, chosen)][: chosen * (chosen - 1) // 20]
        assert list(zip(i.tolist(), j.tolist(), strict=True)) == first


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 half an archive", b"no archive at all"])
def test_a_damaged_file_is_as_none(tmp_path: Path, damage: bytes) -> None:
    cache = PairCache(tmp_path / "space" / "version" / "pairs.npz")
    ids = row_ids(["a", "b"], np.eye(2))
    none = np.empty(0, np.int64)
    cache.write(KnownPairs(ids, none, none, np.empty(0), -np.inf))
    assert cache.read() is not None
    assert cache.path is not None
    cache.path.write_bytes(damage)
    assert cache.read() is None


def test_ids_tell_keys_and_values_apart_and_all_missing_values_are_one() -> None:
    rows = np.array([[1.0, np.nan], [1.0, -np.nan], [1.0, 2.0]], dtype=np.float32)
    same, other_sign, other_value = row_ids(["a", "a", "a"], rows).tolist()
    assert same == other_sign != other_value
    assert row_ids(["b"], rows[:1]).tolist()[0] != same
