"""A limit of time for a query, where the engine has none: ArcadeDB passes over the one that Bolt hands it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from graphdb.errors import GraphTimeoutError

Result = TypeVar("Result")


def within(seconds: float, call: Callable[[], Result]) -> Result:
    """Return the result of a call, or raise what it raises.

    Raises
    ------
    GraphTimeoutError
        If it takes longer. Nobody waits for it then, but the server goes on with it.
    """
    results: list[Result] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            results.append(call())
        except BaseException as error:  # raised again below, where somebody waits for it
            errors.append(error)

    thread = threading.Thread(target=work, daemon=True, name="query")
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise GraphTimeoutError(
            "the query took longer than it may (--timeout); the embedded graph goes on with it, "
            "unless: python -m graphdb.server stop"
        )
    return results[0]
