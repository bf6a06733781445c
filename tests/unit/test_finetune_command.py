"""The fine-tuning command: what it prints and writes, and when it refuses."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from _small_task import SMALL, write_small_task

from graphdb.console import run
from graphdb.files import sha256
from learn import finetune, tasks
from learn.checkpoint import Checkpoint, HeldOut, Position, load, save
from learn.config import TrainConfig
from learn.encoder import Encoder
from learn.runs import CHECKPOINT


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Tiny matrices gain nothing by threads, which only fight where other tests run beside."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def data_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(tasks.TASKS, "chembl2k", SMALL)
    return write_small_task(tmp_path)


@pytest.fixture
def checkpoint_file(tmp_path: Path, data_file: Path) -> Path:
    """A checkpoint of a small encoder with random weights, which records that the data were held out."""
    return _save(tmp_path / "runs" / "one" / CHECKPOINT, HeldOut("chembl2k", sha256(data_file), 60))


def _save(path: Path, *holdout: HeldOut) -> Path:
    torch.manual_seed(1)
    config = TrainConfig(layers=1, seed=0)
    state = Encoder(config.layers, config.dropout).state_dict()
    save(path, Checkpoint(config, (), state, {}, None, Position(), "snapshot", "graph", holdout=holdout))
    return path


def _run(*words: object) -> int:
    with pytest.raises(SystemExit) as exit_:
        run(finetune.main, finetune.build_parser(), [str(word) for word in words])
    return int(exit_.value.code or 0)


def test_it_scores_the_head_beside_the_forest(
    data_file: Path, checkpoint_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--task", "chembl2k", "--data", data_file, "--checkpoint", checkpoint_file, "--seeds", 3, "--epochs", 30)
    assert _run(*words, "--device", "cpu") == 0
    printed = capsys.readouterr()
    record = json.loads((checkpoint_file.parent / "finetune-chembl2k.json").read_text())
    head, untrained, forest, boosting = record["results"]
    assert (head["seeds"], untrained["seeds"], forest["seeds"]) == ([0, 1, 2], [0, 1, 2], [0, 1])
    assert (boosting["system"], boosting["seeds"]) == ("LightGBM on descriptors and Morgan counts", [0])
    assert {result["tasks_scored"] for result in record["results"]} == {3}
    for result in record["results"]:
        low, high = result["interval"]
        assert low <= result["mean"] <= high
        assert result["interval_by_task"]["ALWAYS"] is None
    # The checkpoint's weights are those of seed 1, the untrained encoder's those of the run's seed 0.
    assert head["by_task"]["NOISE"] != untrained["by_task"]["NOISE"]
    assert min(head["by_task"]["NITROGEN"]) > 0.8
    assert head["by_task"]["ALWAYS"] == [None] * 3
    assert head["mean"] == pytest.approx(np.mean(head["by_seed"]))
    assert head["deviation"] == pytest.approx(np.std(head["by_seed"], ddof=1))
    assert set(head["shares_above"]) == {"0.80", "0.85", "0.90", "0.95"}
    assert record["split"] == {"name": "scaffold", "train": 36, "valid": 9, "test": 15}
    assert record["molecules_without_embedding"] == 5  # the five with sodium
    assert record["data"]["sha256"] == sha256(data_file)
    assert record["leakage"] is None
    assert "3 of 4 tasks" in " ".join(printed.out.split())
    assert "1 tasks have a single class" in printed.out
    assert "5 molecules have no embedding" in printed.err
    assert "LEAKAGE" not in printed.out


def test_json_is_all_that_is_printed_where_asked(
    data_file: Path, checkpoint_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "elsewhere" / "results.json"
    words = ("--task", "chembl2k", "--data", data_file, "--checkpoint", checkpoint_file, "--seeds", 1, "--epochs", 2)
    assert _run(*words, "--no-baseline", "--json", "--out", out) == 0
    record = json.loads(capsys.readouterr().out)
    assert record == json.loads(out.read_text())
    assert [result["system"] for result in record["results"]] == ["InfoAlign embedding + head"]
    assert record["results"][0]["deviation"] is None


@pytest.mark.parametrize(
    ("holdout", "words"),
    [
        ([], "did not hold out ChEMBL2K"),
        ([HeldOut("broad6k", "0" * 64, 60)], "did not hold out ChEMBL2K"),
        ([HeldOut("chembl2k", "0" * 64, 60)], "held out another file of ChEMBL2K"),
    ],
)
def test_leakage_is_refused_in_one_line_and_said_where_allowed(
    data_file: Path,
    checkpoint_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    holdout: list[HeldOut],
    words: str,
) -> None:
    _save(checkpoint_file, *holdout)
    arguments = (
        "--task",
        "chembl2k",
        "--data",
        data_file,
        "--checkpoint",
        checkpoint_file,
        "--seeds",
        1,
        "--epochs",
        2,
    )
    assert _run(*arguments, "--no-baseline") == 1
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not list(checkpoint_file.parent.glob("finetune-*"))

    assert _run(*arguments, "--no-baseline", "--allow-leakage") == 0
    assert "LEAKAGE: its pretraining" in capsys.readouterr().out
    record = json.loads((checkpoint_file.parent / "finetune-chembl2k.json").read_text())
    assert words in record["leakage"]
    assert "LEAKAGE" in record["results"][0]["system"]


@pytest.mark.parametrize(
    ("words", "system", "seeds"),
    [
        (("--probe", "linear"), "InfoAlign embedding + linear probe", [0]),
        (("--unfreeze", "--epochs", 2), "InfoAlign encoder, fine-tuned", [0, 1]),
        (("--profile", "reference", "--epochs", 2), "InfoAlign embedding in training mode + head", [0, 1]),
    ],
)
def test_the_encoder_can_be_used_in_other_ways(
    data_file: Path, checkpoint_file: Path, words: tuple[object, ...], system: str, seeds: list[int]
) -> None:
    usual = ("--task", "chembl2k", "--data", data_file, "--checkpoint", checkpoint_file, "--seeds", 2, "--no-baseline")
    assert _run(*usual, *words, "--device", "cpu") == 0
    (result,) = json.loads((checkpoint_file.parent / "finetune-chembl2k.json").read_text())["results"]
    assert (result["system"], result["seeds"], result["tasks_scored"]) == (system, seeds, 3)


def test_ways_that_exclude_each_other_are_refused(
    data_file: Path, checkpoint_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    usual = ("--task", "chembl2k", "--data", data_file, "--checkpoint", checkpoint_file)
    assert _run(*usual, "--unfreeze", "--probe", "linear") == 2
    assert _run(*usual, "--profile", "reference", "--probe", "linear") == 1
    assert "training mode" in capsys.readouterr().err


def test_an_encoder_that_gives_no_number_is_an_error(
    data_file: Path, checkpoint_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(finetune, "encode", lambda smiles, *_, **__: np.full((len(smiles), 300), np.nan))
    assert _run("--task", "chembl2k", "--data", data_file, "--checkpoint", checkpoint_file) == 1
    assert "no finite embedding" in capsys.readouterr().err


def test_without_a_run_the_command_says_how_to_make_one(data_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("--task", "chembl2k", "--data", data_file) == 1
    assert "learn.pretrain" in capsys.readouterr().err


def test_seeds_must_be_positive(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("--task", "chembl2k", "--data", "x", "--seeds", 0) == 2
    assert "at least 1" in capsys.readouterr().err


def test_the_newest_run_is_taken_where_no_checkpoint_is_named(
    data_file: Path, checkpoint_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INFOALIGN_WORKSPACE", str(tmp_path))
    other = tmp_path / "runs" / "two" / CHECKPOINT
    unfinished = tmp_path / "runs" / "three"
    unfinished.mkdir()
    _save(other, HeldOut("chembl2k", sha256(data_file), 60))
    os.utime(other, (1, 1))
    words = ("--task", "chembl2k", "--data", data_file, "--seeds", 1, "--epochs", 1, "--no-baseline")
    assert _run(*words) == 0
    assert (checkpoint_file.parent / "finetune-chembl2k.json").exists()
    os.utime(checkpoint_file, (0, 0))
    assert _run(*words) == 0
    assert (other.parent / "finetune-chembl2k.json").exists()


def test_the_untrained_encoder_is_what_the_runs_seed_makes(checkpoint_file: Path) -> None:
    model = load(checkpoint_file)
    torch.manual_seed(model.config.seed)
    expected = Encoder(model.config.layers, model.config.dropout).state_dict()
    torch.manual_seed(7)
    before = torch.random.get_rng_state()
    found = finetune.untrained(model).encoder_state
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(found[name], expected[name]) for name in expected)
