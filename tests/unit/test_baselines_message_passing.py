"""The directed message passing network: chemprop's own, faster; it learns, repeats itself and answers in unit."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from graphdb.errors import InputError, MissingExtraError
from learn.baselines import message_passing, training
from learn.baselines.message_passing import MessagePassing, MessagePassingConfig
from learn.metrics import auc

CHAINS = ["C" * n + end for n in range(3, 18) for end in ("O", "N", "F", "Cl")]
OXYGEN = np.array([float("O" in text) for text in CHAINS])
LENGTH = np.array([float(len(text)) for text in CHAINS])
SMALL = MessagePassingConfig(width=24, hidden=24, epochs=25, members=2, batch=16, dropout=0.1)

chemprop = pytest.importorskip("chemprop", reason="chemprop is not installed")


def test_it_learns_all_tasks_from_the_labels_that_are_known_and_repeats_itself() -> None:
    labels = np.column_stack([OXYGEN, LENGTH > 10]).astype(np.float32)
    labels[::3, 0] = np.nan
    found = MessagePassing("classification", seed=1, config=SMALL).fit(CHAINS, labels).predict(CHAINS)
    assert found.shape == labels.shape
    assert found.min() >= 0
    assert found.max() <= 1
    assert auc(OXYGEN[::3], found[::3, 0]) > 0.9  # molecules whose label it has not seen
    assert auc(labels[:, 1], found[:, 1]) > 0.9
    again = MessagePassing("classification", seed=1, config=SMALL).fit(CHAINS, labels).predict(CHAINS)
    np.testing.assert_array_equal(again, found)
    other = MessagePassing("classification", seed=2, config=SMALL).fit(CHAINS, labels).predict(CHAINS)
    assert not np.array_equal(other, found)


def test_it_answers_in_the_labels_unit_whatever_is_asked_together(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.column_stack([100 * LENGTH, np.full(len(CHAINS), np.nan)]).astype(np.float32)
    config = MessagePassingConfig(width=24, hidden=24, epochs=60, members=1, batch=16, dropout=0)
    model = MessagePassing("regression", config=config).fit(CHAINS, labels)
    found = model.predict(CHAINS)
    assert np.abs(found[:, 0] - 100 * LENGTH).mean() < 0.5 * (100 * LENGTH).std()
    monkeypatch.setattr(training, "AT_ONCE", 7)
    np.testing.assert_allclose(model.predict(CHAINS), found, rtol=1e-4)
    assert model.predict([]).shape == (0, 2)


def test_a_molecule_of_one_atom_has_no_bond_and_an_answer() -> None:
    labels = OXYGEN[:, None].astype(np.float32)
    model = MessagePassing("classification", config=SMALL).fit([*CHAINS, "C"], np.vstack([labels, [[0.0]]]))
    assert np.isfinite(model.predict(["C", "O", "[Na+].[Cl-]"])).all()


def test_messages_are_chemprops() -> None:
    from chemprop.data import BatchMolGraph
    from chemprop.nn import BondMessagePassing

    from learn.baselines.dmpnn import Bonds

    graphs = message_passing._graphs(["CC(=O)Oc1ccccc1C(=O)O", "C", "CCO", "c1ccc2ccccc2c1"])
    ours, theirs = Bonds(d_h=16, depth=4), BondMessagePassing(d_h=16, depth=4)
    ours.load_state_dict(theirs.state_dict())
    batch = BatchMolGraph(graphs)
    torch.testing.assert_close(ours(batch), theirs(batch))
    (ours(batch) ** 2).sum().backward()
    (theirs(batch) ** 2).sum().backward()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad)


def test_what_it_cannot_learn_from_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="two labelled"):
        MessagePassing("regression").fit(CHAINS, np.full((len(CHAINS), 1), np.nan))
    with pytest.raises(InputError, match="nonsense"):
        MessagePassing("regression", config=SMALL).fit([*CHAINS[:2], "nonsense"], np.ones((3, 1)))
    monkeypatch.setattr(message_passing, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match="chemprop"):
        MessagePassing("regression")
