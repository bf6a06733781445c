"""Say what can be loaded, and fetch what can be fetched.

``python -m ingest.sources list`` prints all sources, ``python -m ingest.sources NAME`` says of one where to get its
files, and ``python -m ingest.sources fetch NAME`` gets them where they are on the Hugging Face hub: it goes on where it
broke off, checks every file, and records checksums and commit in ``manifest.json``.
"""

from __future__ import annotations

import argparse
import inspect
import json
import sys
import time
from pathlib import Path

from graphdb.console import print_table, run, say
from graphdb.errors import InputError
from graphdb.files import MANIFEST
from graphdb.workspace import Workspace
from ingest.sources import SOURCES, Source
from ingest.sources._hub import fetch


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    parser = argparse.ArgumentParser(prog="python -m ingest.sources", description=__doc__)
    parser.add_argument(
        "what",
        choices=("list", "fetch", *SOURCES),
        metavar="list|NAME|fetch",
        help="list, the name of a source, or fetch and a name",
    )
    fetchable = [source.name for source in SOURCES.values() if source.hub is not None]
    parser.add_argument(
        "source", nargs="?", choices=fetchable, metavar="SOURCE", help=f"what to fetch: {', '.join(fetchable)}"
    )
    parser.add_argument("--json", action="store_true", help="print as JSON")
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="fetch: into this folder (default: the workspace's)")
    parser.add_argument(
        "--revision", help="fetch: a commit, tag or branch (default: the commit of the last fetch, else the newest)"
    )
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Print the table, or all that is known of one source; or fetch one."""
    if (arguments.what == "fetch") != (arguments.source is not None):
        raise InputError("fetch needs the name of a source, and nothing else takes one: ingest.sources fetch infoalign")
    if arguments.what == "fetch":
        fetch_source(SOURCES[arguments.source], arguments.to, arguments.revision)
        return
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


def fetch_source(source: Source, to: Path | None, revision: str | None) -> None:
    """Fetch the files of a source, and say what was done."""
    assert source.hub is not None
    folder = to or Workspace.default().downloads / source.name
    started = time.perf_counter()
    done = fetch(source.hub, folder, revision)
    seconds = time.perf_counter() - started
    say(f"{done.fetched} file(s) fetched ({done.bytes:,} bytes, {seconds:.1f} s), {done.kept} were there: {folder}")
    say(f"{source.hub.repository} at commit {done.revision}; checksums in {folder / MANIFEST}")
    say(f"licence: {source.licence}")
    say(f"load it with: python -m ingest.all --add --source {source.name}" + (f"={folder}" if to else ""))


if __name__ == "__main__":
    run(main, build_parser())
