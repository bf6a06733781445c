"""Training the encoder with its head, and the reference's frozen encoder in training mode."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from _drugs import DRUGS

from graphdb.errors import InputError
from ingest.features.molecule_graph import featurise
from learn.encode import embed_graphs
from learn.encoder import Encoder
from learn.fine_tuning import FineTuneConfig, fine_tune, training
from learn.head import HeadConfig
from learn.head_training import train_head
from learn.metrics import score

SMILES = list(DRUGS.values())
GRAPHS = featurise(SMILES)
AROMATIC_NITROGEN = np.array([[float("n" in text)] for text in SMILES], dtype=np.float32)
TRAIN, VALID = np.arange(0, 40), np.arange(40, 60)
SMALL = HeadConfig(hidden=32, dropout=0.1)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def encoder() -> Encoder:
    torch.manual_seed(0)
    return Encoder(layers=2, dropout=0.5).eval()


def _tune(encoder: Encoder, labels: np.ndarray = AROMATIC_NITROGEN, seed: int = 0, **settings: object):
    config = FineTuneConfig(**{"batch": 16, "epochs": 3, "head": SMALL, "head_first": False, **settings})
    sets = [(GRAPHS.take(rows), labels[rows]) for rows in (TRAIN, VALID)]
    return fine_tune("classification", "auc", encoder, *sets, seed=seed, config=config)


def _state(encoder: Encoder) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in encoder.state_dict().items()}


def test_it_learns_what_it_is_shown_and_leaves_the_given_encoder_alone(encoder: Encoder) -> None:
    before = _state(encoder)
    tuned = _tune(encoder, epochs=15, patience=15, encoder_rate=1e-3)
    assert tuned.validation > 0.9
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())
    assert not torch.equal(tuned.encoder.dist_net[1].weight, encoder.dist_net[1].weight)
    assert score("auc", AROMATIC_NITROGEN[VALID], tuned.predict(GRAPHS.take(VALID))).mean == tuned.validation


def test_the_papers_mode_keeps_the_running_statistics_and_the_references_moves_them(encoder: Encoder) -> None:
    name = "graph_encoder.batch_norms.0.running_mean"
    weight = "graph_encoder.convs.0.mlp.0.weight"
    before = _state(encoder)
    for unfreeze in (False, True):
        for profile in ("paper", "reference"):
            after = _tune(encoder, unfreeze=unfreeze, profile=profile, epochs=1).encoder.state_dict()
            assert torch.equal(after[name], before[name]) == (profile == "paper")
            assert torch.equal(after[weight], before[weight]) == (not unfreeze)


def test_the_head_is_first_that_of_the_frozen_encoder(encoder: Encoder) -> None:
    """Where training together destroys, what was before it is kept."""
    sets = [(embed_graphs(encoder, GRAPHS.take(rows)), AROMATIC_NITROGEN[rows]) for rows in (TRAIN, VALID)]
    frozen = train_head("classification", "auc", *sets, seed=0, config=SMALL)
    tuned = _tune(encoder, head_first=True, encoder_rate=1.0, epochs=2, clip=0.0)
    assert tuned.validation >= frozen.validation
    if tuned.best_epoch == 0:
        np.testing.assert_allclose(tuned.predict(GRAPHS.take(VALID)), frozen.predict(sets[1][0]), atol=1e-6)


def test_a_frozen_encoder_in_eval_mode_embeds_as_before(encoder: Encoder) -> None:
    tuned = _tune(encoder, unfreeze=False)
    np.testing.assert_array_equal(embed_graphs(tuned.encoder, GRAPHS), embed_graphs(encoder, GRAPHS))


def test_a_seed_fixes_the_result_and_leaves_the_callers_random_state_alone(encoder: Encoder) -> None:
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first, again, other = (_tune(encoder, seed=seed, profile="reference").predict(GRAPHS) for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), before)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_it_stops_when_validation_stops_getting_better(encoder: Encoder) -> None:
    noise = np.random.default_rng(0).permutation(AROMATIC_NITROGEN)
    tuned = _tune(encoder, noise, epochs=50, patience=2)
    assert tuned.epochs == tuned.best_epoch + 2 < 50


def test_molecules_without_a_label_are_left_out(encoder: Encoder) -> None:
    labels = np.column_stack([AROMATIC_NITROGEN, 1 - AROMATIC_NITROGEN])
    labels[::3, 0] = np.nan
    labels[::2] = np.nan
    assert np.isfinite(_tune(encoder, labels, epochs=1).predict(GRAPHS)).all()
    nothing = np.full_like(labels, np.nan)
    with pytest.raises(ValueError, match="training set"):
        _tune(encoder, nothing)
    nothing[TRAIN] = labels[TRAIN]
    with pytest.raises(ValueError, match="validation set"):
        _tune(encoder, nothing, epochs=1)


def test_settings_of_the_ways() -> None:
    assert training(unfreeze=True, profile="paper").epochs == FineTuneConfig.epochs
    frozen = training(unfreeze=False, profile="reference")
    assert (frozen.batch, frozen.epochs, frozen.patience) == (5120, 300, 50)  # method.md, section 5
    with pytest.raises(InputError, match="paper or reference"):
        FineTuneConfig(profile="other")
