"""Which engine a workspace uses, and the settings of its Neo4j. Nothing is started here; see tests/contract."""

from __future__ import annotations

import pytest

from graphdb import engines
from graphdb.engines import Access
from graphdb.errors import InputError
from graphdb.neo4j_server.configuration import configuration
from graphdb.process import ServerProcess
from graphdb.server import build_parser, main
from graphdb.workspace import Workspace


def test_the_embedded_graph_is_used_unless_the_workspace_or_the_environment_says_otherwise(monkeypatch):
    workspace = Workspace.default()
    assert engines.chosen(workspace) == "embedded"
    engines.choose(workspace, "neo4j")
    assert engines.chosen(workspace) == "neo4j"
    monkeypatch.setenv("INFOALIGN_ENGINE", "embedded")
    assert engines.chosen(workspace) == "embedded"
    assert engines.folder_of(workspace, "neo4j") != engines.folder_of(workspace, "embedded")


def test_engine_that_is_none_is_refused(monkeypatch):
    workspace = Workspace.default()
    monkeypatch.setenv("INFOALIGN_ENGINE", "postgres")
    with pytest.raises(InputError, match="INFOALIGN_ENGINE: expected embedded or neo4j, got 'postgres'"):
        engines.chosen(workspace)
    monkeypatch.delenv("INFOALIGN_ENGINE")
    workspace.root.mkdir()
    workspace.engine.write_text("\n")
    with pytest.raises(InputError, match=r"engine: expected embedded or neo4j, got ''"):
        engines.chosen(workspace)


def test_password_is_not_shown(tmp_path):
    access = Access(ServerProcess(1, 0.0, 7687), "neo4j", "secret", "neo4j", tmp_path)
    assert "secret" not in repr(access)


def test_neo4j_listens_on_loopback_alone_and_asks_for_a_password(monkeypatch):
    monkeypatch.setenv("INFOALIGN_PAGECACHE", "512m")
    settings = dict(line.split("=", 1) for line in configuration(1234).splitlines() if not line.startswith("#"))
    assert settings["server.default_listen_address"] == "127.0.0.1"
    assert settings["server.bolt.listen_address"] == "127.0.0.1:1234"
    assert settings["dbms.security.auth_enabled"] == "true"
    assert (settings["server.http.enabled"], settings["server.https.enabled"]) == ("false", "false")
    assert settings["server.memory.pagecache.size"] == "512m"
    monkeypatch.setenv("INFOALIGN_PAGECACHE", "much")
    with pytest.raises(InputError, match="INFOALIGN_PAGECACHE"):
        configuration(1234)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["start", "--port", "7000"], "only Neo4j's can be chosen"),
        (["wipe"], "--yes"),
    ],
)
def test_what_cannot_be_done_is_said(words, says):
    with pytest.raises(InputError, match=says):
        main(build_parser().parse_args(words))


def test_wiping_nothing_is_said(capsys):
    main(build_parser().parse_args(["wipe", "--yes"]))
    assert "nothing to delete" in capsys.readouterr().out
