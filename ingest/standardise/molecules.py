"""Molecules → one structure each: parent, neutral, without isotopes; keyed by the standard InChIKey.

RDKit's MolStandardize does the chemistry; docs/decisions/0004-standardise.md says what was chosen and what was not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Literal, NamedTuple

import pandas as pd
from rdkit import Chem, rdBase
from rdkit.Chem import inchi as _untyped_inchi
from rdkit.Chem.MolStandardize import rdMolStandardize

from ingest.atoms import atoms_of
from ingest.parallel import map_batches
from ingest.standardise._counterions import ACIDS, BASES, INORGANIC, SOLVENTS

# RDKit types everything but this module of Python code.
_inchi: Any = _untyped_inchi

Tautomers = Literal["keep", "canonical"]
"""Whether a molecule keeps the tautomer that it is drawn in, or gets RDKit's canonical one."""
KEEP: Tautomers = "keep"

MAX_LENGTH = 2_000
MAX_HEAVY_ATOMS = 250
BATCH = 100
IN_PROCESS = 2_000  # below this, starting processes takes longer than the work (benchmarks/standardise.py)

# Li, Na, Mg, Al, K, Ca, Zn, Rb, Sr, Ag, Cs, Ba, Bi: a bond to oxygen is a salt drawn with a line.
_SALT_METALS = frozenset({3, 11, 12, 13, 19, 20, 30, 37, 38, 47, 55, 56, 83})
_METALS = frozenset({3, 4, 11, 12, 13, *range(19, 32), *range(37, 51), *range(55, 85), *range(87, 119)})


class StandardMolecule(NamedTuple):
    """A standardised structure.

    Attributes
    ----------
    inchikey
        Standard InChIKey of `smiles`: the key of a Molecule.
    smiles
        Canonical SMILES of the parent.
    """

    inchikey: str
    smiles: str


class Rejected(Exception):  # noqa: N818 - an answer about a record, not an error of the program
    """A structure cannot become a Molecule; ``str()`` is the reason."""


def standardise(text: str, kind: str = "smiles", tautomers: Tautomers = KEEP) -> StandardMolecule:
    """Standardise one structure.

    Parse; disconnect metals, normalise groups, reionise; leave out inorganic fragments, then known acids, bases and
    solvents; of what is left take the one organic fragment; neutralise; take isotopes away; keep stereo; leave
    tautomers as they are, or take the canonical one (RDKit's ``TautomerEnumerator``, which drops stereo where it moves
    a hydrogen; Sitzmann et al. 2010, J. Comput. Aided Mol. Des. 24:521, for the rules).

    Parameters
    ----------
    text
        SMILES (at most `MAX_LENGTH` characters) or standard InChI.
    kind
        ``"smiles"`` or ``"inchi"``.
    tautomers
        ``"keep"`` or ``"canonical"``.

    Raises
    ------
    Rejected
        With the reason: not parsable, an impossible valence, too large, no carbon, a metal complex, a mixture of
        several organic molecules, undefined atoms, unpaired electrons.
    """
    with rdBase.BlockLogs():
        try:
            return _standardise(text, kind, tautomers)
        # RDKit raises ValueError (sanitisation) and RuntimeError (broken invariants); no structure may stop an ingest.
        except (ValueError, RuntimeError) as error:
            raise Rejected(f"standardisation failed: {' '.join(str(error).split())[:200]}") from None


def standardise_table(
    texts: Sequence[tuple[str, str]],
    *,
    scheduler: str | None = None,
    processes: int | None = None,
    tautomers: Tautomers = KEEP,
) -> pd.DataFrame:
    """Standardise many structures, in parallel where there are many.

    Parameters
    ----------
    texts
        n pairs of kind (``"smiles"`` or ``"inchi"``) and text; repetitions are worked on once.
    scheduler
        Address of a Dask scheduler (``tcp://…``); None: processes on this machine, or this process for few texts.
    processes
        Number of processes on this machine; None: one a core.
    tautomers
        ``"keep"`` or ``"canonical"``.

    Returns
    -------
    pandas.DataFrame
        n rows in the order of `texts`, whatever the partitioning: ``inchikey``, ``smiles`` (None where rejected),
        ``reason`` (None where not), as Python objects.
    """
    distinct = list(dict.fromkeys(texts))
    work = partial(_standardise_batch, tautomers=tautomers)
    parts = map_batches(work, distinct, batch=BATCH, in_process=IN_PROCESS, scheduler=scheduler, processes=processes)
    answers = dict(zip(distinct, (row for part in parts for row in part), strict=True))
    rows = [answers[text] for text in texts]
    return pd.DataFrame(
        {
            name: pd.Series([row[position] for row in rows], dtype=object)
            for position, name in enumerate(("inchikey", "smiles", "reason"))
        }
    )


def _standardise_batch(
    texts: Sequence[tuple[str, str]], tautomers: Tautomers = KEEP
) -> list[tuple[str | None, str | None, str | None]]:
    rows: list[tuple[str | None, str | None, str | None]] = []
    for kind, text in texts:
        try:
            rows.append((*standardise(text, kind, tautomers), None))
        except Rejected as reason:
            rows.append((None, None, str(reason)))
    return rows


