"""Molecule graphs with OGB's atom and bond features, as packed arrays.

Each feature is an index into a list of values. The lists are those that the published encoder was trained with: OGB,
``ogb/utils/features.py`` (Hu et al. 2020, Open Graph Benchmark); a value that is not in a list takes the list's last
index. PyTorch Geometric's ``from_smiles`` numbers the same nine and three features by other lists (atomic number from
0, all of RDKit's chiral tags, hybridisations and bond types): its numbers must not be fed to this encoder.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from rdkit import Chem, rdBase

from graphdb.errors import InputError
from graphdb.molecule_graphs import MoleculeGraphs
from ingest.atoms import atoms_of, bonds_of
from ingest.features.fingerprints import BATCH, IN_PROCESS, parse
from ingest.parallel import map_batches

# List sizes 119 5 12 12 10 6 6 2 2 and 5 6 2, the last index of the long ones standing for everything else.
_OTHER_ATOM = 118  # atomic number z has index z - 1
_OTHER_DEGREE = 11
_OTHER_CHARGE = 11  # charge c has index c + 5
_OTHER_HYDROGENS = 9
_OTHER_RADICALS = 5


def _by_number(values: Mapping[Any, int], other: int) -> npt.NDArray[np.uint8]:
    """Return a table from RDKit's numbers of an enumeration to indices of OGB's list."""
    table = np.full(256, other, dtype=np.uint8)
    for value, index in values.items():
        table[int(value)] = index
    return table


_CHIRALITY = _by_number(
    {
        Chem.ChiralType.CHI_UNSPECIFIED: 0,
        Chem.ChiralType.CHI_TETRAHEDRAL_CW: 1,
        Chem.ChiralType.CHI_TETRAHEDRAL_CCW: 2,
        Chem.ChiralType.CHI_OTHER: 3,
    },
    other=4,
)
_HYBRIDISATION = _by_number(
    {
        Chem.HybridizationType.SP: 0,
        Chem.HybridizationType.SP2: 1,
        Chem.HybridizationType.SP3: 2,
        Chem.HybridizationType.SP3D: 3,
        Chem.HybridizationType.SP3D2: 4,
    },
    other=5,
)
_ORDERS = {
    Chem.BondType.SINGLE: 1.0,
    Chem.BondType.DOUBLE: 2.0,
    Chem.BondType.TRIPLE: 3.0,
    Chem.BondType.AROMATIC: 1.5,
}
"""Orders of the types of bonds that OGB knows; 0 for all others (a dative bond's is that of a single one in RDKit)."""
_BOND_TYPE = np.full(13, 4, dtype=np.uint8)
"""From twice the order to OGB's index."""
_BOND_TYPE[[2, 4, 6, 3]] = [0, 1, 2, 3]
_AROMATIC = 3
_ODD_BONDS = frozenset("<>~$")
"""Of SMILES with one of these not all bonds have their order's type: dative, any, quadruple."""
_STEREO = _by_number(
    {
        Chem.BondStereo.STEREONONE: 0,
        Chem.BondStereo.STEREOZ: 1,
        Chem.BondStereo.STEREOE: 2,
        Chem.BondStereo.STEREOCIS: 3,
        Chem.BondStereo.STEREOTRANS: 4,
        Chem.BondStereo.STEREOANY: 5,
    },
    other=5,  # atropisomers, which OGB does not know and refuses
)


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

        The nine features of an atom: atomic number, chirality, degree (hydrogens included), formal charge, hydrogens,
        radical electrons, hybridisation, aromatic, in a ring. The three of a bond: type, stereo, conjugated.

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


def _graphs(smiles: Sequence[str]) -> MoleculeGraphs:
    with rdBase.BlockLogs():
        return pack(smiles, map(parse, smiles))


def pack(smiles: Sequence[str], molecules: Iterable[Chem.Mol]) -> MoleculeGraphs:
    """Turn n parsed SMILES into graphs, with the SMILES as their keys; see `featurise`."""
    columns = _Columns()
    for text, molecule in zip(smiles, molecules, strict=True):
        if molecule.GetNumAtoms() == 0:
            raise InputError(f"molecule graphs: a structure without atoms ({text!r})")
        columns.add(text, molecule)
    return columns.graphs(smiles)


class _Columns:
    """RDKit's numbers of the atoms and bonds of many molecules, one growing array a property.

    Calls into RDKit are nearly all that there is to pay: ``map`` over a getter runs no Python code between two of them,
    and what the text of a SMILES rules out, or bonds tell of atoms, is not asked for. A number comes in half the time
    of a member of an enumeration.
    """

    def __init__(self) -> None:
        self._atom_getters = [(getter, array("h")) for getter in _ATOM_GETTERS]
        self._bond_getters = [(getter, array("h")) for getter in _BOND_GETTERS]
        self._chirality, self._radicals, self._stereo = array("h"), array("h"), array("h")
        self._orders = array("d")
        self._atoms, self._bonds = [0], [0]

    def add(self, text: str, molecule: Chem.Mol) -> None:
        """Add the molecule of a SMILES."""
        atoms, bonds = atoms_of(molecule), bonds_of(molecule)
        for getter, column in self._atom_getters:
            column.extend(map(getter, atoms))
        for getter, column in self._bond_getters:
            column.extend(map(getter, bonds))
        # Chiral tags and radicals are of atoms in brackets alone; a double bond's stereo comes from its neighbours'
        # slashes; an extension in bars (CXSMILES) may set all three.
        more = "|" in text
        _extend(self._chirality, Chem.Atom.GetChiralTag, atoms, wanted=more or "@" in text)
        _extend(self._radicals, Chem.Atom.GetNumRadicalElectrons, atoms, wanted=more or "[" in text)
        _extend(self._stereo, Chem.Bond.GetStereo, bonds, wanted=more or "/" in text or "\\" in text)
        if more or not _ODD_BONDS.isdisjoint(text):
            self._orders.extend(_ORDERS.get(bond.GetBondType(), 0.0) for bond in bonds)
        else:
            self._orders.extend(map(Chem.Bond.GetBondTypeAsDouble, bonds))
        self._atoms.append(len(atoms))
        self._bonds.append(len(bonds))

    def graphs(self, keys: Sequence[str]) -> MoleculeGraphs:
        """Return the molecules that were added, under these keys."""
        number, charge, hydrogens, hybridisation, in_ring = (_numbers(c) for _, c in self._atom_getters)
        begin, end, conjugated = (_numbers(column) for _, column in self._bond_getters)
        kind = _BOND_TYPE[(2 * np.array(self._orders)).astype(np.int64)]
        atom_offsets = np.cumsum(self._atoms, dtype=np.int64)
        bonds = np.array(self._bonds[1:], dtype=np.int64)
        first = np.repeat(atom_offsets[:-1], bonds)
        ends = np.concatenate([begin + first, end + first])
        # The degree counts hydrogens, also those that are no atoms of the graph.
        degree = np.bincount(ends, minlength=len(number)) + hydrogens
        # RDKit marks the bonds of an aromatic ring together with its atoms.
        aromatic = np.zeros(len(number), dtype=np.int64)
        aromatic[ends[np.tile(kind == _AROMATIC, 2)]] = 1
        atom_features = (
            np.where(number > 0, number - 1, _OTHER_ATOM),
            _CHIRALITY[_numbers(self._chirality)],
            np.minimum(degree, _OTHER_DEGREE),
            np.where(np.abs(charge) <= 5, charge + 5, _OTHER_CHARGE),
            np.minimum(hydrogens, _OTHER_HYDROGENS),
            np.minimum(_numbers(self._radicals), _OTHER_RADICALS),
            _HYBRIDISATION[hybridisation],
            aromatic,
            in_ring,
        )
        bond_features = (kind, _STEREO[_numbers(self._stereo)], conjugated)
        return MoleculeGraphs(
            atom_features=np.column_stack(atom_features).astype(np.uint8),
            bond_index=np.stack([_there_and_back(begin, end), _there_and_back(end, begin)]),
            bond_features=np.repeat(np.column_stack(bond_features).astype(np.uint8), 2, axis=0),
            atom_offsets=atom_offsets,
            bond_offsets=np.concatenate([[0], 2 * np.cumsum(bonds)]),
            keys=np.array(keys, dtype=np.str_),
        )


_ATOM_GETTERS = (
    Chem.Atom.GetAtomicNum,
    Chem.Atom.GetFormalCharge,
    Chem.Atom.GetTotalNumHs,
    Chem.Atom.GetHybridization,
    Chem.Atom.IsInRing,
)
_BOND_GETTERS = (
    Chem.Bond.GetBeginAtomIdx,
    Chem.Bond.GetEndAtomIdx,
    Chem.Bond.GetIsConjugated,
)


def _extend(column: array[int], getter: Callable[[Any], int], items: Sequence[Any], *, wanted: bool) -> None:
    """Add what the getter says of each item; where it is not wanted, zeros."""
    if wanted:
        column.extend(map(getter, items))
    else:
        column.frombytes(bytes(column.itemsize * len(items)))


def _numbers(column: array[int]) -> npt.NDArray[np.int64]:
    return np.frombuffer(column, dtype=np.int16).astype(np.int64) if len(column) else np.empty(0, np.int64)


def _there_and_back(one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """Return (2 m,) int32 of (m,) and (m,): theirs in turns."""
    return np.column_stack([one, other]).ravel().astype(np.int32)
