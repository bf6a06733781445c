"""``kill -9`` at ten moments of an ingest, wherever they fall: the next run ends with the undisturbed run's graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from _commands import Commands

from graphdb.files import read_json
from graphdb.snapshot import Snapshot

pytestmark = [pytest.mark.slow, pytest.mark.graph]

SEED = 20
LATEST = 7.0
"""Seconds; about what an ingest of the demo takes where the graph holds all of it already."""


def test_ten_kills(commands: Commands, demo_workspace: Path) -> None:
    expected = read_json(demo_workspace / "ingest.json")
    moments = np.random.default_rng(SEED).uniform(0.5, LATEST, 10)
    killed = 0
    for place, moment in enumerate(moments):
        # Every second one computes all of it again, so that there is work to be killed in.
        killed += commands.kill_after(moment, "ingest.all", *(["--no-cache"] if place % 2 else []))
        if place in (3, 6, 9):
            commands.run("ingest.all")
            found = read_json(commands.workspace / "ingest.json")
            assert found["graph_hash"] == expected["graph_hash"], f"seed {SEED}, after moment {place}: {moment:.2f} s"
            assert found["snapshot"] == expected["snapshot"]
            assert Snapshot.load(commands.workspace / "snapshot").id == expected["snapshot"]
    assert killed >= 5, "the machine is so fast that most runs had ended; choose earlier moments"
    left = [path.name for path in commands.workspace.iterdir() if ".tmp-" in path.name]
    assert left == [], "temporary files of killed runs are taken away by the next"
