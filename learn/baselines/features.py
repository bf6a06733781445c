"""What baselines read of a structure: descriptors, counts of environments, pairs and torsions; each computed once.

Folded count fingerprints of RDKit: Morgan environments (Rogers and Hahn 2010), atom pairs (Carhart et al. 1985) and
topological torsions (Nilakantan et al. 1987).
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rdkit import rdBase
from rdkit.Chem import rdFingerprintGenerator

from graphdb.files import replacing_file
from ingest.cache import code_version
from ingest.features import descriptors as descriptors_module
from ingest.features.descriptors import descriptors, morgan_counts
from ingest.features.fingerprints import parse
from ingest.parallel import map_batches

SIZE = 2048
MOST = 255
"""Counts are kept in a byte; a larger one is this."""

_GENERATORS: dict[str, Callable[..., Any]] = {
    "pairs": rdFingerprintGenerator.GetAtomPairGenerator,
    "torsions": rdFingerprintGenerator.GetTopologicalTorsionGenerator,
}
COUNTS = ("morgan", *_GENERATORS)
"""The fingerprints of `counts`."""


def counts(smiles: Sequence[str], name: str, cache: Path | None = None) -> npt.NDArray[np.uint8]:
    """Return folded counts, (n, 2048) uint8.

    Parameters
    ----------
    smiles
        n structures.
    name
        ``morgan`` (radius 2), ``pairs`` or ``torsions``.
    cache
        Folder in which they are kept for the next time, by structures, code and RDKit's version; None: nowhere.

    Raises
    ------
    InputError
        If a SMILES cannot be parsed.
    """
    if name == "morgan":
        return _kept(smiles, name, cache, lambda: _bytes(morgan_counts(smiles, size=SIZE)))
    return _kept(smiles, name, cache, lambda: _counted(smiles, name))


def features(smiles: Sequence[str], names: Sequence[str], cache: Path | None = None) -> npt.NDArray[np.float32]:
    """Return RDKit's descriptors (NaN where there is none) and the counts that are named, side by side, (n, d)."""
    blocks = [counts(smiles, name, cache).astype(np.float32) for name in names]
    return np.hstack([descriptors(smiles, cache), *blocks])


def prepare(lists: Sequence[Sequence[str]], cache: Path) -> None:
    """Compute descriptors and all counts of lists of structures, each structure once, so that they are read later.

    To begin processes for a list each would take longer than the work.
    """
    distinct = list(dict.fromkeys(text for smiles in lists for text in smiles))
    descriptors(distinct, cache)
    for name in COUNTS:
        lacking = [smiles for smiles in lists if not _path(smiles, name, cache).exists()]
        if not lacking:
            continue
        wanted = list(dict.fromkeys(text for smiles in lacking for text in smiles))
        found = counts(wanted, name)
        place = {text: row for row, text in enumerate(wanted)}
        for smiles in lacking:
            _keep(found[[place[text] for text in smiles]], _path(smiles, name, cache))


def _counted(smiles: Sequence[str], name: str) -> npt.NDArray[np.uint8]:
    parts = map_batches(partial(_fold, name=name), smiles, batch=500, in_process=2000)
    return np.concatenate([np.empty((0, SIZE), np.uint8), *parts])


def _fold(smiles: Sequence[str], name: str) -> npt.NDArray[np.uint8]:
    generator = _GENERATORS[name](fpSize=SIZE)
    found = np.zeros((len(smiles), SIZE), dtype=np.uint16)
    with rdBase.BlockLogs():
        for row, text in zip(found, smiles, strict=True):
            row[:] = generator.GetCountFingerprintAsNumPy(parse(text))
    return _bytes(found)


def _bytes(found: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    found = np.minimum(found, MOST).astype(np.uint8)
    return np.asarray(found)


def _kept(
    smiles: Sequence[str], name: str, cache: Path | None, compute: Callable[[], npt.NDArray[np.uint8]]
) -> npt.NDArray[np.uint8]:
    if cache is None:
        return compute()
    path = _path(smiles, name, cache)
    if path.exists():
        return np.asarray(np.load(path), dtype=np.uint8)
    found = compute()
    _keep(found, path)
    return found


def _path(smiles: Sequence[str], name: str, cache: Path) -> Path:
    version = code_version([sys.modules[__name__], descriptors_module], ["rdkit"])
    digest = hashlib.sha256("\n".join([version, name, *smiles]).encode()).hexdigest()[:32]
    return cache / "counts" / f"{digest}.npy"


def _keep(found: npt.NDArray[np.uint8], path: Path) -> None:
    with replacing_file(path) as temporary, temporary.open("wb") as stream:
        np.save(stream, found)
