"""Leave the molecules of downstream data sets out of pretraining.

The method demands it (section 5): an encoder that has walked from a test molecule has seen its profile. Molecules are
told by the first block of the InChIKey of their standardised structure, which leaves stereo and charge aside. The keys
that a data set's file states are not enough: ChEMBL2K's are those of charged forms, and a fifth of its molecules would
not be found by them.

Keys need chemistry, training does not: `learn.keys` makes them, once for each file, and keeps them in the workspace.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from graphdb.errors import InputError
from graphdb.files import sha256
from graphdb.holdout import key_file, molecules_with, read_blocks, read_certificate
from graphdb.snapshot import Snapshot
from learn.checkpoint import HeldOut


def keys_of(path: Path, folder: Path) -> Path:
    """Return the key file of a data set's file, in `folder`; it is made where it is not there.

    Its name is the hash of the data set's file, so it can be made elsewhere and brought here.

    Raises
    ------
    InputError
        If it is not there and cannot be made, for want of RDKit or because the data set's file is damaged.
    """
    keys = key_file(folder, sha256(path))
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


def hold_out(
    snapshot: Snapshot, tasks: Sequence[tuple[str, Path]], folder: Path
) -> tuple[npt.NDArray[np.int64], tuple[HeldOut, ...]]:
    """Find the molecules of data sets in the graph.

    Parameters
    ----------
    snapshot
        The graph.
    tasks
        Name and file of each data set; those of the certificate in `folder` (``ingest.all --hold-out``) are held out
        as well.
    folder
        Of the key files.

    Returns
    -------
    nodes, records
        (k,) the molecule nodes to leave out, ascending; what is to be recorded of each data set, by name.
    """
    lists = {(item.name, item.sha256): key_file(folder, item.sha256) for item in read_certificate(folder)}
    lists |= {(name, sha256(path)): keys_of(path, folder) for name, path in tasks}
    left_out: set[int] = set()
    records = []
    for (name, digest), keys in sorted(lists.items()):
        found = molecules_with(snapshot, read_blocks(keys))
        left_out.update(found.tolist())
        records.append(HeldOut(name, digest, len(found)))
    return np.array(sorted(left_out), dtype=np.int64), tuple(records)
