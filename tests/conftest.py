"""Fixtures that all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from _commands import Commands

from graphdb import connect
from graphdb.store import GraphStore

PROJECT = Path(__file__).resolve().parent.parent
SHARED_DATA = PROJECT.parent / "shared" / "data"


# A fixture that takes minutes: the files that use it are run by one worker, so that it is made once.
SHARED_FIXTURE = "real_commands"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Tell pytest-xdist what stays together: a file; files that share a slow fixture.

    So do all tests of the engines where they run on a server that somebody named: it has one graph for all of them.
    """
    from xdist.scheduler import LoadFileScheduling

    class Together(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _scope(nodeid.split("::", 1)[0])

    return Together(config, log)


@cache
def _scope(file: str) -> str:
    if "INFOALIGN_TEST_NEO4J_URI" in os.environ and "contract" in Path(file).parts:
        return "contract"
    return SHARED_FIXTURE if SHARED_FIXTURE in (PROJECT / file).read_text(encoding="utf-8") else file


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer the tests that take minutes each."""
    parser.addoption("--long", action="store_true", help="run the tests that are marked long, too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the tests that take minutes each to those who ask for them."""
    if not config.getoption("--long"):
        for item in items:
            if "long" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="takes minutes: pytest --long"))


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
