"""One and two ranks train the same, up to rounding: with dropout, sampling and an uneven last batch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.synthetic import Size, make_workspace
from graphdb.workspace import Workspace
from learn.checkpoint import Checkpoint, load
from learn.log import read_log

pytestmark = pytest.mark.slow

SIZE = Size(molecules=43, genes=5, profiles=12, atoms=(2, 6), bits=32, features=9)
# 43 molecules less those held out, in batches of 8: the last batch is smaller, and not the same for both ranks.
SHORT = ("--epochs", "2", "--batch-size", "8", "--layers", "2", "--walk-epochs", "2", "--device", "cpu")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return make_workspace(tmp_path_factory.mktemp("ranks") / "w", SIZE)


def train(workspace: Workspace, ranks: int, name: str, *more: str) -> Path:
    """Run the command in that many processes; return the folder of the run."""
    command = ["-m", "learn.pretrain", "--workspace", str(workspace.root), "--name", name, *SHORT, *more]
    if ranks > 1:
        command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks), *command]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return workspace.runs / name


def weights(checkpoint: Checkpoint) -> dict[str, torch.Tensor]:
    states = {"encoder": checkpoint.encoder_state, "objective": checkpoint.objective_state}
    return {f"{which}.{name}": tensor for which, state in states.items() for name, tensor in state.items()}


@pytest.mark.parametrize(
    "more",
    [
        ("--validation", "0.2"),
        ("--latent", "sample", "--kl", "sample", "--beta", "1e-3", "--ce-mean", "plain", "--clip", "0.5"),
    ],
    ids=["paper", "sampled"],
)
def test_two_ranks_do_what_one_does(workspace: Workspace, more: tuple[str, ...]) -> None:
    tag = more[0].strip("-")
    one, two = train(workspace, 1, f"{tag}-1", *more), train(workspace, 2, f"{tag}-2", *more)
    first, second = weights(load(one / "checkpoint.pt")), weights(load(two / "checkpoint.pt"))
    assert first.keys() == second.keys()
    before = weights(load(one / "initial.pt"))
    moved = torch.cat([(first[name] - tensor).double().flatten() for name, tensor in before.items()]).norm()
    apart = torch.cat([(first[name] - second[name]).double().flatten() for name in first]).norm()
    assert moved > 0.1
    assert apart < 2e-3 * moved
    logs = [read_log(folder / "log.jsonl") for folder in (one, two)]
    assert [step["molecules"] for step in logs[0]] == [step["molecules"] for step in logs[1]]
    assert [step["loss"] for step in logs[0]] == pytest.approx([step["loss"] for step in logs[1]], rel=1e-4)
    for name in logs[0][0]["parts"]:
        first_log, second_log = ([step["parts"].get(name, 0.0) for step in log] for log in logs)
        assert first_log == pytest.approx(second_log, rel=1e-3, abs=1e-6), name
    if tag == "validation":
        measured = [read_log(folder / "validation.jsonl") for folder in (one, two)]
        assert [found["loss"] for found in measured[0]] == pytest.approx(
            [found["loss"] for found in measured[1]], rel=1e-4
        )
        assert len(measured[0]) == 2


def test_a_batch_that_ranks_cannot_share_is_refused(workspace: Workspace) -> None:
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "learn.pretrain"]
    done = subprocess.run(
        [sys.executable, *command, "--workspace", str(workspace.root), "--name", "odd", *SHORT, "--batch-size", "7"],
        env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "batches of 7 cannot be shared by 2 ranks" in done.stderr
