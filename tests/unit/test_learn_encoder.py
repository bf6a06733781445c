"""The encoder against a plain reading of method.md, section 4, atom by atom and bond by bond."""

from __future__ import annotations

import subprocess
import sys
from contextlib import nullcontext
from typing import cast

import numpy as np
import pytest
import torch
from _commands import PROJECT
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.synthetic import inchikeys, molecule_graphs
from graphdb.molecule_graphs import ATOM_FEATURE_SIZES, BOND_FEATURE_SIZES, MoleculeGraphs
from graphdb.schema import NodeType
from learn.batches import to_graph_batch
from learn.decoders import Decoders, DecoderSpec
from learn.encoder import Encoder, GINConv
from learn.graph_batch import GraphBatch
from learn.kernels import functions

CPU = torch.device("cpu")


def molecules(n: int = 6, atoms: tuple[int, int] = (1, 9), seed: int = 0) -> MoleculeGraphs:
    rng = np.random.default_rng(seed)
    return molecule_graphs(inchikeys(n, rng), atoms, rng)


def shaken(encoder: Encoder) -> Encoder:
    """Move everything away from its initial value, running statistics and eps included; in double precision.

    Values grow to 1e4 on the way, so that single precision would tell little.
    """
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, tensor in encoder.state_dict().items():
            if tensor.is_floating_point():
                noise = torch.randn(tensor.shape, generator=generator) * 0.1
                tensor.add_(noise.abs() if name.endswith("running_var") else noise)
    return encoder.double().eval()


def by_hand(encoder: Encoder, graphs: MoleculeGraphs) -> tuple[Tensor, Tensor]:
    """mu and sigma, (n, 300) each, one molecule, one atom and one bond at a time."""
    net = encoder.graph_encoder
    both = []
    for row in range(len(graphs)):
        one = graphs.take([row])
        h = [summed(net.atom_encoder.atom_embedding_list, atom) for atom in one.atom_features]
        virtual = net.virtualnode_embedding.weight[0]
        for layer, conv in enumerate(net.convs):
            x = [atom + virtual for atom in h]
            out = []
            for atom in range(len(x)):
                total = torch.zeros(300)
                for (source, target), bond in zip(one.bond_index.T, one.bond_features, strict=True):
                    if target == atom:
                        bonded = summed(conv.bond_encoder.bond_embedding_list, bond)
                        total = total + torch.relu(x[source] + bonded)
                out.append(conv.mlp(((1 + conv.eps) * x[atom] + total)[None]))
            last = layer == len(net.convs) - 1
            normed = [net.batch_norms[layer](atom)[0] for atom in out]
            h = [(atom if last else torch.relu(atom)) + before for atom, before in zip(normed, x, strict=True)]
            if not last:
                virtual = virtual + net.mlp_virtualnode_list[layer]((sum(x) + virtual)[None])[0]
        s = encoder.dist_net[1](F.silu(torch.stack(h).sum(0)))
        both.append((s[:300], F.softplus(s[300:]) + 1e-7))
    return torch.stack([mu for mu, _ in both]), torch.stack([sigma for _, sigma in both])


def summed(tables: nn.ModuleList, features: np.ndarray) -> Tensor:
    rows = [table.weight[int(feature)] for table, feature in zip(tables, features, strict=True)]
    return sum((row if row.norm() <= 1 else row / row.norm() for row in rows), torch.zeros(300))


@torch.no_grad()
def test_forward_is_the_method() -> None:
    encoder = shaken(Encoder())
    graphs = molecules()
    found = encoder(to_graph_batch(graphs, CPU))
    expected = by_hand(encoder, graphs)  # second: the first caps the rows, to norm 1 but for 1e-7
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)
    assert (found[1] > 0).all()


