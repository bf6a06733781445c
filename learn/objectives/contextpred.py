"""Context prediction: of two surroundings, which belongs to the neighbourhood of an atom.

Source: Hu et al. 2020 (arXiv 1905.12265), section 3.1.1, with the sizes of its experiments on molecules: the
neighbourhood of an atom reaches K hops, as many as the encoder has layers; its context lies from r1 = K − 1
(exclusive) to r2 = K + 2 hops; the atoms in both are the anchors. One atom of each molecule, one negative each. The
paper's scalar product is a cosine over a temperature here: see `learn.objectives.edgepred`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from learn.batches import Batch, BatchMaker
from learn.config import TrainConfig
from learn.encoder import Encoder, GraphEncoder, sums
from learn.graph_batch import GraphBatch
from learn.objectives.base import Loss, Objective, Recipe, nothing, nowhere
from learn.objectives.subgraphs import hops, induced, random_atoms

CONTEXT = 3
"""r2 - r1, and the layers of the context's own, smaller network."""


@dataclass(frozen=True)
class Parts:
    """Neighbourhoods and contexts of those b molecules that have an anchor.

    Attributes
    ----------
    neighbourhoods, contexts
        b molecules each.
    centres
        (b,) int64, the root of each, in the numbering of `neighbourhoods`.
    anchors
        (a,) int64, in the numbering of `contexts`.
    """

    neighbourhoods: GraphBatch
    contexts: GraphBatch
    centres: Tensor
    anchors: Tensor


class ContextPred(Objective):
    """The encoder sees the neighbourhood alone, a smaller network the context alone.

    Parameters
    ----------
    radius
        K.
    dropout
        Of the context's network.
    temperature
        Cosines are divided by it.
    """

    def __init__(self, radius: int, dropout: float, temperature: float) -> None:
        super().__init__()
        self.radius = radius
        self.temperature = temperature
        self.context = GraphEncoder(CONTEXT, dropout)

    def forward(self, encoder: Encoder, batch: Batch) -> Loss:
        """Return the cross entropy of true against exchanged contexts; 0 where fewer than two molecules have one."""
        found = parts(batch.graphs, random_atoms(batch.graphs), self.radius)
        if found.neighbourhoods.size < 2:
            zero = nothing(encoder)
            return Loss(zero, {"own": zero, "exchanged": zero})
        centres = F.normalize(encoder.graph_encoder.atoms(found.neighbourhoods)[found.centres].float(), dim=1)
        anchors = self.context.atoms(found.contexts)[found.anchors].float()
        # Of the anchors' mean only the direction counts, and their sum has it.
        contexts = sums(anchors, found.contexts.batch[found.anchors], found.contexts.size)
        contexts = F.normalize(contexts, dim=1) / self.temperature
        own, exchanged = (centres * contexts).sum(1), (centres * contexts.roll(1, 0)).sum(1)
        of_own, of_exchanged = F.softplus(-own).mean(), F.softplus(exchanged).mean()
        return Loss(of_own + of_exchanged, {"own": of_own, "exchanged": of_exchanged})


def parts(graphs: GraphBatch, roots: Tensor, radius: int) -> Parts:
    """Return the neighbourhoods and contexts of `roots`, (B,) one atom of each molecule."""
    inner, outer = radius - 1, radius - 1 + CONTEXT
    distance = hops(graphs, roots, outer)
    anchor = (distance > inner) & (distance <= radius)
    usable = torch.bincount(graphs.batch[anchor], minlength=graphs.size) > 0
    within = usable[graphs.batch]
    neighbourhoods, of_neighbourhood = induced(graphs, within & (distance <= radius))
    contexts, of_context = induced(graphs, within & (distance > inner) & (distance <= outer))
    return Parts(neighbourhoods, contexts, of_neighbourhood[roots[usable]], of_context[anchor])


def make(config: TrainConfig, maker: BatchMaker) -> ContextPred:  # noqa: ARG001
    """Return the objective of the settings, with random weights."""
    return ContextPred(config.layers, config.dropout, config.temperature)


RECIPE = Recipe(make, walks=nowhere)
