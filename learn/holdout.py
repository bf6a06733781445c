"""Leave the molecules of downstream data sets out of pretraining.

The method demands it (section 5): an encoder that has walked from a test molecule has seen its profile. Molecules are
told by the first block of the InChIKey of their standardised structure, which leaves stereo and charge aside. The keys
that a data set's file states are not enough: ChEMBL2K's are those of charged forms, and a fifth of its molecules would
not be found by them.

Keys need chemistry, training does not: `learn.keys` makes them, once for each file, and keeps them in the workspace.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from graphdb.errors import ArtefactError, InputError
from graphdb.files import sha256
from graphdb.schema import NodeType
from graphdb.snapshot import Snapshot
from learn.checkpoint import HeldOut

BLOCK = 14
FILE = "assays.csv.gz"
_KEY = re.compile(rf"[A-Z]{{{BLOCK}}}(-[A-Z]{{10}}-[A-Z])?")


def parse_holdout(text: str) -> tuple[str, Path]:
    """Take ``TASK=PATH`` apart; the path is the task's file or its folder."""
    name, equals, place = text.partition("=")
    if not equals or not name or not place:
        raise InputError(f"expected --holdout TASK=PATH, got {text!r}")
    path = Path(place).expanduser()
    return name, path / FILE if path.is_dir() else path


def keys_of(path: Path, folder: Path) -> Path:
    """Return the key file of a data set's file, in `folder`; it is made where it is not there.

    Its name is the hash of the data set's file, so it can be made elsewhere and brought here.

    Raises
    ------
    InputError
        If it is not there and cannot be made, for want of RDKit or because the data set's file is damaged.
    """
    keys = folder / f"{sha256(path)}.keys"
    if not keys.exists():
        # A process of its own: this one shall run where there is no chemistry.
        made = subprocess.run(
            [sys.executable, "-m", "learn.keys", str(path), "--out", str(keys)],
            check=False,
            capture_output=True,
            text=True,
        )
        if made.returncode:
            reason = (made.stderr.strip().splitlines() or ["it ended without a word"])[-1]
            raise InputError(
                f"its InChIKeys could not be made ({reason.removeprefix('error: ')}); with RDKit they are made by: "
                f"python -m learn.keys {path} --out {keys}",
                path=path,
            )
    return keys


def read_blocks(keys: Path) -> set[str]:
    """Return the first blocks in a key file: an InChIKey or its first block a line, ``#`` begins a comment."""
    blocks = set()
    for number, line in enumerate(keys.read_text(encoding="utf-8").splitlines(), start=1):
        key = line.split("#", 1)[0].strip()
        if key and not _KEY.fullmatch(key):
            raise ArtefactError(f"{keys}:{number}: expected an InChIKey or its first block, got {key[:40]!r}")
        blocks.add(key[:BLOCK])
    return blocks - {""}


def hold_out(
    snapshot: Snapshot, tasks: Sequence[tuple[str, Path]], folder: Path
) -> tuple[npt.NDArray[np.int64], tuple[HeldOut, ...]]:
    """Find the molecules of data sets in the graph.

    Parameters
    ----------
    snapshot
        The graph.
    tasks
        Name and file of each data set.
    folder
        Of the key files.

    Returns
    -------
    nodes, records
        (k,) the molecule nodes to leave out, ascending; what is to be recorded of each data set, by name.
    """
    molecules = np.asarray(snapshot.nodes(NodeType.MOLECULE), dtype=np.int64)
    blocks = np.array([key[:BLOCK] for key in snapshot.keys[molecules]], dtype=str)
    left_out: set[int] = set()
    records = []
    for name, path in sorted(tasks):
        found = molecules[np.isin(blocks, sorted(read_blocks(keys_of(path, folder))))]
        left_out.update(found.tolist())
        records.append(HeldOut(name, sha256(path), len(found)))
    return np.array(sorted(left_out), dtype=np.int64), tuple(records)
