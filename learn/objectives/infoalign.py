"""The information bottleneck of InfoAlign: rebuild the features along the walk, keep the latent near a standard normal.

Source: InfoAlign, Eq. 3 and 5 (method, section 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from learn import ranks
from learn.batches import Batch, BatchMaker
from learn.config import TrainConfig
from learn.decoders import Decoders, DecoderSpec
from learn.encoder import Encoder
from learn.graph_batch import GraphBatch
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
    mean
        Of the cross entropy: ``weighted`` by the path weights (the paper's), or ``plain``: divided by the number of
        observed cells (the reference's).
    divergence
        ``closed`` form of the KL divergence (the paper's), or one ``sample`` of it (the reference's).
    """

    def __init__(
        self,
        specs: Sequence[DecoderSpec],
        *,
        dropout: float,
        beta: float,
        latent: Literal["mean", "sample"] = "mean",
        mean: Literal["weighted", "plain"] = "weighted",
        divergence: Literal["closed", "sample"] = "closed",
    ) -> None:
        super().__init__()
        self.decoders = Decoders(specs, dropout)
        self.beta = beta
        self.latent = latent
        self.mean = mean
        self.divergence = divergence

    def forward(self, encoder: Encoder, batch: Batch) -> Loss:
        """Return the objective of a batch (Eq. 3 and 5); of a share of one, this rank's share of it.

        Its parts are named by node type and feature space, in nats a feature, and ``kl``, in nats a molecule.
        """
        mu, sigma = encoder(batch.graphs)
        sampled = "sample" in (self.latent, self.divergence)
        noise = _noise(sigma, batch.graphs) if sampled else torch.zeros_like(sigma)
        latent = mu if self.latent == "mean" else mu + sigma * noise
        logits = self.decoders(latent, [sums.rows for sums in batch.sums], batch.graphs.molecule_rows)
        parts, weights = {}, {}
        for spec, made, sums in zip(self.decoders.specs, logits, batch.sums, strict=True):
            scores = made.to(sums.weights.dtype)  # float32, where the products are in bfloat16
            weight = ranks.total(sums.weights.sum() if self.mean == "weighted" else sums.observed)
            parts[str(spec)] = reconstruction(scores, sums.weights, sums.targets, weight)
            weights[str(spec)] = weight
        size = ranks.total(torch.tensor(float(len(mu)), device=mu.device))
        of_molecules = kl_terms(mu, sigma) if self.divergence == "closed" else kl_sample(mu, sigma, noise)
        divergence = of_molecules.sum() / size
        total = torch.stack([*parts.values()]).sum() + self.beta * divergence
        return Loss(total, {**parts, KL: divergence}, {**weights, KL: size})


def reconstruction(
    logits: Tensor, weight_sum: Tensor, target_sum: Tensor, total_weight: Tensor | None = None
) -> Tensor:
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
    total_weight
        What it is divided by; None: the sum of W.

    Returns
    -------
    Tensor
        Scalar; 0 where no weight is above zero.
    """
    total_weight = weight_sum.sum() if total_weight is None else total_weight
    cross_entropy = (weight_sum * F.softplus(logits) - target_sum * logits).sum()
    return cross_entropy / total_weight.clamp_min(torch.finfo(total_weight.dtype).tiny)


def kl(mu: Tensor, sigma: Tensor) -> Tensor:
    """Return the mean over molecules of KL(N(mu, diag sigma^2) || N(0, I)), summed over dimensions; (B, d) each."""
    return kl_terms(mu, sigma).mean()


def kl_terms(mu: Tensor, sigma: Tensor) -> Tensor:
    """Return KL(N(mu, diag sigma^2) || N(0, I)) of each molecule, (B,), for mu and sigma (B, d)."""
    return 0.5 * (mu.square() + sigma.square() - 1 - 2 * sigma.log()).sum(dim=-1)


def kl_sample(mu: Tensor, sigma: Tensor, noise: Tensor) -> Tensor:
    """Return log q(z) − log p(z), (B,), at z = mu + sigma · noise: an unbiased estimate of `kl_terms`; (B, d) each."""
    return ((mu + sigma * noise).square() / 2 - noise.square() / 2 - sigma.log()).sum(dim=-1)


def _noise(like: Tensor, graphs: GraphBatch) -> Tensor:
    """Return standard normal numbers, (B, d): those of the molecules' places in the whole batch."""
    if graphs.position is None:
        return torch.randn_like(like)
    last = torch.tensor(-1, device=like.device) if not len(graphs.position) else graphs.position.max()
    # Row after row, so that the numbers of a place do not depend on how many others there are.
    seeds = torch.randn(int(ranks.largest(last)) + 1, like.shape[1], dtype=like.dtype)
    return seeds.to(like.device)[graphs.position]


def make(config: TrainConfig, maker: BatchMaker) -> InfoAlign:
    """Return the objective of the settings, with random weights."""
    return InfoAlign(
        maker.specs,
        dropout=config.dropout,
        beta=config.beta,
        latent=config.latent,
        mean=config.ce_mean,
        divergence=config.kl,
    )


RECIPE = Recipe(make, reads_sums=True, shares=True)
