"""``python -m graphdb.walks export`` as its users call it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from graphdb.errors import InputError
from graphdb.schema import NodeType
from graphdb.snapshot import Snapshot
from graphdb.walks import WalkConfig
from graphdb.walks.__main__ import build_parser, main, read_keys
from graphdb.walks.memory import sample
from graphdb.walks.shards import ShardReader
from graphdb.workspace import Workspace

# Two stereoisomers of one skeleton, two other molecules, two genes.
KEYS = [
    "AAAAAAAAAAAAAA-BBBBBBBBBB-N",
    "AAAAAAAAAAAAAA-CCCCCCCCCC-N",
    "DDDDDDDDDDDDDD-BBBBBBBBBB-N",
    "EEEEEEEEEEEEEE-BBBBBBBBBB-N",
    "9",
    "10",
]


@pytest.fixture
def snapshot() -> Snapshot:
    """A snapshot in the workspace in which every molecule has an edge to both genes."""
    src, dst = np.repeat([0, 1, 2, 3], 2), np.tile([4, 5], 4)
    made = Snapshot.from_edges([0, 0, 0, 0, 1, 1], src, dst, np.full(8, 0.5), KEYS, graph_hash="h")
    made.save(Workspace.default().snapshot)
    return made


def export(*arguments: object) -> None:
    main(build_parser().parse_args(["export", *map(str, arguments)]))


def test_export_with_defaults(snapshot: Snapshot, capsys: pytest.CaptureFixture[str]) -> None:
    export()
    reader = ShardReader(Workspace.default().shards, snapshot)
    assert (reader.config.length, reader.config.walks_per_node, reader.config.weighted) == (4, 1, False)
    np.testing.assert_array_equal(
        reader.read(0).nodes, sample(snapshot, snapshot.nodes(NodeType.MOLECULE), reader.config).nodes
    )
    said = capsys.readouterr().out
    assert "4 uniform walks from 4 molecules (1 epochs) by the sampler memory, 4.00 of 4 steps on average" in said
    assert "walks/s" in said
    assert str(Workspace.default().shards) in said


def test_export_with_everything(snapshot: Snapshot, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = tmp_path / "benchmark.txt"
    keys.write_text(f"# molecules of a benchmark\n\n{KEYS[2]}  # one\nZZZZZZZZZZZZZZ-BBBBBBBBBB-N\n")
    out = tmp_path / "walks"
    settings = [
        "--length=2",
        "--walks-per-node=3",
        "--weighted",
        "--seed=5",
        "--epochs=2",
        "--shard-size=6",
        "--p=2",
        "--q=0.5",
    ]
    export(*settings, "--out", out, "--exclude", keys)
    reader = ShardReader(out, snapshot)
    assert reader.config == WalkConfig(length=2, walks_per_node=3, weighted=True, seed=5, p=2.0, q=0.5)
    assert reader.excluded.tolist() == [2]
    assert reader.manifest["holdout"]["files"][0]["keys"] == 2
    for epoch in (0, 1):
        assert reader.read(epoch).starts.tolist() == [0, 0, 0, 1, 1, 1, 3, 3, 3]
        assert not (reader.read(epoch).nodes == 2).any()
    said = capsys.readouterr().out
    assert "18 weighted walks from 3 molecules (2 epochs)" in said
    assert "1 molecules excluded; the files name 2" in said


def test_a_first_block_excludes_all_stereoisomers(snapshot: Snapshot, tmp_path: Path) -> None:
    (tmp_path / "skeletons").write_text("AAAAAAAAAAAAAA\n")
    (tmp_path / "keys").write_text(KEYS[3])
    export("--exclude", tmp_path / "skeletons", "--exclude", tmp_path / "keys")
    assert ShardReader(Workspace.default().shards, snapshot).excluded.tolist() == [0, 1, 3]


def test_a_line_that_is_no_inchikey_is_named(tmp_path: Path) -> None:
    path = tmp_path / "keys.txt"
    path.write_text(f"{KEYS[0]}\nCCO\n")
    with pytest.raises(InputError, match=r"keys\.txt:2: expected an InChIKey or its first block, got 'CCO'"):
        read_keys(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"keys\.txt: not a text file"):
        read_keys(path)


@pytest.mark.usefixtures("snapshot")
def test_nothing_to_start_from(tmp_path: Path) -> None:
    (tmp_path / "all").write_text("\n".join(KEYS[:4]))
    with pytest.raises(InputError, match="no molecule to start from"):
        export("--exclude", tmp_path / "all")
    assert not Workspace.default().shards.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["export"], "no snapshot here; make it with: python -m ingest.all"),
        (["export", "--length", "-1"], "walks: length must be a whole number from 0, got -1"),
        (["export", "--exclude", "nowhere.txt"], "snapshot"),
    ],
)
def test_errors_are_one_line_and_the_status_is_1(arguments: list[str], message: str, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "INFOALIGN_WORKSPACE": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "graphdb.walks", *arguments],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
