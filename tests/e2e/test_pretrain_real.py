"""Pretraining on the real graph: the loss falls, and a run that was killed ends where one that was not does."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from _commands import Commands

from graphdb.files import read_json
from learn.checkpoint import load
from learn.log import read_log

pytestmark = [pytest.mark.slow, pytest.mark.graph, pytest.mark.data]

SMALL = ("--quick", "--epochs", "2", "--layers", "2", "--batch-size", "256", "--save-every", "5", "--device", "cpu")


@pytest.fixture(scope="module")
def whole_and_killed(real_commands: Commands) -> tuple[Path, Path]:
    """Return the folders of a run that was left alone, and of one that was killed after its second checkpoint."""
    runs = real_commands.workspace / "runs"
    real_commands.run("learn.pretrain", *SMALL, "--run", "whole")
    log = runs / "killed" / "log.jsonl"
    real_commands.kill_when(
        "learn.pretrain", *SMALL, "--run", "killed", seen=lambda: log.exists() and log.read_text().count("\n") > 12
    )
    assert load(runs / "killed" / "checkpoint.pt").position.epoch < 2
    real_commands.run("learn.pretrain", *SMALL, "--run", "killed", "--resume")
    return runs / "whole", runs / "killed"


def test_the_loss_falls(whole_and_killed: tuple[Path, Path]) -> None:
    record = read_json(whole_and_killed[0] / "run.json")
    assert record["loss_last_epoch"] < record["loss_first_epoch"]
    assert record["simulated"] == []


def test_a_killed_run_ends_with_the_weights_of_one_that_was_not(whole_and_killed: tuple[Path, Path]) -> None:
    whole, killed = (load(folder / "checkpoint.pt") for folder in whole_and_killed)
    assert whole.model_hash == killed.model_hash
    for states in ("encoder_state", "objective_state"):
        one, other = getattr(whole, states), getattr(killed, states)
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_log_of_a_killed_run_has_every_step_once(whole_and_killed: tuple[Path, Path]) -> None:
    whole, killed = (read_log(folder / "log.jsonl") for folder in whole_and_killed)
    assert [step["step"] for step in killed] == list(range(len(whole)))
    assert [step["loss"] for step in killed] == [step["loss"] for step in whole]
