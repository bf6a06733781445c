"""A directed message passing network (D-MPNN; Yang et al. 2019, "Analyzing learned molecular representations").

The network and its features of atoms and bonds are chemprop's (Heid et al. 2024). It reads nothing but the graph: with
descriptors beside it, it errs where the multi-task network does. It trains as that one, and answers with the mean over
a few networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt
from rdkit import rdBase

from graphdb.errors import MissingExtraError
from ingest.features.fingerprints import parse
from learn.baselines.training import Floats, Labels, Rows, answered, trained
from learn.device import resolve_device
from learn.tasks.task import Kind


@dataclass(frozen=True)
class MessagePassingConfig:
    """Settings, the same for all data sets; what is not here is chemprop's default.

    Attributes
    ----------
    width, depth
        Of a bond's hidden state; rounds of messages.
    hidden
        Width of the layer between molecule and tasks.
    dropout
        Share of hidden units that are dropped, of bonds, atoms and that layer.
    learning_rate, weight_decay, batch, epochs
        As of `learn.baselines.training.Training`.
    members
        Networks whose answers are averaged.
    """

    width: int = 300
    depth: int = 3
    hidden: int = 600
    dropout: float = 0.4
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    batch: int = 64
    epochs: int = 40
    members: int = 2


class MessagePassing:
    """Atoms and bonds → messages along directed bonds → mean over atoms → all tasks.

    Parameters
    ----------
    kind
        What is predicted.
    seed
        Of weights, order and dropout.
    config, device
        Settings; where to train.

    Raises
    ------
    MissingExtraError
        If chemprop is not installed.
    """

    def __init__(
        self, kind: Kind, *, seed: int = 0, config: MessagePassingConfig | None = None, device: str = "cpu"
    ) -> None:
        if not available():
            raise MissingExtraError("chemprop", "chemprop")
        self.kind: Kind = kind
        self.seed = seed
        self.config = config or MessagePassingConfig()
        self._device = resolve_device(device)

    def fit(self, smiles: Sequence[str], labels: Floats) -> MessagePassing:
        """Learn from n molecules and labels (n, t), NaN where missing; an invalid SMILES is an `InputError`.

        Raises
        ------
        ValueError
            If fewer than two molecules have a label.
        """
        from learn.baselines.dmpnn import DMPNN

        self._labels = Labels(self.kind, labels)
        graphs = _graphs([smiles[int(row)] for row in self._labels.rows])
        config, n_tasks = self.config, self._labels.learned.shape[1]
        sizes = (config.width, config.depth, config.hidden)
        self._members = trained(
            lambda: DMPNN(self.kind, n_tasks, sizes, config.dropout),
            lambda rows: self._batch(graphs, rows),
            self._labels.learned,
            self.kind,
            config,
            self.seed,
            self._device,
        )
        return self

    def predict(self, smiles: Sequence[str]) -> npt.NDArray[np.float64]:
        """Return (n, t) probabilities of label 1, or values in the labels' unit."""
        graphs = _graphs(smiles)
        return self._labels.in_unit(
            answered(
                self._members,
                lambda rows: self._batch(graphs, rows),
                len(graphs),
                self._labels.learned.shape[1],
                self.kind,
            )
        )

    def _batch(self, graphs: Sequence[Any], rows: Rows) -> Any:
        from chemprop.data import BatchMolGraph

        batch = BatchMolGraph([graphs[int(row)] for row in rows])
        batch.to(self._device)
        return batch


def available() -> bool:
    """Return whether chemprop is installed."""
    return find_spec("chemprop") is not None


def _graphs(smiles: Sequence[str]) -> list[Any]:
    from chemprop.featurizers import SimpleMoleculeMolGraphFeaturizer

    featurize = SimpleMoleculeMolGraphFeaturizer()
    with rdBase.BlockLogs():
        return [featurize(parse(text)) for text in smiles]
