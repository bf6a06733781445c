"""Pretraining objectives, one file each: all share the trainer, the data and the encoder (decision 15)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from graphdb.errors import InputError
from learn.config import TrainConfig
from learn.objectives.base import Loss, Objective
from learn.objectives.infoalign import InfoAlign

if TYPE_CHECKING:
    from learn.batches import BatchMaker

__all__ = ["OBJECTIVES", "Loss", "Objective", "build_objective"]


def _infoalign(config: TrainConfig, maker: BatchMaker) -> Objective:
    return InfoAlign(maker.specs, dropout=config.dropout, beta=config.beta, latent=config.latent)


OBJECTIVES: Mapping[str, Callable[[TrainConfig, BatchMaker], Objective]] = {"infoalign": _infoalign}
"""Makes each objective, of the settings and of what the batches hold; by the name in the settings."""


def build_objective(config: TrainConfig, maker: BatchMaker) -> Objective:
    """Return a new objective with random weights.

    Raises
    ------
    InputError
        If the settings name none.
    """
    try:
        make = OBJECTIVES[config.objective]
    except KeyError:
        known = ", ".join(sorted(OBJECTIVES))
        raise InputError(f"unknown objective {config.objective!r}; there are: {known}") from None
    return make(config, maker)
