"""Contrastive alignment that is told nothing by batch effects: InfoNCE with negatives reweighted by a batch classifier.

Source: Wang et al. 2024, *Removing Biases from Molecular Representations via Information Maximization* (InfoCORE,
ICLR 2024, arXiv 2312.00718). InfoNCE is a lower bound on the mutual information of molecule and profile; conditioned
on the batch b of the pair it becomes, for anchor i and candidates j,

    −log( exp(s_ii) / Σ_j w_ij exp(s_ij) ),   w_ij = (a · p(b_i | anchor i) + p(b_i | candidate j)) / (a + 1),

so that a candidate counts by how much it looks like one of the anchor's own batch, and telling batches apart gains
nothing. The division by a + 1 is added here (a constant of the loss): with one batch, w = 1 and the loss is InfoNCE.

As in the authors' experiments no gradient goes through the weights to the encoder (their ``rewgrad_coef`` is 0); `a`
is ``--anchor-weight`` (theirs: 5 for Cell Painting, 0.25 or 0.5 for expression; 1 by default). Their classifiers take
2 to 5 steps of an optimizer of their own for each step of the encoder; here one optimizer moves both, each by its own
gradients: the classifiers see the latents detached, the contrast sees the posteriors detached.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphdb.schema import EdgeType, NodeType
from learn.batches import BatchMaker
from learn.config import WIDTH, TrainConfig
from learn.objectives.contrast import Contrastive, Pairs, info_nce, recipe

CLASSIFIER = 512
"""Width of the classifiers' hidden layer, the authors'."""


class InfoCore(Contrastive):
    """Two batch classifiers a feature space, of the molecules' latents and of the profiles', beside the contrast."""

    def __init__(self, config: TrainConfig, maker: BatchMaker, node_type: NodeType) -> None:
        super().__init__(config, maker, node_type)
        self.anchor_weight = config.anchor_weight
        self.of_molecules = nn.ModuleList(_classifier(space.n_batches) for space in self.spaces)
        self.of_profiles = nn.ModuleList(_classifier(space.n_batches) for space in self.spaces)

    def compare(self, index: int, pairs: Pairs) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the losses (k,) of the pairs, and the cross entropy of the classifiers as ``batches``."""
        codes = self.spaces[index].batches
        batches = torch.zeros_like(pairs.rows) if codes is None else codes[pairs.rows]
        of_molecules = self.of_molecules[index](pairs.molecules.detach()).float()
        of_profiles = self.of_profiles[index](pairs.profiles.detach()).float()
        molecule, profile = (logits.detach().softmax(dim=1) for logits in (of_molecules, of_profiles))
        to_profile, to_molecule = (
            info_nce(
                anchors,
                candidates,
                pairs.negatives,
                self.temperature,
                log_weights=log_weights(of_anchors, of_candidates, batches, self.anchor_weight),
                leave_out=self.leave_out,
            )
            for anchors, candidates, of_anchors, of_candidates in (
                (pairs.molecules, pairs.profiles, molecule, profile),
                (pairs.profiles, pairs.molecules, profile, molecule),
            )
        )
        # As sums, since a space may have no molecule in a batch.
        known = F.cross_entropy(of_molecules, batches, reduction="sum")
        known = known + F.cross_entropy(of_profiles, batches, reduction="sum")
        return (to_profile + to_molecule) / 2, {"batches": known / (2 * max(1, len(batches)))}


def log_weights(of_anchors: Tensor, of_candidates: Tensor, batches: Tensor, anchor_weight: float) -> Tensor:
    """Return log w_ij (k, k) of posteriors over batches (k, b) and the pairs' batches (k,)."""
    own = of_anchors.gather(1, batches[:, None])
    weights = (anchor_weight * own + of_candidates[:, batches].T) / (anchor_weight + 1)
    return weights.clamp_min(torch.finfo(weights.dtype).tiny).log()


def _classifier(batches: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(WIDTH, CLASSIFIER), nn.LayerNorm(CLASSIFIER), nn.SiLU(), nn.Linear(CLASSIFIER, batches)
    )


def make(config: TrainConfig, maker: BatchMaker, *, node_type: NodeType) -> InfoCore:
    """Return the objective of the settings, with random weights."""
    return InfoCore(config, maker, node_type)


CELL_PAINTING = recipe(EdgeType.HAS_MORPHOLOGY, partial(make, node_type=NodeType.MORPHOLOGY))
EXPRESSION = recipe(EdgeType.HAS_EXPRESSION, partial(make, node_type=NodeType.EXPRESSION))
