"""Fitting a predictor on a user's table and applying it: scores, units, files, refusals."""

from __future__ import annotations

import dataclasses
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from _drugs import DRUGS

from graphdb.console import run
from graphdb.errors import ArtefactError, InputError
from graphdb.files import sha256
from learn import predict
from learn.checkpoint import Checkpoint, HeldOut, Position, load, save
from learn.config import TrainConfig
from learn.encode import encode
from learn.encoder import Encoder
from learn.predictor import Predictor
from learn.predictor_training import Settings, fit_predictor
from learn.table_task import read_task

SMILES = list(DRUGS.values())
EXOTIC = "C[Si](C)(C)O[Si](C)(C)C"


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A checkpoint of a small encoder with random weights."""
    torch.manual_seed(0)
    config = TrainConfig(layers=1, dropout=0.0)
    path = tmp_path / "checkpoint.pt"
    state = Encoder(config.layers, config.dropout).state_dict()
    save(path, Checkpoint(config, (), state, {}, None, Position(), snapshot_id="s", graph_hash="g"))
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Drugs with two yes-or-no labels, some missing; line 5 holds no structure, line 7 nothing, line 9 no label."""
    nitrogen = np.array([float("N" in text or "n" in text) for text in SMILES])
    sulfur = np.array([float("S" in text) for text in SMILES])
    frame = pd.DataFrame({"id": [f"D{k}" for k in range(60)], "smiles": SMILES, "nitrogen": nitrogen, "sulfur": sulfur})
    frame.loc[::6, "sulfur"] = np.nan
    frame.loc[3, "smiles"] = "c1ccc"
    frame.loc[5, "smiles"] = ""
    frame.loc[7, ["nitrogen", "sulfur"]] = np.nan
    path = tmp_path / "mine.csv"
    frame.to_csv(path, index=False)
    return path


def _run(*words: object) -> int:
    with pytest.raises(SystemExit) as exit_:
        run(predict.main, predict.build_parser(), [str(word) for word in words])
    return int(exit_.value.code or 0)


def _fit(table: Path, checkpoint: Path, out: Path, *words: object) -> int:
    usual = ("--checkpoint", checkpoint, "--out", out, "--seeds", 2, "--epochs", 20, "--device", "cpu")
    return _run("--task", table, *usual, "--split", "random", *words)


