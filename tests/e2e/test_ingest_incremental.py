"""A second ingest computes what is new and nothing else, and ends with the graph of a first one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from _commands import Commands

from graphdb.export import read_tables
from graphdb.files import read_json
from graphdb.schema import EdgeType, NodeType
from graphdb.store import connect
from graphdb.tables import EdgeKind, GraphTables
from ingest.sources import SOURCES

pytestmark = [pytest.mark.slow, pytest.mark.graph]

SIMILAR = EdgeKind(EdgeType.SIMILAR_MORPHOLOGY, NodeType.MORPHOLOGY, NodeType.MORPHOLOGY)
PROFILES, FEATURES = 60, 6


@pytest.fixture
def plates(tmp_path: Path) -> Path:
    """Two tables of one feature space, of profiles so alike that the quota decides; the second one's are more alike."""
    rng = np.random.default_rng(5)
    values = 1 + np.repeat([0.4, 0.25], PROFILES)[:, None] * rng.standard_normal((2 * PROFILES, FEATURES))
    folder = tmp_path / "described"
    folder.mkdir()
    for name, rows in (("first", values[:PROFILES]), ("second", values[PROFILES:])):
        table = pd.DataFrame(rows, columns=[f"f{place}" for place in range(FEATURES)])
        chain = 1 if name == "first" else 1 + PROFILES
        table.insert(0, "Metadata_SMILES", ["C" * (chain + place) for place in range(PROFILES)])
        table.to_csv(tmp_path / f"{name}.csv", index=False)
        (tmp_path / f"{name}.toml").write_text(
            f'path = "{tmp_path / name}.csv"\nfeature_space = "mine"\naggregate = "none"\n'
        )
    return tmp_path


def ingest(runner: Commands, *words: str) -> dict[str, Any]:
    runner.run("ingest.all", *words)
    report: dict[str, Any] = read_json(runner.workspace / "ingest.json")
    return report


def graph(runner: Commands, monkeypatch: pytest.MonkeyPatch) -> GraphTables:
    monkeypatch.setenv("INFOALIGN_WORKSPACE", str(runner.workspace))
    with connect(read_only=True) as store:
        return read_tables(store)


def best_pairs(tables: GraphTables, folder: Path, names: list[str]) -> set[tuple[str, str]]:
    """Return the pairs that must be edges, by brute force over the files."""
    nodes = tables.nodes[NodeType.MORPHOLOGY]
    values = {}
    for name in names:
        table = pd.read_csv(folder / f"{name}.csv").iloc[:, 1:].to_numpy(np.float32).astype(np.float64)
        edges = SOURCES["profiles"].read(folder / f"{name}.toml").profiles[0].table
        values |= dict(zip(edges["value"], table, strict=True))
    has = tables.edges[EdgeKind(EdgeType.HAS_MORPHOLOGY, NodeType.MOLECULE, NodeType.MORPHOLOGY)]
    smiles = tables.nodes[NodeType.MOLECULE].set_index("inchikey")["smiles"]
    rows = {row.dst: values[smiles[row.src]] for row in has.itertuples() if smiles[row.src] in values}
    keys = sorted(set(nodes["profile_id"]) & set(rows))
    unit = np.array([rows[key] / np.linalg.norm(rows[key]) for key in keys])
    i, j = np.triu_indices(len(keys), 1)
    cosine = np.vecdot(unit[i], unit[j])
    order = np.argsort(-cosine, kind="stable")[: int(0.005 * len(i))]
    assert cosine[order].min() > 0.8
    return {(keys[i[place]], keys[j[place]]) for place in order}


def packed(runner: Commands) -> dict[str, str]:
    """Return the SHA-256 of every array of the molecule graphs."""
    arrays = read_json(runner.workspace / "molecule_graphs" / "manifest.json")["arrays"]
    return {name: entry["sha256"] for name, entry in arrays.items()}


def work(report: dict[str, Any]) -> dict[str, tuple[int, int]]:
    return {stage["name"]: (stage["computed"], stage["kept"]) for stage in report["stages"] if stage["kept"]}


