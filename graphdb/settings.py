"""Which graph to connect to: ``NEO4J_*`` from the environment, else from ``.env`` in the current folder."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from dotenv import dotenv_values

from graphdb.errors import InputError


@dataclass(frozen=True)
class Settings:
    """Where the graph is and who asks.

    Attributes
    ----------
    uri
        Bolt address; None means the embedded graph of the workspace.
    username, password, database
        As the Neo4j driver takes them; ``database`` None is the server's default.
    """

    uri: str | None
    username: str = "neo4j"
    password: str = field(default="", repr=False)
    database: str | None = None

    @classmethod
    def load(cls, dotenv: Path | None = None) -> Settings:
        """Read ``NEO4J_URI``, ``NEO4J_USERNAME``, ``NEO4J_PASSWORD`` and ``NEO4J_DATABASE``.

        The environment wins over the file. `dotenv` defaults to ``.env`` in the current folder.
        """
        found = {**dotenv_values(dotenv or Path(".env")), **os.environ}
        return cls(
            uri=found.get("NEO4J_URI") or None,
            username=found.get("NEO4J_USERNAME") or "neo4j",
            password=found.get("NEO4J_PASSWORD") or "",
            database=found.get("NEO4J_DATABASE") or None,
        )


def memory_setting(name: str, default: str) -> str:
    """Return a size of memory from the environment, as Java takes it, e.g. ``512m``.

    Raises
    ------
    InputError
        If it is no size.
    """
    size = os.environ.get(name) or default
    if not re.fullmatch(r"[1-9]\d*[mg]", size, re.IGNORECASE):
        raise InputError(f"{name}: expected a size such as 512m or {default}, got {size!r}")
    return size
