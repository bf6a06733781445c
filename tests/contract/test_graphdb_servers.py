"""The server that a workspace runs by itself, of either engine: its life, its death in the middle of a load."""

from __future__ import annotations

import os
import random
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import graphdb
from graphdb import engines, process
from graphdb.content import content_hash
from graphdb.errors import GraphError, GraphUnavailableError
from graphdb.export import read_tables
from graphdb.meta import read_meta
from graphdb.neo4j_server import lifecycle
from graphdb.process import free_ports
from graphdb.sync import sync
from graphdb.workspace import Workspace

pytestmark = pytest.mark.graph

ROOT = Path(__file__).resolve().parents[2]
BATCH = 250
KILLS = {"embedded": 6, "neo4j": 2}
# Writes molecules in batches and says after each that was acknowledged how many there are; goes on where it is told to.
LOAD = """
import sys, graphdb, graphdb.store
graphdb.store.RETRY_SECONDS = 1.0  # nobody starts the server again meanwhile
first, last, batch = map(int, sys.argv[1:])
rows = ({"inchikey": f"KEY{index:011d}-UHFFFAOYSA-N"} for index in range(first, last))
done = first
def say(count):
    global done
    done += count
    print(done, flush=True)
with graphdb.connect() as store:
    store.ensure_schema()
    store.write("UNWIND $rows AS row MERGE (n:Molecule {inchikey: row.inchikey})", rows, batch_size=batch, advance=say)
"""


