"""Decoders: from the latent to the features of each node type and feature space (method, section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F

from graphdb.schema import NodeType
from learn.config import WIDTH

HIDDEN = 1200


@dataclass(frozen=True, order=True)
class DecoderSpec:
    """What a decoder rebuilds.

    Attributes
    ----------
    node_type, feature_space
        Whose features, in which columns.
    dimension
        D, the number of columns.
    """

    node_type: NodeType
    feature_space: str
    dimension: int

    def __str__(self) -> str:
        return f"{self.node_type} {self.feature_space}"


class Decoder(nn.Module):
    """300-1200-BN-GELU-dropout-D."""

    def __init__(self, dimension: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.fc1 = nn.Linear(WIDTH, HIDDEN)
        self.bn1 = nn.BatchNorm1d(HIDDEN)
        self.fc2 = nn.Linear(HIDDEN, dimension)

    def forward(self, latent: Tensor) -> Tensor:
        """Return logits (B, D) for the latent (B, 300)."""
        hidden = F.dropout(F.gelu(self.bn1(self.fc1(latent))), self.dropout, self.training)
        return cast(Tensor, self.fc2(hidden))


class Decoders(nn.Module):
    """One decoder a feature space, in the order of `specs`."""

    def __init__(self, specs: Sequence[DecoderSpec], dropout: float) -> None:
        super().__init__()
        self.specs = tuple(specs)
        self.decoder_list = nn.ModuleList(Decoder(spec.dimension, dropout) for spec in self.specs)

    def forward(self, latent: Tensor) -> list[Tensor]:
        """Return the logits (B, D) of every space for the latent (B, 300)."""
        return [decoder(latent) for decoder in self.decoder_list]
