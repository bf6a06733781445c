"""Fixtures of the end-to-end tests: commands run as a user runs them, in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from graphdb.store import GraphStore, connect

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Commands:
    """Runs ``python -m …`` in one workspace."""

    workspace: Path

    @property
    def environment(self) -> Mapping[str, str]:
        hidden = {name for name in os.environ if name.startswith("NEO4J_")}
        kept = {name: value for name, value in os.environ.items() if name not in hidden}
        return {**kept, "INFOALIGN_WORKSPACE": str(self.workspace), "INFOALIGN_HEAP": "1g", "OMP_NUM_THREADS": "2"}

    def run(self, *command: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            [sys.executable, "-m", *command],
            env=self.environment,
            cwd=PROJECT,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        said = f"python -m {' '.join(command)}\n{result.stdout[-3000:]}\n{result.stderr[-3000:]}"
        assert result.returncode == status, said
        if status:
            assert "Traceback" not in result.stderr, said
        return result

    def kill_when(self, *command: str, seen: Callable[[], bool], timeout: float = 300) -> None:
        """Start a command and ``kill -9`` it as soon as `seen` says so."""
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            env=self.environment,
            cwd=PROJECT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            waited = 0.0
            while not seen():
                assert process.poll() is None, "the command ended before it could be killed"
                assert waited < timeout, "nothing to see in time"
                try:
                    process.wait(0.05)
                except subprocess.TimeoutExpired:
                    waited += 0.05
            process.send_signal(signal.SIGKILL)
        finally:
            process.kill()
            process.wait()

    def stop(self) -> None:
        subprocess.run(
            [sys.executable, "-m", "graphdb.server", "stop"],
            env=self.environment,
            cwd=PROJECT,
            capture_output=True,
            timeout=120,
            check=False,
        )


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
