"""All settings of a pretraining run, in one place, written into its checkpoint."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self

from graphdb.errors import InputError
from graphdb.schema import EdgeType
from graphdb.walks.config import WalkConfig


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


@dataclass(frozen=True)
class Constants:
    """What the paper and its published networks fix, and no setting changes (method, sections 4 and 5).

    Attributes
    ----------
    width
        Of the encoder and of an embedding; hidden layers of GIN layers and virtual nodes are twice as wide.
    decoder_hidden
        Width of the hidden layer of a decoder.
    max_norm
        Cap of the norm of the rows of its embedding tables.
    sigma_floor
        What is added to sigma.
    cosine
        The learning rate ends at cos(cosine · pi) of what it begins with.
    head
        Of fine-tuning on frozen embeddings.
    """

    width: int = 300
    decoder_hidden: int = 1200
    max_norm: float = 1.0
    sigma_floor: float = 1e-7
    cosine: float = 7 / 16
    head: HeadConfig = HeadConfig()


CONSTANTS = Constants()
"""Written into every checkpoint beside the settings."""
WIDTH = CONSTANTS.width
"""Width of the encoder and of an embedding."""


@dataclass(frozen=True)
class TrainConfig:
    """Settings of a pretraining run; the defaults are the reference's (method, section 4).

    Attributes
    ----------
    epochs, batch_size
        Passes over the walks, and molecules in a step.
    lr, weight_decay
        Of Adam. The learning rate follows cos(7/16 · pi · t / T), t the step, T the last one; no warm-up.
    beta
        Weight of the KL term.
    latent
        What decoders see: ``mean`` (mu, the paper's) or ``sample`` (reparameterised).
    ce_mean, kl
        Where the reference departs from the paper (method, section 6): the mean of the cross entropy, ``weighted`` by
        path weights or ``plain``; the KL divergence in ``closed`` form or by one ``sample``. `PROFILES` names both
        sets.
    without
        Ablation: node types and feature spaces that no decoder rebuilds.
    layers, dropout
        Of the encoder; `dropout` of the objective's own networks too.
    seed
        Of the weights, of dropout, of the order of molecules.
    objective
        Name of the objective (`learn.objectives`).
    precision
        ``float32``, or ``bfloat16``: matrix products in bfloat16 under autocast; weights, batch norm and losses stay
        float32.
    clip
        Norm to which gradients are clipped; 0: not.
    ema
        Decay of the running mean of the encoder's weights, which then gives the embeddings; 0: none is kept.
    language_size
        Of the transformer of a language model (`learn.objectives.smiles_model.SIZES`): ``small``, or the ``paper``'s.
    temperature
        Of objectives that compare by cosine: it is divided by it.
    contrast
        Their loss: ``infonce``, or ``infoloob``, which leaves the pair itself out of the denominator.
    anchor_weight
        Weight of the anchor's own posterior beside the candidate's (``infocore-cp``, ``infocore-ge``).
    mask_share
        Share of a molecule's atoms that are masked (``attrmask``).
    walk_length, walks_per_node, weighted, walk_seed, p, q
        See `graphdb.walks.WalkConfig`. Length 1 is the ablation without walks: direct neighbours alone.
    without_edges
        Ablation: edge types that walks do not take.
    walk_epochs
        How many sets of walks are stored; epoch e trains on set e mod walk_epochs.
    validation
        Share of the molecules that no training walk touches and on which the loss is measured after every epoch.
    patience
        Epochs without a better loss on them after which training stops; 0: it never does.
    """

    epochs: int = 300
    batch_size: int = 3072
    lr: float = 1e-4
    weight_decay: float = 1e-8
    beta: float = 1e-9
    latent: Literal["mean", "sample"] = "mean"
    ce_mean: Literal["weighted", "plain"] = "weighted"
    kl: Literal["closed", "sample"] = "closed"
    without: tuple[str, ...] = ()
    layers: int = 5
    dropout: float = 0.5
    seed: int = 0
    objective: str = "infoalign"
    precision: Literal["float32", "bfloat16"] = "float32"
    clip: float = 0.0
    ema: float = 0.0
    language_size: Literal["small", "paper"] = "small"
    temperature: float = 0.1
    contrast: Literal["infonce", "infoloob"] = "infonce"
    anchor_weight: float = 1.0
    mask_share: float = 0.15
    walk_length: int = 4
    walks_per_node: int = 1
    weighted: bool = False
    walk_seed: int = 0
    p: float = 1.0
    q: float = 1.0
    without_edges: tuple[str, ...] = ()
    walk_epochs: int = 10
    validation: float = 0.0
    patience: int = 0

    def __post_init__(self) -> None:
        # A checkpoint gives lists.
        object.__setattr__(self, "without", tuple(self.without))
        object.__setattr__(self, "without_edges", tuple(self.without_edges))
        for name, least in (("epochs", 1), ("batch_size", 2), ("layers", 1), ("walk_epochs", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise InputError(f"{name} must be at least {least}, got {getattr(self, name)}")
        finite = 0 <= self.beta < math.inf and 0 <= self.weight_decay < math.inf
        if not (0 <= self.dropout < 1 and 0 < self.lr <= 1 and finite):  # also where one is NaN
            raise InputError(
                f"dropout {self.dropout} must be in [0, 1), lr {self.lr} in (0, 1], "
                f"beta {self.beta} and weight decay {self.weight_decay} not negative"
            )
        if self.precision not in ("float32", "bfloat16"):
            raise InputError(f"precision must be float32 or bfloat16, got {self.precision!r}")
        if self.language_size not in ("small", "paper"):
            raise InputError(f"language_size must be small or paper, got {self.language_size!r}")
        if not (0 <= self.clip < math.inf and 0 <= self.ema < 1):
            raise InputError(f"clip {self.clip} must not be negative, ema {self.ema} in [0, 1)")
        if self.ce_mean not in ("weighted", "plain") or self.kl not in ("closed", "sample"):
            raise InputError(f"ce_mean must be weighted or plain, kl closed or sample; got {self.ce_mean}, {self.kl}")
        if not 0 <= self.validation < 1 or self.patience < 0:
            raise InputError(f"validation {self.validation} must be in [0, 1), patience {self.patience} not negative")
        if self.patience and not self.validation:
            raise InputError("patience needs molecules to measure the loss on: set validation too")
        if self.contrast not in ("infonce", "infoloob"):
            raise InputError(f"contrast must be infonce or infoloob, got {self.contrast!r}")
        if not (0 < self.temperature < math.inf and 0 <= self.anchor_weight < math.inf and 0 < self.mask_share < 1):
            raise InputError(
                f"temperature {self.temperature} must be above 0, anchor_weight {self.anchor_weight} not negative, "
                f"mask_share {self.mask_share} in (0, 1)"
            )
        self.walks  # noqa: B018 - checks the settings of the walks

    @property
    def walks(self) -> WalkConfig:
        """Settings of the walks."""
        kinds = None
        if self.without_edges:
            unknown = sorted(set(self.without_edges) - {str(edge_type) for edge_type in EdgeType})
            if unknown:
                raise InputError(f"without_edges: {unknown[0]!r} is no edge type; there are {', '.join(EdgeType)}")
            kinds = tuple(edge_type for edge_type in EdgeType if str(edge_type) not in self.without_edges)
        return WalkConfig(self.walk_length, self.walks_per_node, self.weighted, self.walk_seed, self.p, self.q, kinds)

    @property
    def stored_epochs(self) -> int:
        """Sets of walks that are stored: never more than are used."""
        return min(self.walk_epochs, self.epochs)

    def as_dict(self) -> dict[str, Any]:
        """Return the settings by name, as a file can hold them."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any]) -> Self:
        """Make it from the settings of a checkpoint; unknown names are an `InputError`."""
        unknown = sorted(set(settings) - {field.name for field in fields(cls)})
        if unknown:
            raise InputError(f"unknown setting {unknown[0]!r}")
        return cls(**settings)


QUICK: Mapping[str, Any] = {
    "epochs": 24,
    "batch_size": 64,
    "lr": 1e-3,
    "layers": 3,
    "dropout": 0.0,
    "walk_epochs": 24,
}
"""What ``--quick`` changes: a demonstration on a laptop's CPU in about two minutes. Not the paper's training."""


PROFILES: Mapping[str, Mapping[str, Any]] = {
    "paper": {"ce_mean": "weighted", "kl": "closed"},
    "reference": {"ce_mean": "plain", "kl": "sample"},
}
"""What ``--profile`` sets (method, section 6). Head and encoder in fine-tuning have profiles of their own."""
