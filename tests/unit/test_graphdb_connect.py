"""Connecting where nothing, or something else, answers."""

from __future__ import annotations

import socket
import stat

import pytest

import graphdb
from graphdb import embedded, process
from graphdb.errors import GraphError, GraphUnavailableError, InputError, MissingExtraError
from graphdb.server import build_parser, main


def closed_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.mark.parametrize("scheme", ["bolt", "neo4j"])
def test_no_server(scheme, capfd):
    uri = f"{scheme}://127.0.0.1:{closed_port()}"
    with pytest.raises(GraphUnavailableError, match=f"no graph server answers at {uri}"):
        graphdb.connect(uri)
    assert capfd.readouterr().err == ""


def test_no_such_host():
    with pytest.raises(GraphUnavailableError, match=r"bolt://no\.such\.host\.invalid:7687"):
        graphdb.connect("bolt://no.such.host.invalid:7687")


@pytest.mark.parametrize("uri", ["localhost:7687", "http://127.0.0.1:7474", "nonsense", "bolt://127.0.0.1:port"])
def test_wrong_address(uri):
    with pytest.raises(GraphError) as caught:
        graphdb.connect(uri)
    assert uri in str(caught.value)
    assert "\n" not in str(caught.value)


def test_server_named_in_the_environment_is_not_replaced_by_an_embedded_one(monkeypatch):
    monkeypatch.setenv("NEO4J_URI", f"bolt://127.0.0.1:{closed_port()}")
    with pytest.raises(GraphUnavailableError):
        graphdb.connect()


def test_embedded_graph_needs_its_extra(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'infoalign-db\[embedded\]'"):
        graphdb.connect()


def test_password_is_made_once_and_is_the_owners(tmp_path):
    first = embedded.ensure_password(tmp_path)
    assert len(first) >= 32
    assert embedded.ensure_password(tmp_path) == process.read_password(tmp_path) == first
    assert stat.S_IMODE((tmp_path / "password").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["password"]


def test_empty_password_file_is_made_anew_with_the_servers_record(tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "server-users.jsonl").write_text("{}")
    (tmp_path / "password").touch()
    assert len(embedded.ensure_password(tmp_path)) >= 32
    assert not (tmp_path / "config" / "server-users.jsonl").exists()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"pid": 1}', '{"pid": 1, "started": 0, "bolt_port": 1, "http_port": 2}']
)
def test_damaged_or_stale_state_is_no_server(tmp_path, text):
    process.state_file(tmp_path).write_text(text)
    assert process.running(tmp_path) is None


@pytest.mark.parametrize("size", ["nonsense", "2", "0g", "-1g", "1t"])
def test_heap_must_be_a_size(size, monkeypatch):
    monkeypatch.setenv("INFOALIGN_HEAP", size)
    with pytest.raises(InputError, match="INFOALIGN_HEAP"):
        embedded.heap_size()


@pytest.mark.parametrize(
    ("action", "says"), [("status", "not running"), ("stop", "not running"), ("logs", "no log yet")]
)
def test_command_without_a_server(action, says, capsys):
    main(build_parser().parse_args([action]))
    assert says in capsys.readouterr().out
