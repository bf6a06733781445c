"""The card and the predicted profile of molecules, with a tiny checkpoint; what is missing is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from _queries_graph import ASPIRIN, SALICYLIC_ACID

from graphdb import connect
from graphdb.errors import ArtefactError, InputError
from graphdb.feature_store import FeatureStore, FeatureStoreWriter
from graphdb.meta import read_meta
from graphdb.schema import FINGERPRINT_SPACE, NodeType
from ingest.features.fingerprints import morgan_bits
from learn.batches import scaler_id
from learn.checkpoint import Checkpoint, Position, save
from learn.config import TrainConfig
from learn.decode import decode
from learn.decoders import Decoders, DecoderSpec
from learn.encoder import Encoder
from queries import profile_search
from queries.answer import page
from queries.card import card, descriptors
from queries.predict_profile import pearson, predict_profile

pytestmark = pytest.mark.graph
ASPIRIN_SMILES, SALICYLIC_SMILES = "CC(=O)Oc1ccccc1C(=O)O", "O=C(O)c1ccccc1O"
PROFILES = ["00000000000000a1", "00000000000000a2", "00000000000000a3"]


@pytest.fixture
def workspace(small_graph: Path, store):
    """Features of the small graph, and a checkpoint that decodes both spaces; the other space is simulated."""
    with FeatureStoreWriter(small_graph / "features") as writer:
        bits = morgan_bits([ASPIRIN_SMILES, SALICYLIC_SMILES])
        keys = [ASPIRIN, SALICYLIC_ACID]
        writer.add_binary(NodeType.MOLECULE, FINGERPRINT_SPACE, keys, [str(bit) for bit in range(1024)], bits)
        values = np.random.default_rng(0).normal(5, 2, (3, 4)).astype(np.float32)
        writer.add(NodeType.MORPHOLOGY, "plate-3", PROFILES, ["area", "<b>bold</b>", "c", "d"], values)
        writer.add(NodeType.EXPRESSION, "made-up", ["1234567890123456"] * 1, ["up"], values[:1, :1], simulated=True)
        writer.finish({"graph_hash": read_meta(store).content_hash})
    features = FeatureStore.open(small_graph / "features")
    torch.manual_seed(0)
    config = TrainConfig(layers=1)
    spaces = [space for space in features.spaces() if space.name != FINGERPRINT_SPACE]
    specs = tuple(DecoderSpec(space.node_type, space.name, space.dimension) for space in spaces)
    objective = {f"decoders.{name}": tensor for name, tensor in Decoders(specs, 0.0).state_dict().items()}
    made = Checkpoint(
        config,
        specs,
        Encoder(config.layers, config.dropout).state_dict(),
        objective,
        None,
        Position(),
        "snapshot",
        "graph",
        scalers=tuple(scaler_id(space) for space in spaces),
    )
    path = small_graph / "runs" / "tiny" / "checkpoint.pt"
    path.parent.mkdir(parents=True, exist_ok=True)
    save(path, made)
    profile_search.forget()
    yield small_graph
    profile_search.forget()
    path.unlink()


def test_a_profile_is_decoded_and_stands_beside_the_measured_one(store, workspace: Path) -> None:
    found = predict_profile(store, "aspirin", top=2)
    assert found.space == "plate-3", "the one in which it is measured"
    features = FeatureStore.open(workspace / "features")
    expected = decode([ASPIRIN_SMILES], workspace / "runs" / "tiny" / "checkpoint.pt", features, "plate-3")
    assert found.features["predicted"].tolist() == pytest.approx(expected.iloc[0].tolist(), rel=1e-5)
    raw = features.space(NodeType.MORPHOLOGY, "plate-3").raw()
    assert found.profiles == 2
    assert found.features["measured"].tolist() == pytest.approx(raw[[0, 2]].mean(axis=0).tolist(), rel=1e-5)
    z = (raw[[0, 2]].mean(axis=0) - raw.mean(axis=0)) / raw.std(axis=0)
    assert found.features["measured_deviation"].tolist() == pytest.approx(z.tolist(), rel=1e-4)
    assert found.correlation == pytest.approx(pearson(found.features["deviation"], z), rel=1e-4)
    assert found.trained
    order = found.features.sort_values("deviation")["feature"].tolist()
    assert (found.up["feature"].tolist(), found.down["feature"].tolist()) == (order[::-1][:2], order[:2])
    assert len(found.as_json()["features"]) == 4
    assert found.as_table()["feature"].tolist() == list(features.space(NodeType.MORPHOLOGY, "plate-3").columns)
    whole = page(found)
    assert "<circle" in whole
    assert "<b>bold" not in whole


def test_a_new_structure_and_a_simulated_space(store, workspace: Path) -> None:
    found = predict_profile(store, "CCCCN", "made-up")
    assert found.profiles == 0
    assert np.isnan(found.correlation)
    assert "SIMULATED" in found.warnings()[0]
    assert found.sections()[2].picture is None
    with pytest.raises(InputError, match="no decoder of the feature space"):
        predict_profile(store, "aspirin", "nothing")
    with pytest.raises(InputError, match="at least one"):
        predict_profile(store, "aspirin", top=0)


def test_without_a_checkpoint_it_says_what_to_do(store, small_graph: Path) -> None:
    with pytest.raises((ArtefactError, InputError), match=r"learn\.pretrain"):
        predict_profile(store, "aspirin")


def test_a_card_has_what_is_known_and_what_is_predicted(store, workspace: Path) -> None:
    found = card(store, "aspirin")
    facts = dict(found.facts.values.tolist())
    assert facts["InChIKey"] == ASPIRIN
    assert facts["chembl ids"] == "CHEMBL25"
    assert facts["synonyms"] == "ASA, Acetylsalicylic acid"
    assert facts["molecular weight"] == "180.16"
    parts = {section.name: section for section in found.sections()}
    assert parts["genes"].table["gene"].tolist() == ["PTGS2"]
    assert parts["changes"].table["gene"].tolist() == ["EGFR"]
    assert len(parts["profiles"].table) == 3
    assert parts["nearest"].table["inchikey"].tolist()[0] == SALICYLIC_ACID
    assert "Not by embedding" in parts["nearest"].note
    assert parts["predicted"].title.endswith("plate-3")
    assert "learn.predict" in parts["models"].note
    assert page(found).count("<svg") == 1
    assert json.dumps(found.as_json())


def test_a_molecule_outside_the_graph_has_a_card(store, workspace: Path) -> None:
    found = card(store, "CC(=O)Oc1ccccc1C(=O)OC")
    assert "not in the graph" in found.warnings()[0]
    names = [section.name for section in found.sections()]
    assert names == ["facts", "nearest", "predicted", "models"]
    assert found.sections()[1].table["inchikey"].tolist()[0] == ASPIRIN


def test_what_is_missing_is_a_sentence(store, small_graph: Path, monkeypatch) -> None:
    monkeypatch.setenv("INFOALIGN_WORKSPACE", str(small_graph / "nowhere"))
    profile_search.forget()
    parts = {section.name: section for section in card(store, "aspirin").sections()}
    assert parts["nearest"].table is None
    assert "compared by none" in parts["nearest"].note
    assert "learn.pretrain" in parts["predicted"].note


def test_what_is_held_out_is_marked(store, small_graph: Path) -> None:
    folder = small_graph / "holdout"
    folder.mkdir()
    try:
        (folder / f"{'a' * 64}.keys").write_text(ASPIRIN[:14] + "\n")
        item = {"name": "mine", "sha256": "a" * 64, "structures": 1, "keys": 1, "molecules": 1}
        (folder / "certificate.json").write_text(json.dumps({"data_sets": [item]}))
        assert card(store, "aspirin", predictions=False).warnings() == ["Held out of pretraining, for mine."]
        assert card(store, "salicylic acid", predictions=False).warnings() == []
    finally:
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()


def test_names_from_the_data_are_no_markup(small_graph: Path) -> None:
    with connect() as writable:
        writable.write("MATCH (m:Molecule {inchikey: $key}) SET m.name = '<script>alert(1)</script>'", key=ASPIRIN)
        try:
            whole = page(card(writable, ASPIRIN, predictions=False))
        finally:
            writable.write("MATCH (m:Molecule {inchikey: $key}) SET m.name = 'Aspirin'", key=ASPIRIN)
    assert "<script" not in whole
    assert "&lt;script&gt;" in whole


def test_descriptors_of_aspirin() -> None:
    found = dict(descriptors(ASPIRIN_SMILES))
    assert found["hydrogen-bond donors, acceptors"] == "1, 3"
    assert found["rules of five broken"] == "0"
    assert descriptors("no structure") == []
