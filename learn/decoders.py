"""Decoders: from the latent to the features of each node type and feature space (method, section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphdb.schema import NodeType
from learn.config import CONSTANTS, WIDTH
from learn.kernels import functions
from learn.kernels.dropout import draw_keys, dropout, row_keys
from learn.normalise import normalise

HIDDEN = CONSTANTS.decoder_hidden


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

    def forward(self, latent: Tensor, rows: Tensor | None = None, molecules: Tensor | None = None) -> Tensor:
        """Return logits (R, D) for the rows (R,) of the latent (B, 300); of all, (B, D), where `rows` is None.

        Batch normalisation sees all B molecules; only the last, large product is left out for those that are not asked
        for. `molecules` (B,) int32 tells them apart in dropout (`GraphBatch.molecule_rows`); None: their place does.
        """
        compiled = functions.usable(latent)
        hidden = functions.linear(latent, self.fc1) if compiled else self.fc1(latent)
        hidden = F.gelu(normalise(hidden, self.bn1))
        if self.training and self.dropout:
            if molecules is None:
                molecules = torch.arange(len(latent), dtype=torch.int32, device=latent.device)
            keys = row_keys(molecules, draw_keys(1, latent.device)[0])
            hidden = (functions.drop if compiled else dropout)(hidden, keys, self.dropout)
        hidden = hidden if rows is None else hidden.index_select(0, rows)
        return functions.linear(hidden, self.fc2) if compiled else cast(Tensor, self.fc2(hidden))


class Decoders(nn.Module):
    """One decoder a feature space, in the order of `specs`."""

    def __init__(self, specs: Sequence[DecoderSpec], dropout: float) -> None:
        super().__init__()
        self.specs = tuple(specs)
        self.decoder_list = nn.ModuleList(Decoder(spec.dimension, dropout) for spec in self.specs)

    def forward(
        self, latent: Tensor, rows: Sequence[Tensor | None] | None = None, molecules: Tensor | None = None
    ) -> list[Tensor]:
        """Return the logits of every space for the latent (B, 300); `rows` holds the rows of each, see `Decoder`."""
        wanted = rows or [None] * len(self.decoder_list)
        return [decoder(latent, which, molecules) for decoder, which in zip(self.decoder_list, wanted, strict=True)]
