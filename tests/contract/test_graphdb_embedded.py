"""The helper process of the embedded graph: started once, found again, killed, stopped; loads that are killed."""

from __future__ import annotations

import json
import os
import pickle
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
from graphdb import embedded, process
from graphdb.content import content_hash
from graphdb.errors import GraphAuthError, GraphUnavailableError
from graphdb.export import read_tables
from graphdb.meta import read_meta
from graphdb.sync import sync
from graphdb.workspace import Workspace

pytestmark = pytest.mark.graph

ROOT = Path(__file__).resolve().parents[2]
# Loads the pickled tables, as ingest.all does with those that it made.
LOAD = """
import pickle, sys, graphdb
from graphdb.sync import sync
with open(sys.argv[1], "rb") as file:
    tables = pickle.load(file)
with graphdb.connect() as store:
    sync(store, tables, sources=["demo"])
"""


@pytest.fixture(autouse=True)
def _small_heap(monkeypatch):
    monkeypatch.setenv("INFOALIGN_HEAP", "1g")


@pytest.fixture
def folder():
    """Folder of an embedded graph of the test's own."""
    folder = Workspace.default().graph
    yield folder
    process.stop(folder)


def run_command(*words):
    return subprocess.run(
        [sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )


def wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def start_load(tables, path):
    path.write_bytes(pickle.dumps(tables))
    return subprocess.Popen([sys.executable, "-c", LOAD, str(path)], cwd=ROOT, stderr=subprocess.PIPE, text=True)


def test_a_life(folder):
    assert "not running" in run_command("graphdb.server", "status").stdout
    # Two commands at the same moment start one server.
    both = [
        subprocess.Popen([sys.executable, "-m", "graphdb.server", "start"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = {command.communicate(timeout=120)[0] for command in both}
    assert len(said) == 1
    server = process.running(folder)
    assert f"process {server.pid};" in said.pop()
    # It is a session of its own, listens on loopback alone, and its secrets are the owner's.
    helper = psutil.Process(server.pid)
    assert os.getsid(server.pid) == server.pid
    listening = {c.laddr for c in helper.net_connections("inet") if c.status == psutil.CONN_LISTEN}
    assert {address.port for address in listening} == {server.bolt_port, server.http_port}
    assert {address.ip.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}
    assert stat.S_IMODE((folder / "password").stat().st_mode) == 0o600
    assert not [word for word in helper.cmdline() if process.read_password(folder) in word]
    # What was written is there for the next command, and after a stop and a start.
    with graphdb.connect() as store:
        store.write("CREATE (n:Gene {ncbi_id: 1})")
    assert "running at" in run_command("graphdb.server", "status").stdout
    assert run_command("graphdb.server", "stop").stdout == "stopped\n"
    assert not server.is_alive
    assert process.running(folder) is None
    assert "ArcadeDB Server" in run_command("graphdb.server", "logs", "--lines", "1000").stdout
    assert "not running" in run_command("graphdb.server", "stop").stdout
    with graphdb.connect() as store:
        assert store.node_counts()["Gene"] == 1
    # A graph whose password file was lost is still its owner's.
    process.stop(folder)
    (folder / "password").unlink()
    with graphdb.connect() as store:
        assert store.node_counts()["Gene"] == 1


def test_load_whose_server_is_killed_is_finished_by_the_next(folder, random_graph, tmp_path):
    tables = random_graph(6_000, 16_000)
    killed = embedded.start(folder)
    load = start_load(tables, tmp_path / "tables.pickle")
    with graphdb.connect() as store:
        wait_until(lambda: sum(store.edge_counts().values()) > 0)
    os.kill(killed.pid, signal.SIGKILL)
    _, complaint = load.communicate(timeout=120)
    assert load.returncode == 1
    assert (
        complaint.strip().splitlines()[-1].startswith("graphdb.errors.GraphUnavailableError: no graph server answers")
    )
    with graphdb.connect() as store:
        assert process.running(folder).pid != killed.pid
        assert read_meta(store).state == "loading"
        assert 0 < sum(store.edge_counts().values()) < 16_000
        report = sync(store, tables, sources=["demo"])
        assert 0 < report.total_added < 22_000
        assert content_hash(read_tables(store)) == content_hash(tables)
        assert sync(store, tables, sources=["demo"]).unchanged


def test_deleted_workspace_leaves_no_server(folder):
    server = embedded.start(folder)
    process.state_file(folder).unlink()
    wait_until(lambda: not server.is_alive)


def test_taken_port_is_passed_over(folder, monkeypatch):
    free = embedded.free_ports
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        offers = iter([[taken.getsockname()[1], *free(1)]])
        monkeypatch.setattr(embedded, "free_ports", lambda count: next(offers, None) or free(count))
        with graphdb.connect() as store:
            assert not store.uri.endswith(f":{taken.getsockname()[1]}")


def test_server_that_cannot_start_says_why(folder, monkeypatch):
    monkeypatch.setenv("INFOALIGN_HEAP", "1m")
    with pytest.raises(GraphUnavailableError, match=r"JVM|Too small maximum heap") as caught:
        graphdb.connect()
    assert "\n" not in str(caught.value)
    assert str(process.log_file(folder)) in str(caught.value)
    assert process.running(folder) is None


def test_state_of_another_process_is_not_believed(folder):
    server = embedded.start(folder)
    state = json.loads(process.state_file(folder).read_text())
    for wrong in ({**state, "started": state["started"] - 100}, {**state, "pid": 2**22 + 1}):
        process.state_file(folder).write_text(json.dumps(wrong))
        assert process.running(folder) is None
    process.state_file(folder).write_text(json.dumps(state))
    assert process.running(folder) == server


def test_wrong_password_of_the_embedded_graph(folder):
    embedded.start(folder)
    (folder / "password").write_text("wrong\n")
    with pytest.raises(GraphAuthError, match="wrong user name or password"):
        graphdb.connect()


def test_load_that_is_killed_is_finished_by_the_next(store, random_graph, tmp_path):
    """On every engine: the client is killed, the server lives on."""
    tables = random_graph(6_000, 16_000)
    load = start_load(tables, tmp_path / "tables.pickle")
    wait_until(lambda: sum(store.edge_counts().values()) > 0)
    load.send_signal(signal.SIGKILL)
    load.wait()
    load.stderr.close()
    assert load.returncode == -signal.SIGKILL
    assert read_meta(store).state == "loading"
    report = sync(store, tables, sources=["demo"])
    assert 0 < report.total_added < 22_000
    assert content_hash(read_tables(store)) == content_hash(tables) == read_meta(store).content_hash
