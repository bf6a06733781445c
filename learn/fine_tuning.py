"""Training the head on the encoder itself, where the embeddings of a frozen one do not do.

That is: where the encoder learns too (``unfreeze``), and the reference's frozen encoder, whose dropout and batch norm
stay in training mode so that its embeddings differ every epoch (method.md, section 6).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from graphdb.errors import InputError
from graphdb.molecule_graphs import MoleculeGraphs
from learn.batches import to_graph_batch
from learn.config import WIDTH
from learn.device import resolve_device
from learn.encode import embed_graphs
from learn.encoder import Encoder
from learn.head import FittedHead, Floats, Head, HeadConfig, answer, masked_loss, shuffled_batches
from learn.head_training import train_head
from learn.metrics import better, score
from learn.tasks.task import Kind, Metric

Profile = Literal["paper", "reference"]


@dataclass(frozen=True)
class FineTuneConfig:
    """Settings of training end to end; the defaults are for few epochs on a processor.

    A head with random weights spoils in its first steps what pretraining has made. So it is trained on the frozen
    encoder first, and the encoder joins then (Kumar et al. 2022).

    Attributes
    ----------
    unfreeze
        Whether the encoder learns.
    profile
        Mode of the encoder while the head learns: ``paper`` (eval: no dropout, the running statistics of pretraining)
        or ``reference`` (training: dropout, statistics of the batch, which move the running ones).
    head_first
        Whether the head is trained on the frozen encoder (in eval mode, as `head` says) before the two are trained
        together; what they are then is epoch 0.
    encoder_rate
        Learning rate of the encoder; that of the head is `head.learning_rate`.
    batch, epochs, patience
        Molecules in a step; most epochs; epochs without a better validation score after which training stops.
    clip
        Norm to which gradients are clipped.
    head
        Its shape, learning rate and weight decay; batch, epochs and patience are those of `head_first`.
    """

    unfreeze: bool = True
    profile: Profile = "paper"
    head_first: bool = True
    encoder_rate: float = 1e-4
    batch: int = 128
    epochs: int = 8
    patience: int = 4
    clip: float = 1.0
    head: HeadConfig = field(default_factory=HeadConfig)

    def __post_init__(self) -> None:
        if self.profile not in ("paper", "reference"):
            raise InputError(f"profile must be paper or reference, got {self.profile!r}")


def training(*, unfreeze: bool, profile: Profile, epochs: int | None = None) -> FineTuneConfig:
    """Return the settings of a way of training; a frozen encoder's head is trained as the paper's head is.

    Parameters
    ----------
    unfreeze, profile, epochs
        See `FineTuneConfig`; epochs None: the default of the way.
    """
    if unfreeze:
        return FineTuneConfig(profile=profile, epochs=epochs or FineTuneConfig.epochs)
    head = HeadConfig()
    return FineTuneConfig(
        unfreeze=False,
        profile=profile,
        head_first=False,
        batch=head.batch,
        epochs=epochs or head.epochs,
        patience=head.patience,
        clip=0.0,
        head=head,
    )


@dataclass(frozen=True)
class FineTuned:
    """A head and its own encoder, both in eval mode, with the weights of the best epoch.

    Attributes
    ----------
    encoder, head
        The networks.
    kind
        What they predict.
    validation, best_epoch, epochs
        The best validation score, when it was reached, and how many epochs were run; 1-based, 0: before the encoder
        joined.
    """

    encoder: Encoder
    head: Head
    kind: Kind
    validation: float
    best_epoch: int
    epochs: int

    def predict(self, graphs: MoleculeGraphs) -> npt.NDArray[np.float64]:
        """Return (n, t) probabilities of label 1, or values, for n molecules."""
        device = next(self.head.parameters()).device
        embeddings = embed_graphs(self.encoder, graphs, device=str(device))
        with torch.no_grad():
            return answer(self.head(torch.from_numpy(embeddings).to(device)), self.kind)


def fine_tune(
    kind: Kind,
    metric: Metric,
    encoder: Encoder,
    train: tuple[MoleculeGraphs, Floats],
    valid: tuple[MoleculeGraphs, Floats],
    *,
    seed: int,
    config: FineTuneConfig | None = None,
    device: str = "cpu",
    on_epoch: Callable[[int], None] | None = None,
) -> FineTuned:
    """Train a head together with a copy of `encoder`; keep the weights of the epoch with the best validation score.

    Parameters
    ----------
    kind, metric
        What is predicted, and by what score an epoch is judged.
    encoder
        What to start from; it is left as it is.
    train, valid
        Molecules and labels (n, t), NaN where missing.
    seed
        Of the head's weights, of the order of molecules and of dropout. The caller's random state is left alone.
    config
        Settings.
    device
        See `learn.device.resolve_device`.
    on_epoch
        Called with the number of the epoch that ended.

    Raises
    ------
    ValueError
        If fewer than two molecules of the training set have a label, or no epoch has a validation score.
    """
    config = config or FineTuneConfig()
    place = resolve_device(device)
    labelled = np.flatnonzero((~np.isnan(train[1])).any(axis=1))
    if len(labelled) < 2:
        raise ValueError("the training set needs at least two labelled molecules")
    graphs = train[0].take(labelled)
    labels = torch.as_tensor(train[1][labelled], dtype=torch.float32, device=place)
    order = np.random.default_rng([seed, 2])
    with torch.random.fork_rng(devices=[place] if place.type == "cuda" else []):
        torch.manual_seed(seed)
        head = Head(WIDTH, labels.shape[1], config.head).to(place)
        tuned = copy.deepcopy(encoder).to(place).requires_grad_(config.unfreeze)
        groups = [(head, config.head.learning_rate)] + [(tuned, config.encoder_rate)] * config.unfreeze
        optimiser = torch.optim.Adam(
            [{"params": list(module.parameters()), "lr": rate} for module, rate in groups],
            weight_decay=config.head.weight_decay,
        )
        best = FineTuned(tuned, head, kind, float("nan"), 0, 0)
        if config.head_first:
            first = _head_first(kind, metric, tuned, train, valid, seed, config, device)
            head.load_state_dict(first.head.state_dict())
            best = FineTuned(copy.deepcopy(tuned), copy.deepcopy(head), kind, first.validation, 0, 0)
        epoch = 0
        for epoch in range(1, config.epochs + 1):
            tuned.train(config.profile == "reference")
            head.train()
            for rows in shuffled_batches(len(graphs), config.batch, order):
                optimiser.zero_grad()
                with torch.set_grad_enabled(config.unfreeze):
                    mu, _ = tuned(to_graph_batch(graphs.take(rows), place))
                wanted = labels[torch.from_numpy(rows).to(place)]
                masked_loss(kind, head(mu), wanted).backward()  # type: ignore[no-untyped-call]
                if config.clip:
                    torch.nn.utils.clip_grad_norm_(
                        [weight for module, _ in groups for weight in module.parameters()], config.clip
                    )
                optimiser.step()
            now = FineTuned(tuned.eval(), head.eval(), kind, float("nan"), epoch, epoch)
            reached = score(metric, valid[1], now.predict(valid[0])).mean
            if better(metric, reached, best.validation) or (np.isnan(best.validation) and not np.isnan(reached)):
                best = FineTuned(copy.deepcopy(tuned), copy.deepcopy(head), kind, reached, epoch, epoch)
            if on_epoch is not None:
                on_epoch(epoch)
            if epoch - best.best_epoch >= config.patience:
                break
    if np.isnan(best.validation):
        raise ValueError("no task of the validation set can be scored")
    return FineTuned(best.encoder.eval(), best.head.eval(), kind, best.validation, best.best_epoch, epoch)


def _head_first(
    kind: Kind,
    metric: Metric,
    encoder: Encoder,
    train: tuple[MoleculeGraphs, Floats],
    valid: tuple[MoleculeGraphs, Floats],
    seed: int,
    config: FineTuneConfig,
    device: str,
) -> FittedHead:
    sets = [(embed_graphs(encoder, graphs, device=device), labels) for graphs, labels in (train, valid)]
    return train_head(kind, metric, sets[0], sets[1], seed=seed, config=config.head, device=device)
