"""Bring a graph that an older version of this platform wrote to today's schema: ``python -m graphdb.migrate``.

Make a backup before, with the platform that wrote it: ``python -m graphdb.backup FILE``.
"""

from __future__ import annotations

import argparse

from graphdb import connect
from graphdb.console import run, say
from graphdb.migrations import migrate
from graphdb.schema import SCHEMA_VERSION


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    parser = argparse.ArgumentParser(prog="python -m graphdb.migrate", description=__doc__)
    parser.add_argument("--uri", help="graph server (default: NEO4J_URI, else the workspace's own)")
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Migrate, and say what was done."""
    with connect(arguments.uri) as store:
        steps = migrate(store)
        for step in steps:
            say(f"schema version {step.from_version} -> {step.from_version + 1}: {step.what}")
        say(f"{store.uri}: schema version {SCHEMA_VERSION}" + ("" if steps else ", nothing to do"))


if __name__ == "__main__":
    run(main, build_parser())
