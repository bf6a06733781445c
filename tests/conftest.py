"""Fixtures that all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from _commands import Commands

from graphdb import connect
from graphdb.store import GraphStore

PROJECT = Path(__file__).resolve().parent.parent
SHARED_DATA = PROJECT.parent / "shared" / "data"


# Fixtures that take minutes: the files that use one are run by one worker, so that it is made once.
SHARED_FIXTURES = ("real_commands",)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tell pytest-xdist's ``--dist loadgroup`` what stays together: a file; files that share a slow fixture.

    So do all tests of the engines where they run on a server that somebody named: it has one graph for all of them.
    """
    shared: dict[Path, str] = {}
    for item in items:
        used = [name for name in SHARED_FIXTURES if name in getattr(item, "fixturenames", ())]
        if used:
            shared[item.path] = used[0]
        elif "INFOALIGN_TEST_NEO4J_URI" in os.environ and item.path.parent.name == "contract":
            shared[item.path] = "contract"
    for item in items:
        item.add_marker(pytest.mark.xdist_group(shared.get(item.path, item.path.stem)))


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
