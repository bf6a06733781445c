"""List the InChIKeys of a data set, so that pretraining can leave its molecules out: ``python -m learn.keys``.

``learn.pretrain --holdout`` runs this where it finds no list in the workspace. The list is a text file with an InChIKey
a line, which ``python -m graphdb.walks export --exclude`` reads too.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import re
import time
import zlib
from pathlib import Path

import pandas as pd

from graphdb.console import note, run, say
from graphdb.errors import InputError
from graphdb.files import replacing_file, sha256
from graphdb.workspace import Workspace
from learn.holdout import FILE

STATED = "inchikey"
_STATED_KEY = re.compile(r"[A-Z]{14}(-[A-Z]{10}-[A-Z])?")
SHOWN_REJECTS = 5


def read_structures(path: Path, column: str = "smiles") -> pd.DataFrame:
    """Read the structures of a data set.

    Parameters
    ----------
    path
        CSV, gzipped where the name ends on ``.gz``.
    column
        Where the structures stand.

    Returns
    -------
    pandas.DataFrame
        ``line`` (1-based), ``smiles``, and ``stated``: the file's own InChIKey or first block, "" where it has none.

    Raises
    ------
    InputError
        If the file cannot be read, lacks the column, or has rows of different lengths.
    """
    rows = []
    try:
        with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="") as file:
            reader = csv.reader(file)
            header = next(reader, [])
            if column not in header:
                there = ", ".join(header[:12]) or "none"
                raise InputError(f"no column {column!r}; there are: {there}", path=path, line=1)
            smiles, stated = header.index(column), header.index(STATED) if STATED in header else None
            for row in reader:
                if len(row) != len(header):
                    raise InputError(f"expected {len(header)} cells, found {len(row)}", path=path, line=reader.line_num)
                key = "" if stated is None else row[stated].strip()
                rows.append((reader.line_num, row[smiles], key if _STATED_KEY.fullmatch(key) else ""))
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise InputError("truncated or damaged gzip", path=path) from None
    except UnicodeDecodeError:
        raise InputError("not a text file in UTF-8", path=path) from None
    except csv.Error as error:
        raise InputError(f"not a CSV file ({error})", path=path) from None
    return pd.DataFrame(rows, columns=["line", "smiles", "stated"])


def standardised(structures: pd.DataFrame) -> pd.DataFrame:
    """Add ``inchikey`` of the standardised structure (None where rejected) and ``reason`` (None where not)."""
    from ingest.standardise.molecules import standardise_table

    standard = standardise_table([("smiles", text) for text in structures["smiles"]])
    return structures.assign(inchikey=standard["inchikey"].to_numpy(), reason=standard["reason"].to_numpy())


def write_keys(table: pd.DataFrame, source: Path, out: Path) -> int:
    """Write the keys of a table, stated and made, to `out`; return how many there are."""
    keys = sorted({*table["inchikey"].dropna(), *table["stated"]} - {""})
    with replacing_file(out) as temporary:
        temporary.write_text(f"# {len(table)} structures of {source.name}, SHA-256 {sha256(source)}\n")
        with temporary.open("a") as file:
            file.writelines(f"{key}\n" for key in keys)
    return len(keys)


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
    bad = table[table["inchikey"].isna()]
    for line, reason in list(zip(bad["line"], bad["reason"], strict=True))[:SHOWN_REJECTS]:
        note(f"{path}:{line}: {reason}")
    if len(bad):
        note(f"{len(bad):,} of {len(table):,} structures cannot be used; the graph and the encoder do not take them")
    out = arguments.out or Workspace.default().root / "holdout" / f"{sha256(path)}.keys"
    count = write_keys(table, path, out)
    say(f"{count:,} InChIKeys of {len(table):,} structures: {out} ({time.perf_counter() - began:.1f} s)")


if __name__ == "__main__":
    run(main, build_parser())
