"""The encoder p(z|x): a graph isomorphism network with a virtual node, and the two halves of the latent.

Source: InfoAlign, section 4 and appendix C; GIN with virtual node as in OGB's examples (method, section 4). Modules
bear the names of the published checkpoint's state dict.

Every layer is written twice: in plain PyTorch, for a GPU, for compilers and for export, and for a CPU by the compiled
passes of `learn.kernels`. Tests hold both against each other, and the plain layer against PyTorch Geometric's
``GINEConv``, which is not imported here: that takes longer than embedding a thousand molecules.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphdb.molecule_graphs import ATOM_FEATURE_SIZES, BOND_FEATURE_SIZES
from learn.config import CONSTANTS, WIDTH
from learn.graph_batch import GraphBatch, bond_kinds
from learn.kernels import functions
from learn.kernels.dropout import draw_keys, dropout, row_keys
from learn.normalise import normalise

MAX_NORM = CONSTANTS.max_norm
SIGMA_FLOOR = CONSTANTS.sigma_floor


class AtomEncoder(nn.Module):
    """Sum of one embedding a feature; rows are capped at norm 1."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.atom_embedding_list = _embeddings(ATOM_FEATURE_SIZES, width)
        self.register_buffer("first_row", _first_rows(ATOM_FEATURE_SIZES), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return (A, width) for features (A, 9) int64."""
        table = torch.cat(_capped(self.atom_embedding_list))
        first = cast(Tensor, self.first_row)
        if functions.usable(table):
            return functions.embed(x.numpy(), first.numpy(), table)
        # One table and one bag an atom: nine look-ups of (A, width) and their sums take four times as long.
        return F.embedding_bag(x + first, table, mode="sum")


class BondEncoder(nn.Module):
    """Sum of one embedding a feature; rows are capped at norm 1."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.bond_embedding_list = _embeddings(BOND_FEATURE_SIZES, width)

    def forward(self, edge_attr: Tensor) -> Tensor:
        """Return (E, width) for features (E, 3) int64."""
        # Most bonds are of two kinds: the gradient of plain indexing adds equal indices one after the other on a GPU.
        return F.embedding(bond_kinds(edge_attr), self.table())

    def table(self) -> Tensor:
        """Return the embedding of every kind of bond, (60, width): there are 5 · 6 · 2."""
        kind, stereo, conjugated = _capped(self.bond_embedding_list)
        return (kind[:, None, None] + stereo[:, None] + conjugated).flatten(0, 2)


class GINConv(nn.Module):
    """One GIN layer: MLP((1 + eps) x + sum over neighbours of ReLU(x_j + bond)) (Hu et al. 2020, arXiv 1905.12265)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.BatchNorm1d(2 * width), nn.ReLU(), nn.Linear(2 * width, width)
        )
        self.eps = nn.Parameter(torch.zeros(1))
        self.bond_encoder = BondEncoder(width)

    def forward(self, x: Tensor, graphs: GraphBatch) -> Tensor:
        """Return (A, width) for x (A, width)."""
        first, norm, _, second = self.mlp
        norm = cast(nn.BatchNorm1d, norm)
        if functions.usable(x):
            table = self.bond_encoder.table()
            hidden = functions.message_linear(x, graphs.bonds, table, self.eps, cast(nn.Linear, first))
            return functions.norm_linear(hidden, norm, cast(nn.Linear, second))
        source, target = graphs.edge_index
        messages = F.relu_(x.index_select(0, source) + self.bond_encoder(graphs.edge_attr))
        hidden = first((1 + self.eps) * x + sums(messages, target, len(x)))
        return cast(Tensor, second(F.relu_(normalise(hidden, norm))))


class GraphEncoder(nn.Module):
    """Molecule graphs → one vector a molecule."""

    def __init__(self, layers: int, dropout: float, width: int = WIDTH) -> None:
        super().__init__()
        self.dropout = dropout
        self.atom_encoder = AtomEncoder(width)
        self.virtualnode_embedding = nn.Embedding(1, width)
        nn.init.zeros_(self.virtualnode_embedding.weight)
        self.convs = nn.ModuleList(GINConv(width) for _ in range(layers))
        self.batch_norms = nn.ModuleList(nn.BatchNorm1d(width) for _ in range(layers))
        self.mlp_virtualnode_list = nn.ModuleList(_virtual_mlp(width) for _ in range(layers - 1))

    def forward(self, graphs: GraphBatch) -> Tensor:
        """Return (B, width): the sum over the atoms of a molecule."""
        h = self.atoms(graphs)
        if functions.usable(h):
            return functions.pool(h, graphs.offsets)
        return sums(h, graphs.batch, graphs.size)

    def atoms(self, graphs: GraphBatch, start: Tensor | None = None) -> Tensor:
        """Return what every atom is after the last layer, (A, width).

        Parameters
        ----------
        graphs
            The molecules.
        start
            (A, width) what the atoms are before the first layer; None: what `atom_encoder` makes of their features.
        """
        h = self.atom_encoder(graphs.x) if start is None else start
        virtual = self.virtualnode_embedding.weight.expand(graphs.size, -1)
        last = len(self.convs) - 1
        for layer, (conv, norm) in enumerate(zip(self.convs, self.batch_norms, strict=True)):
            of_atoms, of_molecules = self._keys(graphs)
            x, pooled = self._spread(h, virtual, graphs)
            h = conv(x, graphs)
            h = self._finish(h, cast(nn.BatchNorm1d, norm), x, relu=layer < last, keys=of_atoms)
            if layer < last:
                virtual = self._update(pooled, virtual, self.mlp_virtualnode_list[layer], of_molecules)
        return cast(Tensor, h)

    def _keys(self, graphs: GraphBatch) -> tuple[Tensor | None, Tensor | None]:
        """Return the keys of the dropouts of a layer: of its atoms (A,), and of its virtual nodes (B,)."""
        if not (self.training and self.dropout):
            return None, None
        atoms, molecules = draw_keys(2, graphs.x.device)
        return row_keys(graphs.atom_rows, atoms), row_keys(graphs.molecule_rows, molecules)

    def _spread(self, h: Tensor, virtual: Tensor, graphs: GraphBatch) -> tuple[Tensor, Tensor]:
        """Return h + the virtual node of each atom's molecule, (A, width), and its sums over molecules (B, width)."""
        if functions.usable(h):
            return functions.add_and_pool(h, virtual, graphs.offsets)
        x = h + virtual.index_select(0, graphs.batch)
        return x, sums(x, graphs.batch, graphs.size)

    def _finish(self, y: Tensor, norm: nn.BatchNorm1d, residual: Tensor, *, relu: bool, keys: Tensor | None) -> Tensor:
        """Return dropout(ReLU(norm(y))) + residual, (n, width)."""
        if functions.usable(residual):
            return functions.norm_drop_add(y, norm, residual, relu=relu, keys=keys, rate=self.dropout)
        y = normalise(y, norm)
        y = F.relu_(y) if relu else y
        return (y if keys is None else dropout(y, keys, self.dropout)) + residual

    def _update(self, pooled: Tensor, virtual: Tensor, mlp: nn.Module, keys: Tensor | None) -> Tensor:
        """Return the next virtual nodes, (B, width)."""
        first, inner, _, second, outer, _ = cast(nn.Sequential, mlp)
        inner, second = cast(nn.BatchNorm1d, inner), cast(nn.Linear, second)
        pooled = pooled + virtual
        if functions.usable(pooled):
            y = functions.norm_linear(functions.linear(pooled, cast(nn.Linear, first)), inner, second)
        else:
            y = second(F.relu(normalise(first(pooled), inner)))
        return self._finish(y, cast(nn.BatchNorm1d, outer), virtual, relu=True, keys=keys)


class Encoder(nn.Module):
    """p(z|x) = N(mu(x), diag sigma(x)^2).

    Parameters
    ----------
    layers, dropout
        See `learn.config.TrainConfig`.
    """

    def __init__(self, layers: int = 5, dropout: float = 0.5) -> None:
        super().__init__()
        self.graph_encoder = GraphEncoder(layers, dropout)
        self.dist_net = nn.Sequential(nn.SiLU(), nn.Linear(WIDTH, 2 * WIDTH))

    def forward(self, graphs: GraphBatch) -> tuple[Tensor, Tensor]:
        """Return mu and sigma, (B, 300) each; sigma > 0."""
        mu, s = self.dist_net(self.graph_encoder(graphs)).chunk(2, dim=-1)
        return mu, F.softplus(s) + SIGMA_FLOOR

    @torch.no_grad()
    def embed(self, graphs: GraphBatch) -> Tensor:
        """Return mu (B, 300) in eval mode; the mode of the module stays as it was."""
        was_training = self.training
        self.eval()
        try:
            return cast(Tensor, self(graphs)[0])
        finally:
            self.train(was_training)


def sums(x: Tensor, of: Tensor, size: int) -> Tensor:
    """Return the sums (size, d) of the rows of x (n, d) that belong to each of `of` (n,) int64."""
    return x.new_zeros(size, x.shape[1]).scatter_add_(0, of[:, None].expand_as(x), x)


def _embeddings(sizes: tuple[int, ...], width: int) -> nn.ModuleList:
    tables = nn.ModuleList(nn.Embedding(size, width) for size in sizes)
    for table in tables:
        nn.init.xavier_uniform_(cast(nn.Embedding, table).weight)
    return tables


def _capped(tables: nn.ModuleList) -> list[Tensor]:
    """Return the tables with rows capped at norm 1, in place as ``nn.Embedding(max_norm=1)`` does on a look-up."""
    weights = [cast(nn.Embedding, table).weight for table in tables]
    with torch.no_grad():
        for weight in weights:
            weight.copy_(weight.renorm(2, 0, MAX_NORM))
    return weights


def _first_rows(sizes: tuple[int, ...]) -> Tensor:
    return torch.tensor([0, *sizes[:-1]]).cumsum(0)


def _virtual_mlp(width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(width, 2 * width),
        nn.BatchNorm1d(2 * width),
        nn.ReLU(),
        nn.Linear(2 * width, width),
        nn.BatchNorm1d(width),
        nn.ReLU(),
    )
