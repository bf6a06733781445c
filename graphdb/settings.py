"""Which graph to connect to: ``NEO4J_*`` from the environment, else from ``.env`` in the current folder."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from dotenv import dotenv_values


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
