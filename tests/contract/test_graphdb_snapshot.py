"""``python -m graphdb.snapshot`` on a live graph makes the snapshot that the loaded tables make."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from graphdb.content import content_hash
from graphdb.errors import GraphError
from graphdb.export import read_tables
from graphdb.meta import GraphMeta, write_meta
from graphdb.schema import EdgeType
from graphdb.snapshot import Snapshot
from graphdb.snapshot.__main__ import build_parser, main
from graphdb.snapshot.live import read_snapshot
from graphdb.sync import sync
from graphdb.workspace import Workspace

pytestmark = pytest.mark.graph


def snapshot(*arguments):
    main(build_parser().parse_args([str(argument) for argument in arguments]))


def test_live_graph_gives_the_snapshot_of_its_tables(store, small_graph, tmp_path):
    sync(store, small_graph, sources=["demo"])
    expected = Snapshot.from_tables(small_graph, content_hash(small_graph))
    for folder in (tmp_path / "first", tmp_path / "second"):  # from a graph in which nothing changed: the same
        snapshot("--out", folder)
        written = Snapshot.load(folder)
        assert (written.id, written.graph_hash) == (expected.id, expected.graph_hash)
        assert np.array_equal(written.weights, expected.weights)
    # 9 edges, of which the two of SIMILAR_MORPHOLOGY and INTERACTS join the same genes.
    assert expected.number_of_edges == 7


def test_snapshot_is_that_of_the_whole_graph_whatever_the_pages(store, small_graph, random_graph, monkeypatch):
    for tables in (small_graph, random_graph(50, 80)):
        sync(store, tables, sources=["demo"])
        whole = Snapshot.from_tables(read_tables(store))
        for page in (3, 7, 50_000):
            monkeypatch.setattr("graphdb.snapshot.live.PAGE", page)
            found = read_snapshot(store)
            assert found.id == whole.id
            for name in ("edge_src", "edge_dst", "edge_type", "edge_weight"):
                assert np.array_equal(getattr(found.typed, name), getattr(whole.typed, name))


def test_what_others_wrote_is_no_part_of_it(store, small_graph):
    sync(store, small_graph, sources=["demo"])
    expected = read_snapshot(store).id
    store.write("MATCH (g:Gene {ncbi_id: 5742}) CREATE (:Gene {symbol: 'no key'})-[:INTERACTS {weight: 1.0}]->(g)")
    store.write("MATCH (a:Gene {ncbi_id: 5742}), (b:Gene {ncbi_id: 5743}) CREATE (a)-[:SIMILAR_MORPHOLOGY]->(b)")
    assert read_snapshot(store).id == expected
    store.write("MATCH (a:Gene {ncbi_id: 5742}), (b:Gene {ncbi_id: 5743}) CREATE (a)-[:REGULATES]->(b)")
    with pytest.raises(GraphError, match="1 edges REGULATES have no weight"):
        read_snapshot(store)


def test_graph_that_was_edited_is_told_when_asked(store, small_graph, tmp_path, capsys):
    sync(store, small_graph, sources=["demo"])
    store.write("MATCH (m:Molecule {name: 'aspirin'}) SET m.name = 'ASA'")
    snapshot("--out", tmp_path / "trusting")
    assert Snapshot.load(tmp_path / "trusting").graph_hash == content_hash(small_graph)
    snapshot("--out", tmp_path / "verified", "--verify")
    assert Snapshot.load(tmp_path / "verified").graph_hash == content_hash(read_tables(store))
    assert "somebody has changed it" in capsys.readouterr().err


def test_edge_type_can_be_left_out_of_the_live_graph(store, small_graph, tmp_path):
    sync(store, small_graph, sources=["demo"])
    snapshot("--out", tmp_path / "here", "--without", "TARGETS")
    kept = [edge_type for edge_type in EdgeType if edge_type != EdgeType.TARGETS]
    assert Snapshot.load(tmp_path / "here").id == Snapshot.from_tables(small_graph, edge_types=kept).id


def test_half_loaded_graph_gives_none(store, small_graph):
    sync(store, small_graph, sources=["demo"])
    write_meta(store, GraphMeta(("demo",), "loading"))
    shutil.rmtree(Workspace.default().snapshot, ignore_errors=True)  # what another test has left there
    with pytest.raises(GraphError, match=r"half loaded; load it with: python -m ingest\.all"):
        snapshot()
    assert not Workspace.default().snapshot.exists()