def test_it_scores_the_ensemble_beside_trees_and_writes_one_file(
    table: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mine.pt"
    assert _fit(table, checkpoint, out) == 0
    printed = capsys.readouterr()
    report = json.loads((tmp_path / "mine.pt.json").read_text())
    assert [scores["system"] for scores in report["scores"]] == ["predictor", "random forest", "LightGBM"]
    for scores in report["scores"]:
        for metric in ("auc", "auprc"):
            low, high = scores[metric]["interval"]
            assert 0 <= low <= scores[metric]["mean"] <= high <= 1
            assert set(scores[metric]["by_label"]) == {"nitrogen", "sulfur"}
    assert report["rejects"][0][0] == 5
    assert report["rejects"][1] == [7, "no SMILES"]
    counts = report["molecules"]
    assert (counts["rejected"], counts["unlabelled"]) == (2, 1)
    assert counts["train"] + counts["valid"] + counts["test"] == 57
    assert report["data"]["sha256"] == sha256(table)
    assert report["encoder"]["model_hash"] == load(checkpoint).model_hash
    assert "did not hold this file out" in report["leakage"]
    assert f"{table}:5: " in printed.err
    assert "no labels, for not all cells are numbers: id" in printed.err
    assert printed.out.count("NOTE: ") == 1


def test_a_table_that_pretraining_held_out_is_not_remarked_on(table: Path, checkpoint: Path, tmp_path: Path) -> None:
    model = dataclasses.replace(load(checkpoint), holdout=(HeldOut("mine", sha256(table), 3),))
    assert predict.seen(model, read_task(table)) is None
    assert predict.seen(load(checkpoint), read_task(table)) is not None


def test_a_written_predictor_says_the_same_in_another_process(
    table: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mine.pt"
    assert _fit(table, checkpoint, out, "--no-baseline") == 0
    checkpoint.unlink()  # the encoder is in the file
    capsys.readouterr()
    asked = [DRUGS["aspirin"], "C1CC", "", EXOTIC, "OC(C)=O.[Na]", DRUGS["aspirin"]]
    listed = tmp_path / "asked.csv"
    pd.DataFrame({"name": list("abcdef"), "Canonical_SMILES": asked}).to_csv(listed, index=False)
    answered = tmp_path / "answers.parquet"
    command = [sys.executable, "-m", "learn.predict", "--model", out, "--smiles", listed, "--out", answered]
    done = subprocess.run([*map(str, command), "--device", "cpu"], check=True, capture_output=True, text=True)
    assert "6 structures: " in done.stdout
    found = pd.read_parquet(answered)
    here = Predictor.load(out).predict(asked, device="cpu")
    assert len(found) == 6
    assert found["line"].tolist() == [2, 3, 4, 5, 6, 7]
    np.testing.assert_allclose(found[["nitrogen", "sulfur"]].to_numpy(), here.values, rtol=1e-5)
    np.testing.assert_allclose(found[["nitrogen_sd", "sulfur_sd"]].to_numpy(), here.spread, rtol=1e-4, atol=1e-7)
    assert found["nitrogen"].isna().tolist()[:4] == [False, True, True, False]
    assert found["reason"].notna().tolist()[:4] == [False, True, True, False]
    assert found["in_domain"].tolist()[3] is False
    assert found["nearest"].isna().tolist()[:4] == [False, True, True, False]
    assert f"{listed}:3: " in done.stderr
    assert f"{listed}:4: no SMILES" in done.stderr


def test_a_training_molecule_is_its_own_nearest_and_an_exotic_one_is_outside(
    table: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mine.pt"
    assert _fit(table, checkpoint, out, "--no-baseline") == 0
    learned = Predictor.load(out).domain.smiles[0]
    capsys.readouterr()
    assert _run("--model", out, "--smiles", learned, EXOTIC) == 0
    found = pd.read_csv(io.StringIO(capsys.readouterr().out))
    assert found["similarity"].tolist()[0] == 1
    assert found["nearest"][0] == learned
    assert found["in_domain"].tolist() == [True, False]


def test_regression_recovers_a_known_function_of_the_embedding_in_the_labels_units(
    checkpoint: Path, tmp_path: Path
) -> None:
    """Labels near 1e6 with a spread of 1e3, made from the embedding itself; 240 molecules of a homologous kind."""
    chains = ["C" * n for n in range(1, 13)]
    smiles = [f"{chain}{text}" for chain in chains for text in ("O", "N", "F", "Cl", "C(=O)O", "c1ccccc1", "C#N", "S")]
    smiles += [f"{chain}OC{other}" for chain in chains for other in chains]
    x = encode(smiles, checkpoint, device="cpu").astype(np.float64)
    scaled = (x - x.mean(axis=0)) / x.std(axis=0)
    direction = np.linalg.svd(scaled, full_matrices=False)[2][0]
    y = 1e6 + 1e3 * scaled @ direction / (scaled @ direction).std()
    path = tmp_path / "made.csv"
    pd.DataFrame({"smiles": smiles, "y": y}).to_csv(path, index=False)
    settings = Settings(split="random", seeds=2, epochs=150, baselines=False, device="cpu")
    predictor = fit_predictor(read_task(path), load(checkpoint), settings)
    (scores,) = predictor.about["scores"]
    assert scores["r2"]["mean"] > 0.9
    assert scores["mae"]["mean"] < 300
    found = predictor.predict(smiles[:5], device="cpu")
    np.testing.assert_allclose(found.values[:, 0], y[:5], atol=1500)
    assert (found.spread[:, 0] > 0).all()


@pytest.mark.parametrize("words", [("--unfreeze",), ("--profile", "reference")])
def test_where_the_encoder_moves_each_head_keeps_its_own(
    table: Path, checkpoint: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    out = tmp_path / "mine.pt"
    assert _fit(table, checkpoint, out, "--no-baseline", "--epochs", 1, *words) == 0
    predictor = Predictor.load(out)
    assert len(predictor.encoders) == len(predictor.heads) == 2
    assert np.isfinite(predictor.predict(SMILES[:3], device="cpu").values).all()


def test_a_file_that_is_no_predictor_is_refused(
    table: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run("--model", checkpoint, "--smiles", "CCO") == 1
    assert "expected an infoalign-predictor" in capsys.readouterr().err
    with pytest.raises(ArtefactError, match=r"learn\.predict --task"):
        Predictor.load(tmp_path / "none.pt")
    out = tmp_path / "mine.pt"
    assert _fit(table, checkpoint, out, "--no-baseline") == 0
    content = torch.load(out, weights_only=True)  # plain tensors and texts
    for change, words in (({"schema": 99}, "schema 99"), ({"heads": []}, "damaged"), ({"domain": {}}, "damaged")):
        torch.save({**content, **change}, out)
        with pytest.raises(ArtefactError, match=words):
            Predictor.load(out)


def test_what_cannot_be_fitted_is_one_line(
    table: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mine.pt"
    single = tmp_path / "single.csv"
    pd.DataFrame({"smiles": SMILES, "y": 1}).to_csv(single, index=False)
    nothing = tmp_path / "nothing.csv"
    nothing.write_text("smiles,y\nC1CC,1\n,0\n")
    for path, words, expected in (
        (single, (), "no task of the validation set can be scored"),
        (nothing, (), "no row has both a structure that can be used and a label"),
        (table, ("--split", "time"), "needs --time-column"),
        (table, ("--time-column", "id"), "goes with --split time"),
        (tmp_path / "none.csv", (), "none.csv"),
    ):
        assert _fit(path, checkpoint, out, "--no-baseline", *words) == 1
        error = capsys.readouterr().err.strip().splitlines()[-1]
        assert error.startswith("error: ")
        assert expected in error
    assert not out.exists()
    assert _run("--model", out) == 1
    assert "--smiles" in capsys.readouterr().err
    with pytest.raises(InputError, match="no such file"):
        predict._structures([str(tmp_path / "gone.csv")], None)
