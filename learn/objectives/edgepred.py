"""Edge prediction: two atoms are bonded where the product of what they are is large.

Source: Hu et al. 2020 (arXiv 1905.12265), section 5, after Hamilton et al. 2017 (GraphSAGE). The encoder sees whole
molecules; negatives are pairs of atoms of one molecule that no bond joins, as many as bonds.

The paper's scalar product is a cosine over a temperature here. Its networks have neither residuals nor a virtual node;
in this encoder both add up, and the products of a new one are of some 20,000 on drugs, so that a bond would be certain
between any two atoms, at a loss of as many nats.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from learn.batches import Batch, BatchMaker
from learn.config import TrainConfig
from learn.encoder import Encoder
from learn.graph_batch import GraphBatch
from learn.objectives.base import Loss, Objective, Recipe, nowhere
from learn.objectives.subgraphs import atom_counts

TRIES = 5
"""Pairs that are drawn for a negative; where all are bonded, or twice the same atom, there is one negative less."""


class EdgePred(Objective):
    """It has no networks of its own.

    Parameters
    ----------
    temperature
        Cosines are divided by it.
    """

    def __init__(self, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, encoder: Encoder, batch: Batch) -> Loss:
        """Return the cross entropy of bonds against pairs that are none, in nats."""
        graphs = batch.graphs
        atoms = F.normalize(encoder.graph_encoder.atoms(graphs).float(), dim=1)
        bonds = each_bond(graphs)
        pairs, usable = unbonded_pairs(graphs, bonds)
        bonded = F.softplus(-products(atoms, bonds) / self.temperature).sum() / max(1, bonds.shape[1])
        unbonded = (F.softplus(products(atoms, pairs) / self.temperature) * usable).sum() / usable.sum().clamp_min(1)
        return Loss(bonded + unbonded, {"bonds": bonded, "pairs": unbonded})


def products(atoms: Tensor, pairs: Tensor) -> Tensor:
    """Return the scalar product (n,) of the atoms (A, d) of each pair (2, n)."""
    return (atoms[pairs[0]] * atoms[pairs[1]]).sum(dim=1)


def each_bond(graphs: GraphBatch) -> Tensor:
    """Return every bond once, (2, n), the smaller atom first."""
    return graphs.edge_index[:, graphs.edge_index[0] < graphs.edge_index[1]]


def unbonded_pairs(graphs: GraphBatch, bonds: Tensor) -> tuple[Tensor, Tensor]:
    """Draw for each bond (2, n) a pair of atoms of the same molecule that no bond joins.

    Returns
    -------
    tuple
        The pairs, (2, n), and which of them are such pairs, (n,) bool.
    """
    counts, first = atom_counts(graphs)
    molecule = graphs.batch[bonds[0]]
    size = counts[molecule][:, None]
    drawn = (torch.rand(2, bonds.shape[1], TRIES, device=bonds.device) * size).long()
    drawn = first[molecule][:, None] + torch.minimum(drawn, size - 1)  # a product may be rounded up to the size
    low, high = drawn.amin(dim=0), drawn.amax(dim=0)
    total = len(graphs.batch)
    usable = (low != high) & ~torch.isin(low * total + high, bonds[0] * total + bonds[1])
    chosen = usable.byte().argmax(dim=1, keepdim=True)  # the first usable one
    pairs = torch.stack([low.gather(1, chosen), high.gather(1, chosen)]).squeeze(2)
    return pairs, usable.gather(1, chosen).squeeze(1)


def make(config: TrainConfig, maker: BatchMaker) -> EdgePred:  # noqa: ARG001
    """Return the objective of the settings."""
    return EdgePred(config.temperature)


RECIPE = Recipe(make, walks=nowhere)
