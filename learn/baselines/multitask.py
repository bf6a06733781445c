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
from learn.baselines.training import Floats, Labels, trained
from learn.device import resolve_device
from learn.head import answer
from learn.tasks.task import Kind


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
    learning_rate, weight_decay, batch, epochs
        As of `learn.baselines.training.Training`.
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
        self._labels = Labels(self.kind, labels)
        rows = self._labels.rows
        x = self._learn_inputs([smiles[int(row)] for row in rows])
        if more is not None:
            self._more = moments(np.asarray(more[rows], dtype=np.float32))
            x = np.hstack([x, self._standardised(more[rows])])
        inputs = torch.as_tensor(x, device=self._device)
        self._members = trained(
            lambda: _network(x.shape[1], labels.shape[1], self.config),
            lambda chosen: inputs[torch.as_tensor(chosen, device=self._device)],
            self._labels.learned,
            self.kind,
            self.config,
            self.seed,
            self._device,
        )
        return self

    def predict(self, smiles: Sequence[str], more: Floats | None = None) -> npt.NDArray[np.float64]:
        """Return (n, t) probabilities of label 1, or values in the labels' unit; `more` as for `fit`."""
        inputs = self._inputs(features(smiles, self.config.counts, self.cache))
        x = torch.as_tensor(
            inputs if more is None else np.hstack([inputs, self._standardised(more)]), device=self._device
        )
        with torch.no_grad():
            answers = [answer(member(x), self.kind) for member in self._members]
        return self._labels.in_unit(np.mean(answers, axis=0))

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
        filled = np.where(np.isnan(described), self._median, described)
        # scikit-learn refuses a list of no molecules.
        normal = self._ranks.transform(filled).clip(-3, 3) if len(filled) else filled
        counted = np.log1p(raw[:, self._n_descriptors :][:, self._used])
        return np.hstack([normal, counted]).astype(np.float32)

    def _standardised(self, more: Floats) -> npt.NDArray[np.float32]:
        centre, spread = self._more
        scaled = np.nan_to_num((np.asarray(more, dtype=np.float32) - centre) / spread)
        return np.asarray(scaled.clip(-5, 5), dtype=np.float32)


def _network(width: int, n_tasks: int, config: MultitaskConfig) -> nn.Module:
    layers: list[nn.Module] = [nn.Dropout(config.input_dropout)]
    for hidden in config.hidden:
        layers += [nn.Linear(width, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Dropout(config.dropout)]
        width = hidden
    return nn.Sequential(*layers, nn.Linear(width, n_tasks))
