"""LightGBM on descriptors and counts."""

from __future__ import annotations

from pathlib import Path

import lightgbm
import numpy as np
import pytest
from _drugs import DRUGS
from rdkit import Chem
from rdkit.Chem import Descriptors, rdFingerprintGenerator

from graphdb.errors import InputError, MissingExtraError
from ingest.features import descriptors as module
from ingest.features.descriptors import NAMES, descriptors, morgan_counts
from learn.baselines import Boosting, boosting

SMILES = list(DRUGS.values())


def test_descriptors_are_rdkits_and_missing_where_it_has_none() -> None:
    zinc, aspirin = "C[Zn]C", DRUGS["aspirin"]
    found = descriptors([aspirin, zinc, aspirin])
    assert found.dtype == np.float32
    assert found.shape == (3, len(NAMES))
    for name, expected in (("MolWt", 180.159), ("TPSA", 63.6), ("NumHDonors", 1), ("RingCount", 1)):
        assert found[0, NAMES.index(name)] == pytest.approx(expected, abs=0.01)
    by_hand = [function(Chem.MolFromSmiles(aspirin)) for _, function in Descriptors.descList]
    np.testing.assert_allclose(found[0], by_hand, rtol=1e-5)
    np.testing.assert_array_equal(found[0], found[2])
    assert np.isnan(found[1, NAMES.index("MaxPartialCharge")])
    assert not np.isinf(found).any()


def test_counts_are_how_often_an_environment_is_there() -> None:
    molecule = Chem.MolFromSmiles(DRUGS["caffeine"])
    expected = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048).GetCountFingerprint(molecule)
    found = morgan_counts([DRUGS["caffeine"]])[0]
    assert {int(place): int(found[place]) for place in np.flatnonzero(found)} == expected.GetNonzeroElements()
    assert found.max() > 1


def test_descriptors_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = descriptors(SMILES[:5], tmp_path)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(module, "_described", refuse)
    np.testing.assert_array_equal(descriptors(SMILES[4::-1], tmp_path), first[::-1])
    with pytest.raises(AssertionError, match="again"):
        descriptors(SMILES[:6], tmp_path)


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_it_is_lightgbm_one_a_task(kind) -> None:
    weight = np.array([Descriptors.MolWt(Chem.MolFromSmiles(text)) for text in SMILES])
    values = weight > 200 if kind == "classification" else weight
    labels = np.column_stack(
        [values, np.where(np.arange(len(SMILES)) % 4, values, np.nan), np.full(len(SMILES), np.nan)]
    )
    found = Boosting(kind, seed=3).fit(SMILES, labels).predict(SMILES)
    features = np.hstack([descriptors(SMILES), morgan_counts(SMILES)])
    known = ~np.isnan(labels[:, 1])
    plain = lightgbm.LGBMClassifier if kind == "classification" else lightgbm.LGBMRegressor
    model = plain(random_state=3, n_jobs=1, verbosity=-1, **boosting.SETTINGS).fit(features[known], labels[known, 1])
    expected = model.predict_proba(features)[:, 1] if kind == "classification" else model.predict(features)
    np.testing.assert_allclose(found[:, 1], expected)
    assert np.corrcoef(found[:, 0], weight)[0, 1] > 0.7
    assert np.isnan(found[:, 2]).all()


def test_without_lightgbm_the_way_to_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boosting, "find_spec", lambda _name: None)
    with pytest.raises(MissingExtraError, match=r"infoalign-db\[boosting\]"):
        Boosting("regression")


def test_an_invalid_smiles_is_said() -> None:
    with pytest.raises(InputError, match="C1CC"):
        Boosting("classification").fit(["C1CC"], np.ones((1, 1)))
