"""Compiling loops to machine code, and how many processors there are to run them."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import numba

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


def processors() -> int:
    """Return the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def compiled(function: FunctionT) -> FunctionT:
    """Compile a function at its first call, without Python's lock; the code is kept for later processes."""
    try:
        made: FunctionT = numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:
        # Neither the package nor the user's cache folder can be written to: compile in every process.
        made = numba.njit(nogil=True)(function)
    return made
