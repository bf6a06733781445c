"""Lists of molecules that pretraining must not see, and the certificate that says so.

The method demands it (section 5): an encoder that has walked from a test molecule has seen its profile. Molecules are
told by the first block of the InChIKey of their standardised structure, which leaves stereo and charge aside.

``ingest.all --hold-out`` makes the lists and the certificate, in ``holdout/`` of the workspace. ``graphdb.walks``
and ``learn.pretrain`` keep the molecules out of the walks; they stay in the graph, where people look them up.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from graphdb.errors import ArtefactError, InputError
from graphdb.files import read_json, write_json
from graphdb.schema import NodeType
from graphdb.snapshot import Snapshot

BLOCK = 14
FILE = "assays.csv.gz"
CERTIFICATE = "certificate.json"
_KEY = re.compile(rf"[A-Z]{{{BLOCK}}}(-[A-Z]{{10}}-[A-Z])?")


@dataclass(frozen=True)
class HeldOutList:
    """A data set whose molecules are held out.

    Attributes
    ----------
    name
        Of the data set.
    sha256
        Of its file; its keys lie in ``<sha256>.keys``.
    structures, keys, molecules
        How many structures it has, how many InChIKeys they give, and how many molecules of the graph have one of them.
    path
        Where its file was. Its keys hold without it.
    """

    name: str
    sha256: str
    structures: int
    keys: int
    molecules: int
    path: str = ""


def parse_holdout(text: str) -> tuple[str, Path]:
    """Read ``NAME=PATH``; PATH is the data set's file, or its folder (which holds ``assays.csv.gz``)."""
    name, separator, where = text.partition("=")
    if not separator or not name or not where:
        raise InputError(f"expected NAME=PATH, as in chembl2k=data/chembl2k, got {text!r}")
    path = Path(where)
    return name, path / FILE if path.is_dir() else path


def key_file(folder: Path, sha256: str) -> Path:
    """Return where the keys of a data set's file are."""
    return folder / f"{sha256}.keys"


def read_blocks(keys: Path) -> set[str]:
    """Return the first blocks in a key file: an InChIKey or its first block a line, ``#`` begins a comment."""
    blocks = set()
    for number, line in enumerate(keys.read_text(encoding="utf-8").splitlines(), start=1):
        key = line.split("#", 1)[0].strip()
        if key and not _KEY.fullmatch(key):
            raise ArtefactError(f"{keys}:{number}: expected an InChIKey or its first block, got {key[:40]!r}")
        blocks.add(key[:BLOCK])
    return blocks - {""}


def write_certificate(folder: Path, lists: Sequence[HeldOutList], graph_hash: str) -> None:
    """Write which data sets are held out of a graph; with none, the certificate goes.

    `graph_hash` is "" while that graph is being made: what is to be held out is so before its snapshot is there.
    """
    path = folder / CERTIFICATE
    if lists:
        how = "their nodes stay in the graph; no walk starts at them or passes through them"
        write_json(path, {"graph_hash": graph_hash, "how": how, "data_sets": [asdict(item) for item in lists]})
    else:
        path.unlink(missing_ok=True)


def read_certificate(folder: Path) -> tuple[HeldOutList, ...]:
    """Return the data sets that are held out; none where there is no certificate.

    Raises
    ------
    ArtefactError
        If it is damaged, or the keys of a data set are not there.
    """
    path = folder / CERTIFICATE
    if not path.exists():
        return ()
    content: dict[str, Any] = read_json(path)
    try:
        lists = tuple(HeldOutList(**item) for item in content["data_sets"])
    except (KeyError, TypeError):
        raise ArtefactError(f"{path}: no certificate of held-out molecules; run ingest.all --hold-out again") from None
    for item in lists:
        if not key_file(folder, item.sha256).exists():
            raise ArtefactError(f"{key_file(folder, item.sha256)}: missing; run ingest.all --hold-out {item.name}=PATH")
    return lists


def lists_with(folder: Path, inchikey: str) -> list[str]:
    """Return the names of the data sets for which a molecule is held out."""
    block = inchikey[:BLOCK]
    return [item.name for item in read_certificate(folder) if block in read_blocks(key_file(folder, item.sha256))]


def molecules_with(snapshot: Snapshot, blocks: Collection[str]) -> npt.NDArray[np.int64]:
    """Return the molecule nodes (k,), ascending, whose InChIKey begins with one of some first blocks."""
    molecules = np.asarray(snapshot.nodes(NodeType.MOLECULE), dtype=np.int64)
    found = [key[:BLOCK] in blocks for key in snapshot.keys[molecules].tolist()]
    return molecules[np.array(found, dtype=np.bool_)]
