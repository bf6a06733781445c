"""The random forest baseline on molecules whose label can be read off the structure."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from graphdb.errors import InputError
from learn.baselines import RandomForest, fingerprints

ALCOHOLS = [f"{'C' * n}O" for n in range(2, 12)]
AMINES = [f"{'C' * n}N" for n in range(2, 12)]
SMILES = ALCOHOLS + AMINES
IS_ALCOHOL = np.array([1.0] * 10 + [0.0] * 10)


def test_fingerprints_are_2048_bits_of_radius_2() -> None:
    from rdkit import Chem
    from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator

    aspirin = "CC(=O)Oc1ccccc1C(=O)O"
    expected = GetMorganGenerator(radius=2, fpSize=2048).GetFingerprintAsNumPy(Chem.MolFromSmiles(aspirin))
    np.testing.assert_array_equal(fingerprints([aspirin])[0], expected)


def test_each_task_learns_from_its_labelled_molecules_and_answers_probabilities() -> None:
    labels = np.column_stack([IS_ALCOHOL, np.where(np.arange(20) % 3 == 0, np.nan, 1 - IS_ALCOHOL)])
    predictions = RandomForest("classification", seed=4, trees=30, jobs=1).fit(SMILES, labels).predict(SMILES)
    known = ~np.isnan(labels[:, 1])
    plain = RandomForestClassifier(30, random_state=4).fit(fingerprints(SMILES)[known], labels[known, 1])
    np.testing.assert_allclose(predictions[:, 1], plain.predict_proba(fingerprints(SMILES))[:, 1])
    assert predictions[:10, 0].min() > 0.5 > predictions[10:, 0].max()


def test_regression_answers_values() -> None:
    length = np.array([[len(text)] for text in SMILES], dtype=float)
    predictions = RandomForest("regression", seed=2, trees=20, jobs=1).fit(SMILES, length).predict(SMILES)
    plain = RandomForestRegressor(20, random_state=2).fit(fingerprints(SMILES), length[:, 0])
    np.testing.assert_allclose(predictions[:, 0], plain.predict(fingerprints(SMILES)))
    assert predictions[0] < predictions[9]


def test_tasks_without_two_classes_answer_what_they_know() -> None:
    labels = np.column_stack([np.ones(20), np.full(20, np.nan), IS_ALCOHOL])
    predictions = RandomForest("classification", trees=5, jobs=1).fit(SMILES, labels).predict(["CCO"])
    assert predictions[0, 0] == 1
    assert np.isnan(predictions[0, 1])


def test_an_invalid_smiles_is_said() -> None:
    with pytest.raises(InputError, match="C1CC"):
        RandomForest("classification").fit(["C1CC"], np.ones((1, 1)))
