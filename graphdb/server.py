"""Start, look at and stop the graph server of the workspace: the embedded one, or a Neo4j with GDS and APOC.

``python -m graphdb.server start --engine neo4j`` gets Neo4j from Maven Central where it is not in the cache, runs it on
a loopback port, and makes it the graph that all commands use; ``start --engine embedded`` goes back. Java 17 or newer
is needed for it, and no Docker.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from graphdb import engines, process
from graphdb.console import run, say
from graphdb.engines import ENGINE_NAMES, EngineName
from graphdb.errors import InputError
from graphdb.workspace import Workspace


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    parser = argparse.ArgumentParser(
        prog="python -m graphdb.server", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    actions = parser.add_subparsers(dest="action", required=True)
    texts = {
        "start": "start it where it does not run, and make it the workspace's graph",
        "status": "say what runs, and where",
        "stop": "stop it; what it holds stays",
        "logs": "show the end of its log",
        "wipe": "stop it and delete all that it holds",
        "fetch": "get Neo4j into the cache, for a machine that will have no network",
    }
    for name, text in texts.items():
        action = actions.add_parser(name, help=text, description=text)
        if name != "fetch":
            action.add_argument("--engine", choices=ENGINE_NAMES, help="default: the one that the workspace uses")
        if name == "start":
            action.add_argument("--port", type=int, help="where Neo4j shall listen (default: 7687 if it is free)")
        if name == "logs":
            action.add_argument("--lines", type=int, default=40, help="how many lines (default: %(default)s)")
        if name == "wipe":
            action.add_argument("--yes", action="store_true", help="needed: what is deleted cannot be had back")
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Do what is asked and say how it stands."""
    if arguments.action == "fetch":
        from graphdb.neo4j_server.artifacts import fetch

        say(f"Neo4j lies in {fetch()}")
        return
    workspace = Workspace.default()
    engine: EngineName = arguments.engine or engines.chosen(workspace)
    folder = engines.folder_of(workspace, engine)
    match arguments.action:
        case "start":
            _start(workspace, engine, arguments.port)
        case "stop":
            say("stopped" if process.stop(folder) else f"not running ({folder})")
        case "logs":
            log = process.log_file(folder)
            say(
                "\n".join(log.read_text(errors="replace").splitlines()[-arguments.lines :])
                if log.exists()
                else "no log yet"
            )
        case "wipe":
            if not arguments.yes:
                raise InputError(f"wipe deletes {folder} and cannot be undone; say --yes if that is what you want")
            say(f"deleted {folder}" if engines.wipe(workspace, engine) else f"nothing to delete ({folder})")
        case _:
            server = process.running(folder)
            say(f"not running ({folder})" if server is None else _running(server, engine, folder))


def _start(workspace: Workspace, engine: EngineName, port: int | None) -> None:
    if port is not None and engine != "neo4j":
        raise InputError("--port: the embedded graph takes any free port; only Neo4j's can be chosen")
    access = engines.start(workspace, engine, port=port)
    if port not in {None, access.server.bolt_port}:
        raise InputError(f"--port {port}: it runs already, on port {access.server.bolt_port}; stop it first")
    engines.choose(workspace, engine)
    say(_running(access.server, engine, access.folder))


def _running(server: process.ServerProcess, engine: EngineName, folder: Path) -> str:
    return (
        f"running at {server.uri}, process {server.pid}; user {engines.USERNAMES[engine]}, "
        f"password in {folder / 'password'}"
    )


if __name__ == "__main__":
    run(main, build_parser())
