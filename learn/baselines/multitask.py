"""A network on descriptors and counts that predicts all tasks at once (Mayr et al. 2016; Ramsundar et al. 2017).

Tasks with few labels learn from those with many. It trains for a fixed number of epochs, so that it needs no validation
set, and answers with the mean over a few networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from learn.baselines.features import features
from learn.baselines.moments import medians, moments
from learn.device import resolve_device
from learn.head import answer, masked_loss, shuffled_batches
from learn.tasks.task import Kind

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True)
class MultitaskConfig:
    """Settings, the same for all data sets.

    Attributes
    ----------
    counts
        Fingerprints beside the descriptors (`learn.baselines.features`).
    hidden
        Widths of the hidden layers.
    dropout, input_dropout
        Shares of hidden units, and of inputs, that are dropped.
    learning_rate, weight_decay
        Of AdamW; the rate rises for a tenth of the steps and falls to 0 (Smith 2018).
    batch, epochs
        Molecules in a step, passes over them.
    members
        Networks whose answers are averaged.
    least
        Molecules in which a count must be found to be an input.
    """

    counts: tuple[str, ...] = ("morgan", "pairs", "torsions")
    hidden: tuple[int, ...] = (768, 256)
    dropout: float = 0.5
    input_dropout: float = 0.2
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    batch: int = 128
    epochs: int = 30
    members: int = 4
    least: int = 3


class MultitaskNetwork:
    """Descriptors and counts → hidden layers with batch norm, ReLU and dropout → all tasks.

    Descriptors are replaced by normal scores of their ranks among the training molecules, counts by their logarithm.
    Regression learns standardised labels.

    Parameters
    ----------
    kind
        What is predicted.
    seed
        Of weights, order and dropout.
    cache
        Folder in which features are kept.
    config, device
        Settings; where to train.
    """

    def __init__(
        self,
        kind: Kind,
        *,
        seed: int = 0,
        cache: Path | None = None,
        config: MultitaskConfig | None = None,
        device: str = "cpu",
    ) -> None:
        self.kind: Kind = kind
        self.seed = seed
        self.cache = cache
        self.config = config or MultitaskConfig()
        self._device = resolve_device(device)

    def fit(self, smiles: Sequence[str], labels: Floats, more: Floats | None = None) -> MultitaskNetwork:
        """Learn from molecules.

        Parameters
        ----------
        smiles
            n structures.
        labels
            (n, t), NaN where missing.
        more
            (n, d) further inputs, an embedding for example, NaN where there is none; they are standardised.

        Raises
        ------
        InputError
            If a SMILES is invalid.
        ValueError
            If fewer than two molecules have a label.
        """
        rows = np.flatnonzero((~np.isnan(labels)).any(axis=1))
        if len(rows) < 2:
            raise ValueError("the training set needs at least two labelled molecules")
        chosen = [smiles[int(row)] for row in rows]
        x = self._learn_inputs(chosen)
        if more is not None:
            self._more = moments(np.asarray(more[rows], dtype=np.float32))
            x = np.hstack([x, self._standardised(more[rows])])
        y = np.asarray(labels[rows], dtype=np.float32)
        self._centre, self._spread = moments(y) if self.kind == "regression" else _as_they_are(y)
        y = (y - self._centre) / self._spread
        self._members = [self._trained(x, y, member) for member in range(self.config.members)]
        return self

    def predict(self, smiles: Sequence[str], more: Floats | None = None) -> npt.NDArray[np.float64]:
        """Return (n, t) probabilities of label 1, or values in the labels' unit; `more` as for `fit`."""
        inputs = self._inputs(features(smiles, self.config.counts, self.cache))
        x = torch.as_tensor(
            inputs if more is None else np.hstack([inputs, self._standardised(more)]), device=self._device
        )
        with torch.no_grad():
            answers = [answer(member(x), self.kind) for member in self._members]
        return np.asarray(np.mean(answers, axis=0) * self._spread + self._centre, dtype=np.float64)

    def _learn_inputs(self, smiles: Sequence[str]) -> npt.NDArray[np.float32]:
        from sklearn.preprocessing import QuantileTransformer

        raw = features(smiles, self.config.counts, self.cache)
        n_counts = 2048 * len(self.config.counts)
        self._n_descriptors = raw.shape[1] - n_counts
        described = raw[:, : self._n_descriptors]
        self._median = medians(described)
        self._ranks = QuantileTransformer(
            n_quantiles=min(500, len(raw)), output_distribution="normal", random_state=self.seed, subsample=10**9
        ).fit(np.where(np.isnan(described), self._median, described))
        self._used = (raw[:, self._n_descriptors :] > 0).sum(axis=0) >= self.config.least
        return self._inputs(raw)

    def _inputs(self, raw: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        described = raw[:, : self._n_descriptors]
        normal = self._ranks.transform(np.where(np.isnan(described), self._median, described)).clip(-3, 3)
        counted = np.log1p(raw[:, self._n_descriptors :][:, self._used])
        return np.hstack([normal, counted]).astype(np.float32)

    def _standardised(self, more: Floats) -> npt.NDArray[np.float32]:
        centre, spread = self._more
        scaled = np.nan_to_num((np.asarray(more, dtype=np.float32) - centre) / spread)
        return np.asarray(scaled.clip(-5, 5), dtype=np.float32)

    def _trained(self, inputs: npt.NDArray[np.float32], labels: npt.NDArray[np.float32], member: int) -> nn.Module:
        config = self.config
        random = np.random.default_rng([self.seed, member])
        x, y = (torch.as_tensor(part, device=self._device) for part in (inputs, labels))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(random.integers(2**31)))
            network = _network(x.shape[1], y.shape[1], config).to(self._device)
            optimizer = torch.optim.AdamW(
                network.parameters(), config.learning_rate, weight_decay=config.weight_decay, fused=True
            )
            per_epoch = len(shuffled_batches(len(x), config.batch, np.random.default_rng(0)))
            schedule = torch.optim.lr_scheduler.OneCycleLR(
                optimizer, config.learning_rate, total_steps=per_epoch * config.epochs, pct_start=0.1
            )
            for _ in range(config.epochs):
                for rows in shuffled_batches(len(x), config.batch, random):
                    part = torch.as_tensor(rows, device=self._device)
                    optimizer.zero_grad(set_to_none=True)
                    masked_loss(self.kind, network(x[part]), y[part]).backward()  # type: ignore[no-untyped-call]
                    optimizer.step()
                    schedule.step()
        return network.eval()


def _network(width: int, n_tasks: int, config: MultitaskConfig) -> nn.Module:
    layers: list[nn.Module] = [nn.Dropout(config.input_dropout)]
    for hidden in config.hidden:
        layers += [nn.Linear(width, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Dropout(config.dropout)]
        width = hidden
    return nn.Sequential(*layers, nn.Linear(width, n_tasks))


def _as_they_are(y: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    return np.zeros(y.shape[1], np.float32), np.ones(y.shape[1], np.float32)
