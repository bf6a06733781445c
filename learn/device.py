"""Where tensors live, and in which precision they are computed with."""

from __future__ import annotations

import torch

from graphdb.console import note
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


def warn_of_slow(precision: str, device: torch.device) -> None:
    """Say so where bfloat16 is computed without instructions for it: a step took 20 times as long as in float32."""
    if precision == "bfloat16" and device.type == "cpu" and not _knows_bfloat16():
        note("this processor has no instructions for bfloat16: --precision float32 is many times as fast here")


def _knows_bfloat16() -> bool:
    found = torch.cpu.get_capabilities()
    # Processors that are not x86 have other names for it, and are not warned of.
    return found.get("architecture") != "x86_64" or any(found.get(name) for name in ("avx512_bf16", "amx_bf16"))


def autocast(config: TrainConfig, device: torch.device) -> torch.autocast:
    """Return the context in which an objective computes in the precision of the settings."""
    return torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bfloat16")
