"""Checkpoints of this platform, and encoders in the layout of the published one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.synthetic import inchikeys, molecule_graphs
from graphdb.errors import ArtefactError
from graphdb.schema import NodeType
from learn.batches import to_graph_batch
from learn.checkpoint import Checkpoint, HeldOut, Position, load, load_published, save
from learn.config import TrainConfig
from learn.decoders import Decoders, DecoderSpec
from learn.encoder import Encoder
from learn.objectives.infoalign import InfoAlign

SPECS = (DecoderSpec(NodeType.MOLECULE, "bits", 12), DecoderSpec(NodeType.GENE, "crispr", 5))
CONFIG = TrainConfig(layers=2, epochs=3, batch_size=4)


def checkpoint() -> Checkpoint:
    torch.manual_seed(0)
    encoder, objective = Encoder(CONFIG.layers), InfoAlign(SPECS, dropout=0.5, beta=0.0, latent="mean")
    networks = nn.ModuleList([encoder, objective])
    optimizer = torch.optim.Adam(networks.parameters())
    sum(weight.square().sum() for weight in networks.parameters()).backward()
    optimizer.step()
    return Checkpoint(
        config=CONFIG,
        specs=SPECS,
        encoder_state=encoder.state_dict(),
        objective_state=objective.state_dict(),
        optimizer_state=optimizer.state_dict(),
        position=Position(1, 2, 3),
        snapshot_id="s" * 64,
        graph_hash="g" * 64,
        holdout=(HeldOut("chembl2k", "a" * 64, 7),),
        simulated=("demo",),
        scalers=("b" * 16, "c" * 16),
    )


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    saved = checkpoint()
    save(tmp_path / "c.pt", saved)
    found = load(tmp_path / "c.pt")
    for name in ("config", "specs", "position", "snapshot_id", "graph_hash", "holdout", "simulated", "scalers"):
        assert getattr(found, name) == getattr(saved, name), name
    assert found.model_hash == saved.model_hash
    for state, other in ((found.encoder_state, saved.encoder_state), (found.objective_state, saved.objective_state)):
        assert state.keys() == other.keys()
        assert all(torch.equal(state[name], other[name]) for name in state)
    assert found.optimizer_state is not None
    assert saved.optimizer_state is not None
    moments, others = found.optimizer_state["state"], saved.optimizer_state["state"]
    assert moments.keys() == others.keys()
    assert all(torch.equal(moments[key]["exp_avg_sq"], others[key]["exp_avg_sq"]) for key in moments)
    assert not found.encoder().training
    assert not found.decoders().training
    assert [path.name for path in tmp_path.iterdir()] == ["c.pt"]


def test_the_hash_of_a_model_changes_with_one_weight() -> None:
    first = checkpoint()
    state = {name: tensor.clone() for name, tensor in first.encoder_state.items()}
    assert replace(first, encoder_state=state).model_hash == first.model_hash
    state["dist_net.1.bias"][5] += 1e-6
    assert replace(first, encoder_state=state).model_hash != first.model_hash


def _changed(tmp_path: Path, **changes: Any) -> Path:
    path = tmp_path / "c.pt"
    save(path, checkpoint())
    content = torch.load(path, weights_only=True)
    torch.save({name: value for name, value in {**content, **changes}.items() if value is not None}, path)
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": 999}, "checkpoint schema 999, this platform reads"),
        ({"kind": "cake"}, "expected an infoalign-checkpoint"),
        ({"position": None}, "damaged"),
        ({"specs": [["Planet", "x", 3]]}, "damaged"),
        ({"config": {"colour": 1}}, "unknown setting 'colour'"),
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = _changed(tmp_path, **changes)
    with pytest.raises(ArtefactError, match=message) as caught:
        load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_truncated_and_foreign_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=r"learn\.pretrain"):
        load(tmp_path / "absent.pt")
    path = _changed(tmp_path)
    for content in (path.read_bytes()[:5000], b"", b"hello, I am a text\n"):
        path.write_bytes(content)
        with pytest.raises(ArtefactError, match="damaged, or no checkpoint") as caught:
            load(path)
        assert "\n" not in str(caught.value)
    torch.save([1, 2], path)
    with pytest.raises(ArtefactError, match="found a list"):
        load(path)


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    torch.save({"kind": Path("x").exists}, tmp_path / "c.pt")
    with pytest.raises(ArtefactError, match="damaged, or no checkpoint"):
        load(tmp_path / "c.pt")


# --- the published layout -------------------------------------------------------------------------------------------

ATOMS, BONDS = (119, 5, 12, 12, 10, 6, 6, 2, 2), (5, 6, 2)
DECODERS = (1024, 1111, 862, 1783, 966, 978)


def published_state(seed: int = 0) -> dict[str, torch.Tensor]:
    """Random weights under the names and shapes that method.md (section 4) lists, written down independently."""
    generator = torch.Generator().manual_seed(seed)
    state: dict[str, torch.Tensor] = {}

    def linear(name: str, out: int, width: int) -> None:
        state[f"{name}.weight"] = torch.randn(out, width, generator=generator) * width**-0.5
        state[f"{name}.bias"] = torch.randn(out, generator=generator) * 0.1

    def norm(name: str, width: int) -> None:
        state[f"{name}.weight"] = torch.rand(width, generator=generator) + 0.5
        state[f"{name}.bias"] = torch.randn(width, generator=generator) * 0.1
        state[f"{name}.running_mean"] = torch.randn(width, generator=generator) * 0.1
        state[f"{name}.running_var"] = torch.rand(width, generator=generator) + 0.5
        state[f"{name}.num_batches_tracked"] = torch.tensor(100)

    def tables(name: str, sizes: tuple[int, ...]) -> None:
        for place, size in enumerate(sizes):
            state[f"{name}.{place}.weight"] = torch.randn(size, 300, generator=generator) * 0.1

    tables("graph_encoder.atom_encoder.atom_embedding_list", ATOMS)
    tables("graph_encoder.bond_encoder.bond_embedding_list", BONDS)
    state["graph_encoder.virtualnode_embedding.weight"] = torch.randn(1, 300, generator=generator)
    for layer in range(5):
        conv = f"graph_encoder.convs.{layer}"
        linear(f"{conv}.mlp.0", 600, 300)
        norm(f"{conv}.mlp.1", 600)
        linear(f"{conv}.mlp.3", 300, 600)
        state[f"{conv}.eps"] = torch.randn(1, generator=generator) * 0.1
        tables(f"{conv}.bond_encoder.bond_embedding_list", BONDS)
        norm(f"graph_encoder.batch_norms.{layer}", 300)
    for layer in range(4):
        virtual = f"graph_encoder.mlp_virtualnode_list.{layer}"
        linear(f"{virtual}.0", 600, 300)
        norm(f"{virtual}.1", 600)
        linear(f"{virtual}.3", 300, 600)
        norm(f"{virtual}.4", 300)
    linear("dist_net.1", 600, 300)
    for place, dimension in enumerate(DECODERS):
        linear(f"decoder_list.{place}.fc1", 1200, 300)
        norm(f"decoder_list.{place}.bn1", 1200)
        linear(f"decoder_list.{place}.fc2", dimension, 1200)
    return state


@pytest.mark.parametrize("wrapped", [None, "model_state_dict"])
def test_a_published_file_gives_its_encoder(tmp_path: Path, wrapped: str | None) -> None:
    state = published_state()
    torch.save({wrapped: state} if wrapped else state, tmp_path / "published.pt")
    encoder = load_published(tmp_path / "published.pt")
    assert not encoder.training
    for name, tensor in encoder.state_dict().items():
        assert torch.equal(tensor, state[name]), name
    rng = np.random.default_rng(0)
    embeddings = encoder.embed(to_graph_batch(molecule_graphs(inchikeys(5, rng), (2, 9), rng), torch.device("cpu")))
    assert embeddings.shape == (5, 300)
    assert torch.isfinite(embeddings).all()


def test_the_decoders_fit_the_published_names() -> None:
    specs = [DecoderSpec(NodeType.MOLECULE, f"space-{dimension}", dimension) for dimension in DECODERS]
    expected = {name: tensor for name, tensor in published_state().items() if name.startswith("decoder_list")}
    found = Decoders(specs, 0.5).state_dict()
    assert {name: tensor.shape for name, tensor in found.items()} == {
        name: tensor.shape for name, tensor in expected.items()
    }


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("dist_net.1.weight", None, r"dist_net\.1\.weight \(600, 300\) is missing"),
        ("graph_encoder.convs.2.eps", torch.zeros(2), r"convs\.2\.eps has shape \(2,\), expected \(1,\)"),
        ("graph_encoder.convs.4.mlp.0.bias", torch.zeros(300), r"has shape \(300,\), expected \(600,\)"),
        ("graph_encoder.extra.weight", torch.zeros(1), r"unknown weight graph_encoder\.extra\.weight"),
        ("dist_net.1.bias", "text", r"dist_net\.1\.bias has shape"),
    ],
)
def test_a_published_file_that_does_not_fit_is_refused_by_name(
    tmp_path: Path, name: str, value: Any, message: str
) -> None:
    state: dict[str, Any] = published_state()
    state[name] = value
    torch.save({key: item for key, item in state.items() if item is not None}, tmp_path / "published.pt")
    with pytest.raises(ArtefactError, match=message):
        load_published(tmp_path / "published.pt")
