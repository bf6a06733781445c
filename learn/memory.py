"""Giving memory back to the system.

Batches are of different sizes, so glibc's allocator finds no room between what is left of the last one and takes more
and more: on real molecules a training process of batches of 512 grew from 2 to 6 GB within some hundred steps, of which
it used less than half. ``malloc_trim`` hands back what is free, also in the middle of the heap (man malloc_trim).
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache

EVERY = 8
"""Steps of training between two times: each time costs a tenth of a step, for pages must be taken anew."""


def give_back() -> bool:
    """Hand free memory back to the system; return whether there is a way to (glibc has one)."""
    trim = _malloc_trim()
    if trim is None:
        return False
    trim(0)
    return True


@cache
def _malloc_trim() -> Callable[[int], int] | None:
    try:
        function = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):  # no glibc: macOS, musl, Windows
        return None
    function.argtypes, function.restype = [ctypes.c_size_t], ctypes.c_int
    found: Callable[[int], int] = function
    return found
