"""Where tensors live, and in which precision they are computed with."""

from __future__ import annotations

import torch

from graphdb.errors import InputError
from learn.config import TrainConfig


def resolve_device(name: str) -> torch.device:
    """Return the device that `name` says: ``auto`` (CUDA where there is one), ``cpu``, ``cuda`` or ``cuda:N``.

    Raises
    ------
    InputError
        If it is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"no device is named {name!r}; say auto, cpu, cuda or cuda:0") from None
    if device.type == "cuda" and (not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count()):
        raise InputError(f"the device {name!r} is not there ({torch.cuda.device_count()} CUDA devices)")
    return device


def autocast(config: TrainConfig, device: torch.device) -> torch.autocast:
    """Return the context in which an objective computes in the precision of the settings."""
    return torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bfloat16")
