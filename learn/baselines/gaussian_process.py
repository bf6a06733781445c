"""Exact Gaussian processes with a Tanimoto kernel on Morgan fingerprints ("Morgan FP + GP"), one a task, on GPyTorch.

The kernel is that of Ralaivola et al. 2005 on bits, scaled. Scale, noise and mean of a task are fitted by its marginal
likelihood on at most `SUBSET` of its molecules; its answers come from all of them. Classification regresses 0 and 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from learn.baselines.random_forest import fingerprints
from learn.tasks.task import Kind

Floats = npt.NDArray[np.floating]

SUBSET, STEPS, RATE = 600, 40, 0.1
SETTINGS: dict[str, Any] = {"subset": SUBSET, "steps": STEPS, "rate": RATE}
"""Molecules by which the hyperparameters are fitted, at most; steps of Adam and their rate."""


class TanimotoGP:
    """One Gaussian process a task; nothing is random.

    Parameters
    ----------
    kind
        What is predicted; the answers of a classification are cut to [0, 1].
    """

    def __init__(self, kind: Kind) -> None:
        self.kind = kind

    def fit(self, smiles: Sequence[str], labels: Floats) -> TanimotoGP:
        """Learn from n molecules and labels (n, t), NaN where missing; an invalid SMILES is an `InputError`."""
        self._bits = torch.from_numpy(fingerprints(smiles).astype(np.float32))
        kernel = tanimoto(self._bits, self._bits)
        self._known, self._weights, self._means = [], [], []
        for column in np.asarray(labels, dtype=np.float32).T:
            known = np.flatnonzero(~np.isnan(column))
            y = torch.from_numpy(column[known])
            self._known.append(torch.from_numpy(known))
            if len(known) < 2 or float(y.std()) == 0:
                self._weights.append(torch.zeros(len(known)))
                self._means.append(float(y.mean()) if len(known) else float("nan"))
                continue
            rows = torch.from_numpy(known)
            scale, noise, mean = hyperparameters(self._bits[rows], y)
            system = scale * kernel[rows][:, rows] + noise * torch.eye(len(rows))
            solved = torch.cholesky_solve((y - mean)[:, None], torch.linalg.cholesky(system))
            self._weights.append(scale * solved[:, 0])
            self._means.append(mean)
        return self

    def predict(self, smiles: Sequence[str]) -> npt.NDArray[np.float64]:
        """Return (n, t) posterior means; NaN for a task without any label to learn from."""
        kernel = tanimoto(torch.from_numpy(fingerprints(smiles).astype(np.float32)), self._bits)
        columns = [
            kernel[:, known] @ weights + mean
            for known, weights, mean in zip(self._known, self._weights, self._means, strict=True)
        ]
        found = torch.stack(columns, dim=1).double().numpy()
        return np.asarray(found if self.kind == "regression" else found.clip(0, 1), dtype=np.float64)


def tanimoto(one: Tensor, other: Tensor) -> Tensor:
    """Return the Tanimoto coefficient of each pair of rows, (…, n, m), of bits (…, n, d) and (…, m, d)."""
    shared = one @ other.transpose(-1, -2)
    union = one.sum(-1)[..., :, None] + other.sum(-1)[..., None, :] - shared
    return torch.where(union > 0, shared / union.clamp(min=1), torch.ones_like(shared))


def hyperparameters(bits: Tensor, y: Tensor) -> tuple[float, float, float]:
    """Return scale, noise and mean that maximise the marginal likelihood of values y (n,) of molecules (n, d).

    Of more than `SUBSET` molecules, as many as that, evenly spaced, decide.
    """
    import gpytorch

    class Kernel(gpytorch.kernels.Kernel):  # type: ignore[misc]
        is_stationary = False

        def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **_: object) -> Tensor:
            return torch.ones(x1.shape[:-1]) if diag else tanimoto(x1, x2)

    class Model(gpytorch.models.ExactGP):  # type: ignore[misc]
        def __init__(self, x: Tensor, y: Tensor, likelihood: Any) -> None:
            super().__init__(x, y, likelihood)
            self.mean_module = gpytorch.means.ConstantMean()
            self.covar_module = gpytorch.kernels.ScaleKernel(Kernel())

        def forward(self, x: Tensor) -> Any:
            return gpytorch.distributions.MultivariateNormal(self.mean_module(x), self.covar_module(x))

    if len(y) > SUBSET:
        rows = torch.linspace(0, len(y) - 1, SUBSET).long()
        bits, y = bits[rows], y[rows]
    variance = float(y.var())
    likelihood = gpytorch.likelihoods.GaussianLikelihood(
        noise_constraint=gpytorch.constraints.GreaterThan(1e-3 * variance)
    )
    model = Model(bits, y, likelihood)
    model.mean_module.initialize(constant=float(y.mean()))
    model.covar_module.initialize(outputscale=variance)
    likelihood.initialize(noise=0.3 * variance)
    model.train()
    likelihood.train()
    likelihood_of = gpytorch.mlls.ExactMarginalLogLikelihood(likelihood, model)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    with gpytorch.settings.max_cholesky_size(SUBSET + 1):
        for _ in range(STEPS):
            optimizer.zero_grad(set_to_none=True)
            (-likelihood_of(model(bits), y)).backward()
            optimizer.step()
    return (
        float(model.covar_module.outputscale.detach()),
        float(likelihood.noise.detach()),
        float(model.mean_module.constant.detach()),
    )
