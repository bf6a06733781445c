"""The multi-task network, extra trees, and the head on fingerprints."""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import Descriptors

from learn.baselines import ExtraTrees, MultitaskNetwork
from learn.baselines.fingerprint_head import FingerprintHead
from learn.baselines.multitask import MultitaskConfig
from learn.metrics import auc

CHAINS = ["C" * n + end for n in range(3, 18) for end in ("O", "N", "F", "Cl")]
OXYGEN = np.array([float("O" in text) for text in CHAINS])
WEIGHT = np.array([Descriptors.MolWt(Chem.MolFromSmiles(text)) for text in CHAINS])
SMALL = MultitaskConfig(hidden=(32,), epochs=20, members=2, batch=16)


def test_a_network_learns_all_tasks_and_repeats_itself() -> None:
    labels = np.column_stack([OXYGEN, WEIGHT > 150]).astype(np.float32)
    labels[::3, 0] = np.nan
    network = MultitaskNetwork("classification", seed=1, config=SMALL).fit(CHAINS, labels)
    found = network.predict(CHAINS)
    assert found.shape == labels.shape
    assert auc(OXYGEN[::3], found[::3, 0]) > 0.9  # molecules whose label it has not seen
    assert auc(labels[:, 1], found[:, 1]) > 0.9
    again = MultitaskNetwork("classification", seed=1, config=SMALL).fit(CHAINS, labels).predict(CHAINS)
    np.testing.assert_array_equal(again, found)
    other = MultitaskNetwork("classification", seed=2, config=SMALL).fit(CHAINS, labels).predict(CHAINS)
    assert not np.array_equal(other, found)
    assert network.predict([]).shape == (0, 2)


def test_a_network_takes_further_inputs() -> None:
    """A label that structure does not tell, but the other inputs do; without them for some molecules it goes on."""
    rng = np.random.default_rng(0)
    labels = (rng.random((len(CHAINS), 1)) < 0.5).astype(np.float32)
    # Of very different sizes: they are standardised.
    secret = np.tile(np.hstack([(labels - 0.5) * 0.01 + 7, 1000 * labels, -labels]), 60)
    config = MultitaskConfig(hidden=(32,), epochs=60, members=2, batch=16)
    network = MultitaskNetwork("classification", config=config).fit(CHAINS[:45], labels[:45], secret[:45])
    told = auc(labels[45:, 0], network.predict(CHAINS[45:], secret[45:])[:, 0])
    assert np.isfinite(network.predict(CHAINS, np.full_like(secret, np.nan))).all()
    alone = MultitaskNetwork("classification", config=config).fit(CHAINS[:45], labels[:45])
    untold = auc(labels[45:, 0], alone.predict(CHAINS[45:])[:, 0])
    assert told > 0.85
    assert told > untold + 0.15


def test_a_network_answers_in_the_labels_unit() -> None:
    labels = np.column_stack([WEIGHT, np.full(len(CHAINS), np.nan)]).astype(np.float32)
    found = MultitaskNetwork("regression", config=MultitaskConfig(hidden=(32,), epochs=60, batch=16)).fit(
        CHAINS, labels
    )
    assert np.abs(found.predict(CHAINS)[:, 0] - WEIGHT).mean() < 0.5 * WEIGHT.std()
    with pytest.raises(ValueError, match="two labelled"):
        MultitaskNetwork("regression").fit(CHAINS, np.full_like(labels, np.nan))


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_extra_trees_are_scikit_learns_one_a_task(kind) -> None:
    labels = np.column_stack([OXYGEN if kind == "classification" else WEIGHT, np.full(len(CHAINS), np.nan)])
    labels[::3, 0] = np.nan
    model = ExtraTrees(kind, trees=30, jobs=1).fit(CHAINS, labels)
    found = model.predict(CHAINS)
    assert np.isnan(found[:, 1]).all()
    if kind == "classification":
        assert auc(OXYGEN[::3], found[::3, 0]) > 0.9
    else:
        assert np.abs(found[::3, 0] - WEIGHT[::3]).mean() < 15
    # A structure with descriptors that RDKit has no value for is no error.
    assert np.isfinite(model.predict(["C[Zn]C"])[0, 0])


def test_heads_on_fingerprints_stop_by_the_validation_set() -> None:
    labels = OXYGEN[:, None].astype(np.float32)
    model = FingerprintHead("classification", "auc", seeds=(0, 1))
    model.fit(CHAINS[:40], labels[:40], (CHAINS[40:], labels[40:]))
    found = model.predict(CHAINS)
    assert found.shape == (2, len(CHAINS), 1)
    assert all(auc(OXYGEN[40:], one[40:, 0]) > 0.9 for one in found)
    assert model.heads[0].validation > 0.9
