"""The domain of a predictor against RDKit's own similarities."""

from __future__ import annotations

import numpy as np
import pytest
from _drugs import DRUGS
from rdkit import Chem, DataStructs
from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator

from learn.applicability import ApplicabilityDomain

SMILES = list(DRUGS.values())
EXOTIC = "C[Si](C)(C)O[Si](C)(C)C"


def _similarities(one: str, others: list[str]) -> list[float]:
    generator = GetMorganGenerator(radius=2, fpSize=2048)
    prints = [generator.GetFingerprint(Chem.MolFromSmiles(text)) for text in (one, *others)]
    return list(DataStructs.BulkTanimotoSimilarity(prints[0], prints[1:]))


def test_the_nearest_molecule_is_rdkits() -> None:
    domain = ApplicabilityDomain.of(SMILES[:40])
    found = domain.nearest(SMILES[40:])
    for place, text in enumerate(SMILES[40:]):
        expected = _similarities(text, SMILES[:40])
        assert found.similarity[place] == pytest.approx(max(expected), abs=1e-6)
        assert found.smiles[place] == SMILES[:40][int(np.argmax(expected))]


def test_the_threshold_is_the_5th_percentile_of_what_training_molecules_have_themselves() -> None:
    domain = ApplicabilityDomain.of([*SMILES, *SMILES[:10]])  # repetitions count once
    alone = [max(_similarities(text, [other for other in SMILES if other != text])) for text in SMILES]
    assert domain.threshold == pytest.approx(np.percentile(alone, 5), abs=1e-6)


def test_a_training_molecule_is_inside_and_an_exotic_one_outside() -> None:
    domain = ApplicabilityDomain.of(SMILES)
    found = domain.nearest([DRUGS["aspirin"], EXOTIC])
    assert found.similarity[0] == 1
    assert found.smiles[0] == DRUGS["aspirin"]
    assert found.inside.tolist() == [True, False]


def test_a_written_domain_is_the_same() -> None:
    domain = ApplicabilityDomain.of(SMILES[:10])
    again = ApplicabilityDomain.from_content(domain.as_content())
    assert (again.smiles, again.threshold) == (domain.smiles, domain.threshold)
    np.testing.assert_array_equal(again.nearest(SMILES).similarity, domain.nearest(SMILES).similarity)


def test_one_molecule_is_a_domain_without_a_threshold() -> None:
    domain = ApplicabilityDomain.of(["CCO"])
    assert domain.threshold == 0
    assert domain.nearest([EXOTIC]).inside.tolist() == [True]
