"""Kernel ridge regression, the Gaussian process, and the features that they read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from _drugs import DRUGS
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem, DataStructs
from rdkit.Chem import Descriptors, rdFingerprintGenerator

from graphdb.errors import InputError
from learn.baselines import TanimotoRidge, kernel_ridge
from learn.baselines import features as features_module
from learn.baselines.features import counts, features
from learn.baselines.gaussian_process import TanimotoGP, hyperparameters, tanimoto
from learn.baselines.kernel_ridge import LARGEST_COUNT, min_max, solve

SMILES = list(DRUGS.values())
CHAINS = ["C" * n + end for n in range(3, 18) for end in ("O", "N", "F")]


@pytest.mark.parametrize("name", ["pairs", "torsions", "morgan"])
def test_counts_are_rdkits(name: str) -> None:
    made = {
        "pairs": rdFingerprintGenerator.GetAtomPairGenerator(fpSize=2048),
        "torsions": rdFingerprintGenerator.GetTopologicalTorsionGenerator(fpSize=2048),
        "morgan": rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048),
    }[name]
    found = counts(SMILES, name)
    assert found.dtype == np.uint8
    for row, text in zip(found, SMILES, strict=True):
        expected = made.GetCountFingerprint(Chem.MolFromSmiles(text)).GetNonzeroElements()
        assert {int(place): int(row[place]) for place in np.flatnonzero(row)} == expected
    with pytest.raises(InputError, match="not a valid SMILES"):
        counts(["C1CC"], name)


def test_counts_are_kept_by_their_structures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = features(SMILES[:4], ("pairs", "torsions"), tmp_path)
    monkeypatch.setattr(features_module, "_counted", lambda *_: pytest.fail("computed again"))
    np.testing.assert_array_equal(features(SMILES[:4], ("pairs", "torsions"), tmp_path), first)
    with pytest.raises(pytest.fail.Exception, match="again"):
        features(SMILES[1:4], ("pairs", "torsions"), tmp_path)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_min_max_is_the_sum_of_minima_over_that_of_maxima(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = (rng.poisson(0.7, (n, 9)).astype(np.uint8) for n in (5, 7))
    one[0] = 0
    other[0] = 0
    found = min_max(one, other)
    for i, x in enumerate(np.minimum(one, LARGEST_COUNT).astype(int)):
        for j, y in enumerate(np.minimum(other, LARGEST_COUNT).astype(int)):
            most = np.maximum(x, y).sum()
            assert found[i, j] == pytest.approx(np.minimum(x, y).sum() / most if most else 1.0, abs=1e-6)


def test_every_task_is_solved_on_its_own_molecules() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((30, 40))
    kernel = (x @ x.T / 40).astype(np.float32)
    y = rng.standard_normal((30, 4)).astype(np.float32)
    known = rng.random((30, 4)) < 0.6
    known[:, 3] = False
    found = solve(kernel, y, known, 0.3)
    for task in range(4):
        rows = np.flatnonzero(known[:, task])
        system = kernel[np.ix_(rows, rows)].astype(float) + 0.3 * np.eye(len(rows))
        np.testing.assert_allclose(found[rows, task], np.linalg.solve(system, y[rows, task]), atol=5e-3)
        assert not found[~known[:, task], task].any()


def test_ridge_regression_finds_what_structure_says() -> None:
    weight = np.array([Descriptors.MolWt(Chem.MolFromSmiles(text)) for text in CHAINS])
    labels = np.column_stack([weight, [float("O" in text) for text in CHAINS], np.full(len(CHAINS), np.nan)])
    labels[::7, 0] = np.nan
    model = TanimotoRidge("regression", "mae").fit(CHAINS, labels)
    found = model.predict(CHAINS)
    assert model.ridge in kernel_ridge.RIDGES
    assert np.corrcoef(found[:, 0], weight)[0, 1] > 0.95
    assert np.isnan(found[:, 2]).all()
    cut = TanimotoRidge("classification", "auc").fit(CHAINS, labels[:, 1:2]).predict(CHAINS)
    assert ((cut >= 0) & (cut <= 1)).all()
    assert cut[labels[:, 1] == 1].mean() > cut[labels[:, 1] == 0].mean() + 0.3


def test_the_ridge_is_chosen_inside_the_training_set() -> None:
    """Noise wants a larger ridge than a smooth function of structure."""
    rng = np.random.default_rng(0)
    mixed = [CHAINS[place] for place in rng.permutation(len(CHAINS))]
    weight = np.array([[Descriptors.MolWt(Chem.MolFromSmiles(text))] for text in mixed])
    noise = rng.standard_normal((len(mixed), 30))
    assert TanimotoRidge("regression", "mae").fit(mixed, weight).ridge == min(kernel_ridge.RIDGES)
    assert TanimotoRidge("regression", "mae").fit(mixed, noise).ridge == max(kernel_ridge.RIDGES)


def test_tanimoto_is_rdkits() -> None:
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    prints = [generator.GetFingerprint(Chem.MolFromSmiles(text)) for text in SMILES]
    bits = torch.from_numpy(
        np.stack([generator.GetFingerprintAsNumPy(Chem.MolFromSmiles(text)) for text in SMILES]).astype(np.float32)
    )
    found = tanimoto(bits, bits)
    for row, one in zip(found, prints, strict=True):
        np.testing.assert_allclose(row, DataStructs.BulkTanimotoSimilarity(one, prints), atol=1e-6)


def test_a_gaussian_process_tells_noise_from_structure() -> None:
    rng = np.random.default_rng(0)
    bits = (torch.from_numpy(rng.random((80, 64))) < 0.3).float()
    weights = torch.from_numpy(rng.standard_normal(64)).float()
    smooth, noise = bits @ weights, torch.from_numpy(rng.standard_normal(80)).float()
    of_smooth, of_noise = hyperparameters(bits, smooth), hyperparameters(bits, noise)
    assert of_smooth[1] / of_smooth[0] < 0.2 * of_noise[1] / of_noise[0]
    labels = np.column_stack([[float("O" in text) for text in CHAINS], np.full(len(CHAINS), np.nan)])
    labels[:3, 0] = np.nan
    found = TanimotoGP("classification").fit(CHAINS, labels).predict(CHAINS)
    assert found[labels[:, 0] == 1, 0].min() > found[labels[:, 0] == 0, 0].max()
    assert np.isnan(found[:, 1]).all()
    np.testing.assert_array_equal(TanimotoGP("classification").fit(CHAINS, labels).predict(CHAINS), found)
