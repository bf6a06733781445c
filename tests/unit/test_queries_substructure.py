"""Substructure search on the small graph, against RDKit molecule by molecule; the library on disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from _queries_graph import ASPIRIN, BENZENE, SALICYLIC_ACID, TOLUENE, tables
from rdkit import Chem

from graphdb import connect
from graphdb.errors import InputError
from graphdb.meta import touch
from graphdb.schema import NodeType
from queries import substructure as module
from queries.answer import page
from queries.substructure import substructure

pytestmark = pytest.mark.graph


@pytest.fixture(autouse=True)
def _fresh(small_graph: Path):
    module.forget()
    yield
    module.forget()
    for file in (small_graph / "cache").glob("structures-*"):
        file.unlink()


@pytest.mark.parametrize("smarts", ["c1ccccc1", "C(=O)O", "[#6]", "[CH3]c", "O", "[Pt]"])
def test_matches_are_rdkits(store, smarts: str) -> None:
    pattern = Chem.MolFromSmarts(smarts)
    molecules = tables().nodes[NodeType.MOLECULE].set_index("inchikey")["smiles"]
    expected = sorted(key for key, text in molecules.items() if Chem.MolFromSmiles(text).HasSubstructMatch(pattern))
    found = substructure(store, smarts, 1000)
    assert found.molecules["inchikey"].tolist() == expected
    assert (found.found, found.searched) == (len(expected), len(molecules))
    for row in found.molecules.itertuples(index=False):
        matched = Chem.MolFromSmiles(row.smiles).GetSubstructMatch(pattern)
        assert row.atoms == matched


def test_the_limit_cuts_rows_and_counts_all_and_atoms_are_marked(store) -> None:
    found = substructure(store, "c1ccccc1", 2)
    assert len(found.molecules) == 2
    assert found.found == len({ASPIRIN, SALICYLIC_ACID, BENZENE, TOLUENE})
    assert page(found).count("<svg") == 2
    assert "4 of 307 molecules contain it, 2 shown" in found.sections()[0].note


def test_the_library_is_kept_and_made_again_when_a_structure_changes(store, small_graph: Path, capsys) -> None:
    def prepared() -> bool:
        substructure(store, "C")
        return "preparing" in capsys.readouterr().err

    assert prepared()
    module.forget()
    assert not prepared()
    with connect() as writable:
        touch(writable)
        assert not prepared()
        change = f"MATCH (m:Molecule {{inchikey: '{TOLUENE}'}}) SET m.smiles = $smiles"
        writable.write(change, smiles="Cc1cccnc1")
        try:
            touch(writable)
            assert prepared()
            assert TOLUENE in set(substructure(store, "n").molecules["inchikey"])
        finally:
            writable.write(change, smiles="Cc1ccccc1")
            touch(writable)
    assert len(list((small_graph / "cache").glob("structures-*.bin"))) == 1


@pytest.mark.parametrize("smarts", ["not a pattern", "", "C1CC", "  "])
def test_what_is_no_pattern_is_refused(store, smarts: str) -> None:
    with pytest.raises(InputError, match="no SMARTS pattern"):
        substructure(store, smarts)


def test_at_least_one_molecule_is_asked_for(store) -> None:
    with pytest.raises(InputError, match="at least one"):
        substructure(store, "C", 0)
