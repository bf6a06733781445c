"""Fixtures of the unit tests: a small graph, written once, that the tests of `queries` look things up in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from _queries_graph import tables

from graphdb import process


@pytest.fixture(scope="session")
def _written_graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    from graphdb import connect
    from graphdb.sync import sync

    workspace = tmp_path_factory.mktemp("queries")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("INFOALIGN_WORKSPACE", str(workspace))
        for name in ("NEO4J_URI", "NEO4J_USERNAME", "NEO4J_PASSWORD", "NEO4J_DATABASE"):
            environment.delenv(name, raising=False)
        with connect() as store:
            sync(store, tables(), sources=["hand"])
    yield workspace
    process.stop(workspace / "graph")


@pytest.fixture
def small_graph(_written_graph: Path, _own_workspace: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Workspace of the small graph; the environment names it during the test."""
    monkeypatch.setenv("INFOALIGN_WORKSPACE", str(_written_graph))
    return _written_graph


@pytest.fixture
def store(small_graph: Path):
    """Read-only connection to the small graph."""
    from graphdb import connect

    with connect(read_only=True) as opened:
        yield opened
