"""Sweeps: every point of a grid is a run of its own, and is done once."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
from _small_task import SMALL, write_small_task

from benchmarks.synthetic import Size, make_workspace
from graphdb.errors import InputError
from graphdb.files import read_json
from learn import sweep, tasks
from learn.checkpoint import load
from learn.downstream import head_result
from learn.encode import encode
from learn.finetune import encodable
from learn.tasks.split import split

SIZE = Size(molecules=40, genes=5, profiles=8, atoms=(2, 6), bits=32, features=9)


def test_settings_are_read_and_crossed() -> None:
    assert sweep.parse_setting("walk-length=1,2") == ("walk_length", ["1", "2"])
    assert sweep.grid([("beta", ["0", "1"]), ("layers", ["2"])]) == [
        {"beta": "0", "layers": "2"},
        {"beta": "1", "layers": "2"},
    ]
    for wrong in ("nothing=1", "beta", "beta="):
        with pytest.raises(InputError):
            sweep.parse_setting(wrong)


@pytest.mark.slow
def test_a_sweep_runs_each_value_and_compares_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = make_workspace(tmp_path / "w", SIZE)
    words = ["--setting", "beta=0,0.1", "--workspace", str(workspace.root), "--sweep", "s", "--"]
    words += ["--epochs", "2", "--batch-size", "8", "--layers", "1", "--validation", "0.25", "--walk-epochs", "1"]
    sweep.main(sweep.build_parser().parse_args(words))
    rows = read_json(workspace.runs / "s.json")["rows"]
    assert [row["beta"] for row in rows] == ["0", "0.1"]
    for row in rows:
        kept = load(workspace.runs / f"s-beta-{row['beta']}" / "checkpoint.pt")
        assert kept.config.beta == float(row["beta"])
        assert (kept.position.epoch, kept.model_hash) == (2, row["model_hash"])
    # A weight on the divergence presses it down.
    assert rows[1]["parts"]["kl"] < rows[0]["parts"]["kl"]
    assert (workspace.runs / "s.png").read_bytes().startswith(b"\x89PNG")
    assert "loss on held-out molecules" in capsys.readouterr().out
    sweep.main(sweep.build_parser().parse_args(words))
    assert read_json(workspace.runs / "s.json")["rows"] == rows


@pytest.mark.slow
def test_runs_are_scored_downstream_where_the_data_were_held_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(tasks.TASKS, "chembl2k", SMALL)
    workspace, data = make_workspace(tmp_path / "w", SIZE), write_small_task(tmp_path)

    def swept(*pretraining: str) -> None:
        words = ["--setting", "beta=0,0.1", "--workspace", str(workspace.root), "--sweep", "s", "--seeds", "2"]
        words += ["--task", "chembl2k", "--data", str(data), "--", "--epochs", "1", "--batch-size", "8"]
        words += ["--layers", "1", "--validation", "0.25", "--walk-epochs", "1", *pretraining]
        sweep.main(sweep.build_parser().parse_args(words))

    with pytest.raises(InputError, match="did not hold out ChEMBL2K"):
        swept()
    shutil.rmtree(workspace.runs)
    swept("--holdout", f"chembl2k={data}")
    for row in read_json(workspace.runs / "s.json")["rows"]:
        model = load(workspace.runs / f"s-beta-{row['beta']}" / "checkpoint.pt")
        held = tasks.load("chembl2k", data)
        embeddings = encode(held.smiles, model, device="cpu")
        labels, _ = encodable(held, embeddings)
        expected = head_result(held, labels, split(held), embeddings, "", range(2)).mean
        assert row["scores"]["chembl2k"] == pytest.approx(asdict(expected))
    assert "test scores of heads" in capsys.readouterr().out
    with pytest.raises(InputError, match="needs --data"):
        sweep.main(sweep.build_parser().parse_args(["--setting", "beta=0", "--task", "chembl2k"]))
