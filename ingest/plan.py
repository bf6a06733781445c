"""Which sources a run loads: from the command line, from a file, and from what the graph already holds."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from graphdb.errors import InputError
from ingest.sources import SOURCES, parse_source_argument
from ingest.sources._hub import is_fetched

Plan = Mapping[str, Path | None]
"""Name of a source → where its files lie; None for a source that needs none."""


def plan_sources(
    arguments: Sequence[str], config: Path | None, downloads: Path | None = None
) -> dict[str, Path | None]:
    """Return the sources that were asked for; ``demo`` where none was.

    Parameters
    ----------
    arguments
        ``NAME`` or ``NAME=PATH`` each, as on the command line.
    config
        A TOML file with a table ``[sources]`` of ``name = "path"`` (relative to the file) or ``name = true``.
    downloads
        Where ``ingest.sources fetch`` puts files: a source that is named without a path is read there.

    Raises
    ------
    InputError
        For an unknown name, a name given twice with different paths, or a file that is not of that form.
    """
    plan: dict[str, Path | None] = {} if config is None else _from_toml(config)
    for text in arguments:
        name, path = parse_source_argument(text)
        if name in plan and plan[name] != path:
            raise InputError(f"the source {name} is named twice with different paths: {plan[name]} and {path}")
        plan[name] = path
    for name, path in plan.items():
        if path is None and downloads is not None and SOURCES[name].hub is not None and is_fetched(downloads / name):
            plan[name] = downloads / name
    return plan or {"demo": None}


def with_earlier_sources(plan: Plan, held: Sequence[str], report: Mapping[str, Any] | None) -> dict[str, Path | None]:
    """Return `plan` joined with the sources that the graph holds, read from where they were read before.

    Parameters
    ----------
    plan
        What is asked for now.
    held
        Names of the sources in the graph.
    report
        The last ingest's report (``workspace/ingest.json``), which knows their paths.

    Raises
    ------
    InputError
        If it is not known where an earlier source lies.
    """
    known = {} if report is None else report.get("sources", {})
    joined = dict(plan)
    for name in held:
        if name in joined:
            continue
        if name not in known:
            raise InputError(
                f"the graph holds {name}, but not from this workspace; say where it is: --source {name}=PATH"
            )
        path = known[name].get("path")
        joined[name] = None if path is None else Path(path)
    return joined


def _from_toml(config: Path) -> dict[str, Path | None]:
    try:
        content = tomllib.loads(config.read_text())
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"not valid TOML ({error})", path=config) from None
    except UnicodeDecodeError:
        raise InputError("not a text file in UTF-8", path=config) from None
    sources = content.get("sources")
    if not isinstance(sources, dict) or not sources:
        raise InputError('expected a table [sources] with lines such as lincs = "data/lincs"', path=config)
    plan: dict[str, Path | None] = {}
    for name, place in sources.items():
        if name not in SOURCES:
            raise InputError(f"no source is named {name!r}; there are: {', '.join(SOURCES)}", path=config)
        if place is not True and not isinstance(place, str):
            raise InputError(f"{name}: expected a path in quotes, or true, got {place!r}", path=config)
        plan[name] = None if place is True else (config.parent / Path(place).expanduser())
    return plan
