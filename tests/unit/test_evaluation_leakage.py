"""A test molecule that pretraining has seen marks the score: as itself, as a salt, as a stereoisomer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from _checkpoints import tiny_checkpoint

from graphdb.holdout import key_file
from graphdb.schema import NodeType
from graphdb.snapshot import Snapshot
from graphdb.workspace import Workspace
from ingest.standardise.molecules import standardise_table
from learn.checkpoint import Checkpoint, HeldOut
from learn.evaluation.leakage import leakage_of
from learn.evaluation.problem import Problem
from learn.tasks import TASKS, TaskData

TRAIN = ["CCO", "CCN", "CCCO", "CCCN", "CCCCO", "CCCCN", "c1ccccc1O", "c1ccccc1N", "CCCCCO"]
TEST_MOLECULE = "C[C@H](N)C(=O)O"
OTHERS = ["CC(=O)Oc1ccccc1C(=O)O", "CN1C=NC2=C1C(=O)N(C(=O)N2C)C"]


@pytest.fixture
def problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Problem:
    """Ten molecules; the last alone is the test set."""
    smiles = (*TRAIN, TEST_MOLECULE)
    data = TaskData(TASKS["chembl2k"], Path("x"), "5" * 64, smiles, np.zeros((10, 2), np.float32), ("a", "b"), None)
    from learn.evaluation import problem as module
    from learn.tasks.split import SplitIndices

    monkeypatch.setitem(module._SPLITS, data.sha256, SplitIndices(np.arange(8), np.array([8]), np.array([9])))
    return Problem(data, tmp_path / "cache")


def trained_on(smiles: list[str], workspace: Path, *held: str) -> Checkpoint:
    """A graph of molecules with the checkpoint that says so; the keys of `held` were held out."""
    keys = sorted(standardise_table([("smiles", text) for text in smiles], tautomers="keep")["inchikey"])
    snapshot = Snapshot.from_edges([NodeType.MOLECULE.code] * len(keys), [0], [1], [1.0], keys)
    place = Workspace(workspace)
    snapshot.save(place.snapshot)
    lists = ()
    if held:
        path = key_file(place.holdout, "7" * 64)
        path.parent.mkdir(parents=True)
        path.write_text("".join(f"{key}\n" for key in held))
        lists = (HeldOut("chembl2k", "7" * 64, 1),)
    return replace(tiny_checkpoint(), snapshot_id=snapshot.id, holdout=lists)


@pytest.mark.parametrize(
    "leaked",
    [TEST_MOLECULE, "C[C@@H](N)C(=O)O", "C[C@H](N)C(=O)[O-].[Na+]", "C[C@H]([NH3+])C(=O)O.[Cl-]"],
    ids=["itself", "stereoisomer", "sodium salt", "hydrochloride"],
)
def test_a_leak_is_caught_in_every_form(problem: Problem, tmp_path: Path, leaked: str) -> None:
    model = trained_on([*OTHERS, leaked], tmp_path / "w")
    assert "1 of 1 test molecules" in (leakage_of(model, problem, tmp_path / "w") or "")


def test_what_was_held_out_is_no_leak(problem: Problem, tmp_path: Path) -> None:
    model = trained_on([*OTHERS, "C[C@@H](N)C(=O)O"], tmp_path / "w", "QNAYBMKLOCPYGJ")
    assert leakage_of(model, problem, tmp_path / "w") is None


def test_training_molecules_may_be_there(problem: Problem, tmp_path: Path) -> None:
    model = trained_on([*OTHERS, *TRAIN], tmp_path / "w")
    assert leakage_of(model, problem, tmp_path / "w") is None


def test_a_certificate_that_lies_is_found_out(problem: Problem, tmp_path: Path) -> None:
    """It names this very data set, but its list lacks the molecule."""
    model = trained_on([*OTHERS, TEST_MOLECULE], tmp_path / "w", "AAAAAAAAAAAAAA")
    certified = replace(model, holdout=(replace(model.holdout[0], name="chembl2k"),))
    assert leakage_of(certified, problem, tmp_path / "w") is not None


def test_without_the_graph_the_certificate_speaks(problem: Problem, tmp_path: Path) -> None:
    model = replace(tiny_checkpoint(), holdout=())
    assert leakage_of(model, problem, tmp_path / "none") == "its pretraining did not hold out ChEMBL2K"
    certified = replace(model, holdout=(HeldOut("chembl2k", problem.data.sha256, 3),))
    assert leakage_of(certified, problem, tmp_path / "none") is None
    other = trained_on([*OTHERS, TEST_MOLECULE], tmp_path / "w")
    assert leakage_of(replace(certified, snapshot_id="another"), problem, tmp_path / "w") is None
    assert other.snapshot_id != "another"
