"""Pretraining objectives, one file each: all share the trainer, the data and the encoder (decision 15)."""

from __future__ import annotations

from collections.abc import Mapping

from graphdb.errors import InputError
from learn.config import TrainConfig
from learn.objectives import (
    attrmask,
    cloome,
    contextpred,
    edgepred,
    infoalign,
    infocore,
    masked_smiles,
    next_token,
)
from learn.objectives.base import Loss, Objective, Recipe

__all__ = ["OBJECTIVES", "Loss", "Objective", "Recipe", "recipe_of"]

OBJECTIVES: Mapping[str, Recipe] = {
    "infoalign": infoalign.RECIPE,
    "masked-smiles": masked_smiles.RECIPE,
    "next-token": next_token.RECIPE,
    "cloome": cloome.RECIPE,
    "infocore-cp": infocore.CELL_PAINTING,
    "infocore-ge": infocore.EXPRESSION,
    "attrmask": attrmask.RECIPE,
    "contextpred": contextpred.RECIPE,
    "edgepred": edgepred.RECIPE,
}
"""All objectives, by the name in the settings."""


def recipe_of(config: TrainConfig) -> Recipe:
    """Return the recipe of the objective that the settings name.

    Raises
    ------
    InputError
        If they name none.
    """
    try:
        return OBJECTIVES[config.objective]
    except KeyError:
        known = ", ".join(sorted(OBJECTIVES))
        raise InputError(f"unknown objective {config.objective!r}; there are: {known}") from None