@dataclass(frozen=True)
class _Tools:
    """RDKit's workers, made once a process: making them takes as long as ten molecules."""

    disconnector: Any
    normaliser: Any
    reioniser: Any
    uncharger: Any
    tautomers: Any


@cache
def _tools() -> _Tools:
    return _Tools(
        rdMolStandardize.MetalDisconnector(),
        rdMolStandardize.Normalizer(),
        rdMolStandardize.Reionizer(),
        rdMolStandardize.Uncharger(True),  # in canonical order, so that the result does not depend on the input's
        rdMolStandardize.TautomerEnumerator(),
    )


@cache
def _companions() -> frozenset[str]:
    """Return what comes with drugs and is not the drug, as `_flat` writes it."""
    # Brought to the same form as a fragment is (sulfoxides, for instance, have two).
    return frozenset(_flat(_neutral(_clean(_parse_smiles(text)))) for text in (*ACIDS, *BASES, *SOLVENTS))


@cache
def _inorganic() -> tuple[frozenset[str], int]:
    """Return the carbon compounds that are not organic, as `_flat` writes them, and the atoms of the largest one."""
    molecules = [_neutral(_clean(_parse_smiles(text))) for text in INORGANIC]
    return frozenset(map(_flat, molecules)), max(molecule.GetNumAtoms() for molecule in molecules)


def _standardise(text: str, kind: str, tautomers: Tautomers) -> StandardMolecule:
    if len(text) > MAX_LENGTH:
        raise Rejected(f"too long: {len(text):,} characters, at most {MAX_LENGTH:,}")
    mol = {"smiles": _parse_smiles, "inchi": _parse_inchi}[kind](text.strip())
    if mol.GetNumHeavyAtoms() > MAX_HEAVY_ATOMS:
        raise Rejected(f"too large: {mol.GetNumHeavyAtoms()} heavy atoms, at most {MAX_HEAVY_ATOMS}")
    elements = set(map(Chem.Atom.GetAtomicNum, atoms_of(mol)))
    if 0 in elements:
        raise Rejected("undefined atoms (*)")
    if not elements.isdisjoint(_METALS):
        _refuse_complexes(mol)
    smiles, parent = _parent(_clean(mol))
    # Some published InChIs lack a hydrogen; RDKit makes a radical of such a molecule.
    if any(map(Chem.Atom.GetNumRadicalElectrons, atoms_of(parent))):
        raise Rejected("unpaired electrons (a radical, or a hydrogen is missing)")
    if tautomers == "canonical":
        # Again from its SMILES: what the enumerator takes for the best one depends on the order of the atoms.
        again = _read_smiles(smiles, sanitise=True)
        parent = _with_stereo(_tools().tautomers.Canonicalize(parent if again is None else again))
        smiles = Chem.MolToSmiles(parent)
    # What is stored is what a reader of the SMILES would find.
    read_back = _read_smiles(smiles, sanitise=True)
    if read_back is None:
        raise Rejected("the standardised structure cannot be written as SMILES")
    inchikey = _inchi.MolToInchiKey(read_back)
    if not inchikey:
        raise Rejected("no InChIKey can be made")
    return StandardMolecule(inchikey, Chem.MolToSmiles(read_back))


def _parse_smiles(text: str) -> Chem.Mol:
    mol = _read_smiles(text, sanitise=True)
    if mol is None:
        raw = _read_smiles(text, sanitise=False)
        problems = [] if raw is None else Chem.DetectChemistryProblems(raw)
        raise Rejected(f"impossible structure: {problems[0].Message()}" if problems else "unparsable SMILES")
    return _not_empty(mol)


def _read_smiles(text: str, *, sanitise: bool) -> Chem.Mol | None:
    parameters: Any = Chem.SmilesParserParams()
    parameters.sanitize = sanitise
    # Else "CC O" would be read as ethane by the name of O.
    parameters.allowCXSMILES = False
    parameters.parseName = False
    return Chem.MolFromSmiles(text, parameters)


def _parse_inchi(text: str) -> Chem.Mol:
    mol = _inchi.MolFromInchi(text)
    if mol is None:
        raise Rejected("unparsable InChI")
    return _with_amides(_not_empty(mol))


