"""Questions that a pretrained model answers, on the demo graph: what pulls an embedding, what to measure next."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from _commands import Commands

pytestmark = [pytest.mark.graph, pytest.mark.slow]


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    """Return commands in a workspace of their own with the demo graph and a model of one epoch."""
    commands = Commands(tmp_path_factory.mktemp("model") / "workspace")
    commands.run("ingest.all")
    commands.run("learn.pretrain", "--quick", "--epochs", "1", "--layers", "1")
    yield commands
    commands.stop()


def test_the_target_of_a_statin_is_among_what_pulls_its_embedding(pretrained: Commands) -> None:
    found = json.loads(pretrained.run("queries.explain", "simvastatin", "--walks", "50", "--json").stdout)
    assert found["warnings"] == [line for line in found["warnings"] if line.startswith("SIMULATED")] != []
    assert {"HMGCR", "simvastatin"} <= {row["name"] for row in found["nodes"]}
    assert sum(row["share"] for row in found["decoders"]) == pytest.approx(1)
    assert {"prior", "Molecule/morgan-r4-1024"} <= {row["decoder"] for row in found["decoders"]}
    assert all(row["walk"].startswith("simvastatin -") for row in found["walks"])
    assert 1 < sum(row["times"] for row in found["walks"]) <= 50
    # Every node's pull but the start's own first position is on some walk.
    own = sum(row["pull"] for row in found["nodes"] if row["name"] == "simvastatin")
    others = sum(row["pull"] for row in found["nodes"]) - own
    assert others - 1e-12 <= sum(row["pull"] for row in found["walks"]) <= others + own
    again = json.loads(pretrained.run("queries.explain", "simvastatin", "--walks", "50", "--json").stdout)
    assert again == found


def test_a_held_out_molecule_is_told_and_on_no_walk_of_another(pretrained: Commands, tmp_path: Path) -> None:
    held = tmp_path / "held.csv"
    card = json.loads(pretrained.run("queries.card", "simvastatin", "--json").stdout)
    smiles = next(row["value"] for row in card["facts"] if row["what"] == "SMILES")
    held.write_text(f"smiles\n{smiles}\n")
    settings = ("--quick", "--epochs", "1", "--layers", "1", "--run", "held", "--holdout", f"mine={held}")
    pretrained.run("learn.pretrain", *settings)
    words = ("--checkpoint", str(pretrained.workspace / "runs" / "held" / "checkpoint.pt"), "--walks", "100", "--json")
    found = json.loads(pretrained.run("queries.explain", "simvastatin", *words).stdout)
    assert [line for line in found["warnings"] if line.startswith("held out of pretraining for mine")]
    assert found["walks"]
    other = json.loads(pretrained.run("queries.explain", "lovastatin", *words).stdout)
    assert not [line for line in other["warnings"] if "held out" in line]
    assert other["walks"]
    assert "simvastatin" not in {row["name"] for row in other["nodes"]}


def test_what_is_no_molecule_of_the_graph_has_no_walks(pretrained: Commands) -> None:
    assert "walks begin at molecules" in pretrained.run("queries.explain", "CCCCCCCCCC", status=1).stderr
    assert "at least one walk" in pretrained.run("queries.explain", "simvastatin", "--walks", "0", status=1).stderr


def test_what_to_measure_next_has_no_profile_yet(pretrained: Commands, tmp_path: Path) -> None:
    words = ("queries.profile_next", "--space", "demo-simulated-morphology", "-k", "5")
    found = json.loads(pretrained.run(*words, "--json").stdout)
    rows = found["molecules"]
    assert found["warnings"]
    assert 1 <= len(rows) <= 5
    assert [row["score"] for row in rows] == sorted((row["score"] for row in rows), reverse=True)
    assert all(row["score"] == pytest.approx(row["variance"] * row["distance"]) for row in rows)
    for row in rows:
        card = json.loads(pretrained.run("queries.card", row["inchikey"], "--json").stdout)
        assert all(profile["feature_space"] != "demo-simulated-morphology" for profile in card["profiles"])
    mine = tmp_path / "mine.smi"
    mine.write_text("CCO ethanol\nnonsense\nOCC again\nCCCCCCCCO octanol\n")
    text = pretrained.run(*words, "--candidates", str(mine)).stdout
    assert "2 molecules without a profile" in text
    assert "1 structure of the file cannot be used" in text
    assert "no decoder" in pretrained.run("queries.profile_next", "--space", "nowhere", status=1).stderr
