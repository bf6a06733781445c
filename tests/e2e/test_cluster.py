"""A Dask cluster whose two workers are processes of their own gives what this process gives, known pairs included."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from distributed import LocalCluster

from ingest.cached import Cached
from ingest.edges.cosine import similar_pairs, similar_pairs_binary
from ingest.edges.known_pairs import Memory

pytestmark = pytest.mark.slow

SMILES = ["C" * length + tail for length in range(1, 40) for tail in ("O", "N", "Cl", "c1ccccc1")]


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None
    ) as cluster:
        yield cluster.scheduler_address


@pytest.mark.parametrize("kind", ["dense", "missing", "bits"])
def test_edges(scheduler: str, tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((30, 40))[rng.integers(30, size=400)] + 0.4 * rng.standard_normal((400, 40))
    if kind == "missing":
        rows[rng.random(rows.shape) < 0.05] = np.nan
    find = similar_pairs_binary if kind == "bits" else similar_pairs
    features = np.packbits(rows > 0, axis=1) if kind == "bits" else rows
    cached = Cached(tmp_path, scheduler)
    keys = [f"k{place:03}" for place in range(400)]
    for count in (350, 400):
        alone = find(features[:count], 0.6, 0.9, block_rows=64)
        assert len(alone[0]) > 100
        memory = Memory.of(cached.pairs("x", 0.6), keys[:count], features[:count])
        assert memory is not None
        found = find(features[:count], 0.6, 0.9, block_rows=64, scheduler=scheduler, memory=memory)
        for here, there in zip(alone, found, strict=True):
            np.testing.assert_array_equal(here, there)
    assert memory.new == 50


def test_molecules(scheduler: str, tmp_path: Path) -> None:
    here, there = Cached(), Cached(tmp_path, scheduler)
    texts = [("smiles", text) for text in SMILES]
    alone, on_cluster = here.standardise(texts)[0], there.standardise(texts)[0]
    assert on_cluster.equals(alone)
    np.testing.assert_array_equal(there.fingerprints(SMILES)[0], here.fingerprints(SMILES)[0])
    graphs, others = (made.graphs(SMILES, SMILES)[0] for made in (here, there))
    np.testing.assert_array_equal(graphs.bond_index, others.bond_index)
    np.testing.assert_array_equal(graphs.atom_features, others.atom_features)