@pytest.fixture(params=engines.ENGINE_NAMES)
def own_engine(request, monkeypatch):
    """An engine of which the test runs a server of its own; stopped at its end."""
    if request.param == "neo4j":
        request.getfixturevalue("neo4j_workspace")  # skips, or fails, where there can be none
    for name, value in {"INFOALIGN_HEAP": "1g", "INFOALIGN_PAGECACHE": "128m"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("INFOALIGN_ENGINE", request.param)
    yield request.param
    process.stop(engines.folder_of(Workspace.default(), request.param))


def command(*words):
    return subprocess.run(
        [sys.executable, "-m", "graphdb.server", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def port_of(engine):
    return ["--port", str(free_ports(1)[0])] if engine == "neo4j" else []


def test_life_of_a_server(own_engine, monkeypatch):
    monkeypatch.delenv("INFOALIGN_ENGINE")
    folder = engines.folder_of(Workspace.default(), own_engine)
    named = ["--engine", own_engine]
    assert "not running" in command("status", *named).stdout
    # Two commands at the same moment start one server.
    start = [sys.executable, "-m", "graphdb.server", "start", *named, *port_of(own_engine)]
    both = [subprocess.Popen(start, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = {one.communicate(timeout=240)[0] for one in both}
    assert len(said) == 1
    server = process.running(folder)
    assert f"running at {server.uri}, process {server.pid};" in said.pop()
    # It is a session of its own, listens on loopback alone, and its secrets are the owner's.
    running = psutil.Process(server.pid)
    assert os.getsid(server.pid) == server.pid
    listening = {c.laddr for c in running.net_connections("inet") if c.status == psutil.CONN_LISTEN}
    assert server.bolt_port in {address.port for address in listening}
    assert {address.ip.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}
    assert stat.S_IMODE((folder / "password").stat().st_mode) == 0o600
    password = process.read_password(folder)
    assert not [word for word in running.cmdline() if password in word]
    assert password not in process.log_file(folder).read_text()
    # It is the workspace's graph from now on: the next command finds it, after a stop it is started again.
    with graphdb.connect() as store:
        assert store.uri == server.uri
        store.write("CREATE (n:Gene {ncbi_id: 1})")
        assert password not in repr(store)
    assert server.uri in command("status").stdout
    assert command("stop").stdout == "stopped\n"
    assert not server.is_alive
    assert process.running(folder) is None
    assert "not running" in command("stop").stdout
    with graphdb.connect() as store:
        assert store.node_counts()["Gene"] == 1
    assert len(command("logs", "--lines", "5").stdout.splitlines()) == 5
    refused = command("wipe")
    assert refused.returncode in {1, 2}
    assert "--yes" in refused.stderr
    with graphdb.connect() as store:
        assert store.node_counts()["Gene"] == 1
    assert f"deleted {folder}" in command("wipe", "--yes").stdout
    assert process.running(folder) is None
    assert not folder.exists()


def test_an_open_connection_follows_the_server_to_another_port(own_engine):
    workspace = Workspace.default()
    with graphdb.connect() as store:
        store.write("CREATE (n:Gene {ncbi_id: 1})")
        left = store.uri
        process.stop(engines.folder_of(workspace, own_engine))
        with pytest.raises(GraphUnavailableError, match=f"no graph server answers at {left}"):
            store.node_counts()
        port = free_ports(1)[0] if own_engine == "neo4j" else None
        again = engines.start(workspace, own_engine, port=port).server
        assert again.uri != left
        assert store.node_counts()["Gene"] == 1
        store.write("CREATE (n:Gene {ncbi_id: 2})")
        assert (store.uri, store.node_counts()["Gene"]) == (again.uri, 2)


def test_acknowledged_batches_survive_the_death_of_the_server(own_engine, random_graph):
    """Time and again the server is killed in the middle of a load, started again, and the load goes on."""
    workspace = Workspace.default()
    total = 40_000
    tables = random_graph(total, 5_000)
    rng = random.Random(own_engine)
    acknowledged = 0
    port = free_ports(1)[0] if own_engine == "neo4j" else None
    for _ in range(KILLS[own_engine]):
        server = engines.start(workspace, own_engine, port=port).server
        load = subprocess.Popen(
            [sys.executable, "-c", LOAD, str(acknowledged), str(total), str(BATCH)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        wanted = acknowledged + BATCH * rng.randint(1, 12)
        for line in load.stdout:
            acknowledged = int(line)
            if acknowledged >= wanted:
                break
        time.sleep(rng.random() * 0.02)
        os.kill(server.pid, signal.SIGKILL)
        said, complaint = load.communicate(timeout=120)
        acknowledged = int(said.split()[-1]) if said.split() else acknowledged
        assert acknowledged < total
        assert load.returncode == 1
        assert "GraphUnavailableError: no graph server answers" in complaint.strip().splitlines()[-1]
        with graphdb.connect() as store:
            assert store.uri == process.running(engines.folder_of(workspace, own_engine)).uri
            found = store.node_counts()["Molecule"]
        # Every acknowledged batch is there, and no batch in part; one that was not acknowledged may be there too.
        assert found in {acknowledged, acknowledged + BATCH}
    with graphdb.connect() as store:
        sync(store, tables, sources=["demo"])
        assert content_hash(read_tables(store)) == content_hash(tables) == read_meta(store).content_hash


@pytest.fixture
def own_neo4j(neo4j_workspace, monkeypatch):
    """Folder of a Neo4j of the test's own; stopped at its end."""
    for name, value in {"INFOALIGN_HEAP": "512m", "INFOALIGN_PAGECACHE": "64m"}.items():
        monkeypatch.setenv(name, value)
    folder = Workspace.default().neo4j
    yield folder
    process.stop(folder)


def test_neo4j_of_a_command_that_was_killed_is_found_again(own_neo4j):
    """Killed between the start of the server and its first answer: nobody has written down where it listens."""
    # No port is asked for: one that is free now may be taken when the server, seconds later, is about to listen on it.
    starting = subprocess.Popen(
        [sys.executable, "-m", "graphdb.server", "start", "--engine", "neo4j"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    argument = lifecycle._home_argument(lifecycle.home_of(own_neo4j))
    while not (found := [p for p in psutil.process_iter(["cmdline"]) if argument in (p.info["cmdline"] or ())]):
        assert starting.poll() is None, starting.communicate()[0]
        time.sleep(0.02)
    starting.kill()
    starting.communicate()
    assert process.running(own_neo4j) is None
    port = lifecycle._last_port(lifecycle.home_of(own_neo4j))
    server = lifecycle.start(own_neo4j)
    assert (server.pid, server.bolt_port) == (found[0].pid, port)
    # The next start takes the same port again; where somebody has it, another one, unless the port was asked for.
    process.stop(own_neo4j)
    with socket.socket() as taken:
        # Connections of the stopped server may still be in TIME_WAIT.
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with pytest.raises(GraphUnavailableError, match=f"listens on port {port}"):
            lifecycle.start(own_neo4j, port=port)
        # A lost password is said at once, and the data are left alone.
        (own_neo4j / "password").rename(own_neo4j / "kept")
        with pytest.raises(GraphError, match="password of this Neo4j is lost"):
            lifecycle.start(own_neo4j)
        (own_neo4j / "kept").rename(own_neo4j / "password")
        assert lifecycle.start(own_neo4j).bolt_port != port


def test_neo4j_that_cannot_start_says_why(own_neo4j, monkeypatch):
    monkeypatch.setenv("INFOALIGN_HEAP", "1m")
    with pytest.raises(GraphUnavailableError, match=r"did not start: .*(heap|memory)") as caught:
        lifecycle.start(own_neo4j, port=free_ports(1)[0])
    assert "\n" not in str(caught.value)
    assert str(process.log_file(own_neo4j)) in str(caught.value)
    assert process.running(own_neo4j) is None


def test_administration_that_fails_is_one_line(own_neo4j):
    with pytest.raises(GraphError, match=r"neo4j-admin dbms set-initial-password: Missing required parameter"):
        lifecycle.admin(own_neo4j, "dbms", "set-initial-password")
    with pytest.raises(GraphError, match=r"neo4j-admin database dump: ") as caught:
        lifecycle.admin(own_neo4j, "database", "dump", "nosuchdatabase", "--to-path=/nosuchfolder")
    assert "\n" not in str(caught.value)
