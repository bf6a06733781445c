"""Weights in the published layout give the embeddings that the authors' inference package computes of them.

The package `infoalign` (MIT) featurises with OGB and builds the published encoder. Its weights here are random, and so
are the running statistics of its batch norms: the real ones cannot be had without the network, and random ones leave no
layer at its identity.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.data import Batch

from graphdb.errors import ArtefactError
from graphdb.schema import NodeType
from ingest.features.molecule_graph import featurise
from learn.batches import to_graph_batch
from learn.checkpoint import PUBLISHED_SPACES, load_published, load_published_decoders

pytest.importorskip("infoalign")

DIMENSIONS = (1024, 1111, 862, 1783, 966, 978)

# Structures of approved drugs and other compounds; one atom, ions, rings, stereo of both kinds, phosphorus, isotope.
SMILES = {
    "methane": "C",
    "sodium": "[Na+]",
    "ethanol": "CCO",
    "aspirin": "CC(=O)Oc1ccccc1C(=O)O",
    "caffeine": "Cn1c(=O)c2c(ncn2C)n(C)c1=O",
    "ibuprofen": "CC(C)Cc1ccc(cc1)C(C)C(=O)O",
    "levodopa": "N[C@@H](Cc1ccc(O)c(O)c1)C(=O)O",
    "dextrodopa": "N[C@H](Cc1ccc(O)c(O)c1)C(=O)O",
    "penicillin G": "CC1(C)S[C@@H]2[C@H](NC(=O)Cc3ccccc3)C(=O)N2[C@H]1C(=O)O",
    "tamoxifen": "CC/C(=C(\\c1ccccc1)c1ccc(OCCN(C)C)cc1)c1ccccc1",
    "neostigmine": "CN(C)C(=O)Oc1cccc(c1)[N+](C)(C)C",
    "nitroglycerin": "C(C(CO[N+](=O)[O-])O[N+](=O)[O-])O[N+](=O)[O-]",
    "imatinib": "Cc1ccc(NC(=O)c2ccc(CN3CCN(C)CC3)cc2)cc1Nc1nccc(-c2cccnc2)n1",
    "cyclophosphamide": "ClCCN(CCCl)P1(=O)NCCCO1",
    "morphine": "CN1CC[C@]23c4c5ccc(O)c4O[C@H]2[C@@H](O)C=C[C@H]3[C@H]1C5",
    "deuterated": "[2H]C([2H])([2H])OC#N",
}


@pytest.fixture(scope="module")
def theirs() -> nn.Module:
    from infoalign.models.gnn import PretrainedGNN

    torch.manual_seed(5)
    network = PretrainedGNN(gnn_type="gin-virtual", graph_pooling="sum", norm_layer="batch_norm")
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name.endswith("running_mean"):
                tensor.normal_(0, 0.3)
            elif name.endswith("running_var"):
                tensor.uniform_(0.5, 2)
            elif name.endswith("eps"):
                tensor.normal_(0, 0.2)
            elif "embedding" in name:
                tensor.normal_(0, 0.1)  # rows of norm about 1.7: the cap at 1 acts on all
            elif tensor.is_floating_point():
                tensor.add_(torch.randn_like(tensor) * 0.05)
    return network.eval()


def decoder_weights() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(6)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator) * 0.05

    state: dict[str, Tensor] = {}
    for place, dimension in enumerate(DIMENSIONS):
        start = f"decoder_list.{place}"
        state |= {f"{start}.fc1.weight": drawn(1200, 300), f"{start}.fc1.bias": drawn(1200)}
        state |= {f"{start}.bn1.weight": 1 + drawn(1200), f"{start}.bn1.bias": drawn(1200)}
        state |= {f"{start}.bn1.running_mean": drawn(1200), f"{start}.bn1.running_var": 1 + drawn(1200).abs()}
        state[f"{start}.bn1.num_batches_tracked"] = torch.tensor(7)
        state |= {f"{start}.fc2.weight": drawn(dimension, 1200), f"{start}.fc2.bias": drawn(dimension)}
    return state


@pytest.fixture(scope="module")
def published(theirs: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("published") / "pretrain.pt"
    # A copy: a look-up with max_norm changes the rows that it reads, and each side shall do that by itself.
    torch.save({**copy.deepcopy(theirs.state_dict()), **decoder_weights()}, path)
    return path


def embeddings_of(network: nn.Module, smiles: list[str]) -> Tensor:
    from infoalign.utils import convert_smiles_to_graph

    with torch.no_grad():
        return network(Batch.from_data_list(convert_smiles_to_graph(smiles)))


def test_embeddings_are_those_of_the_authors_package(theirs: nn.Module, published: Path) -> None:
    smiles = list(SMILES.values())
    expected = embeddings_of(theirs, smiles)
    encoder = load_published(published)
    found = encoder.embed(to_graph_batch(featurise(smiles), torch.device("cpu")))
    assert found.shape == expected.shape == (len(smiles), 300)
    error = (found - expected).abs().amax(1) / expected.abs().amax(1)
    worst = int(error.argmax())
    assert float(error.max()) < 1e-5, f"{list(SMILES)[worst]}: {float(error.max()):.2g}"
    # The comparison can fail: any two of the molecules, mirror images too, differ by far more than that.
    size = expected.abs().amax(1)
    differences = (expected[:, None] - expected[None]).abs().amax(2) / torch.maximum(size[:, None], size[None])
    assert float((differences + torch.eye(len(smiles))).min()) > 1e-3


def test_a_molecule_alone_has_the_embedding_that_it_has_among_others(theirs: nn.Module, published: Path) -> None:
    encoder = load_published(published)
    for name in ("methane", "sodium", "morphine"):
        found = encoder.embed(to_graph_batch(featurise([SMILES[name]]), torch.device("cpu")))
        expected = embeddings_of(theirs, [SMILES[name]])
        torch.testing.assert_close(found, expected, rtol=0, atol=float(1e-5 * expected.abs().max()), msg=name)


def test_decoders_have_the_published_order_and_shapes(published: Path) -> None:
    decoders = load_published_decoders(published)
    assert decoders.specs == PUBLISHED_SPACES
    assert tuple(spec.dimension for spec in decoders.specs) == DIMENSIONS
    types = (
        NodeType.MOLECULE,
        NodeType.GENE,
        NodeType.GENE,
        NodeType.MORPHOLOGY,
        NodeType.MORPHOLOGY,
        NodeType.EXPRESSION,
    )
    assert tuple(spec.node_type for spec in decoders.specs) == types
    assert not decoders.training


def test_decoders_compute_the_published_formula(published: Path) -> None:
    state: Mapping[str, Tensor] = decoder_weights()
    latent = torch.from_numpy(np.random.default_rng(1).normal(size=(4, 300))).float()
    with torch.no_grad():
        outputs = load_published_decoders(published)(latent)
    for place, (found, dimension) in enumerate(zip(outputs, DIMENSIONS, strict=True)):
        weight = {
            name.removeprefix(f"decoder_list.{place}."): tensor.double()
            for name, tensor in state.items()
            if name.startswith(f"decoder_list.{place}.")
        }
        hidden = latent.double() @ weight["fc1.weight"].T + weight["fc1.bias"]
        normed = (hidden - weight["bn1.running_mean"]) / (weight["bn1.running_var"] + 1e-5).sqrt()
        active = F.gelu(normed * weight["bn1.weight"] + weight["bn1.bias"])
        expected = active @ weight["fc2.weight"].T + weight["fc2.bias"]
        assert found.shape == (4, dimension)
        torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-4)


def test_decoders_that_do_not_fit_are_refused_by_name(published: Path, tmp_path: Path) -> None:
    state = torch.load(published, weights_only=True)
    other = tmp_path / "other.pt"
    for name, value, message in (
        ("decoder_list.3.fc2.weight", torch.zeros(966, 1200), r"decoder_list\.3\.fc2\.weight has shape \(966, 1200\)"),
        ("decoder_list.5.bn1.bias", None, r"decoder_list\.5\.bn1\.bias \(1200,\) is missing"),
        ("decoder_list.6.fc1.bias", torch.zeros(1200), r"unknown weight decoder_list\.6\.fc1\.bias"),
    ):
        changed = {**state, name: value}
        torch.save({key: tensor for key, tensor in changed.items() if tensor is not None}, other)
        with pytest.raises(ArtefactError, match=message):
            load_published_decoders(other)
