"""RDKit's descriptors and Morgan counts: what gradient boosting on structures reads."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from rdkit import rdBase
from rdkit.Chem import Descriptors, rdFingerprintGenerator

from ingest.cache import RecordCache, code_version
from ingest.features import fingerprints
from ingest.features.fingerprints import parse
from ingest.parallel import map_batches

NAMES: tuple[str, ...] = tuple(name for name, _ in Descriptors.descList)
"""Names of the columns: all that RDKit lists."""

_calculate: Callable[..., dict[str, float]] = Descriptors.CalcMolDescriptors

BATCH = 100  # 9 ms a molecule
IN_PROCESS = 300


def descriptors(smiles: Sequence[str], cache: Path | None = None) -> npt.NDArray[np.float32]:
    """Compute RDKit's descriptors, each structure once.

    Parameters
    ----------
    smiles
        n structures.
    cache
        Folder in which results are kept for the next time, found again by structure, code and RDKit's version; None:
        nothing is kept.

    Returns
    -------
    numpy.ndarray
        (n, d) float32 in the order of `NAMES`; NaN where RDKit has no value (partial charges of metals, for example),
        or one beyond float32 (Ipc of large molecules).

    Raises
    ------
    InputError
        If a SMILES cannot be parsed.
    """
    distinct = list(dict.fromkeys(smiles))
    records = RecordCache(None if cache is None else cache / "descriptors" / _version())
    found = records(distinct, _computed)[0]["values"].combine_chunks()
    values = np.asarray(found.flatten(), dtype=np.float32).reshape(len(distinct), len(NAMES))
    place = {text: row for row, text in enumerate(distinct)}
    return values[[place[text] for text in smiles]]


def morgan_counts(smiles: Sequence[str], radius: int = 2, size: int = 2048) -> npt.NDArray[np.uint16]:
    """Count Morgan environments folded to `size` columns, (n, size); an invalid SMILES is an `InputError`."""
    counted = partial(_counted, radius=radius, size=size)
    parts = map_batches(counted, smiles, batch=1000, in_process=4000)
    return np.concatenate([np.empty((0, size), np.uint16), *parts])


def _version() -> str:
    return code_version([sys.modules[__name__], fingerprints], ["rdkit"])


def _computed(smiles: Sequence[str]) -> pa.Table:
    parts = map_batches(_described, smiles, batch=BATCH, in_process=IN_PROCESS)
    flat = np.concatenate([np.empty(0, np.float32), *(part.ravel() for part in parts)])
    return pa.table({"values": pa.FixedSizeListArray.from_arrays(pa.array(flat), len(NAMES))})


def _described(smiles: Sequence[str]) -> npt.NDArray[np.float32]:
    values = np.full((len(smiles), len(NAMES)), np.nan)
    with rdBase.BlockLogs():
        for row, text in zip(values, smiles, strict=True):
            described = _calculate(parse(text), missingVal=np.nan, silent=True)
            row[:] = [described[name] for name in NAMES]
    values[~(np.abs(values) <= np.finfo(np.float32).max)] = np.nan
    return values.astype(np.float32)


def _counted(smiles: Sequence[str], radius: int, size: int) -> npt.NDArray[np.uint16]:
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=radius, fpSize=size)
    counts = np.zeros((len(smiles), size), dtype=np.uint16)
    with rdBase.BlockLogs():
        for row, text in zip(counts, smiles, strict=True):
            row[:] = generator.GetCountFingerprintAsNumPy(parse(text))
    return counts
