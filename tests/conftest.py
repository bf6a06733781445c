"""Fixtures that all tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from _commands import Commands

from graphdb import connect
from graphdb.store import GraphStore

PROJECT = Path(__file__).resolve().parent.parent
SHARED_DATA = PROJECT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real data, which lies beside the project and is read in place."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real data (../shared/data) is not beside the project")
    return SHARED_DATA


@pytest.fixture(autouse=True)
def _own_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every test away from the user's workspace and from a server named in the environment."""
    monkeypatch.setenv("INFOALIGN_WORKSPACE", str(tmp_path / "workspace"))
    for name in ("NEO4J_URI", "NEO4J_USERNAME", "NEO4J_PASSWORD", "NEO4J_DATABASE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def demo_workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a workspace with the demo graph, loaded once by the command; its server runs until the end."""
    runner = Commands(tmp_path_factory.mktemp("demo") / "workspace")
    runner.run("ingest.all")
    yield runner.workspace
    runner.stop()


@pytest.fixture(scope="session")
def demo_store(demo_workspace: Path) -> Iterator[GraphStore]:
    """Return a read-only connection to the demo graph."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INFOALIGN_WORKSPACE", str(demo_workspace))
        for name in ("NEO4J_URI", "NEO4J_USERNAME", "NEO4J_PASSWORD", "NEO4J_DATABASE"):
            patch.delenv(name, raising=False)
        store = connect(read_only=True)
    with store:
        yield store
