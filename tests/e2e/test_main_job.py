"""The main job, as ``make demo`` does it, and what a user sees when something is wrong."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from _commands import Commands

from graphdb.files import read_json
from graphdb.snapshot import Snapshot
from learn.encode import read_embeddings

pytestmark = [pytest.mark.slow, pytest.mark.graph]


@pytest.fixture(scope="module")
def demo(shared_commands: Commands) -> tuple[Commands, str]:
    """Run the demo with two epochs; return the runner and what it printed."""
    return shared_commands, shared_commands.run("queries.demo", "--epochs", "2").stdout


def test_the_demo_goes_from_files_to_a_neighbourhood(demo: tuple[Commands, str]) -> None:
    runner, printed = demo
    for said in ("rejects", "walks", "loss", "SIMULATED", "before pretraining", "after pretraining", "queries.cypher"):
        assert said in printed
    workspace: Path = runner.workspace
    report = read_json(workspace / "ingest.json")
    assert Snapshot.load(workspace / "snapshot").graph_hash == report["graph_hash"]
    training = read_json(workspace / "runs" / "demo" / "run.json")
    assert training["loss_last_epoch"] < training["loss_first_epoch"]
    assert (workspace / "runs" / "demo" / "loss.png").read_bytes()[:4] == b"\x89PNG"
    assert "<svg" in (workspace / "imatinib.html").read_text()


def test_every_molecule_has_its_embedding_in_the_graph(demo: tuple[Commands, str]) -> None:
    runner, _ = demo
    keys, vectors, model = read_embeddings(runner.workspace / "embeddings.parquet")
    assert np.isfinite(vectors).all()
    query = "MATCH (m:Molecule) WHERE m.embedding_model = $model RETURN count(m) AS published"
    answer = runner.run("queries.cypher", query, "--param", f"model={model}", "--csv").stdout
    assert answer.split()[-1] == str(len(keys))


def test_similar_molecules_by_embedding(demo: tuple[Commands, str]) -> None:
    runner, _ = demo
    printed = runner.run("queries.similar", "imatinib", "--by", "embedding", "--csv").stdout
    assert len(printed.strip().splitlines()) == 11


def test_ingesting_again_keeps_the_published_embeddings(demo: tuple[Commands, str]) -> None:
    runner, _ = demo
    assert "no change" in runner.run("ingest.all").stdout
    query = "MATCH (m:Molecule) WHERE m.embedding IS NOT NULL RETURN count(m) > 1000 AS kept"
    assert runner.run("queries.cypher", query, "--csv").stdout.split()[-1].lower() == "true"


def test_a_molecule_list_joins_the_demo_and_leaves_it_again(demo: tuple[Commands, str], tmp_path: Path) -> None:
    runner, _ = demo
    listed = tmp_path / "mine.csv"
    pd.DataFrame(
        {
            "smiles": ["C1CCCCC1CCCCCCN", "C1CC", "CCO.CCCCCCN1CCCC1", "[Na+].[Cl-]"],
            "name": ["mine", "bad", "mix", "salt"],
        }
    ).to_csv(listed, index=False)
    before = read_json(runner.workspace / "ingest.json")
    runner.run("ingest.all", "--add", "--source", f"molecules={listed}")
    joined = read_json(runner.workspace / "ingest.json")
    assert set(joined["sources"]) == {"demo", "molecules"}
    rejects = pd.read_parquet(runner.workspace / "rejects.parquet")
    mine = rejects[rejects["source"] == "molecules"]
    assert {3, 5} <= set(mine["line"])
    assert (mine["file"] == str(listed)).all()
    assert "mine" in runner.run("queries.neighbourhood", "mine", "--csv").stdout
    runner.run("ingest.all", "--replace")
    after = read_json(runner.workspace / "ingest.json")
    assert after["graph_hash"] == before["graph_hash"]


def test_what_is_held_out_stays_so_until_it_is_ended(demo: tuple[Commands, str], tmp_path: Path) -> None:
    runner, _ = demo
    listed = tmp_path / "mine.txt"
    listed.write_text("BSYNRYMUTXBXSQ\nRYYVLZVUVIJVGH-UHFFFAOYSA-N\n")  # aspirin, by its first block, and caffeine
    assert (
        "held out of pretraining: 2 molecules of mine"
        in runner.run("ingest.all", "--hold-out", f"mine={listed}").stdout
    )
    assert "held out of pretraining: 2 molecules of mine" in runner.run("ingest.all").stdout
    runner.run("learn.pretrain", "--quick", "--epochs", "1", "--layers", "1", "--run", "held")
    (record,) = read_json(runner.workspace / "runs" / "held" / "run.json")["holdout"]
    assert (record["name"], record["molecules"]) == ("mine", 2)
    assert "aspirin" in runner.run("queries.neighbourhood", "aspirin", "--csv").stdout.lower()
    assert "held out" not in runner.run("ingest.all", "--hold-out-none").stdout
    assert not (runner.workspace / "holdout" / "certificate.json").exists()


def said(result: Any) -> str:
    """Return the one line that a failed command leaves on stderr."""
    lines = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    assert len(lines) == 1, result.stderr
    return str(lines[0])


def test_bad_files_are_named_in_one_line(commands: Commands, tmp_path: Path) -> None:
    missing = tmp_path / "missing.csv"
    missing.write_text("structure\nCCO\n")
    assert f"{missing}:1" in said(commands.run("ingest.all", "--source", f"molecules={missing}", status=1))
    cut = tmp_path / "cut.csv.gz"
    cut.write_bytes(gzip.compress(b"smiles\n" + b"CCO\n" * 5000)[:40])
    line = said(commands.run("ingest.all", "--source", f"molecules={cut}", status=1))
    assert str(cut) in line
    assert "gzip" in line
    assert "no such file" in said(commands.run("ingest.all", "--source", "molecules=nowhere.csv", status=1))


def test_a_wrong_address_and_a_wrong_password_are_said(demo: tuple[Commands, str]) -> None:
    runner, _ = demo
    server = read_json(runner.workspace / "graph" / "server.json")

    class Elsewhere(Commands):
        uri = "bolt://127.0.0.1:1"

        @property
        def environment(self) -> Any:
            return {**super().environment, "NEO4J_URI": self.uri, "NEO4J_PASSWORD": "wrong-password"}

    elsewhere = Elsewhere(runner.workspace)
    assert "no graph server answers at bolt://127.0.0.1:1" in said(elsewhere.run("ingest.all", status=1))
    Elsewhere.uri = f"bolt://127.0.0.1:{server['bolt_port']}"
    assert "wrong user name or password" in said(elsewhere.run("queries.neighbourhood", "aspirin", status=1))


def test_training_without_a_graph_says_what_to_do(commands: Commands) -> None:
    assert "python -m ingest.all" in said(commands.run("learn.pretrain", "--quick", status=1))
    assert "python -m learn.pretrain" in said(commands.run("learn.encode", "--graph", status=1))
