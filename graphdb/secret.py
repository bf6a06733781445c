"""A text that is not to be seen: neither in a log, nor in a traceback that shows the variables."""

from __future__ import annotations


class Secret(str):
    """A text whose ``repr`` is stars. ``str`` of it is the text itself: it is for whoever needs it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"
