"""The samplers in memory, in Cypher and in GDS walk alike: the same transitions, the same path weights.

The seeds are fixed, and so are the p values: they are no bound on luck but tell a wrong distribution from a right one.
(GDS draws for a whole call, so its walks hang on the version of the library as well.)
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chisquare

from graphdb.content import content_hash
from graphdb.errors import ArtefactError, GraphError, InputError
from graphdb.schema import EdgeType, NodeType
from graphdb.snapshot import Snapshot
from graphdb.snapshot.live import read_snapshot
from graphdb.sync import sync
from graphdb.tables import EdgeKind, GraphTables
from graphdb.walks import WalkConfig, cypher, gds, memory
from graphdb.walks.cypher import CypherSampler
from graphdb.walks.gds import GdsSampler

pytestmark = pytest.mark.graph

M, G, P = NodeType.MOLECULE, NodeType.GENE, NodeType.MORPHOLOGY
LEAST_P = 1e-4
MOLECULES = [f"{letter * 14}-UHFFFAOYSA-N" for letter in "ABCDE"]


def edges(*rows, **columns):
    table = pd.DataFrame(list(rows), columns=["src", "dst", "weight"])
    return table.assign(**columns)


@pytest.fixture
def tables():
    """Weights that differ, that tie, that are 0; parallel edges of two types; a self-loop; nodes without an edge."""
    a, b, c, d, _ = MOLECULES
    return GraphTables(
        {
            M: pd.DataFrame({"inchikey": MOLECULES}),
            # As text 10 comes before 9: the order of the snapshot is that of the text.
            G: pd.DataFrame({"ncbi_id": [9, 10, 3815, 7]}),
            P: pd.DataFrame({"profile_id": ["p1", "p2"], "feature_space": "s"}),
        },
        {
            EdgeKind(EdgeType.BINDS, M, G): edges((a, 9, 0.2), (a, 10, 0.5), (b, 9, 0.5), (c, 10, 0.5), (c, 3815, 0.0)),
            EdgeKind(EdgeType.TARGETS, M, G): edges((a, 9, 0.9), (c, 3815, 0.0), (d, 10, 1.0)),
            EdgeKind(EdgeType.INTERACTS, G, G): edges((9, 10, 0.5), (10, 10, 1.0), (9, 3815, 0.25)),
            EdgeKind(EdgeType.HAS_MORPHOLOGY, M, P): edges((a, "p1", 1.0), (b, "p2", 1.0)),
            EdgeKind(EdgeType.SIMILAR_STRUCTURE, M, M): edges((a, b, 0.8), (a, c, 0.8), feature_space="f"),
        },
    )


@pytest.fixture
def snapshot(store, tables):
    sync(store, tables, sources=["demo"])
    return read_snapshot(store, graph_hash=content_hash(tables))


@pytest.fixture(params=["memory", "cypher", "gds"])
def sample(request, store, engine):
    """Walk by one of the samplers, as a function of (snapshot, starts, config)."""
    if request.param == "memory":
        if engine == "neo4j":
            pytest.skip("it does not ask the database")
        return memory.sample
    if request.param == "gds" and engine == "arcadedb":
        pytest.skip("the embedded graph has no GDS")
    return lambda *arguments: {"cypher": cypher, "gds": gds}[request.param].sample(store, *arguments)


def weight_of(snapshot: Snapshot) -> dict[tuple[int, int], float]:
    row = np.repeat(np.arange(snapshot.number_of_nodes), snapshot.degree)
    return dict(zip(zip(row.tolist(), snapshot.indices.tolist(), strict=True), snapshot.weights.tolist(), strict=True))


def expected_steps(snapshot: Snapshot, config: WalkConfig) -> dict[tuple[int, int], dict[int, float]]:
    """Probabilities of the next node, by (node before, node), -1 before the start; said anew, from the definition."""
    weight = weight_of(config.topology(snapshot))
    neighbours: dict[int, set[int]] = {node: set() for node in range(snapshot.number_of_nodes)}
    for v, x in weight:
        neighbours[v].add(x)
    found = {}
    for v, around in neighbours.items():
        for t in {-1, *around}:
            shares = {}
            for x in around:
                factor = 1.0 if t < 0 else 1 / config.p if x == t else 1.0 if x in neighbours[t] else 1 / config.q
                shares[x] = factor * (weight[v, x] if config.weighted else 1.0)
            total = sum(shares.values())
            found[t, v] = {x: share / total for x, share in shares.items() if share > 0}
    return found


CONFIGS = [
    WalkConfig(length=3, walks_per_node=600, seed=1),
    WalkConfig(length=3, walks_per_node=600, seed=2, weighted=True),
    WalkConfig(length=3, walks_per_node=600, seed=3, weighted=True, edge_types=("BINDS", "INTERACTS", "TARGETS")),
    WalkConfig(length=3, walks_per_node=600, seed=4, p=0.25, q=4.0),
    WalkConfig(length=3, walks_per_node=600, seed=5, p=3.0, q=0.5, weighted=True),
]


@pytest.mark.parametrize("config", CONFIGS, ids=["uniform", "weighted", "some types", "node2vec", "weighted node2vec"])
def test_transitions_are_those_of_the_definition(sample, snapshot, config, request):
    if config.second_order and "cypher" in request.node.name:
        with pytest.raises(InputError, match="p and q must be 1"):
            sample(snapshot, snapshot.nodes(M), config)
        return
    starts = np.concatenate([snapshot.nodes(M), snapshot.nodes(G)])
    walks = sample(snapshot, starts, config)
    assert walks.nodes.shape == (len(starts) * config.walks_per_node, 4)
    np.testing.assert_array_equal(walks.starts, np.repeat(starts, config.walks_per_node))
    steps = expected_steps(snapshot, config)
    weight = weight_of(config.topology(snapshot))
    seen: dict[tuple[int, int], dict[int, int]] = {}
    for nodes in walks.nodes.tolist():
        for step in range(3):
            t, v, x = (nodes[step - 1] if step else -1), nodes[step], nodes[step + 1]
            if v >= 0:
                seen.setdefault((t, v), {}).setdefault(x, 0)
                seen[t, v][x] += 1
    tested = 0
    for (t, v), counts in seen.items():
        probabilities = steps[t, v]
        if not probabilities:
            assert set(counts) == {-1}, "a node without an edge to take ends the walk"
            continue
        assert set(counts) <= set(probabilities)
        total = sum(counts.values())
        expected = [probabilities[x] * total for x in probabilities]
        if len(expected) > 1 and min(expected) >= 5:
            assert chisquare([counts.get(x, 0) for x in probabilities], expected).pvalue > LEAST_P
            tested += 1
    assert tested > (10 if config.second_order else 4)
    # A walk is followed by its path weights: products of the weights of the edges walked.
    for nodes, alphas in zip(walks.nodes[::97].tolist(), walks.path_weights[::97].tolist(), strict=True):
        product = 1.0
        for (v, x), alpha in zip(pairwise(nodes), alphas[1:], strict=True):
            product = product * weight[v, x] if x >= 0 else 0.0
            assert alpha == pytest.approx(product, rel=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
def test_walks_are_the_same_again_and_others_for_another_seed_or_epoch(sample, snapshot, weighted):
    starts = snapshot.nodes(M)
    config = WalkConfig(walks_per_node=50, seed=7, weighted=weighted)
    first, again = sample(snapshot, starts, config), sample(snapshot, starts, config)
    np.testing.assert_array_equal(first.nodes, again.nodes)
    np.testing.assert_array_equal(first.path_weights, again.path_weights)
    for other in (
        sample(snapshot, starts, config, 1),
        sample(snapshot, starts, WalkConfig(walks_per_node=50, seed=8, weighted=weighted)),
    ):
        assert (other.nodes != first.nodes).any()


def test_uniform_walks_in_cypher_are_those_in_memory(store, snapshot):
    config = WalkConfig(length=6, walks_per_node=40, seed=11)
    starts = np.arange(snapshot.number_of_nodes)
    here, there = memory.sample(snapshot, starts, config, 2), cypher.sample(store, snapshot, starts, config, 2)
    np.testing.assert_array_equal(there.nodes, here.nodes)
    np.testing.assert_array_equal(there.path_weights, here.path_weights)


def samplers(store):
    return [CypherSampler, GdsSampler] if store.engine == "neo4j" else [CypherSampler]


def test_excluded_nodes_are_touched_by_no_walk(store, snapshot):
    excluded = [*snapshot.index_of(M, [MOLECULES[1]]), *snapshot.index_of(G, [10])]
    starts = np.setdiff1d(snapshot.nodes(M), excluded)
    config = WalkConfig(walks_per_node=300)
    expected = memory.sample(snapshot.without(excluded), starts, config)
    for sampler in samplers(store):
        with sampler(store, snapshot, config, excluded) as opened:
            walks = opened.sample(starts)
        assert not np.isin(walks.nodes, excluded).any()
        assert set(map(tuple, walks.nodes[:, :2].tolist())) == set(map(tuple, expected.nodes[:, :2].tolist()))


def test_labels_and_nodes_of_others_do_not_disturb(store, snapshot):
    store.write("MATCH (m:Molecule {inchikey: $key}) SET m:Mine", key=MOLECULES[0]) if store.engine == "neo4j" else None
    store.write("MATCH (g:Gene {ncbi_id: 9}) CREATE (g)-[:INTERACTS {weight: 1.0}]->(:Paper {title: 'x'})")
    config = WalkConfig(walks_per_node=200)
    for sampler in samplers(store):
        with sampler(store, snapshot, config) as opened:
            walks = opened.sample(snapshot.nodes(M))
        assert (walks.nodes[:200, 1] >= 0).all()


def test_starts_that_repeat_have_their_walks_again(store, snapshot):
    starts = [*snapshot.index_of(M, [MOLECULES[0], MOLECULES[4], MOLECULES[0]])]
    config = WalkConfig(walks_per_node=5)
    for sampler in samplers(store):
        with sampler(store, snapshot, config) as opened:
            walks = opened.sample(starts)
            assert len(opened.sample([])) == 0
        np.testing.assert_array_equal(walks.nodes[:5], walks.nodes[10:])
        assert (walks.nodes[5:10, 1:] == -1).all()


def test_graph_that_is_not_the_snapshots_is_refused(store, snapshot, tables):
    changed = GraphTables({**tables.nodes, G: pd.DataFrame({"ncbi_id": [9, 10, 3815, 7, 8]})}, tables.edges)
    sync(store, changed, sources=["demo"])
    for sampler in samplers(store):
        with pytest.raises(ArtefactError, match="make the snapshot again"):
            sampler(store, snapshot, WalkConfig())


def test_edge_that_was_added_by_hand_is_noticed(store, snapshot):
    store.write("MATCH (a:Gene {ncbi_id: 7}), (b:Gene {ncbi_id: 9}) CREATE (b)-[:INTERACTS {weight: 1.0}]->(a)")
    for sampler in samplers(store):
        with (
            sampler(store, snapshot, WalkConfig(walks_per_node=200)) as opened,
            pytest.raises(ArtefactError, match="goes from 9 to 7, which the snapshot does not join"),
        ):
            opened.sample(snapshot.nodes(G))


def test_no_projection_is_left(store, snapshot):
    if store.engine != "neo4j":
        with pytest.raises(GraphError, match="no Graph Data Science library"):
            GdsSampler(store, snapshot, WalkConfig())
        return
    with GdsSampler(store, snapshot, WalkConfig()) as opened:
        opened.sample(snapshot.nodes(M))
        assert store.read("CALL gds.graph.list() YIELD graphName RETURN count(*) AS count") == [{"count": 1}]
    with pytest.raises(InputError, match="does not exist"), GdsSampler(store, snapshot, WalkConfig()) as opened:
        opened.sample([10_000])
    assert store.read("CALL gds.graph.list() YIELD graphName RETURN count(*) AS count") == [{"count": 0}]
