"""How networks that predict all tasks at once are trained: for a fixed number of epochs, without a validation set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from learn.baselines.moments import moments
from learn.head import answer, masked_loss, shuffled_batches
from learn.tasks.task import Kind

AT_ONCE = 512
"""Molecules that are answered at once."""

Floats = npt.NDArray[np.floating]
Rows = npt.NDArray[np.intp]


class Training(Protocol):
    """Settings: rate and decay of AdamW, molecules in a step, passes over them, networks."""

    @property
    def learning_rate(self) -> float:
        """The highest; the rate rises for a tenth of the steps and falls to 0 (Smith 2018)."""

    @property
    def weight_decay(self) -> float:
        """Of AdamW."""

    @property
    def batch(self) -> int:
        """Molecules in a step."""

    @property
    def epochs(self) -> int:
        """Passes over the molecules."""

    @property
    def members(self) -> int:
        """Networks, each from weights of its own."""


class Labels:
    """Labels of the molecules that have one, as a network learns them.

    Parameters
    ----------
    kind
        Regression learns standardised labels, classification labels as they are.
    labels
        (n, t), NaN where missing.

    Attributes
    ----------
    rows
        The m molecules that have a label.
    learned
        (m, t) float32.

    Raises
    ------
    ValueError
        If fewer than two molecules have a label.
    """

    def __init__(self, kind: Kind, labels: Floats) -> None:
        self.rows: Rows = np.flatnonzero((~np.isnan(labels)).any(axis=1))
        if len(self.rows) < 2:
            raise ValueError("the training set needs at least two labelled molecules")
        y = np.asarray(labels[self.rows], dtype=np.float32)
        self._centre: Floats
        self._spread: Floats
        self._centre, self._spread = moments(y) if kind == "regression" else (np.zeros(1), np.ones(1))
        self.learned = ((y - self._centre) / self._spread).astype(np.float32)

    def in_unit(self, answers: Floats) -> npt.NDArray[np.float64]:
        """Return answers (k, t) of a network in the labels' unit."""
        return np.asarray(answers * self._spread + self._centre, dtype=np.float64)


def trained(
    make: Callable[[], nn.Module],
    inputs: Callable[[Rows], Any],
    labels: npt.NDArray[np.float32],
    kind: Kind,
    training: Training,
    seed: int,
    device: torch.device,
) -> list[nn.Module]:
    """Return networks that have learned, in eval mode.

    Parameters
    ----------
    make
        Returns a network with new weights; it maps inputs to (b, t) logits or values.
    inputs
        Returns what a network reads of some rows, on its device.
    labels
        (m, t), NaN where missing.
    kind
        Decides the loss.
    training, seed, device
        Settings; of weights, dropout and order; where they learn.
    """
    y = torch.as_tensor(labels, device=device)
    per_epoch = len(shuffled_batches(len(y), training.batch, np.random.default_rng(0)))
    found = []
    for member in range(training.members):
        random = np.random.default_rng([seed, member])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(random.integers(2**31)))
            network = make().to(device)
            optimizer = torch.optim.AdamW(
                network.parameters(), training.learning_rate, weight_decay=training.weight_decay, fused=True
            )
            schedule = torch.optim.lr_scheduler.OneCycleLR(
                optimizer, training.learning_rate, total_steps=per_epoch * training.epochs, pct_start=0.1
            )
            for _ in range(training.epochs):
                for rows in shuffled_batches(len(y), training.batch, random):
                    optimizer.zero_grad(set_to_none=True)
                    out = network(inputs(rows))
                    masked_loss(kind, out, y[torch.as_tensor(rows, device=device)]).backward()  # type: ignore[no-untyped-call]
                    optimizer.step()
                    schedule.step()
        found.append(network.eval())
    return found


def answered(
    members: list[nn.Module], inputs: Callable[[Rows], Any], size: int, n_tasks: int, kind: Kind
) -> npt.NDArray[np.float64]:
    """Return the mean answer (size, t) of networks: probabilities of label 1, or values as they were learned.

    Parameters
    ----------
    members, inputs, kind
        As of `trained`.
    size, n_tasks
        Molecules that are asked about, and tasks.
    """
    found = [np.empty((0, n_tasks))]
    with torch.no_grad():
        for start in range(0, size, AT_ONCE):
            batch = inputs(np.arange(start, min(start + AT_ONCE, size)))
            found.append(np.mean([answer(member(batch), kind) for member in members], axis=0))
    return np.concatenate(found)
