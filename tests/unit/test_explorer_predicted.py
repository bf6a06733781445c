"""The map coloured by a user's own predictor: from published embeddings, or from structures, with the same answer."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from _drugs import DRUGS

from graphdb import connect, vectors
from graphdb.errors import InputError
from graphdb.workspace import Workspace
from learn import predict
from learn.checkpoint import Checkpoint, Position, load, save
from learn.config import TrainConfig
from learn.encode import encode
from learn.encoder import Encoder
from learn.predictor import Predictor
from queries.embeddings import embeddings_of
from queries.explorer import predicted
from queries.explorer.projection import groups_of

pytestmark = pytest.mark.graph


@pytest.fixture
def fitted(small_graph: Path, tmp_path: Path) -> Predictor:
    """A predictor in the workspace, on a frozen encoder with random weights whose embeddings are published."""
    torch.manual_seed(0)
    config = TrainConfig(layers=1, dropout=0.0)
    checkpoint, table = tmp_path / "checkpoint.pt", tmp_path / "mine.csv"
    state = Encoder(config.layers, config.dropout).state_dict()
    save(checkpoint, Checkpoint(config, (), state, {}, None, Position(), snapshot_id="s", graph_hash="g"))
    smiles = list(DRUGS.values())
    weight = [float(len(text)) for text in smiles]
    pd.DataFrame({"smiles": smiles, "length": weight, "half": np.array(weight) / 2}).to_csv(table, index=False)
    words = ["--task", table, "--checkpoint", checkpoint, "--seeds", 2, "--epochs", 3, "--device", "cpu"]
    predict.main(predict.build_parser().parse_args([str(word) for word in [*words, "--no-baseline"]]))
    with connect() as store:
        rows = store.read("MATCH (m:Molecule) WHERE m.smiles IS NOT NULL RETURN m.inchikey AS key, m.smiles AS smiles")
        found = encode([row["smiles"] for row in rows], checkpoint=checkpoint, device="cpu")
        there = np.isfinite(found).all(axis=1)
        keys = [row["key"] for row, one in zip(rows, there, strict=True) if one]
        vectors.publish(store, keys, found[there], load(checkpoint).model_hash)
    yield Predictor.load(Workspace.default().predictors / "mine.pt")
    with connect() as store:
        vectors.withdraw(store)
    shutil.rmtree(Workspace.default().predictors)
    shutil.rmtree(Workspace.default().cache, ignore_errors=True)


def test_heads_read_the_published_embeddings_and_structures_give_the_same(store, fitted, monkeypatch) -> None:
    matrix = embeddings_of(store)
    assert list(predicted.labels()) == ["mine: length", "mine: half"]
    structures = dict(zip(*store.read_one(predicted.SMILES), strict=True))
    direct = fitted.predict([structures[key] for key in matrix.keys.tolist()], device="cpu").values
    assert len(direct) >= 2
    with monkeypatch.context() as patch:
        patch.setattr(Predictor, "predict", None)  # nothing is encoded
        found = groups_of(store, matrix, "mine: half")
    assert found == pytest.approx(direct[:, 1], rel=1e-4, abs=1e-3)
    # Kept: neither heads nor encoder are asked again.
    with monkeypatch.context() as patch:
        patch.setattr(Predictor, "of_embeddings", None)
        assert groups_of(store, matrix, "mine: length") == pytest.approx(direct[:, 0], rel=1e-4, abs=1e-3)


def test_of_another_encoder_structures_are_encoded_and_too_many_are_a_command(
    store, fitted, monkeypatch, capsys
) -> None:
    with connect() as writable:
        keys = embeddings_of(store).keys.tolist()
        vectors.publish(writable, keys, np.ones((len(keys), 300), dtype=np.float32), "c" * 64)
    matrix = embeddings_of(store)
    monkeypatch.setattr(predicted, "MOST_AT_ONCE", 1)
    with pytest.raises(InputError, match=r"once: python -m queries\.explorer\.predicted"):
        groups_of(store, matrix, "mine: half")
    predicted.main(argparse.Namespace())
    assert f"mine: {len(keys):,} of {len(keys):,} molecules" in capsys.readouterr().out
    structures = dict(zip(*store.read_one(predicted.SMILES), strict=True))
    direct = fitted.predict([structures[key] for key in keys], device="cpu").values
    assert groups_of(store, matrix, "mine: half") == pytest.approx(direct[:, 1], rel=1e-4, abs=1e-3)


def test_what_cannot_be_predicted_is_refused(store, fitted) -> None:
    (Workspace.default().predictors / "damaged.pt").write_bytes(b"nothing")
    matrix = embeddings_of(store)
    with pytest.raises(InputError, match="expected one of source, target, length, mine: length, mine: half"):
        groups_of(store, matrix, "damaged: x")
