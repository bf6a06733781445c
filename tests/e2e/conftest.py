"""Fixtures of the end-to-end tests: commands run as a user runs them, in processes of their own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from _commands import Commands

from graphdb.meta import read_meta
from graphdb.store import connect

REAL_SOURCES = ("lincs", "cmea", "cpjump1", "hetionet", "drugbank")


@pytest.fixture(scope="module")
def browser() -> str:
    """Return the path of a Chromium; without one the test is skipped, or fails where one is required (CI)."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        if os.environ.get("INFOALIGN_REQUIRE_BROWSER"):
            pytest.fail("INFOALIGN_REQUIRE_BROWSER is set, and there is no Chromium on this machine")
        pytest.skip("no Chromium on this machine (Debian's package: chromium)")
    return found


@pytest.fixture
def commands(tmp_path: Path) -> Iterator[Commands]:
    """Return a runner in an empty workspace; its embedded graph is stopped at the end."""
    runner = Commands(tmp_path / "workspace")
    yield runner
    runner.stop()


@pytest.fixture(scope="module")
def shared_commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    """Return a runner whose workspace the tests of a module share."""
    runner = Commands(tmp_path_factory.mktemp("e2e") / "workspace")
    yield runner
    runner.stop()


@pytest.fixture(scope="session")
def real_sources(shared_data: Path) -> list[str]:
    """Return the arguments that load all real sources."""
    return [part for name in REAL_SOURCES for part in ("--source", f"{name}={shared_data / name}")]


@pytest.fixture(scope="session")
def real_commands(tmp_path_factory: pytest.TempPathFactory, real_sources: list[str]) -> Iterator[Commands]:
    """Return a runner whose graph holds all real sources: loaded once, killed in the middle, and loaded again."""
    runner = Commands(tmp_path_factory.mktemp("real") / "workspace")

    def loading() -> bool:
        if not (runner.workspace / "graph" / "server.json").exists():
            return False
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("INFOALIGN_WORKSPACE", str(runner.workspace))
            with connect(read_only=True) as opened:
                meta = read_meta(opened)
        return meta is not None and meta.state == "loading"

    runner.kill_when("ingest.all", *real_sources, seen=loading)
    runner.run("ingest.all", *real_sources)
    yield runner
    runner.stop()
