"""Explaining a walk: on the graph by hand, against what was written; the command as a user calls it."""

from __future__ import annotations

import numpy as np
import pytest

from graphdb.content import content_hash
from graphdb.errors import ArtefactError, InputError
from graphdb.feature_store import FeatureStoreWriter
from graphdb.schema import EdgeType, NodeType
from graphdb.snapshot.live import read_snapshot
from graphdb.sync import sync
from graphdb.walks import WalkConfig, memory
from graphdb.walks.__main__ import build_parser, main
from graphdb.walks.explain import TakenEdge, explain, find_molecule
from graphdb.workspace import Workspace

pytestmark = pytest.mark.graph

ASPIRIN = "BSYNRYMUTXBXSQ-UHFFFAOYSA-N"


@pytest.fixture
def snapshot(store, small_graph):
    for table in small_graph.edges.values():
        table["criterion"] = "measured"
    sync(store, small_graph, sources=["demo"])
    return read_snapshot(store, graph_hash=content_hash(small_graph))


def test_every_step_is_named_with_its_edges(store, snapshot):
    config = WalkConfig(length=2, walks_per_node=60)
    start = find_molecule(store, snapshot, "Aspirin")
    assert start == find_molecule(store, snapshot, ASPIRIN)
    walks = memory.sample(snapshot, [start], config)
    explained = explain(store, snapshot, walks, (), list(EdgeType))
    assert len(explained) == 60
    by_end = {(positions[1].name, positions[2].name): positions for positions in explained if len(positions) == 3}
    there = by_end["PTGS1", "PTGS2"]
    assert [(position.node_type, position.key) for position in there] == [
        (NodeType.MOLECULE, ASPIRIN),
        (NodeType.GENE, "5742"),
        (NodeType.GENE, "5743"),
    ]
    assert there[0].edges == ()
    assert there[1].edges == (TakenEdge(EdgeType.TARGETS, "measured", 1.0),)
    # Three parallel edges; the heaviest gives the step its weight.
    assert [(edge.edge_type, edge.weight) for edge in there[2].edges] == [
        (EdgeType.INTERACTS, 1.0),
        (EdgeType.SIMILAR_MORPHOLOGY, 0.9),
        (EdgeType.SIMILAR_MORPHOLOGY, 1 / 3),
    ]
    for positions, alphas in zip(explained, walks.path_weights, strict=True):
        assert [position.path_weight for position in positions] == alphas[: len(positions)].tolist()
        weights = np.cumprod([position.weight for position in positions])
        np.testing.assert_allclose(alphas[: len(positions)], weights, rtol=1e-6)


def test_walk_along_some_edge_types_names_those_alone(store, snapshot):
    config = WalkConfig(length=2, walks_per_node=30, edge_types=("TARGETS", "SIMILAR_MORPHOLOGY"))
    walks = memory.sample(snapshot, snapshot.index_of(NodeType.MOLECULE, [ASPIRIN]), config)
    explained = explain(store, snapshot, walks, (), config.edge_types)
    taken = {edge.edge_type for positions in explained for position in positions for edge in position.edges}
    assert taken == {EdgeType.TARGETS, EdgeType.SIMILAR_MORPHOLOGY}
    assert {position.weight for positions in explained for position in positions} == {1.0, 0.9}


@pytest.fixture
def workspace(store, snapshot, small_graph, engine):
    """The workspace that the commands of this engine see, with a snapshot and a feature store."""
    workspace = Workspace.default()
    snapshot.save(workspace.snapshot)
    with FeatureStoreWriter(workspace.features) as writer:
        writer.add(NodeType.GENE, "cpjump1-crispr", ["5742"], ["a", "b"], np.array([[1.0, 2.0]], dtype=np.float32))
        writer.finish({"graph_hash": snapshot.graph_hash})
    return workspace


def call(*words):
    main(build_parser().parse_args(["explain", *words]))


def test_command_prints_names_criteria_weights_and_targets(workspace, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    call("aspirin", "--walks", "8", "--length", "1", "--edge-type", "TARGETS")
    said = capsys.readouterr().out
    for words in ("Walk 7", "aspirin", "PTGS1", "[5742]", "TARGETS 1 (measured)", "cpjump1-crispr", "nothing"):
        assert words in said, words


@pytest.mark.parametrize("name", ["no such drug", "caffeine "])
def test_molecule_that_is_not_there_is_one_line(workspace, name):
    with pytest.raises(InputError, match="no molecule has that name or key"):
        call(name)


def test_name_of_two_molecules_is_refused_with_both(store, snapshot):
    store.write("MATCH (m:Molecule) SET m.name = 'drug'")
    with pytest.raises(InputError, match=f"3 molecules have that name: .*{ASPIRIN}"):
        find_molecule(store, snapshot, "Drug")


def test_another_graph_is_refused(workspace, store, small_graph):
    store.write("MATCH (m:ContextGraph) SET m.content_hash = $other", other="0" * 64)
    with pytest.raises(ArtefactError, match="make the snapshot again"):
        call("aspirin")
