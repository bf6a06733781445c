"""Where the address, the user and the password of the graph come from."""

from __future__ import annotations

import os

import pytest

from graphdb.settings import Settings


def test_nothing_said_means_the_embedded_graph(tmp_path):
    assert Settings.load(tmp_path / ".env") == Settings(uri=None, username="neo4j", password="", database=None)


def test_file_in_the_current_folder_is_read_and_the_environment_stays_as_it_was(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("NEO4J_URI=bolt://h:1\nNEO4J_USERNAME=u\nNEO4J_PASSWORD='p $x'\nNEO4J_DATABASE=d\n")
    before = dict(os.environ)
    assert Settings.load() == Settings("bolt://h:1", "u", "p $x", "d")
    assert dict(os.environ) == before


def test_environment_wins_even_where_it_is_empty(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("NEO4J_URI=bolt://h:1\nNEO4J_PASSWORD=file\n")
    monkeypatch.setenv("NEO4J_PASSWORD", "environment")
    assert Settings.load(tmp_path / ".env").password == "environment"
    monkeypatch.setenv("NEO4J_URI", "")
    assert Settings.load(tmp_path / ".env").uri is None


def test_password_is_not_shown():
    assert "secret" not in repr(Settings("bolt://h:1", password="secret"))


@pytest.mark.parametrize("name", ["NEO4J_USERNAME", "NEO4J_DATABASE"])
def test_empty_means_the_default(name, monkeypatch, tmp_path):
    monkeypatch.setenv(name, "")
    assert Settings.load(tmp_path / ".env") == Settings(None)
