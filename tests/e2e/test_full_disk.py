"""A disk that is full, for real: a small file system of its own. Needs the right to mount one."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from _commands import Commands

from benchmarks.synthetic import Size, make_workspace
from graphdb.console import one_line
from graphdb.snapshot import Snapshot
from graphdb.workspace import Workspace

pytestmark = [pytest.mark.slow]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Return a function that mounts a file system of a size and returns its folder."""
    mounted = []

    def mount(size: str) -> Path:
        folder = tmp_path / "disk"
        folder.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        try:
            subprocess.run(words, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("this user may not mount a file system")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> None:
    with (disk / "filling").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 4096)


def synthetic(disk: Path) -> Workspace:
    return make_workspace(
        disk / "workspace", Size(molecules=40, genes=5, profiles=5, atoms=(3, 8), bits=64, features=4)
    )


def said(runner: Commands, *command: str) -> str:
    lines = [line for line in runner.run(*command, status=1).stderr.splitlines() if line.startswith("error:")]
    assert len(lines) == 1
    return lines[0]


def test_walks(disk: Callable[[str], Path]) -> None:
    folder = disk("4m")
    workspace = synthetic(folder)
    fill(folder)
    assert "the disk is full" in said(Commands(workspace.root), "graphdb.walks", "export")
    assert not workspace.shards.exists()


def test_a_checkpoint(disk: Callable[[str], Path]) -> None:
    workspace = synthetic(disk("4m"))
    line = said(Commands(workspace.root), "learn.pretrain", "--quick", "--epochs", "1")
    assert "the disk is full" in line
    assert "initial.pt" in line
    assert list(workspace.runs.glob("*/*.pt")) == []


def test_snapshot_and_features(disk: Callable[[str], Path]) -> None:
    folder = disk("4m")
    workspace = synthetic(folder)
    before = workspace.snapshot.joinpath("manifest.json").read_bytes()
    snapshot = Snapshot.load(workspace.snapshot)
    fill(folder)
    with pytest.raises(OSError, match=r".") as caught:
        snapshot.save(workspace.snapshot)
    assert "the disk is full" in one_line(caught.value)
    assert workspace.snapshot.joinpath("manifest.json").read_bytes() == before


@pytest.mark.graph
def test_the_embedded_graph(disk: Callable[[str], Path]) -> None:
    runner = Commands(disk("6m") / "workspace")
    try:
        assert "the disk is full" in said(runner, "ingest.all")
        assert not (runner.workspace / "snapshot").exists()
    finally:
        runner.stop()
