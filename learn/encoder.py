"""The encoder p(z|x): a graph isomorphism network with a virtual node, and the two halves of the latent.

Source: InfoAlign, section 4 and appendix C; GIN with virtual node as in OGB's examples (method, section 4). Modules
bear the names of the published checkpoint's state dict.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.nn import MessagePassing, global_add_pool

from graphdb.molecule_graphs import ATOM_FEATURE_SIZES, BOND_FEATURE_SIZES
from learn.config import WIDTH

MAX_NORM = 1.0
SIGMA_FLOOR = 1e-7


@dataclass(frozen=True)
class GraphBatch:
    """B molecule graphs side by side.

    Attributes
    ----------
    x
        (A, 9) int64, OGB's atom features.
    edge_index
        (2, E) int64, both directions of every bond.
    edge_attr
        (E, 3) int64, OGB's bond features.
    batch
        (A,) int64, the molecule of each atom.
    size
        B.
    """

    x: Tensor
    edge_index: Tensor
    edge_attr: Tensor
    batch: Tensor
    size: int


class AtomEncoder(nn.Module):
    """Sum of one embedding a feature; rows are capped at norm 1."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.atom_embedding_list = _embeddings(ATOM_FEATURE_SIZES, width)
        self.register_buffer("first_row", _first_rows(ATOM_FEATURE_SIZES), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return (A, width) for features (A, 9) int64."""
        # One table and one bag an atom: nine look-ups of (A, width) and their sums take four times as long.
        table = torch.cat(_capped(self.atom_embedding_list))
        return F.embedding_bag(x + cast(Tensor, self.first_row), table, mode="sum")


class BondEncoder(nn.Module):
    """Sum of one embedding a feature; rows are capped at norm 1."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.bond_embedding_list = _embeddings(BOND_FEATURE_SIZES, width)

    def forward(self, edge_attr: Tensor) -> Tensor:
        """Return (E, width) for features (E, 3) int64."""
        kind, stereo, conjugated = _capped(self.bond_embedding_list)
        # There are 5 · 6 · 2 kinds of bonds, so their sums are a table of 60 rows.
        table = (kind[:, None, None] + stereo[:, None] + conjugated).flatten(0, 2)
        row = (edge_attr[:, 0] * BOND_FEATURE_SIZES[1] + edge_attr[:, 1]) * BOND_FEATURE_SIZES[2] + edge_attr[:, 2]
        return table[row]


class GINConv(MessagePassing):  # type: ignore[misc]
    """One GIN layer: MLP((1 + eps) x + sum over neighbours of ReLU(x_j + bond))."""

    def __init__(self, width: int) -> None:
        super().__init__(aggr="add")
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.BatchNorm1d(2 * width), nn.ReLU(), nn.Linear(2 * width, width)
        )
        self.eps = nn.Parameter(torch.zeros(1))
        self.bond_encoder = BondEncoder(width)

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        """Return (A, width) for x (A, width), edge_index (2, E) and edge_attr (E, 3)."""
        total = self.propagate(edge_index, x=x, bond=self.bond_encoder(edge_attr))
        return cast(Tensor, self.mlp((1 + self.eps) * x + total))

    def message(self, x_j: Tensor, bond: Tensor) -> Tensor:
        """Return what goes along every bond, (E, width), like both arguments."""
        return F.relu_(x_j + bond)


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
        return cast(Tensor, global_add_pool(self.atoms(graphs), graphs.batch, graphs.size))

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
            x = h + virtual[graphs.batch]
            h = norm(conv(x, graphs.edge_index, graphs.edge_attr))
            if layer < last:
                h = F.relu_(h)
            h = F.dropout(h, self.dropout, self.training) + x
            if layer < last:
                pooled = global_add_pool(x, graphs.batch, graphs.size) + virtual
                update = self.mlp_virtualnode_list[layer](pooled)
                virtual = virtual + F.dropout(update, self.dropout, self.training)
        return cast(Tensor, h)


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
