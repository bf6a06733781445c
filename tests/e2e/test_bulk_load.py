"""``ingest.all --bulk``: a first load of Neo4j by files ends where one over Bolt ends; what it refuses; its death."""

from __future__ import annotations

import json
import os

import pytest
from _commands import Commands

from graphdb import process
from graphdb.errors import GraphUnavailableError
from graphdb.neo4j_server import lifecycle
from graphdb.neo4j_server.artifacts import fetch
from graphdb.neo4j_server.java import find_java
from graphdb.process import free_ports

pytestmark = [pytest.mark.graph, pytest.mark.slow]


@pytest.fixture
def neo4j_commands(tmp_path, monkeypatch):
    """A runner in an empty workspace with a Neo4j of its own, running."""
    monkeypatch.setenv("INFOALIGN_HEAP", "1g")
    monkeypatch.setenv("INFOALIGN_PAGECACHE", "128m")
    runner = Commands(tmp_path / "workspace")
    try:
        find_java()
        fetch()
    except GraphUnavailableError as error:
        if os.environ.get("INFOALIGN_REQUIRE_NEO4J"):
            raise
        pytest.skip(f"no Neo4j: {error}")
    runner.run("graphdb.server", "start", "--engine", "neo4j", "--port", str(free_ports(1)[0]))
    yield runner
    process.stop(runner.workspace / "neo4j")


def content(runner: Commands) -> str:
    return json.loads((runner.workspace / "ingest.json").read_text())["graph_hash"]


def test_bulk_load_is_a_load(neo4j_commands, demo_workspace):
    runner = neo4j_commands
    folder = runner.workspace / "neo4j"
    before = process.running(folder)
    # Killed in the middle of the import: the next start has an empty graph, and the same command does it.
    runner.kill_when("ingest.all", "--bulk", seen=(folder / lifecycle.IMPORTING).exists)
    runner.run("ingest.all", "--bulk")
    expected = json.loads((demo_workspace / "ingest.json").read_text())["graph_hash"]
    assert content(runner) == expected
    after = process.running(folder)
    assert after.bolt_port == before.bolt_port
    assert after.pid != before.pid
    assert not (folder / "bulk").exists()
    # A load over Bolt finds nothing to do; another bulk import is refused.
    assert "no change" in runner.run("ingest.all", "--no-cache").stdout
    refused = runner.run("ingest.all", "--bulk", status=1)
    assert "a bulk import is for an empty graph" in refused.stderr


def test_bulk_load_of_the_embedded_graph_is_refused(commands):
    refused = commands.run("ingest.all", "--bulk", status=1)
    assert "is the embedded graph" in refused.stderr
