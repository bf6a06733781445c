"""Attribute masking: some atoms are hidden, and what they and their bonds are is to be told from what is around them.

Source: Hu et al. 2020, *Strategies for Pre-training Graph Neural Networks* (arXiv 1905.12265), section 3.1.2.
Like all that learn from atoms it trains the layers and not `Encoder.dist_net`, which stays as it began: a random
linear map of the readout, which keeps what the readout holds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphdb.molecule_graphs import ATOM_FEATURE_SIZES, BOND_FEATURE_SIZES
from learn.batches import Batch, BatchMaker
from learn.config import WIDTH, TrainConfig
from learn.encoder import Encoder
from learn.graph_batch import GraphBatch
from learn.objectives.base import Loss, Objective, Recipe, nowhere
from learn.objectives.subgraphs import atom_counts, random_ranks

MASKED_BOND = (BOND_FEATURE_SIZES[0] - 1, BOND_FEATURE_SIZES[1] - 1, 0)
"""What hides a bond: OGB's kind "misc" and stereo "any", which no bond of a molecule bears together."""


@dataclass(frozen=True)
class Guesses:
    """What is told of the hidden atoms and bonds.

    Attributes
    ----------
    elements, bonds
        Logits (m, 119) of the m hidden atoms' elements, and (n, 5) of the kinds of the n hidden bonds.
    """

    elements: Tensor
    bonds: Tensor


class AttrMask(Objective):
    """A hidden atom is a learned vector; hidden are all features of it and of its bonds.

    Parameters
    ----------
    share
        Of a molecule's n atoms the int(n · share + 1) that are hidden: at least one.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share
        self.hidden_atom = nn.Parameter(torch.empty(1, WIDTH))
        nn.init.xavier_uniform_(self.hidden_atom)
        self.elements = nn.Linear(WIDTH, ATOM_FEATURE_SIZES[0])
        self.bonds = nn.Linear(WIDTH, BOND_FEATURE_SIZES[0])

    def forward(self, encoder: Encoder, batch: Batch) -> Loss:
        """Return the cross entropy of the hidden atoms' elements and of the hidden bonds' kinds, in nats."""
        graphs = batch.graphs
        atoms = self.hide(graphs)
        bonds = hidden_bonds(graphs, atoms)
        guesses = self.guess(encoder, graphs, atoms, bonds)
        elements = F.cross_entropy(guesses.elements.float(), graphs.x[atoms, 0])
        # A molecule of one atom has no bond.
        kinds = F.cross_entropy(guesses.bonds.float(), graphs.edge_attr[bonds, 0], reduction="sum")
        kinds = kinds / max(1, len(guesses.bonds))
        return Loss(elements + kinds, {"elements": elements, "bonds": kinds})

    def hide(self, graphs: GraphBatch) -> Tensor:
        """Return which atoms to hide, (A,) bool."""
        counts, _ = atom_counts(graphs)
        return random_ranks(graphs) < (counts * self.share + 1).long()[graphs.batch]

    def guess(self, encoder: Encoder, graphs: GraphBatch, atoms: Tensor, bonds: Tensor) -> Guesses:
        """Return what is told of the hidden atoms (A,) bool and bonds (E,) bool (one direction of each)."""
        source, target = graphs.edge_index
        touched = (atoms[source] | atoms[target])[:, None]
        masked = torch.where(touched, torch.tensor(MASKED_BOND, device=touched.device), graphs.edge_attr)
        start = torch.where(atoms[:, None], self.hidden_atom, encoder.graph_encoder.atom_encoder(graphs.x))
        told = encoder.graph_encoder.atoms(replace(graphs, edge_attr=masked), start)
        return Guesses(self.elements(told[atoms]), self.bonds(told[source[bonds]] + told[target[bonds]]))


def hidden_bonds(graphs: GraphBatch, atoms: Tensor) -> Tensor:
    """Return the bonds of hidden atoms, each in one of its directions, (E,) bool; `atoms` (A,) bool."""
    source, target = graphs.edge_index[0], graphs.edge_index[1]
    return (atoms[source] | atoms[target]) & (source < target)


def make(config: TrainConfig, maker: BatchMaker) -> AttrMask:  # noqa: ARG001
    """Return the objective of the settings, with random weights."""
    return AttrMask(config.mask_share)


RECIPE = Recipe(make, walks=nowhere)
