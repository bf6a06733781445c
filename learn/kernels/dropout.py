"""Dropout whose mask is a hash of what is dropped: which step, layer, molecule, atom and column.

So it is the same in a compiled loop, in PyTorch, on a GPU, and however a batch is split over ranks; and the backward
pass makes it again in place of keeping it.
"""

from __future__ import annotations

import torch
from torch import Tensor

COLUMN = 0x9E3779B9 - 2**32
"""What a column adds to the key of its row, as int32."""


def mixed(bits: Tensor) -> Tensor:
    """Return 32 bits mixed, int32 (the finaliser ``lowbias32`` of C. Wellons' hash prospector)."""
    bits = bits ^ ((bits >> 16) & 0xFFFF)
    bits = bits * 0x7FEB352D
    bits = bits ^ ((bits >> 15) & 0x1FFFF)
    bits = bits * (0x846CA68B - 2**32)
    return bits ^ ((bits >> 16) & 0xFFFF)


def draw_keys(number: int, device: torch.device) -> Tensor:
    """Return keys (number,) int32 of as many dropouts, by PyTorch's generator on the CPU: the same on every rank."""
    return torch.randint(-(2**31), 2**31 - 1, (number,), dtype=torch.int32).to(device)


def row_keys(rows: Tensor, key: Tensor) -> Tensor:
    """Return the keys (n,) int32 of rows in a dropout: `rows` (n,) int32 says which they are, `key` () which it is."""
    return mixed(rows ^ key)


def threshold(rate: float) -> int:
    """Return the number of 2^32 hashes that are dropped."""
    return min(2**32 - 1, round(rate * 2**32))


def dropout(x: Tensor, keys: Tensor, rate: float) -> Tensor:
    """Return x (n, d) with a share `rate` of its cells set to 0 and the others divided by 1 − rate.

    `keys` (n,) are of `row_keys`.
    """
    column = torch.arange(x.shape[1], dtype=torch.int32, device=x.device) * COLUMN
    hashes = mixed(keys[:, None] + column)
    # Unsigned: the sign bit is turned on both sides.
    kept = (hashes ^ -(2**31)) >= threshold(rate) - 2**31
    return torch.where(kept, x / (1 - rate), 0)
