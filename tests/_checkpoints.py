"""A checkpoint of a small encoder with random weights."""

from __future__ import annotations

import torch

from learn.checkpoint import Checkpoint, HeldOut, Position
from learn.config import TrainConfig
from learn.encoder import Encoder


def tiny_checkpoint(*holdout: HeldOut, seed: int = 1) -> Checkpoint:
    """One layer; its weights are not those that its configuration's seed makes."""
    torch.manual_seed(seed)
    config = TrainConfig(layers=1, seed=0)
    state = Encoder(config.layers, config.dropout).state_dict()
    return Checkpoint(config, (), state, {}, None, Position(), "snapshot", "graph", holdout=holdout)
