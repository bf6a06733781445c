"""Two lower bounds on mutual information: by telling pairs apart (InfoNCE), and by decoding.

Source: InfoAlign, proposition 4.2, which says that aligning by decoders bounds the mutual information more tightly than
aligning by an encoder's contrast does.

- **InfoNCE** (van den Oord et al. 2018, arXiv 1807.03748; as a bound: Poole et al. 2019, arXiv 1905.06922): of B pairs
  (x_i, y_i), with a critic f, I(X;Y) ≥ E[mean_i log( e^f(x_i,y_i) / (1/B · sum_j e^f(x_i,y_j)) )]. The pair itself is
  in its own denominator, so the value is at most log B, whatever the critic: information beyond log B is not seen.
- **Decoder** (Barber and Agakov 2003): with a conditional density q, I(X;Y) ≥ H(Y) + E[log q(y|x)]. The gap is
  E[KL(p(y|x) || q(y|x))]; it knows no batch, and is nothing where q is p(y|x).

Assumptions under which the two are comparable here: H(Y), a differential entropy, is known, and the family of q holds
a good approximation of p(y|x). In pretraining H of the features is not known: there the decoder's loss bounds I but for
a constant that no weight changes, so it can be maximised, not read. The critic of `QuadraticCritic` and the density of
`GaussianDecoder` both hold their optimum for jointly Gaussian X and Y, so that a difference between the bounds is that
of the bounds and not of what their networks can express. All values are in nats.
"""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn

LOG_2PI = math.log(2 * math.pi)


def infonce(scores: Tensor) -> Tensor:
    """Return the InfoNCE bound of a batch.

    Parameters
    ----------
    scores
        (B, B) f(x_i, y_j); the pairs stand on the diagonal.

    Returns
    -------
    Tensor
        Scalar, at most log B.
    """
    return (scores.diagonal() - scores.logsumexp(dim=1)).mean() + math.log(len(scores))


def decoder_bound(entropy: float, log_likelihoods: Tensor) -> Tensor:
    """Return H(Y) + mean of log q(y_i|x_i); log likelihoods (B,)."""
    return entropy + log_likelihoods.mean()


class QuadraticCritic(nn.Module):
    """f(x, y) = x·Wy + y·Vy + v·y: for Gaussians the logarithm of the density ratio, but for what x alone adds.

    (A function of x alone cancels in `infonce`.)

    Parameters
    ----------
    dimension
        d of x and of y.
    """

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.cross = nn.Linear(dimension, dimension, bias=False)
        self.square = nn.Linear(dimension, dimension)
        nn.init.zeros_(self.cross.weight)
        nn.init.zeros_(self.square.weight)
        nn.init.zeros_(self.square.bias)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the scores (B, B) of x_i with y_j; (B, d) each."""
        return cast(Tensor, x @ self.cross(y).T + (self.square(y) * y).sum(1))


class GaussianDecoder(nn.Module):
    """q(y|x) = N(Wx + b, diag exp(s)): the true conditional density of Gaussians that are correlated column by column.

    Parameters
    ----------
    dimension
        d of x and of y.
    """

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.mean = nn.Linear(dimension, dimension)
        nn.init.zeros_(self.mean.weight)
        nn.init.zeros_(self.mean.bias)
        self.log_variance = nn.Parameter(torch.zeros(dimension))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return log q(y_i|x_i), (B,); (B, d) each."""
        error = (y - self.mean(x)).square() * (-self.log_variance).exp()
        return cast(Tensor, -0.5 * (error + self.log_variance + LOG_2PI).sum(1))


def gaussian_information(correlation: float, dimension: int) -> float:
    """Return I(X;Y) of d independent pairs of correlation rho: −d/2 · log(1 − rho²)."""
    return -dimension / 2 * math.log1p(-(correlation**2))


def correlation_of(information: float, dimension: int) -> float:
    """Return the rho ≥ 0 of d pairs whose mutual information is `information`."""
    return math.sqrt(-math.expm1(-2 * information / dimension))


def standard_entropy(dimension: int) -> float:
    """Return H of N(0, I) in d dimensions: d/2 · (log 2π + 1)."""
    return dimension / 2 * (LOG_2PI + 1)


def gaussian_pairs(n: int, dimension: int, correlation: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return x and y, (n, d) each: standard normal, with this correlation in every column."""
    x, noise = (torch.randn(n, dimension, generator=generator) for _ in range(2))
    return x, correlation * x + math.sqrt(1 - correlation**2) * noise
