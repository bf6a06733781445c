"""The errors that a user is meant to read.

Every error that a command expects derives from `InfoAlignError`; its message is one line that names the item, its
place, what was expected and what came. Anything else that escapes is a defect and shows a stack trace.
"""

from __future__ import annotations

from pathlib import Path


class InfoAlignError(Exception):
    """Base of all expected errors. ``str(error)`` is one line for the user."""


class InputError(InfoAlignError):
    """A file, an argument or a setting cannot be used.

    Parameters
    ----------
    reason
        What was expected and what came.
    path
        The file concerned.
    line
        Line of the file, 1-based, header included.
    """

    def __init__(self, reason: str, *, path: Path | str | None = None, line: int | None = None) -> None:
        self.reason = reason
        self.path = None if path is None else str(path)
        self.line = line
        place = "" if path is None else f"{path}:{line}: " if line is not None else f"{path}: "
        super().__init__(f"{place}{reason}")


class GraphError(InfoAlignError):
    """The graph refused a query or holds something unexpected."""


class GraphUnavailableError(GraphError):
    """No graph server answers. Trying again later may help."""


class GraphTimeoutError(GraphError):
    """A query took longer than it may."""


class GraphAuthError(GraphError):
    """The server refused the user name or the password. Trying again does not help."""


class ArtefactError(InfoAlignError):
    """A file that this platform wrote is missing, damaged, or made for another graph or another schema."""


class MissingExtraError(InfoAlignError):
    """An optional package is needed.

    Parameters
    ----------
    package
        Name of the missing package.
    extra
        The extra of infoalign-db that brings it.
    """

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"the package {package!r} is needed for this: pip install 'infoalign-db[{extra}]'")
