"""The information bottleneck of InfoAlign: rebuild the features along the walk, keep the latent near a standard normal.

Source: InfoAlign, Eq. 3 and 5 (method, section 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from learn.batches import Batch, BatchMaker
from learn.config import TrainConfig
from learn.decoders import Decoders, DecoderSpec
from learn.encoder import Encoder
from learn.log import KL
from learn.objectives.base import Loss, Objective, Recipe


class InfoAlign(Objective):
    """Decoders rebuild the features of the nodes along the walk from the latent; the KL term limits what it holds.

    Parameters
    ----------
    specs
        The feature spaces, in the order of a batch's sums.
    dropout
        Of the decoders.
    beta
        Weight of the KL term.
    latent
        What the decoders see: ``mean`` (mu, the paper's) or ``sample`` (reparameterised).
    """

    def __init__(
        self, specs: Sequence[DecoderSpec], *, dropout: float, beta: float, latent: Literal["mean", "sample"]
    ) -> None:
        super().__init__()
        self.decoders = Decoders(specs, dropout)
        self.beta = beta
        self.latent = latent

    def forward(self, encoder: Encoder, batch: Batch) -> Loss:
        """Return the objective of a batch (Eq. 3 and 5).

        Its parts are named by node type and feature space, in nats a feature, and ``kl``, in nats a molecule.
        """
        mu, sigma = encoder(batch.graphs)
        latent = mu if self.latent == "mean" else mu + sigma * torch.randn_like(sigma)
        parts = {
            str(spec): reconstruction(logits.float() if logits.dtype == torch.bfloat16 else logits, weights, targets)
            for spec, logits, weights, targets in zip(
                self.decoders.specs, self.decoders(latent), batch.weight_sums, batch.target_sums, strict=True
            )
        }
        divergence = kl(mu, sigma)
        return Loss(torch.stack([*parts.values()]).sum() + self.beta * divergence, {**parts, KL: divergence})


def reconstruction(logits: Tensor, weight_sum: Tensor, target_sum: Tensor) -> Tensor:
    """Return the weighted mean cross entropy of all nodes that a batch of walks met in one feature space.

    All positions of a walk share the logits s, so sum_l alpha_l · BCE(s, t_l) = W · softplus(s) − T · s exactly, and
    nothing of shape (B, L + 1, D) is needed.

    Parameters
    ----------
    logits
        (B, D) s.
    weight_sum
        (B, D) W = sum over positions of alpha_l · observed.
    target_sum
        (B, D) T = sum over positions of alpha_l · target, 0 where not observed.

    Returns
    -------
    Tensor
        Scalar; 0 where no weight is above zero.
    """
    total_weight = weight_sum.sum()
    cross_entropy = (weight_sum * F.softplus(logits) - target_sum * logits).sum()
    return cross_entropy / total_weight.clamp_min(torch.finfo(logits.dtype).tiny)


def kl(mu: Tensor, sigma: Tensor) -> Tensor:
    """Return the mean over molecules of KL(N(mu, diag sigma^2) || N(0, I)), summed over dimensions; (B, d) each."""
    return 0.5 * (mu.square() + sigma.square() - 1 - 2 * sigma.log()).sum(dim=-1).mean()


def make(config: TrainConfig, maker: BatchMaker) -> InfoAlign:
    """Return the objective of the settings, with random weights."""
    return InfoAlign(maker.specs, dropout=config.dropout, beta=config.beta, latent=config.latent)


RECIPE = Recipe(make, reads_sums=True)
