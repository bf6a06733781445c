"""Predictive variance against a computation by hand; the choice of what to measure against a plain loop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from _objectives import run, workspace_of

from graphdb.errors import InputError
from graphdb.feature_store import FeatureStore
from graphdb.molecule_graphs import MoleculeGraphs
from learn.checkpoint import Checkpoint, load
from learn.encode import embed_graphs
from learn.molecules import to_graph_batch
from learn.posterior import choose, posterior

SPACE = "synthetic-morphology"


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Checkpoint, MoleculeGraphs, FeatureStore]:
    workspace = workspace_of(tmp_path_factory.mktemp("posterior"))
    settings = ("--epochs", "1", "--batch-size", "16", "--layers", "1")
    checkpoint: Path = run(workspace, "infoalign", settings=settings) / "checkpoint.pt"
    return load(checkpoint), MoleculeGraphs.load(workspace.molecule_graphs), FeatureStore.open(workspace.features)


def test_mu_is_the_embedding_and_the_variance_that_of_samples(parts) -> None:
    model, graphs, features = parts
    found = posterior(model, graphs, features, SPACE, samples=5, seed=3)
    np.testing.assert_allclose(found.mu, embed_graphs(model.encoder(), graphs, device="cpu"), rtol=1e-4, atol=1e-4)
    place = [spec.feature_space for spec in model.specs].index(SPACE)
    noise = torch.randn((5, 300), generator=torch.Generator().manual_seed(3))
    row = 2
    space = features.spaces()[[space.name for space in features.spaces()].index(SPACE)]
    unit = np.nanvar(space.scaled().astype(np.float64), axis=0)
    with torch.no_grad():
        mu, sigma = model.encoder().eval()(to_graph_batch(graphs.take([row]), torch.device("cpu")))
        decoded = torch.sigmoid(model.decoders().eval().decoder_list[place](mu + sigma * noise)).double().numpy()
    assert found.variance[row] == pytest.approx((decoded.var(axis=0, ddof=1) / unit).mean(), rel=1e-3)
    assert (found.variance > 0).all()
    assert len(set(found.variance.round(12))) > 1


def test_rows_do_not_depend_on_their_company(parts) -> None:
    model, graphs, features = parts
    whole = posterior(model, graphs, features, SPACE)
    part = posterior(model, graphs.take([5, 1]), features, SPACE)
    np.testing.assert_allclose(part.variance, whole.variance[[5, 1]], rtol=1e-3)


def test_what_cannot_be_computed_is_said(parts) -> None:
    model, graphs, features = parts
    with pytest.raises(InputError, match="at least 2 samples"):
        posterior(model, graphs, features, SPACE, samples=1)
    with pytest.raises(InputError, match="no decoder"):
        posterior(model, graphs, features, "nowhere")


def test_the_choice_is_that_of_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    candidates, measured = rng.normal(size=(40, 6)).astype(np.float32), rng.normal(size=(7, 6)).astype(np.float32)
    candidates[3] = candidates[4]  # the same thing twice
    variance = rng.uniform(0.1, 1, 40)
    variance[3:5] = 9
    found = choose(candidates, variance, measured, 12)

    def distance(one: np.ndarray, other: np.ndarray) -> float:
        return 1 - float(one @ other) / float(np.linalg.norm(one) * np.linalg.norm(other))

    done: list[int] = []
    for choice in found:
        known = [*measured, *candidates[done]]
        scores = {
            row: variance[row] * min(distance(candidates[row], other) for other in known)
            for row in range(40)
            if row not in done
        }
        assert scores[choice.row] == pytest.approx(max(scores.values()), abs=1e-5)
        assert choice.score == pytest.approx(scores[choice.row], abs=1e-5)
        other = measured[choice.nearest] if choice.nearest >= 0 else candidates[done[-1 - choice.nearest]]
        assert choice.distance == pytest.approx(distance(candidates[choice.row], other), abs=1e-5)
        done.append(choice.row)
    assert len(set(done)) == 12
    assert len({3, 4} & set(done)) == 1, "the second of the same adds nothing"
    assert len(choose(candidates, variance, measured, 99)) == 40
