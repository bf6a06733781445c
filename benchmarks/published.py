"""The published data path and model, as method.md (sections 3, 4 and 6) describes them, to measure against.

Written for this benchmark from that description, in plain PyTorch Geometric, as a reader of the paper would: no code of
the authors is in it. What makes it the published data path, and not ours:

- a molecule is a `torch_geometric.data.Data`, and a `DataLoader` collates a batch of them in Python every step;
- every node has a dense float32 row in every feature space, NaN where it has no features: (n + 1, D) a space, the last
  row for the positions behind the end of a walk;
- the targets of a batch are looked up for each position, (B, L + 1, D) a space; the cross entropy is element by
  element, masked where NaN, times the path weight;
- atom and bond features are looked up one by one in embeddings with ``max_norm=1``, and added.

What it does not contain, to its advantage: the walks are sampled beforehand, and the `Data` objects lie in a list.
Modules bear the names of the published checkpoint, so that weights go from one encoder to the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.data import Batch as PygBatch
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader
from torch_geometric.nn import MessagePassing, global_add_pool

from graphdb.feature_store import FeatureStore
from graphdb.molecule_graphs import ATOM_FEATURE_SIZES, BOND_FEATURE_SIZES, MoleculeGraphs
from graphdb.schema import NodeType
from graphdb.snapshot import Snapshot
from graphdb.walks import Walks

WIDTH, HIDDEN, LAYERS = 300, 1200, 5


class SummedEmbeddings(nn.Module):
    """Sum of one embedding a feature, each looked up by itself; rows are capped at norm 1 by the look-up."""

    def __init__(self, name: str, sizes: Sequence[int]) -> None:
        super().__init__()
        self.name = name
        tables = nn.ModuleList(nn.Embedding(size, WIDTH, max_norm=1) for size in sizes)
        for table in tables:
            nn.init.xavier_uniform_(cast(nn.Embedding, table).weight)
        self.add_module(name, tables)

    def forward(self, features: Tensor) -> Tensor:
        """Return (n, 300) for features (n, k) int64."""
        tables = cast(nn.ModuleList, getattr(self, self.name))
        total = tables[0](features[:, 0])
        for place, table in enumerate(tables[1:], start=1):
            total = total + table(features[:, place])
        return cast(Tensor, total)


class Layer(MessagePassing):  # type: ignore[misc]
    """One GIN layer with bond embeddings of its own."""

    def __init__(self) -> None:
        super().__init__(aggr="add")
        self.mlp = nn.Sequential(
            nn.Linear(WIDTH, 2 * WIDTH), nn.BatchNorm1d(2 * WIDTH), nn.ReLU(), nn.Linear(2 * WIDTH, WIDTH)
        )
        self.eps = nn.Parameter(torch.zeros(1))
        self.bond_encoder = SummedEmbeddings("bond_embedding_list", BOND_FEATURE_SIZES)

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        """Return (A, 300) for x (A, 300), edge_index (2, E) and edge_attr (E, 3)."""
        messages = self.propagate(edge_index, x=x, edge_attr=self.bond_encoder(edge_attr))
        return cast(Tensor, self.mlp((1 + self.eps) * x + messages))

    def message(self, x_j: Tensor, edge_attr: Tensor) -> Tensor:
        """Return what goes along every bond, (E, 300)."""
        return torch.relu(x_j + edge_attr)


class GraphNetwork(nn.Module):
    """GIN with a virtual node; sum readout."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.atom_encoder = SummedEmbeddings("atom_embedding_list", ATOM_FEATURE_SIZES)
        self.virtualnode_embedding = nn.Embedding(1, WIDTH)
        nn.init.zeros_(self.virtualnode_embedding.weight)
        self.convs = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.batch_norms = nn.ModuleList(nn.BatchNorm1d(WIDTH) for _ in range(LAYERS))
        self.mlp_virtualnode_list = nn.ModuleList(
            nn.Sequential(
                nn.Linear(WIDTH, 2 * WIDTH),
                nn.BatchNorm1d(2 * WIDTH),
                nn.ReLU(),
                nn.Linear(2 * WIDTH, WIDTH),
                nn.BatchNorm1d(WIDTH),
                nn.ReLU(),
            )
            for _ in range(LAYERS - 1)
        )

    def forward(self, data: PygBatch) -> Tensor:
        """Return (B, 300), the sum over the atoms of each molecule."""
        owner, size = data.batch, data.num_graphs
        virtual = self.virtualnode_embedding(torch.zeros(size, dtype=torch.int64, device=owner.device))
        h = self.atom_encoder(data.x)
        for layer in range(LAYERS):
            before = h + virtual[owner]
            h = self.batch_norms[layer](self.convs[layer](before, data.edge_index, data.edge_attr))
            if layer < LAYERS - 1:
                h = torch.relu(h)
                update = self.mlp_virtualnode_list[layer](global_add_pool(before, owner, size) + virtual)
                virtual = virtual + F.dropout(update, self.dropout, self.training)
            h = F.dropout(h, self.dropout, self.training) + before
        return cast(Tensor, global_add_pool(h, owner, size))


class OutputNetwork(nn.Module):
    """Decoder of one feature space: 300-1200-BN-GELU-dropout-D."""

    def __init__(self, dimension: int, dropout: float) -> None:
        super().__init__()
        self.fc1 = nn.Linear(WIDTH, HIDDEN)
        self.bn1 = nn.BatchNorm1d(HIDDEN)
        self.dropout = nn.Dropout(dropout)
        self.fc2 = nn.Linear(HIDDEN, dimension)

    def forward(self, latent: Tensor) -> Tensor:
        """Return logits (B, D) for the latent (B, 300)."""
        return cast(Tensor, self.fc2(self.dropout(F.gelu(self.bn1(self.fc1(latent))))))


