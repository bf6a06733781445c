"""The objective against its definition: the weighted sum over every position, and torch's own KL."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from graphdb.schema import NodeType
from learn.batches import Batch
from learn.decoders import DecoderSpec
from learn.graph_batch import GraphBatch
from learn.objectives.infoalign import InfoAlign, kl, kl_sample, kl_terms, reconstruction
from learn.spaces import Sums

B, L, D = 7, 4, 23


def _walks(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Path weights (B, L + 1) and targets (B, L + 1, D) with NaN where not observed, and logits (B, D)."""
    generator = torch.Generator().manual_seed(seed)
    alpha = torch.rand(B, L + 1, generator=generator, dtype=torch.float64).cumprod(1)
    alpha[0, 2:] = 0
    target = torch.rand(B, L + 1, D, generator=generator, dtype=torch.float64)
    target[torch.rand(B, L + 1, D, generator=generator) < 0.4] = torch.nan
    target[1] = torch.nan
    return alpha, target, torch.randn(B, D, generator=generator, dtype=torch.float64) * 3


def _aggregates(alpha: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    observed = ~target.isnan()
    weight_sum = (alpha[..., None] * observed).sum(1)
    return weight_sum, (alpha[..., None] * target.nan_to_num()).sum(1)


@pytest.mark.parametrize("seed", range(5))
def test_reconstruction_is_the_weighted_mean_over_all_positions(seed: int) -> None:
    alpha, target, logits = _walks(seed)
    element = F.binary_cross_entropy_with_logits(
        logits[:, None].expand_as(target), target.nan_to_num(), reduction="none"
    )
    weight = alpha[..., None] * ~target.isnan()
    expected = (weight * element).sum() / weight.sum()
    assert reconstruction(logits, *_aggregates(alpha, target)).item() == pytest.approx(expected.item(), rel=1e-12)


def test_its_gradient_is_that_of_the_weighted_mean() -> None:
    alpha, target, logits = _walks()
    weight = alpha[..., None] * ~target.isnan()
    first, second = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    reconstruction(first, *_aggregates(alpha, target)).backward()
    F.binary_cross_entropy_with_logits(
        second[:, None].expand_as(target), target.nan_to_num(), weight / weight.sum(), reduction="sum"
    ).backward()
    torch.testing.assert_close(first.grad, second.grad, rtol=1e-10, atol=1e-14)


def test_no_weight_at_all_gives_zero_and_zero_gradients() -> None:
    logits = torch.randn(B, D, requires_grad=True)
    value = reconstruction(logits, torch.zeros(B, D), torch.zeros(B, D))
    value.backward()
    assert value.item() == 0
    assert logits.grad is not None
    assert (logits.grad == 0).all()


@pytest.mark.parametrize("size", [50.0, 1e4, 1e20])
@pytest.mark.parametrize("target", [0.0, 0.25, 1.0])
def test_gradients_are_finite_for_extreme_logits(size: float, target: float) -> None:
    logits = torch.tensor([[size, -size]], requires_grad=True)
    value = reconstruction(logits, torch.ones(1, 2), torch.full((1, 2), target))
    value.backward()
    assert torch.isfinite(value)
    assert logits.grad is not None
    # d/ds = (sigmoid(s) − t) / 2, for the mean is over two features.
    torch.testing.assert_close(logits.grad, torch.tensor([[1 - target, -target]]) / 2)


def test_kl_is_that_of_torch_distributions() -> None:
    generator = torch.Generator().manual_seed(1)
    mu = torch.randn(B, 300, generator=generator, dtype=torch.float64) * 2
    sigma = torch.rand(B, 300, generator=generator, dtype=torch.float64) * 3 + 1e-3
    normal = torch.distributions.Normal
    divergence = torch.distributions.kl_divergence(normal(mu, sigma), normal(torch.zeros(()), torch.ones(())))
    assert kl(mu, sigma).item() == pytest.approx(divergence.sum(-1).mean().item(), rel=1e-12)


def test_kl_is_zero_for_a_standard_normal_and_finite_for_the_smallest_sigma() -> None:
    assert kl(torch.zeros(3, 5), torch.ones(3, 5)).item() == 0
    sigma = torch.full((3, 5), 1e-7, requires_grad=True)
    value = kl(torch.zeros(3, 5), sigma)
    value.backward()
    assert torch.isfinite(value)
    assert sigma.grad is not None
    assert torch.isfinite(sigma.grad).all()


def test_one_sample_of_the_kl_has_the_closed_form_as_its_mean() -> None:
    generator = torch.Generator().manual_seed(3)
    mu = torch.randn(4, 7, generator=generator, dtype=torch.float64)
    sigma = torch.rand(4, 7, generator=generator, dtype=torch.float64) + 0.2
    samples = [kl_sample(mu, sigma, torch.randn(4, 7, generator=generator, dtype=torch.float64)) for _ in range(20_000)]
    found, error = torch.stack(samples).mean(0), torch.stack(samples).std(0) / 20_000**0.5
    assert ((found - kl_terms(mu, sigma)).abs() < 5 * error).all()


class _Given(torch.nn.Module):
    """Gives what it was made with, whatever it is asked."""

    def __init__(self, given: object, specs: tuple[DecoderSpec, ...] = ()) -> None:
        super().__init__()
        self.given, self.specs = given, specs

    def forward(self, *_: object) -> object:
        return self.given


def test_loss_is_the_sum_over_spaces_plus_beta_times_kl() -> None:
    alpha, target, logits = _walks()
    weight, sums = _aggregates(alpha, target)
    mu, sigma = torch.randn(B, 300, dtype=torch.float64), torch.rand(B, 300, dtype=torch.float64) + 0.1
    specs = tuple(DecoderSpec(NodeType.GENE, name, D) for name in ("crispr", "orf"))
    objective = InfoAlign(specs, dropout=0.5, beta=0.125, latent="mean")
    objective.decoders = _Given([logits, -logits], specs)
    graphs = GraphBatch(torch.zeros(0, 9), torch.zeros(2, 0), torch.zeros(0, 3), torch.zeros(0), B)
    both = Sums(torch.arange(B), weight, sums, torch.tensor(1.0))
    result = objective(
        _Given((mu, sigma)), Batch(graphs, torch.arange(B), torch.zeros(B, 1), torch.ones(B, 1), (both, both))
    )
    parts = [reconstruction(sign * logits, weight, sums).item() for sign in (1, -1)]
    divergence = kl(mu, sigma).item()
    assert {name: part.item() for name, part in result.parts.items()} == {
        "Gene crispr": parts[0],
        "Gene orf": parts[1],
        "kl": divergence,
    }
    assert result.total.item() == pytest.approx(sum(parts) + 0.125 * divergence, rel=1e-12)
