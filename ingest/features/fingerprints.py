"""Morgan fingerprints as packed bits."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
from rdkit import Chem, rdBase
from rdkit.Chem import rdFingerprintGenerator

from graphdb.errors import InputError
from ingest.parallel import map_batches

RADIUS = 4  # the paper's (InfoAlign); RDKit's default is 3
SIZE = 1024

BATCH = 1000
IN_PROCESS = 4000  # structures; for fewer, starting processes takes longer than the work


def morgan_bits(
    smiles: Sequence[str], radius: int = RADIUS, size: int = SIZE, *, scheduler: str | None = None
) -> npt.NDArray[np.uint8]:
    """Compute Morgan fingerprints (RDKit's default atom and bond invariants, no chirality).

    Parameters
    ----------
    smiles
        n structures.
    radius
        Bonds from the centre of an environment to its rim.
    size
        Bits; a multiple of 8.
    scheduler
        Address of a Dask scheduler (``tcp://…``); None: processes on this machine, or this process for few SMILES.

    Returns
    -------
    numpy.ndarray
        (n, size / 8) uint8 in the order of `numpy.packbits`: bit k is the (k mod 8)-th highest bit of byte k // 8.

    Raises
    ------
    InputError
        If a SMILES cannot be parsed, or `size` is no multiple of 8.
    """
    if size < 8 or size % 8:
        raise InputError(f"fingerprint size: expected a multiple of 8, got {size}")
    packed = partial(_packed, radius=radius, size=size)
    parts = map_batches(packed, smiles, batch=BATCH, in_process=IN_PROCESS, scheduler=scheduler)
    return np.concatenate([np.empty((0, size // 8), np.uint8), *parts])


def unpack(packed: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return (n, size) bits, 0 or 1, of (n, size / 8) packed ones."""
    return np.unpackbits(packed, axis=1)


def parse(smiles: str) -> Chem.Mol:
    """Return the molecule of a SMILES, or raise `InputError`."""
    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None:
        raise InputError(f"not a valid SMILES: {smiles!r}")
    return molecule


def _packed(smiles: Sequence[str], radius: int, size: int) -> npt.NDArray[np.uint8]:
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=radius, fpSize=size)
    bits = np.zeros((len(smiles), size), dtype=np.uint8)
    with rdBase.BlockLogs():
        for row, text in zip(bits, smiles, strict=True):
            row[:] = generator.GetFingerprintAsNumPy(parse(text))
    return np.packbits(bits, axis=1)
