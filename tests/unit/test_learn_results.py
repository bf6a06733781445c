"""The results command: cells computed once, a page that says what they are."""

from __future__ import annotations

import dataclasses
import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from _drugs import DRUGS

from graphdb.console import run
from graphdb.files import sha256
from learn import results, tasks
from learn.checkpoint import Checkpoint, HeldOut, Position, save
from learn.config import TrainConfig
from learn.encoder import Encoder
from learn.results_cells import Cell, CellStore

SMILES = list(DRUGS.values())


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def data_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    small = dataclasses.replace(tasks.TASKS["chembl2k"], n_molecules=60, n_tasks=2, baseline_seeds=1)
    monkeypatch.setitem(tasks.TASKS, "chembl2k", small)
    lines = ["smiles,inchikey,Metadata_JCP2022,ChEMBL_ID,NITROGEN,SULFUR"]
    lines += [f"{text},K,J,C,{float('N' in text)},{float('S' in text or 's' in text)}" for text in SMILES]
    path = tmp_path / "assays.csv.gz"
    path.write_bytes(gzip.compress("\n".join([*lines, ""]).encode()))
    return path


@pytest.fixture
def checkpoint(tmp_path: Path, data_file: Path) -> Path:
    return _save(tmp_path / "checkpoint.pt", HeldOut("chembl2k", sha256(data_file), 3))


def _save(path: Path, *holdout: HeldOut, seed: int = 1) -> Path:
    torch.manual_seed(seed)
    config = TrainConfig(layers=1, seed=0)
    state = Encoder(config.layers, config.dropout).state_dict()
    save(path, Checkpoint(config, (), state, {}, None, Position(), "snapshot", "graph", holdout=holdout))
    return path


def _run(tmp_path: Path, data: Path, checkpoint: Path, *words: object) -> int:
    usual = ["--checkpoint", checkpoint, "--data", data, "--tasks", "chembl2k", "--out", tmp_path / "results.json"]
    usual += ["--markdown", tmp_path / "results.md", "--seeds", 2, "--fine-tune-epochs", 1, "--device", "cpu"]
    with pytest.raises(SystemExit) as exit_:
        run(results.main, results.build_parser(), [str(word) for word in (*usual, *words)])
    return int(exit_.value.code or 0)


def test_every_cell_is_computed_once(
    data_file: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch
) -> None:
    few = ("--systems", "linear probe,head")
    assert _run(tmp_path, data_file, checkpoint, *few) == 0
    assert "4 cells: 4 computed, 0 were there" in capsys.readouterr().out
    assert _run(tmp_path, data_file, checkpoint) == 0
    assert "8 cells: 4 computed, 4 were there" in capsys.readouterr().out
    store = json.loads((tmp_path / "results.json").read_text())
    for record in store["cells"]:
        low, high = record["result"]["interval"]
        assert low <= record["result"]["mean"] <= high

    def refuse(*_: object) -> None:
        raise AssertionError("computed again")

    page = (tmp_path / "results.md").read_text()
    monkeypatch.setattr(results.Benchmark, "result", refuse)
    monkeypatch.setattr(results, "encodable", refuse)
    assert _run(tmp_path, data_file, checkpoint) == 0
    assert "8 cells: 0 computed" in capsys.readouterr().out
    assert (tmp_path / "results.md").read_text() == page
    rows = [line for line in page.splitlines() if line.startswith("| ") and "system" not in line]
    assert [row.split(" | ")[0].strip("| ") for row in rows] == [
        "linear probe, encoder pretrained",
        "head, encoder pretrained",
        "fine-tuned, encoder pretrained",
        "linear probe, encoder untrained",
        "head, encoder untrained",
        "fine-tuned, encoder untrained",
        "random forest, fingerprints",
        "LightGBM, descriptors and counts",
    ]
    assert "| 2 |" in rows[1]
    assert str(tmp_path) not in page


def test_another_encoder_needs_its_own_cells_but_no_new_trees(
    data_file: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    some = ("--systems", "linear probe,random forest")
    assert _run(tmp_path, data_file, checkpoint, *some) == 0
    _save(checkpoint, HeldOut("chembl2k", sha256(data_file), 3), seed=2)
    capsys.readouterr()
    assert _run(tmp_path, data_file, checkpoint, *some) == 0
    assert "3 cells: 1 computed, 2 were there" in capsys.readouterr().out


def test_leakage_is_refused_and_said_where_allowed(
    data_file: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _save(checkpoint)
    assert _run(tmp_path, data_file, checkpoint, "--systems", "linear probe") == 1
    assert "did not hold out ChEMBL2K" in capsys.readouterr().err
    assert not (tmp_path / "results.json").exists()
    assert _run(tmp_path, data_file, checkpoint, "--systems", "linear probe", "--allow-leakage") == 0
    assert "LEAKAGE: " in capsys.readouterr().out
    assert "**Leakage**" in (tmp_path / "results.md").read_text()


def test_what_is_asked_must_be_known(data_file: Path, checkpoint: Path, tmp_path: Path) -> None:
    assert _run(tmp_path, data_file, checkpoint, "--systems", "oracle") == 2
    assert _run(tmp_path, data_file, checkpoint, "--tasks", "tox21") == 2
    (tmp_path / "results.json").write_text('{"kind": "other"}')
    assert _run(tmp_path, data_file, checkpoint) == 1


def test_a_cell_is_found_again_by_all_that_decides_it(tmp_path: Path) -> None:
    cell = Cell("chembl2k", "hash", "head", True, "weights", (0, 1), {"epochs": 3})
    CellStore(tmp_path / "r.json").put(cell, {"mean": 0.5}, 1.23)
    store = CellStore(tmp_path / "r.json")
    record = store.get(cell)
    assert record is not None
    assert (record["result"], record["seconds"]) == ({"mean": 0.5}, 1.2)
    for change in ({"data": "other"}, {"encoder": "other"}, {"seeds": (0,)}, {"settings": {}}, {"pretrained": False}):
        assert store.get(dataclasses.replace(cell, **change)) is None
