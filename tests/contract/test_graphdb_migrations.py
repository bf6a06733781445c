"""A graph of an older schema version is refused, and brought to today's by steps that may be killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from graphdb.content import content_hash
from graphdb.errors import ArtefactError, GraphError
from graphdb.export import read_tables
from graphdb.meta import GraphMeta, read_meta, stored_version, write_meta
from graphdb.migrations import MIGRATIONS, Migration, migrate, pending
from graphdb.schema import META_LABEL, SCHEMA_VERSION
from graphdb.sync import sync

pytestmark = pytest.mark.graph

ROOT = Path(__file__).resolve().parents[2]
# Two versions ago the symbol of a gene was called `sign`, and one version ago edges had a `strength`, no weight.
OLDEST = SCHEMA_VERSION - 2
STEPS = (
    Migration(
        OLDEST,
        "a gene's sign is its symbol",
        ("MATCH (g:Gene) WHERE g.sign IS NOT NULL SET g.symbol = g.sign REMOVE g.sign",),
    ),
    Migration(
        OLDEST + 1,
        "the strength of an edge, in percent, is its weight",
        ("MATCH ()-[r:TARGETS]->() WHERE r.strength IS NOT NULL SET r.weight = r.strength / 100.0 REMOVE r.strength",),
    ),
)


def command():
    return subprocess.run(
        [sys.executable, "-m", "graphdb.migrate"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture
def old_graph(store, small_graph):
    """The small graph, as a made-up older version would have written it."""
    sync(store, small_graph, sources=["demo"])
    store.write("MATCH (g:Gene) SET g.sign = g.symbol REMOVE g.symbol")
    store.write("MATCH ()-[r:TARGETS]->() SET r.strength = r.weight * 100.0 REMOVE r.weight")
    store.write(f"MATCH (m:{META_LABEL}) SET m.schema_version = $version, m.content_hash = 'old'", version=OLDEST)
    return small_graph


def test_old_graph_is_refused_untouched_and_the_command_named(store, old_graph):
    for ask in (lambda: read_meta(store), lambda: sync(store, old_graph, sources=["demo"])):
        with pytest.raises(ArtefactError, match=r"python -m graphdb\.migrate"):
            ask()
    assert store.read("MATCH (g:Gene) WHERE g.sign IS NOT NULL RETURN count(g) AS n") == [{"n": 2}]


def test_old_graph_becomes_todays(store, old_graph):
    assert migrate(store, STEPS) == STEPS
    assert content_hash(read_tables(store)) == content_hash(old_graph)
    meta = read_meta(store)
    assert meta == GraphMeta(("demo",), "complete", content_hash(old_graph))
    assert sync(store, old_graph, sources=["demo"]).unchanged
    assert read_meta(store).version == meta.version
    assert migrate(store, STEPS) == ()
    assert read_meta(store).version == meta.version


@pytest.mark.parametrize("fails", [0, 1, 2, 3])
def test_interrupted_migration_is_finished_by_the_same_command(store, old_graph, fails, monkeypatch):
    """Whichever of the writes is lost: each step's statements, and the two that note a version."""
    write, written = store.write, []

    def fail(cypher, *rest, **more):
        if len(written) == fails:
            raise GraphError("the server went away")
        written.append(cypher)
        return write(cypher, *rest, **more)

    monkeypatch.setattr(store, "write", fail)
    with pytest.raises(GraphError, match="went away"):
        migrate(store, STEPS)
    monkeypatch.undo()
    assert stored_version(store) == OLDEST + (fails >= 2)
    migrate(store, STEPS)
    assert content_hash(read_tables(store)) == content_hash(old_graph) == read_meta(store).content_hash


def test_half_loaded_graph_is_not_migrated(store, old_graph):
    write_meta(store, GraphMeta(("demo",), "loading"))
    store.write(f"MATCH (m:{META_LABEL}) SET m.schema_version = $version", version=OLDEST)
    with pytest.raises(GraphError, match="half loaded"):
        migrate(store, STEPS)
    assert stored_version(store) == OLDEST


def test_command(store, small_graph):
    assert "the graph is empty" in command().stderr
    sync(store, small_graph, sources=["demo"])
    done = command()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f"schema version {SCHEMA_VERSION}, nothing to do\n")
    store.write(f"MATCH (m:{META_LABEL}) SET m.schema_version = 99")
    done = command()
    assert done.returncode == 1
    assert "the graph has schema version 99, this platform" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_order_and_gaps():
    assert pending(OLDEST, STEPS[::-1]) == STEPS
    assert pending(OLDEST + 1, STEPS) == STEPS[1:]
    assert pending(SCHEMA_VERSION, STEPS) == ()
    with pytest.raises(ArtefactError, match=f"leads on from version {OLDEST + 1}"):
        pending(OLDEST, STEPS[:1])
    with pytest.raises(ArtefactError, match="use the platform that wrote the graph"):
        pending(SCHEMA_VERSION + 1, STEPS)
    # Whoever raises SCHEMA_VERSION says how a graph gets there.
    assert [migration.from_version for migration in MIGRATIONS] == list(range(1, SCHEMA_VERSION))
