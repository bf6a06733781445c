"""The prediction head on frozen embeddings (method.md, section 5); `learn.head_training` trains it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional as F

from learn.config import HeadConfig
from learn.tasks.task import Kind

__all__ = ["FittedHead", "Head", "HeadConfig", "answer", "masked_loss", "shuffled_batches"]

Floats = npt.NDArray[np.floating]


class Head(nn.Module):
    """Linear d → hidden, batch norm, GELU, dropout, linear hidden → t."""

    def __init__(self, width: int, n_tasks: int, config: HeadConfig | None = None) -> None:
        super().__init__()
        config = config or HeadConfig()
        self.fc1 = nn.Linear(width, config.hidden)
        self.bn1 = nn.BatchNorm1d(config.hidden)
        self.dropout = nn.Dropout(config.dropout)
        self.fc2 = nn.Linear(config.hidden, n_tasks)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, d) embeddings to (B, t) logits or values."""
        out: torch.Tensor = self.fc2(self.dropout(F.gelu(self.bn1(self.fc1(x)))))
        return out


@dataclass(frozen=True)
class FittedHead:
    """A trained head.

    Attributes
    ----------
    head
        With the weights of its best epoch, in eval mode.
    kind
        What it predicts.
    validation
        The best validation score.
    best_epoch, epochs
        When it was reached, and how many were run; 1-based.
    """

    head: Head
    kind: Kind
    validation: float
    best_epoch: int
    epochs: int

    def predict(self, x: Floats) -> npt.NDArray[np.float64]:
        """Return (n, t) probabilities of label 1, or values, for (n, d) embeddings."""
        device = next(self.head.parameters()).device
        with torch.no_grad():
            out = self.head(torch.as_tensor(x, dtype=torch.float32, device=device))
        return answer(out, self.kind)


def masked_loss(kind: Kind, out: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the mean loss over the cells that have a label: binary cross entropy of logits, or absolute error.

    Parameters
    ----------
    kind
        ``"classification"`` or ``"regression"``.
    out, labels
        (B, t) each; labels NaN where missing.
    """
    known = ~torch.isnan(labels)
    if kind == "classification":
        return F.binary_cross_entropy_with_logits(out[known], labels[known])
    return F.l1_loss(out[known], labels[known])


def answer(out: torch.Tensor, kind: Kind) -> npt.NDArray[np.float64]:
    """Return what `out`, logits or values of any shape, says: probabilities of label 1, or the values."""
    out = torch.sigmoid(out) if kind == "classification" else out
    return out.detach().double().cpu().numpy()


def shuffled_batches(n: int, size: int, random: np.random.Generator) -> list[npt.NDArray[np.int64]]:
    """Shuffle n rows and cut them; a last batch of one, which batch norm cannot take, joins the one before."""
    cuts = list(range(0, n, size))
    if len(cuts) > 1 and n - cuts[-1] == 1:
        cuts.pop()
    return np.split(random.permutation(n), cuts[1:])
