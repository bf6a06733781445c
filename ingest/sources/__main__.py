"""Say what can be loaded: ``python -m ingest.sources list``, or one source by its name, with where to get its files."""

from __future__ import annotations

import argparse
import inspect
import json
import sys

from graphdb.console import print_table, run, say
from ingest.sources import SOURCES


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    parser = argparse.ArgumentParser(prog="python -m ingest.sources", description=__doc__)
    parser.add_argument("what", choices=("list", *SOURCES), metavar="list|NAME", help="list, or the name of a source")
    parser.add_argument("--json", action="store_true", help="print as JSON")
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Print the table, or all that is known of one source."""
    if arguments.what == "list":
        rows = [
            {"source": s.name, "holds": s.title, "files": list(s.files), "licence": s.licence, "origin": s.origin}
            for s in SOURCES.values()
        ]
        if arguments.json:
            say(json.dumps(rows, indent=2, ensure_ascii=False))
            return
        print_table(
            "Sources (python -m ingest.sources NAME says more)",
            ["source", "holds", "licence"],
            [[row["source"], row["holds"], row["licence"]] for row in rows],
        )
        return
    source = SOURCES[arguments.what]
    about = {
        "source": source.name,
        "holds": source.title,
        "origin": source.origin,
        "licence": source.licence,
        "files": list(source.files),
        "about": inspect.cleandoc(sys.modules[source.read.__module__].__doc__ or ""),
    }
    if arguments.json:
        say(json.dumps(about, indent=2, ensure_ascii=False))
        return
    say(f"{source.name}: {source.title}")
    say(f"origin   {source.origin}")
    say(f"licence  {source.licence}")
    say(f"files    {', '.join(source.files) or 'none'}")
    say()
    say(str(about["about"]))


if __name__ == "__main__":
    run(main, build_parser())
