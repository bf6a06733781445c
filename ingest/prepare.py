"""Structures → what the encoder reads: each standardised, or taken as it is, and turned into a molecule graph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from rdkit import Chem, rdBase
from rdkit.Chem import inchi as _untyped_inchi

from graphdb.molecule_graphs import MoleculeGraphs
from ingest.features.fingerprints import parse
from ingest.features.molecule_graph import pack
from ingest.standardise.molecules import KEEP, MAX_LENGTH, Rejected, StandardMolecule, Tautomers, standardise

# RDKit types everything but this module of Python code.
_inchi: Any = _untyped_inchi

NO_STRUCTURE = "no structure"


class Structure(NamedTuple):
    """A structure as somebody has written it.

    Attributes
    ----------
    smiles
        None where there is none.
    inchikey
        As it is stated beside it, or None.
    reason
        Why there is no SMILES, where more is known than `NO_STRUCTURE`.
    """

    smiles: str | None
    inchikey: str | None = None
    reason: str | None = None


class Prepared(NamedTuple):
    """n structures, ready to be encoded.

    Attributes
    ----------
    inchikeys, smiles
        (n,) of the standardised structures; None for one that cannot be used.
    reasons
        (n,) why not; None for one that can be used.
    graphs
        The k different ones, with their SMILES as keys.
    rows
        (n,) int64, which of `graphs` each one is; −1 for one that cannot be used.
    """

    inchikeys: list[str | None]
    smiles: list[str | None]
    reasons: list[str | None]
    graphs: MoleculeGraphs
    rows: npt.NDArray[np.int64]


def prepare(structures: Sequence[Structure], tautomers: Tautomers | None = KEEP) -> Prepared:
    """Prepare structures for the encoder.

    Parameters
    ----------
    structures
        n of them.
    tautomers
        See `ingest.standardise.molecules.standardise`; None: structures are taken as they are, and so is the InChIKey
        that is stated beside one.

    Returns
    -------
    Prepared
        Equal structures have one graph.
    """
    inchikeys: list[str | None] = []
    smiles: list[str | None] = []
    reasons: list[str | None] = []
    rows = np.full(len(structures), -1, dtype=np.int64)
    distinct: dict[str, int] = {}
    molecules: list[Chem.Mol] = []
    with rdBase.BlockLogs():
        for row, answer in enumerate(_answers(structures, tautomers)):
            if isinstance(answer, str):
                inchikeys.append(None)
                smiles.append(None)
                reasons.append(answer)
                continue
            standard, molecule = answer
            inchikeys.append(standard.inchikey)
            smiles.append(standard.smiles)
            reasons.append(None)
            if standard.smiles not in distinct:
                distinct[standard.smiles] = len(distinct)
                molecules.append(parse(standard.smiles) if molecule is None else molecule)
            rows[row] = distinct[standard.smiles]
        graphs = pack(list(distinct), molecules).with_smiles(list(distinct))
    return Prepared(inchikeys, smiles, reasons, graphs, rows)


def _answers(
    structures: Sequence[Structure], tautomers: Tautomers | None
) -> Iterator[tuple[StandardMolecule, Chem.Mol | None] | str]:
    """Yield for each structure what it is, and the molecule where it was parsed already, or why it cannot be used."""
    for structure in structures:
        if structure.smiles is None:
            yield structure.reason or NO_STRUCTURE
            continue
        try:
            if tautomers is None:
                yield _as_it_is(structure)
            else:
                yield standardise(structure.smiles, tautomers=tautomers), None
        except Rejected as reason:
            yield str(reason)


def _as_it_is(structure: Structure) -> tuple[StandardMolecule, Chem.Mol]:
    smiles = (structure.smiles or "").strip()
    if len(smiles) > MAX_LENGTH:
        raise Rejected(f"too long: {len(smiles):,} characters, at most {MAX_LENGTH:,}")
    molecule = Chem.MolFromSmiles(smiles, _parameters())
    if molecule is None:
        raise Rejected("unparsable SMILES")
    if molecule.GetNumAtoms() == 0:
        raise Rejected("no atoms")
    return StandardMolecule(structure.inchikey or _inchi.MolToInchiKey(molecule), smiles), molecule


def _parameters() -> Any:
    parameters: Any = Chem.SmilesParserParams()
    parameters.allowCXSMILES = False
    parameters.parseName = False
    return parameters
