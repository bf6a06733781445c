"""``kill -9`` in the middle of an evaluation: the next run computes what is missing, and nothing twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from _commands import Commands

from graphdb.files import read_json

pytestmark = pytest.mark.slow

RINGS = [
    "c1ccccc1",
    "C1CCCCC1",
    "c1ccncc1",
    "C1CCNCC1",
    "c1ccoc1",
    "C1CCOC1",
    "c1ccsc1",
    "C1CCSC1",
    "C1CCC1",
    "c1cnccn1",
    "C1CNCCN1",
    "c1ccc2ccccc2c1",
]
CHAINS = ("C", "CC", "CCC", "OCC", "NCC", "CCCC", "FCC", "CC(C)C", "ClCC", "CNC")
SEEDS = 5


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """120 structures with two labels that a fingerprint can tell."""
    smiles = [chain + ring for ring in RINGS for chain in CHAINS]
    lines = [f"{text},{float('c' in text)},{float('N' in text or 'n' in text)}" for text in smiles]
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(["smiles,aromatic,nitrogen", *lines, ""]))
    return path


def test_a_killed_evaluation_goes_on_with_what_it_had(commands: Commands, table: Path, tmp_path: Path) -> None:
    systems = "Morgan FP + RF;ExtraTrees, descriptors + counts"
    words = ["learn.evaluate", "--table", str(table), "--systems", systems, "--seeds", str(SEEDS), "--jobs", "1"]
    folder = commands.workspace / "evaluation"

    def written() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in folder.rglob("*.npz")}

    commands.kill_when(*words, "--no-refit", seen=lambda: len(written()) >= 3)
    kept = written()
    assert 3 <= len(kept) < 2 * SEEDS, "it was to be killed in the middle"
    commands.run(*words, "--no-refit", "--json", str(tmp_path / "after.json"))
    everything = written()
    assert len(everything) == 2 * SEEDS
    assert everything.items() >= kept.items(), "what was there is not computed again"
    commands.run(
        *words, "--no-refit", "--store", str(tmp_path / "undisturbed"), "--json", str(tmp_path / "undisturbed.json")
    )

    def rows(name: str) -> list[dict[str, object]]:
        found = read_json(tmp_path / name)["rows"]
        return [{key: value for key, value in row.items() if key != "seconds"} for row in found]

    assert rows("after.json") == rows("undisturbed.json")
