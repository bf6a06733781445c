"""Walks in memory: where they go, what weighs, when they end, and that they do not depend on how they are asked for."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import chi2_contingency, chisquare

from graphdb.errors import InputError
from graphdb.snapshot import Snapshot
from graphdb.walks import WalkConfig, Walks, sample
from graphdb.walks.memory import _mix

MANY = 100_000
# A fixed seed gives a fixed p: this is no bound on luck, it tells a wrong distribution from a right one.
LEAST_P = 1e-3


def star(weights: list[float]) -> Snapshot:
    leaves = np.arange(1, len(weights) + 1)
    return Snapshot.from_edges([0] * (len(weights) + 1), np.zeros_like(leaves), leaves, weights)


def line() -> Snapshot:
    """0 -.5- 1 -.25- 2 -1- 3: seen from 0 with no way back it would be one walk."""
    return Snapshot.from_edges([0, 1, 2, 3], [0, 1, 2], [1, 2, 3], [0.5, 0.25, 1.0])


def random_graph(nodes: int = 300, edges: int = 900) -> Snapshot:
    rng = np.random.default_rng(5)
    ends = rng.integers(nodes, size=(2, edges))
    return Snapshot.from_edges(rng.integers(4, size=nodes), *ends, rng.uniform(0.05, 1, size=edges))


def assert_same(first: Walks, second: Walks) -> None:
    np.testing.assert_array_equal(first.nodes, second.nodes)
    np.testing.assert_array_equal(first.path_weights, second.path_weights)


def test_path_weights_of_a_hand_made_graph() -> None:
    """Every walk of two steps from node 0: back and forth (.5, .25), or on to 2 (.5, .125)."""
    walks = sample(line(), [0], WalkConfig(length=2, walks_per_node=200))
    found = {
        (tuple(nodes), tuple(alphas))
        for nodes, alphas in zip(walks.nodes.tolist(), walks.path_weights.tolist(), strict=True)
    }
    assert found == {((0, 1, 0), (1.0, 0.5, 0.25)), ((0, 1, 2), (1.0, 0.5, 0.125))}


def test_weights_are_of_the_edges_walked_not_of_other_edges() -> None:
    """A triangle with three weights: the defect of the published code (method, section 6) would mix them up."""
    triangle = Snapshot.from_edges([0, 0, 0], [2, 1, 0], [0, 2, 1], [0.9, 0.5, 0.1])
    weight = {(0, 1): 0.1, (1, 2): 0.5, (0, 2): 0.9}
    walks = sample(triangle, [0, 1, 2], WalkConfig(length=3, walks_per_node=50))
    for nodes, alphas in zip(walks.nodes.tolist(), walks.path_weights.tolist(), strict=True):
        expected = np.cumprod([1, *(weight[min(pair), max(pair)] for pair in pairwise(nodes))])
        np.testing.assert_allclose(alphas, expected, rtol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
def test_an_isolated_node_ends_its_walk_at_once(weighted: bool) -> None:
    snapshot = Snapshot.from_edges([0, 0, 0], [0], [1], [1.0])
    walks = sample(snapshot, [2, 0], WalkConfig(length=3, weighted=weighted))
    assert walks.nodes.tolist() == [[2, -1, -1, -1], [0, 1, 0, 1]]
    assert walks.path_weights.tolist() == [[1, 0, 0, 0], [1, 1, 1, 1]]
    assert walks.steps.tolist() == [0, 3]
    assert walks.starts.tolist() == [2, 0]


def test_edges_of_weight_zero() -> None:
    """Weighted walks never take one and end where there is no other; uniform ones take it, at path weight 0."""
    snapshot = Snapshot.from_edges([0] * 4, [0, 0, 2], [1, 2, 3], [1.0, 0.0, 0.0])
    weighted = sample(snapshot, [0, 2], WalkConfig(length=2, walks_per_node=500, weighted=True))
    assert np.unique(weighted.nodes, axis=0).tolist() == [[0, 1, 0], [2, -1, -1]]
    uniform = sample(snapshot, [2], WalkConfig(length=1, walks_per_node=500))
    assert {tuple(row) for row in uniform.nodes.tolist()} == {(2, 0), (2, 3)}
    assert (uniform.path_weights == [1, 0]).all()


def test_length_zero_is_the_start_alone() -> None:
    walks = sample(line(), [3, 1], WalkConfig(length=0))
    assert walks.nodes.tolist() == [[3], [1]]
    assert walks.path_weights.tolist() == [[1], [1]]


def test_no_starts_no_walks() -> None:
    assert sample(line(), [], WalkConfig(length=2)).nodes.shape == (0, 3)


def test_walks_of_one_start_stand_beside_each_other() -> None:
    walks = sample(random_graph(), [7, 3], WalkConfig(walks_per_node=3))
    assert walks.starts.tolist() == [7, 7, 7, 3, 3, 3]


@pytest.mark.parametrize("weights", [[1, 1, 1, 1, 1], [0.1, 0.9, 0.25, 1, 0.003], [0.5, 0, 0.5]])
@pytest.mark.parametrize("weighted", [False, True])
def test_transition_frequencies(weights: list[float], weighted: bool) -> None:
    """1/degree, or in proportion to the weights: chi-square over the first and the third step of a star."""
    share = np.array(weights) / sum(weights) if weighted else np.full(len(weights), 1 / len(weights))
    walks = sample(star(weights), [0], WalkConfig(length=3, walks_per_node=MANY, weighted=weighted, seed=1))
    for step in (1, 3):
        counts = np.bincount(walks.nodes[:, step], minlength=len(weights) + 1)[1:]
        possible = share > 0
        assert counts[~possible].sum() == 0
        assert chisquare(counts[possible], share[possible] * MANY).pvalue > LEAST_P


@pytest.mark.parametrize("weighted", [False, True])
def test_transition_frequencies_at_every_node_of_a_random_graph(weighted: bool) -> None:
    graph = random_graph(nodes=40, edges=120)
    assert graph.degree.min() > 0
    walks = sample(graph, np.arange(40), WalkConfig(length=6, walks_per_node=2_000, weighted=weighted, seed=3))
    counts = np.zeros((40, 40))
    np.add.at(counts, (walks.nodes[:, :-1].ravel(), walks.nodes[:, 1:].ravel()), 1)
    observed, expected = [], []
    for node in range(40):
        row = slice(graph.indptr[node], graph.indptr[node + 1])
        weight = graph.weights[row].astype(float) if weighted else np.ones(graph.degree[node])
        observed.append(counts[node, graph.indices[row]])
        expected.append(counts[node].sum() * weight / weight.sum())
        assert counts[node].sum() == observed[-1].sum()
    seen, due = np.concatenate(observed), np.concatenate(expected)
    assert due.min() > 5
    assert chisquare(seen, due, ddof=40 - 1).pvalue > LEAST_P


@pytest.mark.parametrize("other", ["step", "replicate", "start", "epoch", "seed"])
def test_what_should_be_independent_is(other: str) -> None:
    """Contingency of the leaf chosen by a walk with that chosen by the next step, replicate, start, epoch or seed."""
    leaves = 6
    hubs = 20_000
    # Every hub has edges to the same six leaves, so a step out of a hub is a draw of one in six.
    src, dst = np.repeat(np.arange(hubs), leaves) + leaves, np.tile(np.arange(leaves), hubs)
    snapshot = Snapshot.from_edges([0] * (hubs + leaves), src, dst, np.ones(len(src)))
    starts = np.arange(hubs) + leaves
    if other == "step":
        nodes = sample(snapshot, starts, WalkConfig(length=3)).nodes
        first, second = nodes[:, 1], nodes[:, 3]
    elif other == "replicate":
        nodes = sample(snapshot, starts, WalkConfig(length=1, walks_per_node=2)).nodes
        first, second = nodes[0::2, 1], nodes[1::2, 1]
    elif other == "start":
        nodes = sample(snapshot, starts, WalkConfig(length=1)).nodes
        first, second = nodes[0::2, 1], nodes[1::2, 1]
    elif other == "epoch":
        first, second = (sample(snapshot, starts, WalkConfig(length=1), epoch).nodes[:, 1] for epoch in (0, 1))
    else:
        first, second = (sample(snapshot, starts, WalkConfig(length=1, seed=seed)).nodes[:, 1] for seed in (0, 1))
    table = np.zeros((leaves, leaves))
    np.add.at(table, (first, second), 1)
    assert chi2_contingency(table).pvalue > LEAST_P


@pytest.mark.parametrize("weighted", [False, True])
def test_walks_do_not_depend_on_batch_order_or_threads(weighted: bool) -> None:
    graph = random_graph()
    config = WalkConfig(length=4, walks_per_node=2, weighted=weighted, seed=9)
    starts = np.random.default_rng(0).permutation(300)
    whole = sample(graph, starts, config, epoch=2)
    for size in (1, 7, 300):
        parts = [sample(graph, starts[begin : begin + size], config, epoch=2) for begin in range(0, 300, size)]
        assert_same(Walks(*(np.concatenate([getattr(part, name) for part in parts]) for name in vars(whole))), whole)
    ordered = sample(graph, np.arange(300), config, epoch=2)
    assert_same(whole, ordered.take((2 * starts[:, None] + [0, 1]).ravel()))
    repeated = np.tile(starts, 200)
    assert_same(sample(graph, repeated, config, threads=1), sample(graph, repeated, config, threads=3))


def test_a_longer_walk_begins_like_a_shorter_one() -> None:
    graph = random_graph()
    short = sample(graph, np.arange(300), WalkConfig(length=2))
    np.testing.assert_array_equal(sample(graph, np.arange(300), WalkConfig(length=6)).nodes[:, :3], short.nodes)


def test_seed_epoch_and_snapshot_matter() -> None:
    graph = random_graph()
    starts = np.arange(300)
    first = sample(graph, starts, WalkConfig()).nodes
    changed = graph.without([299])
    for other in (
        sample(graph, starts, WalkConfig(seed=1)),
        sample(graph, starts, WalkConfig(), epoch=1),
        sample(changed, starts, WalkConfig()),
    ):
        assert (other.nodes[:, 1] != first[:, 1]).mean() > 0.5


def test_random_numbers_are_those_of_splitmix64() -> None:
    """The published outputs for the seed 1234567 (rosettacode.org, Pseudo-random numbers/Splitmix64)."""
    golden = 0x9E3779B97F4A7C15
    outputs = [int(_mix(np.uint64((1234567 + step * golden) % 2**64))) for step in range(1, 6)]
    assert outputs == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


@pytest.mark.parametrize("starts", [[4], [-1], [0.5], [[0, 1]]])
def test_starts_must_be_nodes(starts: list[object]) -> None:
    with pytest.raises(InputError):
        sample(line(), starts, WalkConfig())


def test_an_epoch_is_not_negative() -> None:
    with pytest.raises(InputError, match="epoch"):
        sample(line(), [0], WalkConfig(), epoch=-1)


@pytest.mark.parametrize(
    "settings",
    [
        {"length": -1},
        {"length": 2.0},
        {"walks_per_node": 0},
        {"seed": -1},
        {"seed": True},
        {"weighted": 1},
        {"p": 0},
        {"q": float("nan")},
        {"p": "1"},
        {"edge_types": ()},
        {"edge_types": "BINDS"},
        {"edge_types": ["LIKES"]},
        {"r": 1},
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(InputError, match="walks: .*" + next(iter(settings))):
        WalkConfig.from_mapping(settings)
