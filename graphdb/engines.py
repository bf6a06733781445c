"""The two engines that a workspace may run by itself, and which of them it does.

It is ``embedded`` unless ``python -m graphdb.server start --engine neo4j`` has chosen the other; ``INFOALIGN_ENGINE``
wins over what was chosen. A server that ``NEO4J_URI`` names is none of them: it is somebody else's to start.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from graphdb import embedded, neo4j_server, process
from graphdb.errors import InputError
from graphdb.files import replacing_file
from graphdb.process import ServerProcess
from graphdb.workspace import Workspace

EngineName = Literal["embedded", "neo4j"]
ENGINE_NAMES: tuple[EngineName, ...] = get_args(EngineName)
USERNAMES: Mapping[EngineName, str] = {"embedded": embedded.USERNAME, "neo4j": neo4j_server.USERNAME}


@dataclass(frozen=True)
class Access:
    """A running server and how to get in.

    Attributes
    ----------
    server
        The process.
    username, password, database
        As the driver takes them.
    folder
        Of the server.
    """

    server: ServerProcess
    username: str
    password: str
    database: str
    folder: Path

    def __repr__(self) -> str:
        return f"Access({self.server.uri!r}, username={self.username!r})"


def folder_of(workspace: Workspace, engine: EngineName) -> Path:
    """Return the folder of an engine's server in this workspace."""
    return workspace.neo4j if engine == "neo4j" else workspace.graph


def chosen(workspace: Workspace) -> EngineName:
    """Return the engine that this workspace uses.

    Raises
    ------
    InputError
        If ``INFOALIGN_ENGINE`` or the workspace's choice is none.
    """
    name = os.environ.get("INFOALIGN_ENGINE")
    if name:
        return _checked(name, "INFOALIGN_ENGINE")
    try:
        return _checked(workspace.engine.read_text().strip(), str(workspace.engine))
    except FileNotFoundError:
        return "embedded"


def choose(workspace: Workspace, engine: EngineName) -> None:
    """Make this the engine that the workspace uses."""
    workspace.root.mkdir(parents=True, exist_ok=True)
    with replacing_file(workspace.engine) as temporary:
        temporary.write_text(engine + "\n")


def start(workspace: Workspace, engine: EngineName | None = None, *, port: int | None = None) -> Access:
    """Return the running server of the workspace; start it where it does not run.

    Parameters
    ----------
    workspace
        Whose server.
    engine
        Default: the chosen one.
    port
        Where Neo4j shall listen; the embedded graph takes any free one.
    """
    engine = engine or chosen(workspace)
    folder = folder_of(workspace, engine)
    if engine == "neo4j":
        server = neo4j_server.start(folder, port=port)
        return Access(server, neo4j_server.USERNAME, process.read_password(folder), neo4j_server.DATABASE, folder)
    server = embedded.start(folder)
    return Access(server, embedded.USERNAME, process.read_password(folder), embedded.DATABASE, folder)


def wipe(workspace: Workspace, engine: EngineName) -> bool:
    """Stop the engine's server and delete all that it holds; return whether there was anything."""
    folder = folder_of(workspace, engine)
    if not folder.exists():
        return False
    process.stop(folder)
    shutil.rmtree(folder)
    return True


def _checked(name: str, where: str) -> EngineName:
    for known in ENGINE_NAMES:
        if name == known:
            return known
    raise InputError(f"{where}: expected {' or '.join(ENGINE_NAMES)}, got {name!r}")
