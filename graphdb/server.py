"""Start, look at and stop the embedded graph: ``python -m graphdb.server start|status|stop|logs``."""

from __future__ import annotations

import argparse

from graphdb import embedded
from graphdb.console import run, say
from graphdb.workspace import Workspace


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    parser = argparse.ArgumentParser(prog="python -m graphdb.server", description=__doc__)
    parser.add_argument("action", choices=("start", "status", "stop", "logs"))
    parser.add_argument("--lines", type=int, default=40, help="how many lines of the log to show (default 40)")
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Do what is asked and say how it stands."""
    folder = Workspace.default().graph
    if arguments.action == "start":
        _say_running(embedded.start(folder))
    elif arguments.action == "stop":
        say("stopped" if embedded.stop(folder) else f"not running ({folder})")
    elif arguments.action == "logs":
        log = embedded.log_file(folder)
        say(
            "\n".join(log.read_text(errors="replace").splitlines()[-arguments.lines :])
            if log.exists()
            else "no log yet"
        )
    else:
        server = embedded.running(folder)
        if server is None:
            say(f"not running ({folder})")
        else:
            _say_running(server)


def _say_running(server: embedded.EmbeddedServer) -> None:
    folder = Workspace.default().graph
    say(f"running at {server.uri}, process {server.pid}; user {embedded.USERNAME}, password in {folder / 'password'}")


if __name__ == "__main__":
    run(main, build_parser())