@torch.no_grad()
def test_an_embedding_depends_on_its_molecule_alone_and_not_on_the_order_of_atoms() -> None:
    encoder = shaken(Encoder())
    graphs = molecules(5, (3, 9))
    together = encoder.embed(to_graph_batch(graphs, CPU))
    for row in range(5):
        alone = to_graph_batch(graphs.take([row]), CPU)
        torch.testing.assert_close(encoder.embed(alone)[0], together[row], rtol=1e-9, atol=1e-9)
        order = torch.randperm(len(alone.x), generator=torch.Generator().manual_seed(row))
        place = torch.argsort(order)
        turned = GraphBatch(alone.x[order], place[alone.edge_index], alone.edge_attr, alone.batch, 1)
        torch.testing.assert_close(encoder.embed(turned)[0], together[row], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("plain", [True, False])
def test_a_layer_is_pytorch_geometrics(plain: bool) -> None:
    from torch_geometric.nn import GINEConv

    encoder = shaken(Encoder(layers=1, dropout=0.0))
    layer = cast(GINConv, encoder.graph_encoder.convs[0])
    graphs = to_graph_batch(molecules(), CPU)
    x = torch.randn(len(graphs.x), 300, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    with torch.no_grad(), functions.plain_path() if plain else nullcontext():
        theirs = GINEConv(layer.mlp, eps=layer.eps.item())(x, graphs.edge_index, layer.bond_encoder(graphs.edge_attr))
        torch.testing.assert_close(layer(x, graphs), theirs)


@pytest.mark.parametrize("module", ["learn.encode", "learn.pretrain", "queries.similar", "queries.explorer"])
def test_embedding_imports_no_pytorch_geometric(module: str) -> None:
    """It brings compilers and language models with it, and takes seconds: every command would wait for it."""
    heavy = ("torch_geometric", "transformers")
    code = f"import sys, learn.encode, {module}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_embedding_tables_do_what_embeddings_with_a_largest_norm_do() -> None:
    """Values, gradients and the capping in place are those of nn.Embedding(max_norm=1)."""
    encoder = Encoder(layers=1)
    tables = encoder.graph_encoder.atom_encoder.atom_embedding_list
    with torch.no_grad():
        for table in tables:
            table.weight.mul_(5)
    plain = [
        nn.Embedding(size, 300, max_norm=1, _weight=table.weight.detach().clone())
        for size, table in zip(ATOM_FEATURE_SIZES, tables, strict=True)
    ]
    x = torch.stack([torch.arange(size).repeat(119)[:119] for size in ATOM_FEATURE_SIZES], 1)
    pull = torch.randn(len(x), 300)
    found = encoder.graph_encoder.atom_encoder(x)
    expected = sum(table(x[:, place]) for place, table in enumerate(plain))
    torch.testing.assert_close(found, expected)
    (found * pull).sum().backward()
    (expected * pull).sum().backward()
    for table, other in zip(tables, plain, strict=True):
        torch.testing.assert_close(table.weight, other.weight)
        torch.testing.assert_close(table.weight.grad, other.weight.grad)
        assert table.weight.norm(dim=1).max() <= 1 + 1e-6


def test_every_bond_kind_has_the_sum_of_its_rows() -> None:
    bonds = Encoder(layers=1).graph_encoder.convs[0].bond_encoder
    every = torch.cartesian_prod(*(torch.arange(size) for size in BOND_FEATURE_SIZES))
    found = bonds(every)  # first: it caps the rows
    expected = sum(table.weight[every[:, place]] for place, table in enumerate(bonds.bond_embedding_list))
    torch.testing.assert_close(found, expected)


def test_it_starts_as_the_method_says() -> None:
    net = Encoder().graph_encoder
    assert len(net.convs) == len(net.batch_norms) == 5
    assert len(net.mlp_virtualnode_list) == 4
    assert (net.virtualnode_embedding.weight == 0).all()
    assert all(conv.eps.item() == 0 for conv in net.convs)
    sizes = [tuple(table.weight.shape) for table in net.atom_encoder.atom_embedding_list]
    assert sizes == [(size, 300) for size in (119, 5, 12, 12, 10, 6, 6, 2, 2)]
    # Xavier-uniform: bounded by sqrt(6 / (rows + width)).
    table = net.atom_encoder.atom_embedding_list[0].weight
    bound = (6 / (119 + 300)) ** 0.5
    assert 0.95 * bound < table.abs().max() <= bound


def test_embed_keeps_the_mode_and_uses_no_dropout() -> None:
    encoder = Encoder(layers=2).train()
    graphs = to_graph_batch(molecules(), CPU)
    first, second = encoder.embed(graphs), encoder.embed(graphs)
    assert encoder.training
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    assert first.shape == (6, 300)
    assert not first.requires_grad


def test_every_weight_learns() -> None:
    encoder = Encoder(layers=3).train()
    mu, sigma = encoder(to_graph_batch(molecules(40, (3, 9)), CPU))
    ((mu * torch.randn_like(mu)).sum() + (sigma * torch.randn_like(sigma)).sum()).backward()
    without = [name for name, weight in encoder.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert without == []


@pytest.mark.parametrize("dimension", [1, 17])
def test_a_decoder_is_its_layers(dimension: int) -> None:
    spec = DecoderSpec(NodeType.GENE, "some-space", dimension)
    decoders = Decoders([spec, spec], dropout=0.5).eval()
    latent = torch.randn(4, 300)
    found = decoders(latent)
    for decoder, logits in zip(decoders.decoder_list, found, strict=True):
        hidden = latent @ decoder.fc1.weight.T + decoder.fc1.bias
        normed = hidden / (1 + decoder.bn1.eps) ** 0.5
        expected = F.gelu(normed) @ decoder.fc2.weight.T + decoder.fc2.bias
        torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)
        assert logits.shape == (4, dimension)
    assert [tuple(decoders.decoder_list[0].fc1.weight.shape)] == [(1200, 300)]
