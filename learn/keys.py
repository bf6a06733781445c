"""Add InChIKeys to a data set's file, so that pretraining can leave its molecules out: ``python -m learn.keys``.

``learn.pretrain --holdout`` reads the column ``inchikey`` and does without chemistry; ChEMBL2K and Broad6K come with
one, Biogen3K and ToxCast do not.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import time
from pathlib import Path

import pandas as pd

from graphdb.console import note, run, say
from graphdb.errors import InputError
from graphdb.files import replacing_file
from learn.holdout import BLOCK, COLUMN, FILE, open_text

SHOWN_REJECTS = 5


def add_keys(path: Path, out: Path, column: str = "smiles") -> pd.DataFrame:
    """Write the table `path` to `out` with a column ``inchikey`` more: the first block, empty where there is none.

    All else stays as it is, cell by cell.

    Parameters
    ----------
    path, out
        CSV, gzipped where the name ends on ``.gz``.
    column
        Where the structures stand.

    Returns
    -------
    pandas.DataFrame
        ``line``, ``inchikey`` (None where rejected) and ``reason`` (None where not), a row a structure.

    Raises
    ------
    InputError
        If the file cannot be read, lacks the column, or has InChIKeys already.
    """
    from ingest.standardise.molecules import standardise_table

    with open_text(path) as file:
        reader = csv.reader(file)
        rows, lines = [], []
        for row in reader:
            rows.append(row)
            lines.append(reader.line_num)
    header = rows[0] if rows else []
    if column not in header:
        raise InputError(f"no column {column!r}; there are {', '.join(header[:12]) or 'none'}", path=path, line=1)
    if COLUMN in header:
        raise InputError(f"there is a column {COLUMN!r} already", path=path, line=1)
    place = header.index(column)
    for row, line in zip(rows, lines, strict=True):
        if len(row) != len(header):
            raise InputError(f"expected {len(header)} cells, found {len(row)}", path=path, line=line)
    standard = standardise_table([("smiles", row[place]) for row in rows[1:]])
    blocks = [key[:BLOCK] if isinstance(key, str) else "" for key in standard["inchikey"]]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        [*row, block] for row, block in zip(rows, [COLUMN, *blocks], strict=True)
    )
    content = text.getvalue().encode()
    with replacing_file(out) as temporary:
        # No time in the header: the same input gives the same file, and its hash is what a checkpoint records.
        temporary.write_bytes(gzip.compress(content, mtime=0) if out.suffix == ".gz" else content)
    return standard.assign(line=lines[1:])[["line", "inchikey", "reason"]]


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    parser = argparse.ArgumentParser(prog="python -m learn.keys", description=__doc__)
    parser.add_argument("path", type=Path, help=f"the data set's file, or its folder (which holds {FILE})")
    parser.add_argument("--out", type=Path, required=True, help="file to write; pretrain and finetune on this one")
    parser.add_argument("--column", default="smiles", help="column of the structures (default: %(default)s)")
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Add the keys, and say how many there are."""
    began = time.perf_counter()
    path = arguments.path / FILE if arguments.path.is_dir() else arguments.path
    table = add_keys(path, arguments.out, arguments.column)
    bad = table[table["inchikey"].isna()]
    for line, reason in list(zip(bad["line"], bad["reason"], strict=True))[:SHOWN_REJECTS]:
        note(f"{path}:{line}: {reason}")
    if len(bad):
        note(f"{len(bad):,} of {len(table):,} structures have no key; the encoder does not take them either")
    seconds = time.perf_counter() - began
    say(f"{len(table) - len(bad):,} InChIKeys added: {arguments.out} ({seconds:.1f} s)")


if __name__ == "__main__":
    run(main, build_parser())
