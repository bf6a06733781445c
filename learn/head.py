"""The prediction head on frozen embeddings, and its training (method.md, section 5)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional as F

from learn.device import resolve_device
from learn.metrics import better, score
from learn.tasks.task import Kind, Metric

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True)
class HeadConfig:
    """Settings of the head and its training; the defaults are the paper's.

    Attributes
    ----------
    hidden
        Width of the hidden layer.
    dropout
        Share of hidden units that are dropped.
    learning_rate, weight_decay
        Of Adam.
    batch
        Molecules in a step.
    epochs, patience
        Most epochs; epochs without a better validation score after which training stops.
    """

    hidden: int = 1200
    dropout: float = 0.5
    learning_rate: float = 1e-3
    weight_decay: float = 1e-5
    batch: int = 5120
    epochs: int = 300
    patience: int = 50


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
        return _answer(out, self.kind)


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


def train_head(
    kind: Kind,
    metric: Metric,
    train: tuple[Floats, Floats],
    valid: tuple[Floats, Floats],
    *,
    seed: int,
    config: HeadConfig | None = None,
    device: str = "cpu",
    on_epoch: Callable[[int], None] | None = None,
) -> FittedHead:
    """Train a head on frozen embeddings; keep the weights of the epoch with the best validation score.

    Parameters
    ----------
    kind, metric
        What is predicted, and by what score an epoch is judged.
    train, valid
        Embeddings (n, d) and labels (n, t), NaN where missing.
    seed
        Of the initial weights, the order of the molecules and the dropout. The caller's random state is left alone.
    config
        Settings.
    device
        Where to train; see `learn.device.resolve_device`.
    on_epoch
        Called with the number of the epoch that ended.

    Raises
    ------
    ValueError
        If no label of the training set is known, or no epoch has a validation score.
    """
    config = config or HeadConfig()
    place = resolve_device(device)
    x, labels = (torch.as_tensor(part, dtype=torch.float32, device=place) for part in train)
    rows = torch.nonzero((~torch.isnan(labels)).any(dim=1)).flatten()
    if len(rows) < 2:
        raise ValueError("the training set needs at least two labelled molecules")
    valid_x = torch.as_tensor(valid[0], dtype=torch.float32, device=place)
    with torch.random.fork_rng(devices=[x.device] if x.is_cuda else []):
        torch.manual_seed(seed)
        head = Head(x.shape[1], labels.shape[1], config).to(place)
        optimiser = torch.optim.Adam(
            head.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, foreach=True
        )
        best, best_epoch, best_weights = float("nan"), 0, None
        epoch = 0
        for epoch in range(1, config.epochs + 1):
            head.train()
            for batch in _batches(rows, config.batch):
                optimiser.zero_grad()
                masked_loss(kind, head(x[batch]), labels[batch]).backward()  # type: ignore[no-untyped-call]
                optimiser.step()
            head.eval()
            with torch.no_grad():
                now = score(metric, valid[1], _answer(head(valid_x), kind)).mean
            if better(metric, now, best) or (best_weights is None and not np.isnan(now)):
                best, best_epoch, best_weights = now, epoch, copy.deepcopy(head.state_dict())
            if on_epoch is not None:
                on_epoch(epoch)
            if epoch - best_epoch >= config.patience:
                break
    if best_weights is None:
        raise ValueError("no task of the validation set can be scored")
    head.load_state_dict(best_weights)
    return FittedHead(head.eval(), kind, best, best_epoch, epoch)


def _batches(rows: torch.Tensor, size: int) -> list[torch.Tensor]:
    """Shuffle `rows` and cut them; a last batch of one molecule, which batch norm cannot take, joins the one before."""
    shuffled = rows[torch.randperm(len(rows)).to(rows.device)]
    batches = list(torch.split(shuffled, size))
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


def _answer(out: torch.Tensor, kind: Kind) -> npt.NDArray[np.float64]:
    out = torch.sigmoid(out) if kind == "classification" else out
    return out.double().cpu().numpy()
