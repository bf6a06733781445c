"""An export that is killed leaves what was there, and the next one ends in the state of one that was not killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from graphdb.snapshot import Snapshot
from graphdb.walks.shards import ShardReader

ROOT = Path(__file__).parents[2]
SETTINGS = ["--epochs", "100", "--shard-size", "500"]


def command(workspace: Path, *settings: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "INFOALIGN_WORKSPACE": str(workspace)}
    words = [sys.executable, "-m", "graphdb.walks", "export", *settings]
    return subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> None:
    error = process.communicate(timeout=120)[1]
    assert process.returncode == 0, error


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_an_export_killed_in_the_middle(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    snapshot = Snapshot.from_edges(np.zeros(1000, int), *rng.integers(1000, size=(2, 2000)), rng.random(2000))
    snapshot.save(tmp_path / "snapshot")
    finish(command(tmp_path, "--seed", "1"))
    before = ShardReader(tmp_path / "shards", snapshot).manifest

    process = command(tmp_path, *SETTINGS)
    deadline = time.monotonic() + 60
    while not any(tmp_path.glob(".shards.tmp-*/epoch-0003-*.parquet")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert any(tmp_path.glob(".shards.tmp-*"))
    assert ShardReader(tmp_path / "shards", snapshot).manifest == before

    finish(command(tmp_path, *SETTINGS))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shards", "snapshot"]
    finish(command(tmp_path, *SETTINGS, "--out", str(tmp_path / "not killed")))
    killed, other = (ShardReader(tmp_path / name, snapshot).manifest for name in ("shards", "not killed"))
    assert {**killed, "created": ""} == {**other, "created": ""}
    assert len(killed["files"]) == 200
