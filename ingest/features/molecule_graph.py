"""Molecule graphs with OGB's atom and bond features, as packed arrays.

Each feature is an index into a list of values. The lists are those that the published encoder was trained with: OGB,
``ogb/utils/features.py`` (Hu et al. 2020, Open Graph Benchmark); a value that is not in a list takes the list's last
index. PyTorch Geometric's ``from_smiles`` numbers the same nine and three features by other lists (atomic number from
0, all of RDKit's chiral tags, hybridisations and bond types): its numbers must not be fed to this encoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from rdkit import Chem, rdBase

from graphdb.errors import InputError
from graphdb.molecule_graphs import MoleculeGraphs
from ingest.features.fingerprints import BATCH, IN_PROCESS, parse
from ingest.parallel import map_batches

Integer = TypeVar("Integer", bound=np.integer[Any])

# List sizes 119 5 12 12 10 6 6 2 2 and 5 6 2, the last index of the long ones standing for everything else.
_OTHER_ATOM = 118  # atomic number z has index z - 1
_OTHER_DEGREE = 11
_OTHER_CHARGE = 11  # charge c has index c + 5
_OTHER_HYDROGENS = 9
_OTHER_RADICALS = 5

_CHIRALITY = {
    Chem.ChiralType.CHI_UNSPECIFIED: 0,
    Chem.ChiralType.CHI_TETRAHEDRAL_CW: 1,
    Chem.ChiralType.CHI_TETRAHEDRAL_CCW: 2,
    Chem.ChiralType.CHI_OTHER: 3,
}
_OTHER_CHIRALITY = 4

_HYBRIDISATION = {
    Chem.HybridizationType.SP: 0,
    Chem.HybridizationType.SP2: 1,
    Chem.HybridizationType.SP3: 2,
    Chem.HybridizationType.SP3D: 3,
    Chem.HybridizationType.SP3D2: 4,
}
_OTHER_HYBRIDISATION = 5

_BOND_TYPE = {
    Chem.BondType.SINGLE: 0,
    Chem.BondType.DOUBLE: 1,
    Chem.BondType.TRIPLE: 2,
    Chem.BondType.AROMATIC: 3,
}
_OTHER_BOND_TYPE = 4

_STEREO = {
    Chem.BondStereo.STEREONONE: 0,
    Chem.BondStereo.STEREOZ: 1,
    Chem.BondStereo.STEREOE: 2,
    Chem.BondStereo.STEREOCIS: 3,
    Chem.BondStereo.STEREOTRANS: 4,
    Chem.BondStereo.STEREOANY: 5,
}
_OTHER_STEREO = 5  # atropisomers, which OGB does not know and refuses


def featurise(
    smiles: Sequence[str], keys: Sequence[str] | None = None, *, scheduler: str | None = None
) -> MoleculeGraphs:
    """Turn structures into graphs; hydrogens are implicit.

    Parameters
    ----------
    smiles
        n structures.
    keys
        n keys (InChIKeys); None: the SMILES themselves.
    scheduler
        Address of a Dask scheduler (``tcp://…``); None: processes on this machine, or this process for few SMILES.

    Returns
    -------
    MoleculeGraphs
        n graphs with their SMILES, atoms in the order of these. Each bond stands twice, one direction after the other,
        as in OGB.

    Raises
    ------
    InputError
        If a SMILES cannot be parsed or has no atoms, or there are not as many keys as SMILES.
    """
    keys = smiles if keys is None else keys
    if len(keys) != len(smiles):
        raise InputError(f"molecule graphs: {len(smiles)} SMILES, but {len(keys)} keys")
    parts = map_batches(_graphs, smiles, batch=BATCH, in_process=IN_PROCESS, scheduler=scheduler)
    joined = MoleculeGraphs.concatenate(parts)
    return replace(joined, keys=np.array(keys, dtype=np.str_)).with_smiles(smiles)


def atom_features(atom: Chem.Atom) -> tuple[int, ...]:
    """Return the nine features of an atom.

    Atomic number, chirality, degree (hydrogens included), formal charge, hydrogens, radical electrons, hybridisation,
    aromatic, in a ring.
    """
    return (
        atom.GetAtomicNum() - 1 if atom.GetAtomicNum() > 0 else _OTHER_ATOM,
        _CHIRALITY.get(atom.GetChiralTag(), _OTHER_CHIRALITY),
        min(atom.GetTotalDegree(), _OTHER_DEGREE),
        atom.GetFormalCharge() + 5 if -5 <= atom.GetFormalCharge() <= 5 else _OTHER_CHARGE,
        min(atom.GetTotalNumHs(), _OTHER_HYDROGENS),
        min(atom.GetNumRadicalElectrons(), _OTHER_RADICALS),
        _HYBRIDISATION.get(atom.GetHybridization(), _OTHER_HYBRIDISATION),
        int(atom.GetIsAromatic()),
        int(atom.IsInRing()),
    )


def bond_features(bond: Chem.Bond) -> tuple[int, ...]:
    """Return the three features of a bond: type, stereo, conjugated."""
    return (
        _BOND_TYPE.get(bond.GetBondType(), _OTHER_BOND_TYPE),
        _STEREO.get(bond.GetStereo(), _OTHER_STEREO),
        int(bond.GetIsConjugated()),
    )


def _graphs(smiles: Sequence[str]) -> MoleculeGraphs:
    atoms: list[tuple[int, ...]] = []
    ends: list[tuple[int, int]] = []
    bonds: list[tuple[int, ...]] = []
    atom_offsets, bond_offsets = [0], [0]
    with rdBase.BlockLogs():
        for text in smiles:
            molecule = parse(text)
            if molecule.GetNumAtoms() == 0:
                raise InputError(f"molecule graphs: a structure without atoms ({text!r})")
            atoms.extend(atom_features(atom) for atom in molecule.GetAtoms())
            for bond in molecule.GetBonds():
                i, j, features = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), bond_features(bond)
                ends += ((i, j), (j, i))
                bonds += (features, features)
            atom_offsets.append(len(atoms))
            bond_offsets.append(len(bonds))
    return MoleculeGraphs(
        atom_features=_matrix(atoms, 9, np.uint8),
        bond_index=np.ascontiguousarray(_matrix(ends, 2, np.int32).T),
        bond_features=_matrix(bonds, 3, np.uint8),
        atom_offsets=np.array(atom_offsets, dtype=np.int64),
        bond_offsets=np.array(bond_offsets, dtype=np.int64),
        keys=np.array(smiles, dtype=np.str_),
    )


def _matrix(rows: Sequence[tuple[int, ...]], width: int, dtype: type[Integer]) -> npt.NDArray[Integer]:
    return np.array(rows, dtype=dtype).reshape(-1, width)
