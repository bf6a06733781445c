"""The sources: what can be loaded into a context graph. One file a source; a new file is a new source.

Every module of this folder whose name has no leading underscore holds one ``SOURCE``. They are found by looking into
the folder (`pkgutil`), not by a list that a new source would have to be added to.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from graphdb.errors import InputError
from ingest.sources._source import Source


def _discover() -> Mapping[str, Source]:
    found: dict[str, Source] = {}
    for module in pkgutil.iter_modules(__path__):
        if module.name.startswith("_"):  # helpers, and the command
            continue
        source: Source = importlib.import_module(f"{__name__}.{module.name}").SOURCE
        if source.name in found:
            raise ImportError(f"two sources are named {source.name!r}; the second is {__name__}.{module.name}")
        found[source.name] = source
    return MappingProxyType(found)


SOURCES: Mapping[str, Source] = _discover()
"""Name of a source → the source, in alphabetical order of the modules."""


def parse_source_argument(text: str) -> tuple[str, Path | None]:
    """Take ``NAME`` or ``NAME=PATH`` apart.

    Raises
    ------
    InputError
        If no source has this name (the message lists those there are) or nothing follows the ``=``.
    """
    name, equals, place = text.partition("=")
    if name not in SOURCES:
        raise InputError(f"no source is named {name!r}; there are: {', '.join(SOURCES)}")
    if equals and not place:
        raise InputError(f"no path after {text!r}: --source {name}=PATH")
    return name, Path(place).expanduser() if equals else None


__all__ = ["SOURCES", "Source", "parse_source_argument"]
