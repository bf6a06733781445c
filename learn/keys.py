"""List the InChIKeys of a data set, so that pretraining can leave its molecules out: ``python -m learn.keys``.

``learn.pretrain --holdout`` runs this where it finds no list in the workspace. The list is a text file with an InChIKey
a line, which ``python -m graphdb.walks export --exclude`` reads too.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from graphdb.console import note, run, say
from graphdb.files import sha256
from graphdb.holdout import FILE, key_file
from graphdb.workspace import Workspace
from ingest.holdout import read_structures, standardised, write_keys

SHOWN_REJECTS = 5


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    parser = argparse.ArgumentParser(prog="python -m learn.keys", description=__doc__)
    parser.add_argument("path", type=Path, help=f"the data set's file, or its folder (which holds {FILE})")
    parser.add_argument("--column", default="smiles", help="column of the structures (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="file to write (default: in holdout/ of the workspace)")
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Make the list, and say how many keys there are."""
    began = time.perf_counter()
    path = arguments.path / FILE if arguments.path.is_dir() else arguments.path
    table = standardised(read_structures(path, arguments.column))
    bad = table[table["reason"].notna()]
    for line, reason in list(zip(bad["line"], bad["reason"], strict=True))[:SHOWN_REJECTS]:
        note(f"{path}:{line}: {reason}")
    if len(bad):
        note(f"{len(bad):,} of {len(table):,} structures cannot be used; the graph and the encoder do not take them")
    out = arguments.out or key_file(Workspace.default().holdout, sha256(path))
    count = write_keys(table, path, out)
    say(f"{count:,} InChIKeys of {len(table):,} structures: {out} ({time.perf_counter() - began:.1f} s)")


if __name__ == "__main__":
    run(main, build_parser())