def _with_amides(mol: Chem.Mol) -> Chem.Mol:
    """Draw imidic acids, C(OH)=N, as amides, C(=O)NH.

    InChI does not say where a mobile hydrogen sits, and RDKit's reader puts it on the oxygen: one drug in five of
    LINCS would get another fingerprint than from its SMILES. The InChIKey is the same for both.
    """
    amides = Chem.RWMol(mol)
    while found := amides.GetSubstructMatch(_imidic_acid()):
        oxygen, carbon, nitrogen = found
        amides.GetBondBetweenAtoms(oxygen, carbon).SetBondType(Chem.BondType.DOUBLE)
        bond = amides.GetBondBetweenAtoms(carbon, nitrogen)
        bond.SetStereo(Chem.BondStereo.STEREONONE)
        bond.SetBondType(Chem.BondType.SINGLE)
        hydrogens = amides.GetAtomWithIdx(nitrogen).GetTotalNumHs()
        amides.GetAtomWithIdx(oxygen).SetNumExplicitHs(0)
        amides.GetAtomWithIdx(nitrogen).SetNumExplicitHs(hydrogens + 1)
        Chem.SanitizeMol(amides)
    same: bool = _inchi.MolToInchiKey(amides) == _inchi.MolToInchiKey(mol)
    return amides.GetMol() if same else mol


@cache
def _imidic_acid() -> Chem.Mol:
    return Chem.MolFromSmarts("[OX2H1]-[CX3]=[NX2]")


def _not_empty(mol: Chem.Mol) -> Chem.Mol:
    if mol.GetNumAtoms() == 0:
        raise Rejected("no atoms")
    return mol


def _refuse_complexes(mol: Chem.Mol) -> None:
    """Refuse molecules whose metal is part of them; its ligands alone would be another substance.

    Also where the metal is drawn as an ion beside its ligands: an InChI always writes it so.
    """
    for atom in mol.GetAtoms():
        if atom.GetAtomicNum() in _METALS:
            if any(neighbour.GetAtomicNum() == 6 for neighbour in atom.GetNeighbors()):
                raise Rejected(f"organometallic ({atom.GetSymbol()} bound to carbon)")
            if atom.GetAtomicNum() not in _SALT_METALS:
                raise Rejected(f"metal complex ({atom.GetSymbol()})")


def _clean(mol: Chem.Mol) -> Chem.Mol:
    """Take isotopes away, then RDKit's clean-up: hydrogens, metals, normal forms of groups, charges, stereo.

    What cannot apply to a molecule is not tried: each tool looks for its patterns all over again, and most molecules
    have neither isotopes, nor hydrogens as atoms, nor metals, nor charges.
    """
    tools = _tools()
    atoms = atoms_of(mol)
    isotopes = any(map(Chem.Atom.GetIsotope, atoms))
    if isotopes:
        for atom in atoms:
            atom.SetIsotope(0)
    elements = set(map(Chem.Atom.GetAtomicNum, atoms))
    if isotopes or 1 in elements:
        mol = Chem.RemoveHs(mol)
    if not elements.isdisjoint(_METALS):
        mol = tools.disconnector.Disconnect(mol)
    mol = tools.normaliser.normalize(mol)
    if _may_reionise(mol):
        mol = tools.reioniser.reionize(mol)
    return _with_stereo(mol)


def _may_reionise(mol: Chem.Mol) -> bool:
    """Return whether the reioniser may change a molecule: it moves charges, and gives lone atoms of metals theirs."""
    return _charged(mol) or not all(map(Chem.Atom.GetDegree, atoms_of(mol)))


def _charged(mol: Chem.Mol) -> bool:
    return any(map(Chem.Atom.GetFormalCharge, atoms_of(mol)))


def _with_stereo(mol: Chem.Mol) -> Chem.Mol:
    """Drop stereo where there is no longer a stereo centre."""
    Chem.AssignStereochemistry(mol, cleanIt=True, force=True)
    return mol


def _parent(mol: Chem.Mol) -> tuple[str, Chem.Mol]:
    """Return the one organic fragment, neutral, and its SMILES before it."""
    fragments: dict[str, Chem.Mol] = {}
    # RDKit sanitises each fragment, which a molecule of one part has behind it.
    whole = len(Chem.GetMolFrags(mol)) == 1
    for fragment in (mol,) if whole else Chem.GetMolFrags(mol, asMols=True):
        if any(atom.GetAtomicNum() == 6 for atom in fragment.GetAtoms()):
            neutral = _neutral(fragment)
            fragments.setdefault(Chem.MolToSmiles(neutral), neutral)
    organic = {smiles: fragment for smiles, fragment in fragments.items() if not _is_inorganic(fragment)}
    if not organic:
        raise Rejected("no organic part")
    if len(organic) > 1:
        companions = _companions()
        principal = {smiles: fragment for smiles, fragment in organic.items() if _flat(fragment) not in companions}
        organic = principal or organic
    if len(organic) > 1:
        raise Rejected(f"mixture of {len(organic)} organic molecules: {' and '.join(sorted(organic))}"[:300])
    return next(iter(organic.items()))


def _is_inorganic(fragment: Chem.Mol) -> bool:
    known, largest = _inorganic()
    return fragment.GetNumAtoms() <= largest and _flat(fragment) in known


def _neutral(fragment: Chem.Mol) -> Chem.Mol:
    if not _charged(fragment):
        return fragment
    neutral: Chem.Mol = _with_stereo(_tools().uncharger.uncharge(fragment))
    return neutral


def _flat(fragment: Chem.Mol) -> str:
    return Chem.MolToSmiles(fragment, isomericSmiles=False)
