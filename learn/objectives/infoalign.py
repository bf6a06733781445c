"""The information bottleneck of InfoAlign: rebuild the features along the walk, keep the latent near a standard normal.

Source: InfoAlign, Eq. 3 and 5 (method, section 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Loss:
    """The loss of one batch.

    Attributes
    ----------
    total
        Scalar: sum of the reconstructions plus beta times KL.
    reconstructions
        Scalar a feature space, in nats a feature.
    kl
        Scalar, in nats a molecule.
    """

    total: Tensor
    reconstructions: tuple[Tensor, ...]
    kl: Tensor


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


def loss(
    mu: Tensor,
    sigma: Tensor,
    logits: Sequence[Tensor],
    weight_sums: Sequence[Tensor],
    target_sums: Sequence[Tensor],
    beta: float,
) -> Loss:
    """Return the objective of a batch; `logits`, `weight_sums` and `target_sums` have one (B, D) a feature space."""
    reconstructions = tuple(
        reconstruction(s, weight, target) for s, weight, target in zip(logits, weight_sums, target_sums, strict=True)
    )
    divergence = kl(mu, sigma)
    return Loss(torch.stack(reconstructions).sum() + beta * divergence, reconstructions, divergence)
