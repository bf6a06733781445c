"""Leave the molecules of downstream data sets out of pretraining.

The method demands it (section 5): an encoder that has walked from a test molecule has seen its profile. Molecules are
told by the first block of the InChIKey, which leaves stereo and charge aside.
"""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO, cast

import numpy as np
import numpy.typing as npt

from graphdb.errors import InputError
from graphdb.files import sha256
from graphdb.schema import NodeType
from graphdb.snapshot import Snapshot
from learn.checkpoint import HeldOut

BLOCK = 14
COLUMN = "inchikey"
FILE = "assays.csv.gz"
_KEY = re.compile(r"[A-Z]{14}(-|$)")


def parse_holdout(text: str) -> tuple[str, Path]:
    """Take ``TASK=PATH`` apart; the path is the task's file or its folder."""
    name, equals, place = text.partition("=")
    if not equals or not name or not place:
        raise InputError(f"expected --holdout TASK=PATH, got {text!r}")
    path = Path(place).expanduser()
    return name, path / FILE if path.is_dir() else path


def read_blocks(path: Path) -> set[str]:
    """Return the InChIKey first blocks of a data set's file, from its column ``inchikey``.

    Raises
    ------
    InputError
        If it cannot be read or has no such column.
    """
    with open_text(path) as file:
        rows = csv.DictReader(file)
        if COLUMN not in (rows.fieldnames or []):
            raise InputError(
                f"no column {COLUMN!r}; make a file that has one with: python -m learn.keys {path} --out FILE",
                path=path,
                line=1,
            )
        blocks = set()
        for row in rows:
            key = (row[COLUMN] or "").strip()
            if key and not _KEY.match(key):
                raise InputError(f"expected an InChIKey or its first block, got {key!r}", path=path, line=rows.line_num)
            blocks.add(key[:BLOCK])
    return blocks - {""}


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """Open a table, gzipped or not, to read.

    Raises
    ------
    InputError
        If it is no text, or its gzip is damaged; also while it is being read.
    """
    try:
        with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="") as file:
            yield cast(TextIO, file)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise InputError("truncated or damaged gzip", path=path) from None
    except UnicodeDecodeError:
        raise InputError("not a text file in UTF-8", path=path) from None
    except csv.Error as error:
        raise InputError(f"not a CSV file ({error})", path=path) from None


def hold_out(
    snapshot: Snapshot, tasks: Sequence[tuple[str, Path]]
) -> tuple[npt.NDArray[np.int64], tuple[HeldOut, ...]]:
    """Return the molecule nodes to leave out, sorted, and what is to be recorded of each task."""
    molecules = np.asarray(snapshot.nodes(NodeType.MOLECULE), dtype=np.int64)
    blocks = np.array([key[:BLOCK] for key in snapshot.keys[molecules]], dtype=str)
    left_out: set[int] = set()
    records = []
    for name, path in sorted(tasks):
        found = molecules[np.isin(blocks, sorted(read_blocks(path)))]
        left_out.update(found.tolist())
        records.append(HeldOut(name, sha256(path), len(found)))
    return np.array(sorted(left_out), dtype=np.int64), tuple(records)
