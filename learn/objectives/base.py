"""What every pretraining objective is: networks of its own, and a loss of the shared encoder and a batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from learn.batches import Batch
from learn.encoder import Encoder


@dataclass(frozen=True)
class Loss:
    """The loss of one batch.

    Attributes
    ----------
    total
        Scalar that is minimised.
    parts
        Scalars by name that are logged and shown; none need be a term of `total`.
    """

    total: Tensor
    parts: Mapping[str, Tensor]


class Objective(nn.Module):
    """Turns the shared encoder and a batch into a loss.

    The networks that it holds (decoders, projections, classifiers) are trained with the encoder, and stand in the
    checkpoint beside it. Random numbers come from torch's generator alone, which the loop seeds for each step.
    """

    def forward(self, encoder: Encoder, batch: Batch) -> Loss:
        """Return the loss of `batch`."""
        raise NotImplementedError
