"""Backup to a file and restore from it: one engine or both, refused, interrupted, killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import graphdb
from graphdb import engines
from graphdb.archive import opened_archive
from graphdb.backup import backup
from graphdb.content import content_hash
from graphdb.errors import GraphError, InputError
from graphdb.export import read_tables
from graphdb.meta import GraphMeta, read_meta, touch, write_meta
from graphdb.restore import restore
from graphdb.schema import EMBEDDING_DIMENSION, NodeType
from graphdb.sync import sync
from graphdb.tables import GraphTables
from graphdb.vectors import nearest, publish, published, published_models
from graphdb.workspace import Workspace

pytestmark = pytest.mark.graph

ROOT = Path(__file__).resolve().parents[2]
MODEL = "ab" * 32
RNG = np.random.default_rng(5)


def vectors(count):
    return RNG.standard_normal((count, EMBEDDING_DIMENSION)).astype(np.float32)


@pytest.fixture
def keys(small_graph):
    return sorted(small_graph.nodes[NodeType.MOLECULE]["inchikey"])[:2]


@pytest.fixture
def saved(store, small_graph, keys, tmp_path):
    """A file of the small graph with two embeddings; the graph itself is empty again."""
    sync(store, small_graph, sources=["lincs", "demo"])
    publish(store, keys, vectors(2), MODEL)
    backup(store, tmp_path / "graph.zip")
    store.write("MATCH (n) DETACH DELETE n")
    return tmp_path / "graph.zip"


def run(*words, wait=True):
    process = subprocess.Popen(
        [sys.executable, "-m", *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    if not wait:
        return process
    out, error = process.communicate(timeout=120)
    return process.returncode, out, error


def restored(store, file, **how):
    with opened_archive(file) as archive:
        return restore(store, archive, **how)


def test_restored_graph_is_the_one_that_was_saved(store, small_graph, keys, tmp_path):
    sync(store, small_graph, sources=["lincs", "demo"])
    wanted = vectors(2)
    publish(store, keys, wanted, MODEL)
    manifest = backup(store, tmp_path / "graph.zip")
    assert manifest["content_hash"] == content_hash(small_graph)
    assert (manifest["nodes"]["Molecule"], manifest["edges"]["TARGETS Molecule Gene"]) == (3, 2)
    assert manifest["embeddings"] == 2
    store.write("MATCH (n) DETACH DELETE n")
    report = restored(store, tmp_path / "graph.zip")
    assert report.total_added == 8 + 9
    assert content_hash(read_tables(store)) == content_hash(small_graph)
    assert read_meta(store) == GraphMeta(("demo", "lincs"), "complete", content_hash(small_graph))
    ((found, back),) = published(store, MODEL)
    assert found == keys
    np.testing.assert_array_equal(back, wanted)
    assert nearest(store, wanted[1], 1)[0][0] == keys[1]
    # A second time, and over what is there already, nothing is written.
    assert restored(store, tmp_path / "graph.zip").unchanged
    backup(store, tmp_path / "again.zip")
    with opened_archive(tmp_path / "graph.zip") as one, opened_archive(tmp_path / "again.zip") as two:
        for path in one.folder.iterdir():
            assert path.read_bytes() == (two.folder / path.name).read_bytes(), path.name


def test_file_of_one_engine_is_restored_on_the_other(engine, store, small_graph, keys, tmp_path, request, monkeypatch):
    if engine == "arcadedb":
        pytest.skip("the other half of this test has both")
    access = engines.start(Workspace(request.getfixturevalue("embedded_workspace")), "embedded")
    monkeypatch.setenv("NEO4J_USERNAME", access.username)
    monkeypatch.setenv("NEO4J_PASSWORD", access.password)
    monkeypatch.setenv("NEO4J_DATABASE", access.database)
    wanted = vectors(2)
    with graphdb.connect(access.server.uri) as other:
        assert (store.engine, other.engine) == ("neo4j", "arcadedb")
        try:
            for there, here in ((store, other), (other, store)):
                sync(there, small_graph, sources=["demo"])
                publish(there, keys, wanted, MODEL)
                backup(there, tmp_path / f"{there.engine}.zip")
                there.write("MATCH (n) DETACH DELETE n")
                restored(here, tmp_path / f"{there.engine}.zip")
                assert content_hash(read_tables(here)) == content_hash(small_graph)
                ((found, back),) = published(here, MODEL)
                assert found == keys
                np.testing.assert_array_equal(back, wanted)
                here.write("MATCH (n) DETACH DELETE n")
        finally:
            other.write("MATCH (n) DETACH DELETE n")


def test_graph_that_holds_something_else_is_refused(store, saved, small_graph, keys):
    other = GraphTables({NodeType.GENE: small_graph.nodes[NodeType.GENE]})
    sync(store, other, sources=["mine"])
    with pytest.raises(InputError, match="not empty; --replace"):
        restored(store, saved)
    assert content_hash(read_tables(store)) == content_hash(other)
    report = restored(store, saved, replace=True)
    assert report.content_hash == content_hash(read_tables(store)) == content_hash(small_graph)
    # Embeddings of another model would be lost as well.
    publish(store, keys[:1], vectors(1), "cd" * 32)
    with pytest.raises(InputError, match="--replace"):
        restored(store, saved)
    restored(store, saved, replace=True)
    assert published_models(store) == [MODEL]
    # Nodes of nobody knows whom, which no load has described.
    store.write("MATCH (n) DETACH DELETE n")
    store.write("CREATE (:Gene {ncbi_id: 1})")
    with pytest.raises(InputError, match="--replace"):
        restored(store, saved)


def test_what_is_not_of_the_schema_stays(store, saved):
    store.write("CREATE (:Paper {doi: '10.48550/arXiv.2406.12056'})")
    restored(store, saved)
    assert store.read("MATCH (p:Paper) RETURN count(p) AS n") == [{"n": 1}]


def test_restore_without_embeddings_removes_those_of_another_graph(store, small_graph, keys, tmp_path):
    sync(store, small_graph, sources=["demo"])
    backup(store, tmp_path / "graph.zip")
    publish(store, keys, vectors(2), MODEL)
    restored(store, tmp_path / "graph.zip", replace=True)
    assert published_models(store) == []


def test_interrupted_restore_is_finished_by_the_same_command(store, saved, small_graph, monkeypatch):
    write = store.write

    def fail(at):
        def failing(cypher, *rest, **more):
            if at in cypher:
                raise GraphError("the server went away")
            return write(cypher, *rest, **more)

        return failing

    for at in ("TARGETS", "row.vector"):
        monkeypatch.setattr(store, "write", fail(at))
        with pytest.raises(GraphError, match="went away"):
            restored(store, saved)
        monkeypatch.undo()
    assert published_models(store) == []
    restored(store, saved)
    assert content_hash(read_tables(store)) == content_hash(small_graph)
    assert published_models(store) == [MODEL]


def test_killed_restore_is_finished_by_the_same_command(store, random_graph, tmp_path):
    tables = random_graph(6000, 3000)
    sync(store, tables, sources=["random"])
    file = tmp_path / "graph.zip"
    backup(store, file)
    store.write("MATCH (n) DETACH DELETE n")
    killed = 0
    for nodes in (1, 5000):
        process = run("graphdb.restore", str(file), wait=False)
        while process.poll() is None and store.node_counts()[NodeType.MOLECULE] < nodes:
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
        assert read_meta(store).state == "loading"
    assert killed == 2
    status, out, error = run("graphdb.restore", str(file))
    assert (status, error) == (0, "")
    assert f"6,000 nodes and {sum(tables.edge_counts().values()):,} edges of random" in out
    assert content_hash(read_tables(store)) == content_hash(tables) == read_meta(store).content_hash


def test_commands(store, small_graph, tmp_path):
    file = tmp_path / "graph.zip"
    status, out, error = run("graphdb.backup", str(file))
    assert (status, out, file.exists()) == (1, "", False)
    assert "the graph is empty; load it with" in error
    sync(store, small_graph, sources=["demo"])
    status, out, error = run("graphdb.backup", str(file))
    assert (status, error) == (0, "")
    assert "8 nodes, 9 edges, 0 embeddings" in out
    written = file.read_bytes()
    status, _, error = run("graphdb.backup", str(file))
    assert status == 1
    assert "--overwrite" in error
    assert file.read_bytes() == written
    assert run("graphdb.backup", str(file), "--overwrite")[0] == 0
    status, _, error = run("graphdb.restore", str(tmp_path / "none.zip"))
    assert status == 1
    assert error == f"error: {tmp_path / 'none.zip'}: No such file or directory\n"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["graph.zip"]


def test_half_loaded_graph_is_not_saved(store, small_graph, tmp_path):
    sync(store, small_graph, sources=["demo"])
    write_meta(store, GraphMeta(("demo",), "loading"))
    with pytest.raises(GraphError, match="half loaded"):
        backup(store, tmp_path / "graph.zip")
    assert not (tmp_path / "graph.zip").exists()


def test_graph_that_changes_meanwhile_is_not_saved(store, small_graph, tmp_path, monkeypatch):
    sync(store, small_graph, sources=["demo"])
    read = store.read_one

    def interfere(cypher, **parameters):
        if "TARGETS" in cypher:
            touch(store)
        return read(cypher, **parameters)

    monkeypatch.setattr(store, "read_one", interfere)
    with pytest.raises(GraphError, match="changed while it was read"):
        backup(store, tmp_path / "graph.zip")
    assert not (tmp_path / "graph.zip").exists()


def test_graph_edited_by_hand_is_saved_as_it_is(store, small_graph, tmp_path, capsys):
    sync(store, small_graph, sources=["demo"])
    store.write("MATCH (g:Gene {ncbi_id: 5742}) SET g.name = 'mine'")
    edited = content_hash(read_tables(store))
    assert backup(store, tmp_path / "graph.zip")["content_hash"] == edited != content_hash(small_graph)
    assert "somebody has changed it" in capsys.readouterr().err