class PublishedModel(nn.Module):
    """Encoder, latent and one decoder a feature space."""

    def __init__(self, dimensions: Sequence[int], dropout: float = 0.5) -> None:
        super().__init__()
        self.graph_encoder = GraphNetwork(dropout)
        self.dist_net = nn.Sequential(nn.SiLU(), nn.Linear(WIDTH, 2 * WIDTH))
        self.decoder_list = nn.ModuleList(OutputNetwork(dimension, dropout) for dimension in dimensions)

    def encode(self, data: PygBatch) -> tuple[Tensor, Tensor]:
        """Return mu and sigma, (B, 300) each."""
        mu, s = self.dist_net(self.graph_encoder(data)).chunk(2, dim=1)
        return mu, F.softplus(s) + 1e-7

    def forward(self, data: PygBatch) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Return mu and sigma, (B, 300) each, and the logits (B, D) of every space."""
        mu, sigma = self.encode(data)
        return mu, sigma, [decoder(mu) for decoder in self.decoder_list]


def as_data(molecules: MoleculeGraphs, walks: Walks, molecule_of_walk: np.ndarray) -> list[Data]:
    """Return one `Data` object a walk: its molecule's graph, its nodes (1, L + 1) and path weights (1, L + 1)."""
    found = []
    for row, nodes, weights in zip(molecule_of_walk, walks.nodes, walks.path_weights, strict=True):
        atoms = slice(molecules.atom_offsets[row], molecules.atom_offsets[row + 1])
        bonds = slice(molecules.bond_offsets[row], molecules.bond_offsets[row + 1])
        found.append(
            Data(
                x=torch.from_numpy(molecules.atom_features[atoms].astype(np.int64)),
                edge_index=torch.from_numpy(molecules.bond_index[:, bonds].astype(np.int64)),
                edge_attr=torch.from_numpy(molecules.bond_features[bonds].astype(np.int64)),
                walk=torch.from_numpy(nodes.astype(np.int64))[None],
                path_weights=torch.from_numpy(weights.astype(np.float32))[None],
            )
        )
    return found


class DensePath:
    """The data path: `Data` objects, and for every node of the graph a dense row in every feature space.

    Attributes
    ----------
    dimensions
        D of every feature space, in the order of `FeatureStore.spaces`.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        features: FeatureStore,
        molecules: MoleculeGraphs,
        walks: Walks,
        device: torch.device,
    ) -> None:
        self._device = device
        nodes = snapshot.index_of(NodeType.MOLECULE, molecules.keys)
        row_of_node = np.full(snapshot.number_of_nodes, -1)
        row_of_node[nodes] = np.arange(len(molecules))
        self._dataset = as_data(molecules, walks, row_of_node[walks.nodes[:, 0]])
        self._dense: list[Tensor] = []
        for space in features.spaces():
            dense = torch.full((snapshot.number_of_nodes + 1, space.dimension), torch.nan)
            dense[torch.from_numpy(snapshot.index_of(space.node_type, space.keys).astype(np.int64))] = torch.from_numpy(
                space.scaled()
            )
            self._dense.append(dense)
        self.dimensions = [dense.shape[1] for dense in self._dense]

    def batches(self, batch_size: int, *, shuffle: bool = True) -> Iterator[tuple[PygBatch, list[Tensor]]]:
        """Yield batches without end: the collated graphs, and the targets (B, L + 1, D) of every space."""
        while True:
            for data in DataLoader(self._dataset, batch_size=batch_size, shuffle=shuffle, drop_last=True):
                # A walk that has ended names node −1: the last row, which is NaN.
                targets = [dense[data.walk] for dense in self._dense]
                yield data.to(self._device), [target.to(self._device) for target in targets]


def objective(
    model: PublishedModel, data: PygBatch, targets: Sequence[Tensor], beta: float = 1e-9
) -> tuple[Tensor, Mapping[str, Tensor]]:
    """Return the loss of a batch and its reconstructions.

    The reconstruction of a space is the plain mean of path weight times cross entropy over all observed elements, those
    of weight 0 too; the KL term is of one sample (method, section 6, the reference's column).
    """
    mu, sigma, outputs = model(data)
    return loss_of(mu, sigma, outputs, data.path_weights, targets, beta)


def loss_of(
    mu: Tensor,
    sigma: Tensor,
    outputs: Sequence[Tensor],
    path_weights: Tensor,
    targets: Sequence[Tensor],
    beta: float = 1e-9,
) -> tuple[Tensor, Mapping[str, Tensor]]:
    """Return the loss; see `objective`. Logits (B, D), path weights (B, L + 1), targets (B, L + 1, D)."""
    parts = {}
    for place, (logits, target) in enumerate(zip(outputs, targets, strict=True)):
        observed = ~torch.isnan(target)
        element = F.binary_cross_entropy_with_logits(
            logits[:, None].expand_as(target), torch.nan_to_num(target), reduction="none"
        )
        weighted = element * path_weights[..., None] * observed
        parts[f"space {place}"] = weighted.sum() / observed.sum().clamp_min(1)
    latent = mu + sigma * torch.randn_like(sigma)
    posterior = torch.distributions.Normal(mu, sigma).log_prob(latent)
    prior = torch.distributions.Normal(torch.zeros_like(mu), torch.ones_like(sigma)).log_prob(latent)
    divergence = (posterior - prior).sum(1).mean()
    return torch.stack([*parts.values()]).sum() + beta * divergence, {**parts, "kl": divergence}
