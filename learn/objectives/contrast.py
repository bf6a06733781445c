"""What contrastive objectives share: molecules and their profiles as points on a sphere, and the loss between them.

Feature spaces are never concatenated or compared: each has a network of its own, and a molecule is contrasted with
those molecules of the batch whose profiles lie in the same space.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphdb.errors import ArtefactError
from graphdb.schema import EdgeType, NodeType
from graphdb.walks.config import WalkConfig
from learn.batches import Batch, BatchMaker
from learn.config import WIDTH, TrainConfig
from learn.decoders import HIDDEN
from learn.encoder import Encoder
from learn.objectives.base import Loss, Objective, Recipe, molecules_with
from learn.spaces import SpaceOnDevice

CLIP = 5.0
"""Standard deviations beyond which a feature is cut: Cell Painting has outliers of hundreds."""
CHUNK = 4096


@dataclass(frozen=True)
class Pairs:
    """The k molecules of a batch whose profiles lie in one feature space.

    Attributes
    ----------
    molecules, profiles
        (k, 300) float32 of norm 1, a molecule and its profile in the same row.
    negatives
        (k, k) bool: whether profile j is a negative of molecule i. Not its own, and not another walk's of the same
        molecule.
    rows
        (k,) int64 rows of the profiles in their space.
    """

    molecules: Tensor
    profiles: Tensor
    negatives: Tensor
    rows: Tensor


class ProfileEncoder(nn.Module):
    """A profile → 300 numbers: 2D-1200-LN-GELU-dropout-300, a decoder turned round.

    Features are standardised by their mean and deviation over the profiles of the space, since minima and maxima are
    those of outliers. A missing feature stands at the mean, and the other D inputs say which are missing. Layer norm
    stands where the decoder has batch norm: a space may have one profile in a batch.

    `space`: whose profiles; None where a state that holds their mean and deviation is loaded afterwards.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, space: SpaceOnDevice | None, dimension: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        empty = (torch.zeros(dimension), torch.ones(dimension))
        mean, deviation = empty if space is None else moments(space, dimension)
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        self.fc1 = nn.Linear(2 * dimension, HIDDEN)
        self.norm = nn.LayerNorm(HIDDEN)
        self.fc2 = nn.Linear(HIDDEN, WIDTH)

    def forward(self, values: Tensor) -> Tensor:
        """Return (k, 300) for scaled values (k, D), NaN where not observed."""
        missing = values.isnan()
        standard = ((values - self.mean) / self.deviation).clamp(-CLIP, CLIP).masked_fill(missing, 0)
        hidden = F.gelu(self.norm(self.fc1(torch.cat([standard, missing.to(standard.dtype)], dim=1))))
        return cast(Tensor, self.fc2(F.dropout(hidden, self.dropout, self.training)))


