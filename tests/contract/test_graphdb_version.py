"""The version counter in the graph: raised by everything that changes it, so that a changed graph is noticed."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from graphdb.content import content_hash
from graphdb.errors import GraphError, GraphTimeoutError
from graphdb.export import read_tables
from graphdb.meta import GraphMeta, changed_since, read_meta, touch
from graphdb.schema import META_LABEL, NodeType
from graphdb.snapshot.topology import Snapshot
from graphdb.sync import sync

pytestmark = pytest.mark.graph

ROOT = Path(__file__).resolve().parents[2]


def renamed(tables):
    genes = tables.nodes[NodeType.GENE].assign(symbol=["COX1", "COX2"])
    return dataclasses.replace(tables, nodes={**tables.nodes, NodeType.GENE: genes})


def run(*words):
    return subprocess.run(
        [sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )


def test_load_that_changes_something_raises_the_version(store, small_graph, monkeypatch):
    first = sync(store, small_graph, sources=["demo"]).content_hash
    version = read_meta(store).version
    assert version == 2  # at its begin, and at its end
    assert not changed_since(store, first)
    sync(store, small_graph, sources=["demo"])
    assert read_meta(store).version == version
    write = store.write
    seen = []

    def watch(cypher, *rest, **more):
        if "MERGE (n:Gene" in cypher:
            meta = read_meta(store)
            seen.append((meta.state, meta.version, meta.target, changed_since(store, first)))
        return write(cypher, *rest, **more)

    monkeypatch.setattr(store, "write", watch)
    other = sync(store, renamed(small_graph), sources=["demo"]).content_hash
    assert seen == [("loading", version + 1, other, True)]
    assert read_meta(store).version == version + 2
    assert changed_since(store, first)
    assert not changed_since(store, other)
    # Back to what it was: the same graph, another version.
    sync(store, small_graph, sources=["demo"])
    assert not changed_since(store, first)
    assert read_meta(store).version == version + 4


def test_graph_of_an_older_load_has_version_0(store, small_graph):
    graph_hash = sync(store, small_graph, sources=["demo"]).content_hash
    store.write(f"MATCH (m:{META_LABEL}) REMOVE m.version, m.target, m.edited")
    meta = read_meta(store)
    assert (meta.version, meta.target, meta.edited) == (0, "", False)
    assert not changed_since(store, graph_hash)
    sync(store, renamed(small_graph), sources=["demo"])
    assert read_meta(store).version == 2


def test_no_graph_is_a_changed_one(store):
    assert changed_since(store, content_hash(read_tables(store)))
    touch(store)
    assert read_meta(store) is None


def test_touched_graph_is_a_changed_one_until_the_next_load(store, small_graph):
    graph_hash = sync(store, small_graph, sources=["demo"]).content_hash
    version = read_meta(store).version
    store.write("MATCH (g:Gene {ncbi_id: 5742}) SET g.symbol = 'MINE'")
    touch(store)
    meta = read_meta(store)
    assert (meta, meta.version, meta.edited) == (GraphMeta(("demo",), "complete", graph_hash), version + 1, True)
    assert changed_since(store, graph_hash)
    sync(store, small_graph, sources=["demo"])
    assert not changed_since(store, graph_hash)


def test_writing_command_marks_the_graph_and_the_snapshot_reads_it_anew(store, small_graph, tmp_path):
    graph_hash = sync(store, small_graph, sources=["demo"]).content_hash
    done = run("queries.cypher", "--write", "MATCH (g:Gene {ncbi_id: 5742}) SET g.symbol = 'MINE'")
    assert done.returncode == 0, done.stderr
    assert changed_since(store, graph_hash)
    made = run("graphdb.snapshot", "--out", str(tmp_path / "snapshot"))
    assert made.returncode == 0, made.stderr
    assert "somebody has changed it since" in made.stderr
    snapshot = Snapshot.load(tmp_path / "snapshot")
    assert snapshot.graph_hash == content_hash(read_tables(store)) != graph_hash


ENDLESS = "UNWIND range(1, 100000) AS a UNWIND range(1, 100000) AS b WITH a, b WHERE a * b % 7 = 8 RETURN count(*) AS n"
# The embedded graph goes on with what is given up, so that must have an end.
LONG = {"neo4j": ENDLESS, "arcadedb": ENDLESS.replace("range(1, 100000) AS b", "range(1, 100) AS b")}


def test_query_that_takes_too_long_is_given_up(store, engine):
    store.timeout = 0.5
    began = time.perf_counter()
    with pytest.raises(GraphTimeoutError, match="longer than it may"):
        store.read(LONG[engine])
    assert time.perf_counter() - began < 5
    if engine == "neo4j":
        running = "SHOW TRANSACTIONS YIELD currentQuery WHERE currentQuery CONTAINS $part RETURN count(*) AS n"
        assert store.read(running, part="a * b % 7") == [{"n": 0}]
    assert store.read("RETURN 1 AS one") == [{"one": 1}]
    store.timeout = 60
    assert store.read("RETURN 2 AS two") == [{"two": 2}]
    with pytest.raises(GraphError, match=r"(?i)syntax|invalid|nothing"):
        store.read("NOTHING")


def test_limit_of_time_leaves_no_thread_behind(store):
    before = set(threading.enumerate())
    store.timeout = 60
    store.read("RETURN 1 AS one")
    assert set(threading.enumerate()) <= before


def test_command_with_a_limit_of_time(store, engine):
    done = run("queries.cypher", LONG[engine], "--timeout", "0.5")
    assert done.returncode == 1
    assert "longer than it may (--timeout)" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "got nan" in run("queries.cypher", "RETURN 1", "--timeout", "nan").stderr
    assert run("queries.cypher", "RETURN 1 AS one", "--timeout", "0", "--csv").stdout == "one\n1\n"