def test_adding_changing_and_removing(commands: Commands, plates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    described = plates / "described"
    (described / "first.toml").write_text((plates / "first.toml").read_text())
    first = ingest(commands, "--source", f"profiles={described}")
    graphs = {"first": packed(commands)}
    assert "smiles_bytes" in graphs["first"]
    pairs = {}
    tables = graph(commands, monkeypatch)
    pairs["first"] = set(zip(tables.edges[SIMILAR]["src"], tables.edges[SIMILAR]["dst"], strict=True))
    assert pairs["first"] == best_pairs(tables, plates, ["first"])
    assert set(tables.edges[SIMILAR]["criterion"]) == {"cosine at least 0.8, best 0.005 of all pairs"}
    assert {tuple(found) for found in tables.edges[SIMILAR]["sources"]} == {("profiles",)}

    again = ingest(commands, "--source", f"profiles={described}")
    assert [stage["name"] for stage in again["stages"]] == ["compare with the last ingest"]
    assert again["graph_hash"] == first["graph_hash"]

    # A second table of the same feature space: its own molecules alone are computed, and the threshold moves.
    (described / "second.toml").write_text((plates / "second.toml").read_text())
    both = ingest(commands, "--source", f"profiles={described}")
    assert work(both)["standardise molecules"] == (PROFILES, PROFILES)
    assert work(both)["fingerprints"] == work(both)["molecule graphs"] == (PROFILES, PROFILES)
    tables = graph(commands, monkeypatch)
    pairs["both"] = set(zip(tables.edges[SIMILAR]["src"], tables.edges[SIMILAR]["dst"], strict=True))
    assert pairs["both"] == best_pairs(tables, plates, ["first", "second"])
    assert pairs["first"] - pairs["both"], "edges fall out where more similar pairs take their place"
    graphs["both"] = packed(commands)
    assert ingest(commands, "--no-cache", "--source", f"profiles={described}")["graph_hash"] == both["graph_hash"]
    assert packed(commands) == graphs["both"] != graphs["first"]

    # One cell of the file: one row is scored anew.
    table = pd.read_csv(plates / "second.csv")
    table.loc[3, "f0"] += 0.25
    table.to_csv(plates / "second.csv", index=False)
    changed = ingest(commands, "--source", f"profiles={described}")
    assert work(changed)["similarity edges"] == (1, 4 * PROFILES - 1)
    assert work(changed)["standardise molecules"] == (0, 2 * PROFILES)
    assert changed["graph_hash"] != both["graph_hash"]

    (described / "second.toml").unlink()
    last = ingest(commands, "--source", f"profiles={described}")
    assert last["graph_hash"] == first["graph_hash"]
    assert last["snapshot"] == first["snapshot"]
    assert packed(commands) == graphs["first"]


def test_what_was_lost_or_changed_by_hand_is_mended(
    commands: Commands, plates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("--source", f"profiles={plates / 'first.toml'}")
    first = ingest(commands, *words)
    monkeypatch.setenv("INFOALIGN_WORKSPACE", str(commands.workspace))
    with connect() as store:
        store.write("MATCH (m:Molecule {smiles: 'CC'}) SET m.name = 'by hand'")
    mended = ingest(commands, *words)
    assert mended["changes"] == {"added": 0, "updated": 1, "deleted": 0}
    for lost in ("snapshot/manifest.json", "features/manifest.json", "molecule_graphs/keys.npy", "rejects.parquet"):
        (commands.workspace / lost).unlink()
        found = ingest(commands, *words)
        assert len(found["stages"]) > 1
        assert (commands.workspace / lost).exists()
        assert found["snapshot"] == first["snapshot"]
    assert len(ingest(commands, *words)["stages"]) == 1
    # Other options are another graph.
    assert ingest(commands, *words, "--without", "SIMILAR_MORPHOLOGY")["edges"]["SIMILAR_MORPHOLOGY"] == 0
    listed = plates / "more.csv"
    listed.write_text("smiles,name\nc1ccccc1,benzene\n")
    added = ingest(commands, "--add", "--source", f"molecules={listed}")
    assert added["edges"]["SIMILAR_MORPHOLOGY"] == 0, "what is added to keeps its options"
    assert added["options"]["without"] == ["SIMILAR_MORPHOLOGY"]
    assert ingest(commands, "--replace", *words)["graph_hash"] == first["graph_hash"]


def test_a_bad_table_is_not_read_for_ever(commands: Commands, plates: Path) -> None:
    ingest(commands, "--profiles", str(plates / "first.csv"), "--feature-space", "mine")
    bad = plates / "bad.csv"
    bad.write_text("Metadata_SMILES,f\nCCO,one\n")
    failed = commands.run("ingest.all", "--profiles", str(bad), "--feature-space", "bad", "--replace", status=1)
    assert "bad.csv:2: column f: expected a number, found 'one'" in failed.stderr
    assert [file.name for file in (commands.workspace / "profiles").iterdir()] == ["mine.toml"]
