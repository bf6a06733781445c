"""A linear probe: what is in an embedding for a model that can only weigh and add (Alain and Bengio 2016)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from learn.metrics import better, score
from learn.tasks.task import Kind, Metric

Floats = npt.NDArray[np.floating]

INVERSE_STRENGTHS = tuple(10.0**power for power in range(-5, 2))
"""1/λ of logistic regression (scikit-learn's C), the strongest regularisation first."""
STRENGTHS = tuple(10.0**power for power in range(5, -2, -1))
"""λ of ridge regression, the strongest first."""


class LinearProbe:
    """Logistic or ridge regression, one a task, on embeddings that are standardised by the training set.

    The strength of the regularisation is chosen for each task by its score on the validation set; for a task that
    cannot be scored there it is the one with the best mean over the tasks that can. Nothing is random.

    Parameters
    ----------
    kind, metric
        What is predicted, and what the strength is chosen by.
    """

    def __init__(self, kind: Kind, metric: Metric) -> None:
        self.kind = kind
        self.metric = metric

    def fit(self, train: tuple[Floats, Floats], valid: tuple[Floats, Floats]) -> LinearProbe:
        """Learn from embeddings (n, d) and labels (n, t), NaN where missing, of both sets."""
        x, labels = train
        self._centre = x.mean(axis=0, dtype=np.float64)
        spread = x.std(axis=0, dtype=np.float64)
        self._scale = np.where(spread > 0, spread, 1)
        inputs, checks = self._standardised(x), self._standardised(valid[0])
        paths = [self._path(inputs, column, checks) for column in np.asarray(labels).T]
        scores = np.array(
            [
                [score(self.metric, valid[1][:, [task]], on_valid[:, None]).mean for _, on_valid in path]
                for task, path in enumerate(paths)
            ]
        )
        counted = ~np.isnan(scores)
        overall = self._best(np.where(counted, scores, 0).sum(axis=0) / np.maximum(counted.sum(axis=0), 1))
        chosen = [self._best(row) if counted[task].any() else overall for task, row in enumerate(scores)]
        self._models = [path[place][0] for path, place in zip(paths, chosen, strict=True)]
        return self

    def predict(self, x: Floats) -> npt.NDArray[np.float64]:
        """Return (n, t) probabilities of label 1, or values; NaN for a task without any label to learn from."""
        inputs = self._standardised(x)
        return np.column_stack([_linear(model, inputs, self.kind) for model in self._models])

    def _standardised(self, x: Floats) -> npt.NDArray[np.float64]:
        return np.asarray((x - self._centre) / self._scale)

    def _best(self, values: npt.NDArray[np.float64]) -> int:
        best = 0
        for place, value in enumerate(values):
            if better(self.metric, value, values[best]) or np.isnan(values[best]):
                best = place
        return best

    def _path(
        self, inputs: npt.NDArray[np.float64], labels: Floats, checks: npt.NDArray[np.float64]
    ) -> list[tuple[tuple[npt.NDArray[np.float64], float], npt.NDArray[np.float64]]]:
        """Return weights and intercept for each strength, with their predictions for `checks`."""
        known = ~np.isnan(labels)
        values = np.asarray(labels[known], dtype=np.float64)
        strengths = INVERSE_STRENGTHS if self.kind == "classification" else STRENGTHS
        if np.unique(values).size < 2:
            # Nothing to learn but the one value that there is; predictions of 0 or 1 as logits far out.
            constant = float(values[0]) if values.size else float("nan")
            offset = constant if self.kind == "regression" else 40 * (2 * constant - 1)
            models = [(np.zeros(inputs.shape[1]), offset)] * len(strengths)
        else:
            models = self._fitted(inputs[known], values, strengths)
        return [(model, _linear(model, checks, self.kind)) for model in models]

    def _fitted(
        self, inputs: npt.NDArray[np.float64], values: npt.NDArray[np.float64], strengths: tuple[float, ...]
    ) -> list[tuple[npt.NDArray[np.float64], float]]:
        from sklearn.linear_model import LogisticRegression

        if self.kind == "classification":
            model: Any = LogisticRegression(max_iter=300, tol=1e-3, warm_start=True)
            fitted = []
            for strength in strengths:  # each starts where the stronger one ended
                model.set_params(C=strength).fit(inputs, values)
                fitted.append((model.coef_[0].copy(), float(model.intercept_[0])))
            return fitted
        # Ridge for all strengths by one decomposition: w = V (s² + λ)⁻¹ s Uᵀ y.
        centre, mean = inputs.mean(axis=0), values.mean()
        left, singular, right = np.linalg.svd(inputs - centre, full_matrices=False)
        along = singular * (left.T @ (values - mean))
        weights = [right.T @ (along / (singular**2 + strength)) for strength in strengths]
        return [(weight, float(mean - centre @ weight)) for weight in weights]


def _linear(
    model: tuple[npt.NDArray[np.float64], float], inputs: npt.NDArray[np.float64], kind: Kind
) -> npt.NDArray[np.float64]:
    weights, intercept = model
    out = inputs @ weights + intercept
    return 1 / (1 + np.exp(-np.clip(out, -500, 500))) if kind == "classification" else out
