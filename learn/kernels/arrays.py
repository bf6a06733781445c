"""Arrays of rows from a pool: those of one step take the memory of those of the last.

What a step of training makes is large (27,000 atoms of 600 numbers are 65 MB) and of another size in every batch. Asked
for such arrays, an allocator takes fresh pages of the system, which have to be cleared first (a product of matrices
that writes to them takes half as long again), or finds no room between what is left of slightly smaller ones.
"""

from __future__ import annotations

import math
import threading
import weakref
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Memory = npt.NDArray[Any]
SMALLEST = 2**20
"""Arrays of fewer bytes are left to PyTorch's allocator."""
FINENESS = 8
"""Sizes are rounded up so that from one power of two to the next there are so many."""


def empty_rows(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Return an array of rows on the CPU whose numbers are not set; its memory goes back where it dies."""
    need = math.prod(shape) * dtype.itemsize
    if need < SMALLEST:
        return torch.empty(shape, dtype=dtype)
    return torch.from_numpy(_pool.take(need)).view(dtype).view(shape)


def release() -> None:
    """Hand back to the system what the pool holds and nobody uses."""
    _pool.clear()


class _Pool:
    """Memory that was used before, by size.

    It is never more than was in use at some time at once: where sizes change, that of the old ones goes.

    Attributes
    ----------
    in_use, held
        Bytes that are lent, and those with what waits to be lent again.
    """

    def __init__(self) -> None:
        # Arrays die wherever their last user lets them go, in the middle of `take` too.
        self._lock = threading.RLock()
        self._free: list[Memory] = []  # in the order in which they came back
        self.in_use = self.held = self._most_used = 0

    def take(self, need: int) -> Memory:
        """Return (need,) uint8."""
        size = _rounded(need)
        with self._lock:
            self.in_use += size
            self._most_used = max(self._most_used, self.in_use)
            place = next((at for at in reversed(range(len(self._free))) if len(self._free[at]) == size), None)
            if place is None:
                self._make_room(size)
                memory = np.empty(size, np.uint8)
                self.held += size
            else:
                memory = self._free.pop(place)
        lent = memory[:need]
        weakref.finalize(lent, self._give, memory).atexit = False
        return lent

    def clear(self) -> None:
        """Let go of what is not in use."""
        with self._lock:
            self._free.clear()
            self.held = self._most_used = self.in_use

    def _give(self, memory: Memory) -> None:
        with self._lock:
            self.in_use -= len(memory)
            self._free.append(memory)

    def _make_room(self, size: int) -> None:
        while self._free and self.held + size > self._most_used:
            self.held -= len(self._free.pop(0))


def _rounded(need: int) -> int:
    step: int = (1 << need.bit_length() - 1) // FINENESS
    return need + -need % step


_pool = _Pool()
