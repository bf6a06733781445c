"""Compiling loops to machine code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


def compiled(function: FunctionT) -> FunctionT:
    """Compile a function at its first call, without Python's lock; the code is kept for later processes."""
    try:
        made: FunctionT = numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:
        # Neither the package nor the user's cache folder can be written to: compile in every process.
        made = numba.njit(nogil=True)(function)
    return made
