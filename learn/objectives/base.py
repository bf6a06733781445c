"""What every pretraining objective is: networks of its own, and a loss of the shared encoder and a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from graphdb.schema import EdgeType, NodeType
from graphdb.snapshot import Snapshot
from graphdb.walks.config import WalkConfig
from learn.batches import Batch, BatchMaker
from learn.config import WIDTH, TrainConfig
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
    weights
        Of parts that are means: over how much, by name. Means over batches weigh a part by it, else by molecules.
    """

    total: Tensor
    parts: Mapping[str, Tensor]
    weights: Mapping[str, Tensor] = field(default_factory=dict)


class Objective(nn.Module):
    """Turns the shared encoder and a batch into a loss.

    The networks that it holds (decoders, projections, classifiers) are trained with the encoder, and stand in the
    checkpoint beside it. Random numbers come from torch's generator alone, which the loop seeds for each step.
    """

    def forward(self, encoder: Encoder, batch: Batch) -> Loss:
        """Return the loss of `batch`."""
        raise NotImplementedError

    def embed_smiles(self, smiles: Sequence[str]) -> Tensor:
        """Return the embeddings (n, d) of n standardised SMILES in eval mode; `Recipe.embeds` says who has them."""
        raise NotImplementedError


def every_molecule(snapshot: Snapshot) -> npt.NDArray[np.int64]:
    """Return the numbers of all molecules of a graph, ascending."""
    return np.asarray(snapshot.nodes(NodeType.MOLECULE), dtype=np.int64)


def molecules_with(edge_type: EdgeType, snapshot: Snapshot) -> npt.NDArray[np.int64]:
    """Return the numbers of the molecules that have an edge of this type, ascending.

    Raises
    ------
    InputError
        If the snapshot does not know the types of its edges.
    """
    molecules = every_molecule(snapshot)
    return molecules[snapshot.of_edge_types((edge_type,)).degree[molecules] > 0]


def nowhere(config: TrainConfig) -> WalkConfig:
    """Return walks of no step: what an objective reads that learns from the molecules alone."""
    return WalkConfig(length=0, seed=config.walk_seed)


def nothing(encoder: Encoder) -> Tensor:
    """Return a loss of 0 with gradients of 0, for a batch in which there is nothing to learn."""
    return torch.stack([0.0 * weight.sum() for weight in encoder.parameters()]).sum()


def walks_of_settings(config: TrainConfig) -> WalkConfig:
    """Return the walks that the settings name."""
    return config.walks


def width_of_encoder(config: TrainConfig) -> int:  # noqa: ARG001  # as a recipe has it
    """Return the width of the shared encoder's embeddings."""
    return WIDTH


@dataclass(frozen=True)
class Recipe:
    """What the trainer needs to know of an objective before it has one.

    Attributes
    ----------
    make
        Makes it, with random weights, of the settings and of what the batches hold.
    walks
        The walks that it learns from.
    starts
        The molecules that they start from: node numbers, ascending. (Held-out molecules are taken out afterwards.)
    reads_sums
        Whether it reads the batch's W and T; making them is left out where it does not.
    shares
        Whether its loss of one rank's molecules is a share of the loss of all ranks' (their sum is the whole). Else it
        is a mean over the rank's own molecules, and the loop weighs it by their number.
    embeds
        Where the embeddings of its checkpoints come from: the shared encoder of molecule ``graph``s, or the objective's
        own reading of ``smiles`` (`Objective.embed_smiles`).
    width
        Of its embeddings.
    remake
        Makes it, with random weights, of the settings and of what a checkpoint holds of it; where it embeds.
    """

    make: Callable[[TrainConfig, BatchMaker], Objective]
    walks: Callable[[TrainConfig], WalkConfig] = walks_of_settings
    starts: Callable[[Snapshot], npt.NDArray[np.int64]] = every_molecule
    reads_sums: bool = False
    shares: bool = False
    embeds: Literal["graph", "smiles"] = "graph"
    width: Callable[[TrainConfig], int] = width_of_encoder
    remake: Callable[[TrainConfig, Mapping[str, Tensor]], Objective] | None = None
