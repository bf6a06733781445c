"""Contrastive alignment of molecules with their morphology, as CLOOME does.

Source: Sanchez-Fernandez et al. 2023, *CLOOME: contrastive learning unlocks bioimaging databases for queries with
chemical structures* (Nature Communications 14). Profiles stand for the images; its InfoLOOB is ``--contrast
infoloob``, the default is the symmetric InfoNCE of CLIP, that the paper's tables call CLOOME-style. Its Hopfield
retrieval is left out. The temperature is fixed.
"""

from __future__ import annotations

from torch import Tensor

from graphdb.schema import EdgeType, NodeType
from learn.batches import BatchMaker
from learn.config import TrainConfig
from learn.objectives.contrast import Contrastive, Pairs, info_nce, recipe


class Cloome(Contrastive):
    """The mean of the two directions: a molecule finds its profile, and a profile its molecule."""

    def compare(self, index: int, pairs: Pairs) -> tuple[Tensor, dict[str, Tensor]]:  # noqa: ARG002
        """Return the losses (k,) of the pairs; nothing is added to the total."""
        settings = (pairs.negatives, self.temperature)
        to_profile = info_nce(pairs.molecules, pairs.profiles, *settings, leave_out=self.leave_out)
        to_molecule = info_nce(pairs.profiles, pairs.molecules, *settings, leave_out=self.leave_out)
        return (to_profile + to_molecule) / 2, {}


def make(config: TrainConfig, maker: BatchMaker) -> Cloome:
    """Return the objective of the settings, with random weights."""
    return Cloome(config, maker, NodeType.MORPHOLOGY)


RECIPE = recipe(EdgeType.HAS_MORPHOLOGY, make)
