"""Morgan fingerprints against RDKit's own bit vectors."""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator

from graphdb.errors import InputError
from ingest.features import fingerprints as module
from ingest.features.fingerprints import morgan_bits, unpack

SMILES = [
    "CC(=O)Oc1ccccc1C(=O)O",  # aspirin
    "CN1C=NC2=C1C(=O)N(C(=O)N2C)C",  # caffeine
    "C[C@@H](N)C(=O)O",
    "[Na+].[Cl-]",
    "O",
    "CC1=C2[C@@]([C@]([C@H]([C@@H]3[C@]4([C@H](OC4)C[C@@H]([C@]3(C(=O)[C@@H]2OC(=O)C)C)O)OC(=O)C)"
    "OC(=O)c5ccccc5)(C[C@@H]1OC(=O)[C@H](O)[C@@H](NC(=O)c6ccccc6)c7ccccc7)O)(C)C",  # paclitaxel
]


@pytest.mark.parametrize(("radius", "size"), [(4, 1024), (2, 2048), (3, 64)])
def test_bits_are_those_of_rdkit(radius: int, size: int) -> None:
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=radius, fpSize=size)
    expected = [list(generator.GetFingerprint(Chem.MolFromSmiles(smiles))) for smiles in SMILES]
    packed = morgan_bits(SMILES, radius, size)
    assert packed.shape == (len(SMILES), size // 8)
    assert packed.dtype == np.uint8
    assert unpack(packed).tolist() == expected


def test_radius_and_size_are_the_papers() -> None:
    """InfoAlign: radius 4, 1,024 bits. Water has one environment, and so one bit."""
    packed = morgan_bits(SMILES)
    np.testing.assert_array_equal(packed, morgan_bits(SMILES, 4, 1024))
    assert (packed != morgan_bits(SMILES, 3, 1024)).any()
    assert unpack(packed).sum(axis=1).tolist()[4] == 1


def test_chirality_is_left_out() -> None:
    left, right = morgan_bits(["C[C@@H](N)C(=O)O", "C[C@H](N)C(=O)O"])
    np.testing.assert_array_equal(left, right)


def test_processes_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = morgan_bits(SMILES * 3)
    monkeypatch.setattr(module, "IN_PROCESS", 5)
    monkeypatch.setattr(module, "BATCH", 4)
    np.testing.assert_array_equal(morgan_bits(SMILES * 3), alone)


def test_nothing_gives_nothing() -> None:
    assert morgan_bits([]).shape == (0, 128)


def test_bad_input_is_one_clear_line() -> None:
    with pytest.raises(InputError, match=r"not a valid SMILES: 'C1CC'"):
        morgan_bits(["CC", "C1CC"])
    with pytest.raises(InputError, match="multiple of 8"):
        morgan_bits(["CC"], 2, 100)
