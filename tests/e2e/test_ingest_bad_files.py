"""A damaged file ends an ingest with one line and leaves the loaded graph as it was; the next good file is taken."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from _commands import Commands

from graphdb.content import content_hash
from graphdb.export import read_tables
from graphdb.files import read_json
from graphdb.meta import read_meta
from graphdb.store import GraphStore, connect

pytestmark = [pytest.mark.slow, pytest.mark.graph]

GOOD = "smiles,name\nCCCCCCCCO,octan-1-ol\nCCCCCCCCCO,nonan-1-ol\n"


def truncated(folder: Path) -> Path:
    rows = "".join(f"{'C' * (place % 50 + 1)}O,n{place * 7919 % 104729}\n" for place in range(5_000))
    whole = gzip.compress(("smiles,name\n" + rows).encode())
    (folder / "list.csv.gz").write_bytes(whole[: len(whole) // 2])
    return folder / "list.csv.gz"


def not_text(folder: Path) -> Path:
    (folder / "list.csv").write_bytes(GOOD.encode() + b"CCC\xff,broken\n")
    return folder / "list.csv"


def bomb(folder: Path) -> Path:
    (folder / "list.csv.gz").write_bytes(gzip.compress(GOOD.encode()) + gzip.compress(b"\n" * 2**26) * 80)
    return folder / "list.csv.gz"


FAULTS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "truncated gzip": (truncated, "truncated or damaged gzip"),
    "not UTF-8": (not_text, ":4: not UTF-8 text (byte 0xff)"),
    "zip bomb": (bomb, "this is no table"),
}


@pytest.fixture(scope="module")
def loaded(shared_commands: Commands) -> Commands:
    shared_commands.run("ingest.all")
    return shared_commands


@pytest.fixture
def store(loaded: Commands, monkeypatch: pytest.MonkeyPatch) -> Iterator[GraphStore]:
    monkeypatch.setenv("INFOALIGN_WORKSPACE", str(loaded.workspace))
    with connect(read_only=True) as opened:
        yield opened


def left_behind(commands: Commands) -> dict[str, bytes]:
    """Return the files that an ingest writes, by name."""
    names = ("ingest.json", "ingest-report.html", "rejects.parquet")
    return {name: (commands.workspace / name).read_bytes() for name in names}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_damaged_file_changes_nothing(loaded: Commands, store: GraphStore, fault: str, tmp_path: Path) -> None:
    before, files = content_hash(read_tables(store)), left_behind(loaded)
    damage, said = FAULTS[fault]
    path = damage(tmp_path)
    result = loaded.run("ingest.all", "--add", "--source", f"molecules={path}", status=1)
    lines = result.stderr.strip().splitlines()
    (error,) = [line for line in lines if line.startswith("error: ")]
    assert lines[-1] == error
    assert error.startswith(f"error: {path}:")
    assert said in error
    # The other lines say what was being done.
    assert all(line.startswith(("read ", "[")) for line in lines[:-1])
    assert result.stdout == ""
    meta = read_meta(store)
    assert meta is not None
    assert meta.state == "complete"
    assert content_hash(read_tables(store)) == meta.content_hash == before
    assert left_behind(loaded) == files


def test_a_damaged_list_to_hold_out_changes_nothing(loaded: Commands, store: GraphStore, tmp_path: Path) -> None:
    before, files = content_hash(read_tables(store)), left_behind(loaded)
    (tmp_path / "list.csv").write_text("smiles,name\nCCCCCCCCCCCO,dodecan-1-ol\n")
    (tmp_path / "held.csv").write_text("structure\nCC\n")
    add = ("--add", "--source", f"molecules={tmp_path / 'list.csv'}", "--hold-out", f"mine={tmp_path / 'held.csv'}")
    result = loaded.run("ingest.all", *add, status=1)
    said = f"error: {tmp_path / 'held.csv'}:1: no column 'smiles'; there are: structure"
    assert result.stderr.strip().splitlines()[-1] == said
    assert content_hash(read_tables(store)) == before
    assert left_behind(loaded) == files


def test_a_good_file_is_taken_after_the_damaged_ones(loaded: Commands, store: GraphStore, tmp_path: Path) -> None:
    molecules = "MATCH (m:Molecule) RETURN count(m) AS count"
    before = store.read(molecules)[0]["count"]
    monster = f"{'C' * 10**6},monster\n=cmd|' /C calc'!A0,formula\n"
    (tmp_path / "list.csv").write_text(GOOD + monster)
    loaded.run("ingest.all", "--add", "--source", f"molecules={tmp_path / 'list.csv'}")
    assert store.read(molecules)[0]["count"] == before + 2
    report = read_json(loaded.workspace / "ingest.json")
    counted = {row["reason"]: row["count"] for row in report["rejects"] if row["source"] == "molecules"}
    assert counted == {"too long": 1, "unparsable SMILES": 1}
    assert content_hash(read_tables(store)) == report["graph_hash"]
    page = (loaded.workspace / "ingest-report.html").read_text(encoding="utf-8")
    assert "=cmd|&#39; /C calc&#39;!A0" in page
    assert len(page) < 10**6
