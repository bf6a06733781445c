"""Walks in PyTorch: the distribution of the sampler in memory, on whatever device there is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from graphdb.errors import InputError
from graphdb.snapshot import Snapshot
from graphdb.walks import WalkConfig, sample
from learn.walks import TorchSampler

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
WEIGHTS = [0.1, 0.9, 0.25, 1.0, 0.003]


def star() -> Snapshot:
    """A centre with five leaves; two more nodes joined by an edge of weight 0; one alone."""
    return Snapshot.from_edges([0] * 9, [0, 0, 0, 0, 0, 6], [1, 2, 3, 4, 5, 7], [*WEIGHTS, 0.0])


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("weighted", [False, True])
def test_steps_are_distributed_as_the_weights_say(device: str, weighted: bool) -> None:
    config = WalkConfig(length=3, walks_per_node=40_000, weighted=weighted, seed=1)
    walks = TorchSampler(star(), config, device).sample([0])
    counts = np.bincount(walks.nodes[:, 1], minlength=6)[1:]
    shares = np.array(WEIGHTS) / sum(WEIGHTS) if weighted else np.full(5, 0.2)
    assert chisquare(counts, shares * len(walks)).pvalue > 1e-3
    assert (walks.nodes[:, 2] == 0).all()
    leaf = np.array([1, *WEIGHTS], dtype=np.float32)[walks.nodes[:, 1]]
    np.testing.assert_allclose(walks.path_weights[:, 2], leaf * leaf, rtol=1e-6)


@pytest.mark.parametrize("device", DEVICES)
def test_walks_end_where_there_is_no_edge_to_take(device: str) -> None:
    walks = TorchSampler(star(), WalkConfig(length=2, weighted=True), device).sample([6, 8])
    assert walks.nodes.tolist() == [[6, -1, -1], [8, -1, -1]]
    assert walks.path_weights.tolist() == [[1, 0, 0], [1, 0, 0]]
    uniform = TorchSampler(star(), WalkConfig(length=2), device).sample([6, 8])
    assert uniform.nodes.tolist() == [[6, 7, 6], [8, -1, -1]]


@pytest.mark.parametrize("device", DEVICES)
def test_a_random_graph_is_walked_as_in_memory(device: str) -> None:
    rng = np.random.default_rng(3)
    graph = Snapshot.from_edges(rng.integers(4, size=40), *rng.integers(40, size=(2, 120)), rng.random(120))
    config = WalkConfig(length=4, walks_per_node=500, weighted=True, seed=2)
    starts = np.arange(40)
    here, there = TorchSampler(graph, config, device).sample(starts), sample(graph, starts, config)
    one, other = (np.bincount(walks.nodes[:, 4] + 1, minlength=41) for walks in (here, there))
    seen = (one + other) >= 20
    total = one[seen] + other[seen]
    statistic = ((one[seen] - other[seen]) ** 2 / total).sum()
    # Two samples of the same size: chi-square with as many degrees of freedom as cells, less one.
    assert statistic < seen.sum() + 6 * np.sqrt(2 * seen.sum())


def test_same_seed_same_walks_and_settings_that_it_does_not_know() -> None:
    sampler = TorchSampler(star(), WalkConfig(walks_per_node=20, seed=3), "cpu")
    np.testing.assert_array_equal(sampler.sample([0]).nodes, sampler.sample([0]).nodes)
    assert (sampler.sample([0]).nodes != sampler.sample([0], 1).nodes).any()
    with pytest.raises(InputError, match="p and q must be 1"):
        TorchSampler(star(), WalkConfig(p=2.0), "cpu")
    assert len(TorchSampler(Snapshot.from_edges([0], [], [], []), WalkConfig(), "cpu").sample([0])) == 1
