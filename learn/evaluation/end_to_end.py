"""An encoder trained end to end on a data set, its head beside it: what pretraining is worth as a beginning.

For a fixed number of epochs, so that no validation set is looked at, by the loop of the other networks of the table
(`learn.baselines.training`). The encoder learns in training mode, with a dropout of its own.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from graphdb.molecule_graphs import MoleculeGraphs
from learn.baselines.training import Floats, Labels, answered, trained
from learn.batches import to_graph_batch
from learn.checkpoint import Checkpoint
from learn.config import WIDTH
from learn.device import resolve_device
from learn.encoder import Encoder
from learn.evaluation.cells import Predictions
from learn.evaluation.problem import Problem
from learn.evaluation.system import Compute, predictions
from learn.graph_batch import GraphBatch
from learn.head import Head, HeadConfig
from learn.tasks.task import Kind


@dataclass(frozen=True)
class EndToEndConfig:
    """Settings, the same for all data sets and encoders.

    Attributes
    ----------
    dropout
        Of the encoder.
    learning_rate, weight_decay, batch, epochs, members
        As of `learn.baselines.training.Training`.
    head
        Its shape.
    """

    dropout: float = 0.3
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    batch: int = 64
    epochs: int = 20
    members: int = 1
    head: HeadConfig = field(default_factory=HeadConfig)


class _Network(nn.Module):
    """Molecules → mean embedding (b, 300) → (b, t) logits or values."""

    def __init__(self, encoder: Encoder, n_tasks: int, config: EndToEndConfig) -> None:
        super().__init__()
        encoder.graph_encoder.dropout = config.dropout
        self.encoder = encoder.requires_grad_(True).train()  # a checkpoint gives it in eval mode
        self.head = Head(WIDTH, n_tasks, config.head)

    def forward(self, graphs: GraphBatch) -> Tensor:
        mu, _ = self.encoder(graphs)
        return self.head(mu)  # type: ignore[no-any-return]


class EndToEnd:
    """The paper's head and a copy of an encoder, trained together.

    Parameters
    ----------
    kind
        What is predicted.
    model
        Whose encoder it begins with; it is left as it is.
    seed
        Of the head's weights, order and dropout.
    config, device
        Settings; where to train.
    """

    def __init__(
        self, kind: Kind, model: Checkpoint, *, seed: int = 0, config: EndToEndConfig | None = None, device: str = "cpu"
    ) -> None:
        self.kind: Kind = kind
        self.model = model
        self.seed = seed
        self.config = config or EndToEndConfig()
        self._device = resolve_device(device)

    def fit(self, graphs: MoleculeGraphs, labels: Floats) -> EndToEnd:
        """Learn from n molecules and labels (n, t), NaN where missing.

        Raises
        ------
        ValueError
            If fewer than two molecules have a label.
        """
        self._labels = Labels(self.kind, labels)
        known = graphs.take(self._labels.rows)
        self._members = trained(
            lambda: _Network(self.model.encoder(), labels.shape[1], self.config),
            lambda rows: to_graph_batch(known.take(rows), self._device),
            self._labels.learned,
            self.kind,
            self.config,
            self.seed,
            self._device,
        )
        return self

    def predict(self, graphs: MoleculeGraphs) -> npt.NDArray[np.float64]:
        """Return (n, t) probabilities of label 1, or values in the labels' unit."""
        return self._labels.in_unit(
            answered(
                self._members,
                lambda rows: to_graph_batch(graphs.take(rows), self._device),
                len(graphs),
                self._labels.learned.shape[1],
                self.kind,
            )
        )


def end_to_end(model: Checkpoint, config: EndToEndConfig) -> Compute:
    """Return what trains an encoder end to end for each seed; a molecule that has no graph has no answer."""

    def compute(problem: Problem, seeds: Sequence[int]) -> list[Predictions]:
        graphs, place = problem.graphs(model.tautomers)
        rows = problem.learned_from[place[problem.learned_from] >= 0]
        found = []
        for seed in seeds:
            began = time.monotonic()
            tuned = EndToEnd(problem.kind, model, seed=seed, config=config, device=problem.device)
            tuned.fit(graphs.take(place[rows]), problem.data.labels[rows])
            answers = np.full(problem.data.labels.shape, np.nan)
            for part in (problem.parts.valid, problem.parts.test):
                there = part[place[part] >= 0]
                answers[there] = tuned.predict(graphs.take(place[there]))
            valid, test = answers[problem.parts.valid], answers[problem.parts.test]
            found.append(predictions(problem, valid, test, time.monotonic() - began))
        return found

    return compute
