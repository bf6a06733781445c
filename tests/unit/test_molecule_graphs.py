"""Molecule graphs: taking, joining, checking, saving."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from graphdb.errors import ArtefactError, InputError
from graphdb.molecule_graphs import ATOM_FEATURE_SIZES, BOND_FEATURE_SIZES, MoleculeGraphs


def molecule(key: str, atoms: int, seed: int) -> MoleculeGraphs:
    """Return a chain of `atoms` atoms with random features."""
    rng = np.random.default_rng(seed)
    forth = np.stack([np.arange(atoms - 1), np.arange(1, atoms)])
    # Both directions beside each other, as OGB has them.
    index = np.stack([forth, forth[::-1]], axis=2).reshape(2, -1).astype(np.int32)
    bond_features = rng.integers(BOND_FEATURE_SIZES, size=(atoms - 1, 3)).astype(np.uint8).repeat(2, axis=0)
    return MoleculeGraphs(
        atom_features=rng.integers(ATOM_FEATURE_SIZES, size=(atoms, 9)).astype(np.uint8),
        bond_index=index,
        bond_features=bond_features,
        atom_offsets=np.array([0, atoms]),
        bond_offsets=np.array([0, 2 * atoms - 2]),
        keys=np.array([key]),
    ).with_smiles(["C" * atoms])


PARTS = [molecule(f"KEY{'X' * number}", atoms, number) for number, atoms in enumerate([3, 1, 7, 2, 30])]


def same(first: MoleculeGraphs, second: MoleculeGraphs) -> None:
    for name in vars(first):
        one, other = getattr(first, name), getattr(second, name)
        np.testing.assert_array_equal(one, other)
        assert one is None or one.dtype.kind == "U" or one.dtype == other.dtype


def test_join_and_take_give_back_the_parts() -> None:
    whole = MoleculeGraphs.concatenate(PARTS)
    whole.validate()
    assert len(whole) == 5
    assert whole.atom_offsets.tolist() == [0, 3, 4, 11, 13, 43]
    assert whole.bond_offsets.tolist() == [0, 4, 4, 16, 18, 76]
    for row, part in enumerate(PARTS):
        same(whole.take([row]), part)


def test_take_keeps_order_and_repetition() -> None:
    whole = MoleculeGraphs.concatenate(PARTS)
    rows = np.array([4, 1, 1, 0, 4], dtype=np.int32)
    taken = whole.take(rows)
    same(taken, MoleculeGraphs.concatenate([PARTS[row] for row in rows]))
    taken.validate()
    same(whole.take(np.arange(5)), whole)


def test_nothing_taken_and_nothing_joined() -> None:
    nothing = MoleculeGraphs.concatenate([])
    nothing.validate()
    assert len(nothing) == 0
    taken = MoleculeGraphs.concatenate(PARTS).take([])
    taken.validate()
    assert len(taken) == 0
    assert taken.bond_index.shape == (2, 0)


@pytest.mark.parametrize("row", [-1, 5])
def test_rows_must_exist(row: int) -> None:
    with pytest.raises(InputError, match=f"no row {row}"):
        MoleculeGraphs.concatenate(PARTS).take([0, row])


def test_keys_are_looked_up() -> None:
    assert MoleculeGraphs.concatenate(PARTS).index_of(["KEYXX", "?", "KEY"]).tolist() == [2, -1, 0]


def changed(name: str, position: tuple[int, ...], value: int) -> MoleculeGraphs:
    whole = MoleculeGraphs.concatenate(PARTS)
    array = getattr(whole, name).copy()
    array[position] = value
    return replace(whole, **{name: array})


WHOLE = MoleculeGraphs.concatenate(PARTS)


@pytest.mark.parametrize(
    ("graphs", "message"),
    [
        (changed("bond_index", (0, 0), 3), "molecule KEY has a bond to an atom outside it"),
        (changed("bond_index", (1, 5), -1), "molecule KEYXX has a bond to an atom outside it"),
        (changed("bond_index", (1, 0), 2), "in one direction only"),
        (changed("atom_features", (0, 0), 119), "atom features beyond the sizes"),
        (changed("bond_features", (0, 2), 2), "bond features beyond the sizes"),
        (changed("atom_offsets", (2,), 3), "molecule KEYX has no atom"),
        (changed("atom_offsets", (2,), 12), "the atom offsets do not go from 0 to 43"),
        (changed("atom_offsets", (0,), 1), "the atom offsets do not go from 0 to 43"),
        (changed("bond_offsets", (5,), 75), "the bond offsets do not go from 0 to 76"),
        (changed("smiles_offsets", (2,), 3), "molecule KEYX has an empty SMILES"),
        (changed("smiles_offsets", (5,), 42), "the SMILES offsets do not go from 0 to 43"),
        (replace(WHOLE, smiles_offsets=WHOLE.atom_offsets[:5]), r"smiles_offsets: expected int64 of shape \(6,\)"),
        (replace(WHOLE, smiles_bytes=WHOLE.atom_offsets), r"smiles_bytes: expected uint8 of shape"),
        (replace(WHOLE, smiles_bytes=None), "the SMILES need both their bytes and their offsets"),
        (replace(WHOLE, keys=WHOLE.keys[:4]), r"atom_offsets: expected int64 of shape \(5,\)"),
        (replace(WHOLE, bond_index=WHOLE.bond_index[:, :9]), r"bond_index: expected int32 of shape \(2, 76\)"),
        (replace(WHOLE, bond_index=WHOLE.bond_index.astype(np.int64)), "bond_index: expected int32"),
        (replace(WHOLE, atom_features=WHOLE.atom_features[:, :8]), r"atom_features: expected uint8 of shape \(43, 9\)"),
    ],
)
def test_what_does_not_fit_is_refused_and_not_saved(graphs: MoleculeGraphs, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        graphs.save(tmp_path / "graphs")
    assert list(tmp_path.iterdir()) == []


def test_saved_graphs_are_mapped_and_the_same(tmp_path: Path) -> None:
    WHOLE.save(tmp_path, graph_hash="h")
    loaded = MoleculeGraphs.load(tmp_path)
    same(loaded, WHOLE)
    assert isinstance(loaded.atom_features, np.memmap)
    same(loaded.take([2]), PARTS[2])
    assert not isinstance(loaded.take([2]).atom_features, np.memmap)


def test_no_molecules_can_be_saved(tmp_path: Path) -> None:
    MoleculeGraphs.concatenate([]).save(tmp_path)
    assert len(MoleculeGraphs.load(tmp_path)) == 0


@pytest.mark.parametrize("name", list(vars(WHOLE)))
def test_a_damaged_file_is_named(tmp_path: Path, name: str) -> None:
    WHOLE.save(tmp_path)
    path = tmp_path / f"{name}.npy"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ArtefactError, match=f"{name}.npy: damaged"):
        MoleculeGraphs.load(tmp_path)
    path.unlink()
    with pytest.raises(ArtefactError, match=f"{name}.npy: missing"):
        MoleculeGraphs.load(tmp_path)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=r"make it with: python -m ingest\.all"):
        MoleculeGraphs.load(tmp_path)


def without_smiles(graphs: MoleculeGraphs) -> MoleculeGraphs:
    return replace(graphs, smiles_bytes=None, smiles_offsets=None)


def test_smiles_go_where_their_molecules_go(tmp_path: Path) -> None:
    texts = ["CCC", "C", "c1ccccc1Cl", "[13C]é", "C" * 400]
    whole = WHOLE.with_smiles(texts)
    assert whole.smiles() == texts
    assert whole.take([3, 3, 0]).smiles() == [texts[3], texts[3], texts[0]]
    assert MoleculeGraphs.concatenate([whole.take([4]), whole.take([0, 1])]).smiles() == [texts[4], *texts[:2]]
    whole.save(tmp_path)
    loaded = MoleculeGraphs.load(tmp_path)
    assert isinstance(loaded.smiles_bytes, np.memmap)
    assert loaded.smiles() == texts
    with pytest.raises(InputError, match="5 molecules, but 4 SMILES"):
        WHOLE.with_smiles(texts[:4])


def test_an_artefact_without_smiles_is_read_and_says_that_it_has_none(tmp_path: Path) -> None:
    bare = without_smiles(WHOLE)
    bare.save(tmp_path)
    assert not list(tmp_path.glob("smiles*"))
    loaded = MoleculeGraphs.load(tmp_path)
    same(loaded, bare)
    assert loaded.smiles() is None
    assert loaded.take([1]).smiles() is None
    assert MoleculeGraphs.concatenate([bare, WHOLE]).smiles() is None