class Contrastive(Objective):
    """Molecules near their profiles, and far from those of others.

    Parameters
    ----------
    config
        The settings.
    maker
        Holds the profiles.
    node_type
        Which profiles: ``Morphology`` or ``Expression``.

    Attributes
    ----------
    specs, spaces
        The feature spaces of that type.

    Raises
    ------
    ArtefactError
        If there is none.
    """

    def __init__(self, config: TrainConfig, maker: BatchMaker, node_type: NodeType) -> None:
        super().__init__()
        here = [
            (spec, space) for spec, space in zip(maker.specs, maker.spaces, strict=True) if spec.node_type == node_type
        ]
        if not here:
            raise ArtefactError(f"the objective {config.objective} needs a feature space of {node_type}; there is none")
        self.specs = tuple(spec for spec, _ in here)
        self.spaces = tuple(space for _, space in here)
        self.temperature = config.temperature
        self.leave_out = config.contrast == "infoloob"
        self.projection = nn.Linear(WIDTH, WIDTH)
        self.profiles = nn.ModuleList(ProfileEncoder(space, spec.dimension, config.dropout) for spec, space in here)

    def forward(self, encoder: Encoder, batch: Batch) -> Loss:
        """Return the loss of walks (B, 2) from a molecule to one of its profiles.

        Its parts are named by node type and feature space: the mean over the molecules that have a negative there, in
        nats; 0 where there are none. `total` is the mean over all such molecules, and what `compare` adds.
        """
        points = F.normalize(self.projection(encoder(batch.graphs)[0]).float(), dim=1)
        total, count, added = points.new_zeros(()), points.new_zeros(()), points.new_zeros(())
        parts: dict[str, Tensor] = {}
        for index, spec in enumerate(self.specs):
            pairs = self._pairs(index, points, batch)
            losses, more = self.compare(index, pairs)
            compared = pairs.negatives.any(dim=1).sum()
            parts[str(spec)] = losses.sum() / compared.clamp_min(1)
            for name, term in more.items():
                parts[f"{name} {spec}"] = term
                added = added + term
            total, count = total + losses.sum(), count + compared
        return Loss(total / count.clamp_min(1) + added, parts)

    def compare(self, index: int, pairs: Pairs) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the losses (k,) of the pairs of feature space `index`, and by name what is added to the total."""
        raise NotImplementedError

    def _pairs(self, index: int, points: Tensor, batch: Batch) -> Pairs:
        space = self.spaces[index]
        rows = space.rows(batch.nodes[:, 1])
        here = torch.nonzero(rows >= 0).squeeze(1)
        rows, molecules = rows[here], batch.molecules[here]
        profiles = F.normalize(self.profiles[index](space.values(rows)).float(), dim=1)
        negatives = (molecules[:, None] != molecules) & (rows[:, None] != rows)
        return Pairs(points[here], profiles, negatives, rows)


def info_nce(
    anchors: Tensor,
    candidates: Tensor,
    negatives: Tensor,
    temperature: float,
    *,
    log_weights: Tensor | None = None,
    leave_out: bool = False,
) -> Tensor:
    """Return −log(exp(s_ii) / Σ_j w_ij exp(s_ij)) of every anchor, s = cosine / temperature.

    Source: van den Oord et al. 2018 (arXiv 1807.03748), Eq. 4; without the pair in the denominator InfoLOOB (Poole et
    al. 2019, arXiv 1905.06922; Fürst et al. 2022, arXiv 2110.11316).

    Parameters
    ----------
    anchors, candidates
        (k, d) of norm 1; the candidate of an anchor stands in its row.
    negatives
        (k, k) bool, candidates that are no anchor's own.
    temperature
        Above 0.
    log_weights
        (k, k) log w, 0 where None.
    leave_out
        Whether the pair itself is left out of the sum.

    Returns
    -------
    Tensor
        (k,) float32 in nats; 0 where an anchor has no negative.
    """
    # A cosine has three digits in bfloat16, too few after the division.
    with torch.autocast(anchors.device.type, enabled=False):
        cosines = anchors.float() @ candidates.float().T / temperature
    weighted = cosines if log_weights is None else cosines + log_weights
    counted = negatives if leave_out else negatives | torch.eye(len(anchors), dtype=torch.bool, device=anchors.device)
    # Not −inf: a row without any would have gradients that are not finite.
    denominator = weighted.masked_fill(~counted, torch.finfo(weighted.dtype).min).logsumexp(dim=1)
    return torch.where(negatives.any(dim=1), denominator - cosines.diagonal(), 0)


def moments(space: SpaceOnDevice, dimension: int) -> tuple[Tensor, Tensor]:
    """Return mean and deviation (D,) (1 where it is constant) of the scaled columns of a space, on the CPU."""
    total, square, count = (torch.zeros(dimension, dtype=torch.float64) for _ in range(3))
    for first in range(0, len(space), CHUNK):
        rows = torch.arange(first, min(first + CHUNK, len(space)), device=space.device)
        values = space.values(rows).double().cpu()
        count += (~values.isnan()).sum(0)
        total += values.nansum(0)
        square += values.square().nansum(0)
    mean = total / count.clamp_min(1)
    deviation = (square / count.clamp_min(1) - mean.square()).clamp_min(0).sqrt()
    return mean.float(), torch.where(deviation > 1e-6, deviation, 1).float()


def networks(state: Mapping[str, Tensor], *, trained: bool = True) -> tuple[nn.Linear, nn.ModuleList]:
    """Return the projection of molecules and the encoders of profiles that a checkpoint holds, in eval mode.

    Parameters
    ----------
    state
        `Checkpoint.objective_state` of a contrastive objective.
    trained
        False: with random weights from torch's generator, drawn as a new objective draws them; what is known of the
        profiles (their mean and deviation) stays.

    Returns
    -------
    projection, profiles
        300 → 300, and an encoder a feature space, in the order of `Contrastive.specs`.

    Raises
    ------
    ArtefactError
        If it is the state of no contrastive objective.
    """
    spaces = len([name for name in state if re.fullmatch(r"profiles\.\d+\.mean", name)])
    if not spaces or "projection.weight" not in state:
        raise ArtefactError("the checkpoint has no encoders of profiles; its objective is not contrastive")
    projection = nn.Linear(WIDTH, WIDTH)
    profiles = nn.ModuleList(
        ProfileEncoder(None, len(state[f"profiles.{index}.mean"]), dropout=0) for index in range(spaces)
    )
    for module, start in ((projection, "projection."), (profiles, "profiles.")):
        kept = {name[len(start) :]: tensor for name, tensor in state.items() if name.startswith(start)}
        buffers = {name for name, _ in module.named_buffers()}
        module.load_state_dict({name: kept[name] for name in kept if trained or name in buffers}, strict=trained)
    return projection.eval(), profiles.eval()


def recipe(edge_type: EdgeType, make: Callable[[TrainConfig, BatchMaker], Objective]) -> Recipe:
    """Return the recipe of an objective that learns from pairs: walks of one step along `edge_type`."""

    def walks(config: TrainConfig) -> WalkConfig:
        return WalkConfig(1, config.walks_per_node, config.weighted, config.walk_seed, edge_types=(edge_type,))

    return Recipe(make, walks=walks, starts=partial(molecules_with, edge_type))
