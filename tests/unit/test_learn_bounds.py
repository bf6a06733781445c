"""InfoNCE stops at log(batch size); the decoder's bound comes near the mutual information, which is known here."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal, norm

from benchmarks.bounds import Bounds, trained_bounds
from learn.bounds import (
    GaussianDecoder,
    QuadraticCritic,
    correlation_of,
    decoder_bound,
    gaussian_information,
    gaussian_pairs,
    infonce,
    standard_entropy,
)

DIMENSION = 20
SIZES = (16, 128)


@given(st.integers(2, 12), st.floats(0.1, 100), st.integers(0, 2**31))
@settings(max_examples=50, deadline=None)
def test_infonce_is_never_above_the_logarithm_of_the_batch(size: int, scale: float, seed: int) -> None:
    scores = torch.randn(size, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * scale
    assert float(infonce(scores)) <= math.log(size) + 1e-9
    by_hand = np.mean(
        [np.log(np.exp(row[i] - row.max()) / np.exp(row - row.max()).mean()) for i, row in enumerate(scores.numpy())]
    )
    np.testing.assert_allclose(float(infonce(scores)), by_hand, rtol=1e-9, atol=1e-9)
    # What depends on x alone cancels.
    shifted = scores + torch.arange(size, dtype=torch.float64)[:, None]
    np.testing.assert_allclose(float(infonce(shifted)), float(infonce(scores)), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("information", [0.5, 2.0, 10.0])
def test_the_information_of_gaussians_is_that_of_their_covariance(information: float) -> None:
    rho = correlation_of(information, DIMENSION)
    assert gaussian_information(rho, DIMENSION) == pytest.approx(information)
    joint = np.eye(2 * DIMENSION)
    joint[:DIMENSION, DIMENSION:] = joint[DIMENSION:, :DIMENSION] = rho * np.eye(DIMENSION)
    # I = H(X) + H(Y) − H(X, Y), by SciPy.
    entropies = (
        2 * multivariate_normal(np.zeros(DIMENSION)).entropy()
        - multivariate_normal(np.zeros(2 * DIMENSION), joint).entropy()
    )
    assert entropies == pytest.approx(information)
    assert standard_entropy(DIMENSION) == pytest.approx(multivariate_normal(np.zeros(DIMENSION)).entropy())


def test_the_decoder_gives_the_density_of_the_normal_distribution() -> None:
    decoder = GaussianDecoder(3)
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.normal_(0, 0.4, generator=torch.Generator().manual_seed(1))
    x, y = gaussian_pairs(6, 3, 0.6, torch.Generator().manual_seed(2))
    with torch.no_grad():
        found, mean = decoder(x, y).numpy(), decoder.mean(x).numpy()
    deviation = np.exp(0.5 * decoder.log_variance.detach().numpy())
    np.testing.assert_allclose(found, norm.logpdf(y.numpy(), mean, deviation).sum(1), rtol=1e-5)


def test_both_families_hold_their_optimum() -> None:
    """With the true density ratio and the true conditional the decoder's bound is I, and InfoNCE comes near log B."""
    information, size = 2.0, 4096
    rho = correlation_of(information, DIMENSION)
    critic, decoder = QuadraticCritic(DIMENSION), GaussianDecoder(DIMENSION)
    with torch.no_grad():
        critic.cross.weight.copy_(torch.eye(DIMENSION) * rho / (1 - rho**2))
        critic.square.weight.copy_(-torch.eye(DIMENSION) * rho**2 / (1 - rho**2) / 2)
        decoder.mean.weight.copy_(torch.eye(DIMENSION) * rho)
        decoder.log_variance.fill_(math.log(1 - rho**2))
        x, y = gaussian_pairs(size, DIMENSION, rho, torch.Generator().manual_seed(3))
        found = float(decoder_bound(standard_entropy(DIMENSION), decoder(x, y)))
        contrast = float(infonce(critic(x, y)))
    # sd of log q over sqrt(4096) is 0.05.
    assert found == pytest.approx(information, abs=0.2)
    assert contrast == pytest.approx(information, abs=0.2)


@pytest.fixture(scope="module", params=[2.0, 10.0])
def trained(request: pytest.FixtureRequest) -> tuple[float, dict[int, Bounds]]:
    return request.param, {size: trained_bounds(request.param, size, steps=400, evaluated=4096) for size in SIZES}


def test_infonce_is_capped_and_the_decoder_is_not(trained: tuple[float, dict[int, Bounds]]) -> None:
    information, found = trained
    for size, bounds in found.items():
        # Lower bounds, both, but for the error of their estimates.
        assert bounds.infonce <= math.log(size) + 1e-6
        assert bounds.infonce <= information + 4 * bounds.infonce_error
        assert bounds.decoder <= information + 4 * bounds.decoder_error
        assert bounds.decoder > bounds.infonce - 4 * bounds.infonce_error
    if information == 10.0:
        # They are 5 and 7 nats more than 128 and 16 pairs can show; the more pairs, the more is seen.
        assert found[16].infonce + 1 < found[128].infonce < information - 5
    assert found[128].decoder == pytest.approx(information, rel=0.1)
