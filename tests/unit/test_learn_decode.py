"""Predicted profiles, against a computation by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from graphdb.errors import ArtefactError, InputError
from graphdb.feature_store import FeatureStore, FeatureStoreWriter
from graphdb.schema import NodeType
from learn import decode as command
from learn.batches import scaler_id
from learn.checkpoint import Checkpoint, Position, load, save
from learn.config import TrainConfig
from learn.decode import decode, deviations
from learn.decoders import Decoders, DecoderSpec
from learn.encode import encode
from learn.encoder import Encoder

SMILES = ["CCO", "C1CC", "c1ccccc1"]


def write_store(folder: Path, values: np.ndarray) -> FeatureStore:
    keys = [f"k{row}" for row in range(len(values))]
    with FeatureStoreWriter(folder) as writer:
        writer.add(NodeType.MORPHOLOGY, "cells", keys, ["area", "constant", "never"], values)
        writer.add(NodeType.EXPRESSION, "made-up", keys, ["up", "down"], values[:, :2], simulated=True)
        bits = np.array([[0b10100000]] * len(keys), dtype=np.uint8)
        writer.add_binary(NodeType.MOLECULE, "bits", keys, ["a", "b", "c"], bits)
        writer.add(NodeType.GENE, "twice", keys, ["x"], values[:, :1])
        writer.add(NodeType.MORPHOLOGY, "twice", keys, ["x"], values[:, :1])
        writer.finish({"graph_hash": "g"})
    return FeatureStore.open(folder)


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    values = np.random.default_rng(0).normal(50, 7, (40, 3)).astype(np.float32)
    values[:, 1] = 3
    values[:, 2] = np.nan
    values[5, 0] = np.nan
    return write_store(tmp_path / "features", values)


@pytest.fixture
def model(store: FeatureStore, tmp_path: Path) -> Checkpoint:
    torch.manual_seed(0)
    config = TrainConfig(layers=1)
    spaces = store.spaces()
    specs = tuple(DecoderSpec(space.node_type, space.name, space.dimension) for space in spaces)
    decoders = Decoders(specs, config.dropout)
    objective = {f"decoders.{name}": tensor for name, tensor in decoders.state_dict().items()}
    made = Checkpoint(
        config,
        specs,
        Encoder(config.layers, config.dropout).state_dict(),
        objective,
        None,
        Position(),
        snapshot_id="s",
        graph_hash="g",
        simulated=("made-up",),
        scalers=tuple(scaler_id(space) for space in spaces),
    )
    save(tmp_path / "checkpoint.pt", made)
    return load(tmp_path / "checkpoint.pt")


def logits_by_hand(model: Checkpoint, place: int, embeddings: np.ndarray) -> np.ndarray:
    """300-1200-BN-GELU-D (method, section 4), in float64."""
    state = {name: tensor.double().numpy() for name, tensor in model.objective_state.items()}

    def weight(name: str) -> np.ndarray:
        return state[f"decoders.decoder_list.{place}.{name}"]

    hidden = embeddings @ weight("fc1.weight").T + weight("fc1.bias")
    hidden = (hidden - weight("bn1.running_mean")) / np.sqrt(weight("bn1.running_var") + 1e-5)
    hidden = hidden * weight("bn1.weight") + weight("bn1.bias")
    hidden = torch.nn.functional.gelu(torch.from_numpy(hidden)).numpy()
    return hidden @ weight("fc2.weight").T + weight("fc2.bias")


def test_a_profile_is_the_decoders_in_the_units_of_the_source(model: Checkpoint, store: FeatureStore) -> None:
    found = decode(SMILES, model, store, "cells")
    assert list(found.columns) == ["area", "constant", "never"]
    assert found.attrs == {"simulated": False}
    space = store.space(NodeType.MORPHOLOGY, "cells")
    place = [spec.feature_space for spec in model.specs].index("cells")
    embeddings = encode(SMILES, model, device="cpu").astype(np.float64)
    share = 1 / (1 + np.exp(-logits_by_hand(model, place, embeddings)[:, 0]))
    area = space.raw()[:, 0]
    expected = np.nanmin(area) + share * (np.nanmax(area) - np.nanmin(area))
    np.testing.assert_allclose(found["area"], expected, rtol=1e-4)
    assert np.isnan(found.loc[1]).all()
    assert found["constant"].dropna().tolist() == [3, 3]
    assert found["never"].isna().all()


def test_a_fingerprint_decodes_to_probabilities(model: Checkpoint, store: FeatureStore) -> None:
    found = decode(SMILES, model, store, "bits")
    place = [spec.feature_space for spec in model.specs].index("bits")
    logits = logits_by_hand(model, place, encode(SMILES, model, device="cpu").astype(np.float64))
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-logits)), rtol=1e-4)


def test_the_encoder_is_the_one_that_the_decoders_learned_with(model: Checkpoint, store: FeatureStore) -> None:
    torch.manual_seed(1)
    averaged = replace(model, averaged_state=Encoder(model.config.layers, model.config.dropout).state_dict())
    assert not np.allclose(encode(["CCO"], averaged), encode(["CCO"], model)), "embeddings are the running mean's"
    found, expected = (decode(["CCO"], one, store, "cells") for one in (averaged, model))
    pd.testing.assert_frame_equal(found, expected)


def test_deviations_are_from_the_mean_over_the_nodes(store: FeatureStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "BLOCK", 7)
    space = store.space(NodeType.MORPHOLOGY, "cells")
    found = deviations([[60.0, 3.0, 1.0]], space)
    area = space.raw()[:, 0].astype(np.float64)
    assert found[0, 0] == pytest.approx((60 - np.nanmean(area)) / np.nanstd(area), rel=1e-5)
    assert np.isnan(found[0, 1:]).all()


def test_another_scaling_is_refused(model: Checkpoint, store: FeatureStore, tmp_path: Path) -> None:
    values = np.random.default_rng(1).normal(50, 7, (40, 3)).astype(np.float32)
    with pytest.raises(ArtefactError, match="scales Morphology cells otherwise"):
        decode(SMILES, model, write_store(tmp_path / "other", values), "cells")


def test_spaces_that_are_not_there_or_ambiguous_are_said(model: Checkpoint, store: FeatureStore) -> None:
    with pytest.raises(InputError, match="no decoder of the feature space 'jump'; there are: Molecule/bits"):
        decode(SMILES, model, store, "jump")
    with pytest.raises(InputError, match="more than one decoder"):
        decode(SMILES, model, store, "twice")
    assert decode(SMILES, model, store, "Gene/twice").shape == (3, 1)


def run(tmp_path: Path, *words: str) -> None:
    paths = ("--checkpoint", str(tmp_path / "checkpoint.pt"), "--features", str(tmp_path / "features"))
    command.main(command.build_parser().parse_args([*words, *paths]))


def test_command(tmp_path: Path, model: Checkpoint, store: FeatureStore, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, "--list")
    listed = capsys.readouterr().out
    assert all(name in listed for name in ("cells", "made-up", "bits", "twice"))
    run(tmp_path, "CCO", "--space", "cells", "--top", "1")
    shown = capsys.readouterr()
    assert "area" in shown.out
    assert "constant" not in shown.out
    assert "SIMULATED" not in shown.err
    run(tmp_path, "CCO", "CC", "--space", "made-up", "--csv")
    shown = capsys.readouterr()
    assert "SIMULATED" in shown.err
    table = pd.read_csv(__import__("io").StringIO(shown.out))
    assert list(table.columns) == ["smiles", "feature", "value", "z", "simulated"]
    assert table["smiles"].tolist() == ["CCO", "CCO", "CC", "CC"]
    assert table["simulated"].all()
    expected = decode(["CCO", "CC"], model, store, "made-up")
    np.testing.assert_allclose(table["value"], expected.to_numpy().ravel(), rtol=1e-5)
    run(tmp_path, "CCO", "--space", "bits", "--json")
    rows = json.loads(capsys.readouterr().out)
    assert [row["feature"] for row in rows] == ["a", "b", "c"]
    assert all(0 < row["probability"] < 1 for row in rows)
    with pytest.raises(InputError, match="'C1CC': unparsable"):
        run(tmp_path, "C1CC", "--space", "bits")
    with pytest.raises(InputError, match="at least one SMILES"):
        run(tmp_path, "--space", "bits")


def test_a_checkpoint_without_decoders_is_said(tmp_path: Path, model: Checkpoint, store: FeatureStore) -> None:
    from dataclasses import replace

    with pytest.raises(ArtefactError, match="has no decoders"):
        decode(SMILES, replace(model, objective_state={}), store, "cells")
