"""Where the graph is: the environment wins over ``.env``, and an empty value is none."""

from __future__ import annotations

import pytest

from graphdb.settings import Settings
from graphdb.workspace import Workspace


@pytest.fixture
def dotenv(tmp_path, monkeypatch):
    """A current folder with an ``.env``."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / ".env"
    path.write_text(
        "# the server\nNEO4J_URI=bolt://file:7687\nNEO4J_USERNAME=filer\n"
        'NEO4J_PASSWORD="pa ss#1"\nNEO4J_DATABASE=filed\nUNRELATED=1\n'
    )
    return path


def test_nothing_named_is_the_embedded_graph(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Settings.load() == Settings(uri=None, username="neo4j", password="", database=None)


def test_dotenv_of_the_current_folder_is_read(dotenv):
    assert Settings.load() == Settings("bolt://file:7687", "filer", "pa ss#1", "filed")


def test_another_dotenv_can_be_named(dotenv, tmp_path):
    other = tmp_path / "other.env"
    other.write_text("NEO4J_URI=bolt://other:7687\n")
    assert Settings.load(other) == Settings("bolt://other:7687")


def test_environment_wins_value_by_value(dotenv, monkeypatch):
    monkeypatch.setenv("NEO4J_URI", "bolt://environment:7687")
    monkeypatch.setenv("NEO4J_PASSWORD", "other")
    assert Settings.load() == Settings("bolt://environment:7687", "filer", "other", "filed")


def test_empty_value_is_none_and_hides_the_file(dotenv, monkeypatch):
    """So that ``NEO4J_URI= python -m …`` uses the embedded graph once."""
    for name in ("NEO4J_URI", "NEO4J_USERNAME", "NEO4J_DATABASE"):
        monkeypatch.setenv(name, "")
    assert Settings.load() == Settings(None, "neo4j", "pa ss#1", None)


def test_reading_leaves_the_environment_alone(dotenv, monkeypatch):
    import os

    before = dict(os.environ)
    Settings.load()
    assert dict(os.environ) == before


def test_password_is_not_shown():
    assert "secret" not in repr(Settings("bolt://x", password="secret"))


def test_workspace_is_the_environments_or_beside_us(tmp_path, monkeypatch):
    monkeypatch.setenv("INFOALIGN_WORKSPACE", str(tmp_path / "there"))
    assert Workspace.default().root == tmp_path / "there"
    monkeypatch.delenv("INFOALIGN_WORKSPACE")
    assert str(Workspace.default().root) == "workspace"


def test_everything_lies_in_the_workspace_under_its_own_name(tmp_path):
    workspace = Workspace(tmp_path)
    names = [name for name, value in vars(Workspace).items() if isinstance(value, property)]
    places = [getattr(workspace, name) for name in names]
    assert len(set(places)) == len(places) >= 9
    assert all(place.parent == tmp_path for place in places)
