"""What pulls an embedding is the gradient of the objective itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from _objectives import run, workspace_of

from graphdb.feature_store import FeatureStore
from graphdb.molecule_graphs import MoleculeGraphs
from graphdb.snapshot import Snapshot
from graphdb.walks import Walks, sample
from learn.attribution import DECODER_COLUMNS, PRIOR, TERM_COLUMNS, attribute
from learn.batches import BatchMaker
from learn.checkpoint import Checkpoint, load
from learn.objectives.infoalign import reconstruction


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Checkpoint]:
    workspace = workspace_of(tmp_path_factory.mktemp("attribution"))
    settings = ("--epochs", "2", "--batch-size", "16", "--layers", "1", "--beta", "0.01")
    return workspace.root, load(run(workspace, "infoalign", settings=settings) / "checkpoint.pt")


@pytest.fixture(scope="module")
def parts(trained: tuple[Path, Checkpoint]):
    root, model = trained
    features, snapshot = FeatureStore.open(root / "features"), Snapshot.load(root / "snapshot")
    graphs = MoleculeGraphs.load(root / "molecule_graphs")
    starts = np.flatnonzero(np.isin(snapshot.keys, graphs.keys) & (snapshot.node_type == 0)).astype(np.int32)
    return model, features, snapshot, graphs, sample(snapshot, starts, model.config.walks)


def of_one(walks: Walks, row: int) -> Walks:
    return Walks(walks.nodes[row : row + 1], walks.path_weights[row : row + 1])


def test_the_sum_of_all_pulls_is_the_gradient_of_the_objective(parts) -> None:
    model, features, snapshot, graphs, walks = parts
    batch = BatchMaker(snapshot, features, graphs, torch.device("cpu")).make(walks)
    decoders = model.decoders().eval()
    mu = model.encoder().embed(batch.graphs).detach().requires_grad_()
    logits = decoders(mu, [sums.rows for sums in batch.sums])
    loss = sum(reconstruction(made, sums.weights, sums.targets) for made, sums in zip(logits, batch.sums, strict=True))
    loss = loss + model.config.beta * mu.square().sum() / 2 / len(mu)  # what of the KL term depends on mu
    (gradient,) = torch.autograd.grad(loss, mu)
    assert len(walks) > 10
    for row in range(0, len(walks), 3):
        found = attribute(model, mu[row].detach().numpy(), features, snapshot, of_one(walks, row), walks)
        assert found.net == pytest.approx(float(gradient[row].norm()) * len(walks), rel=1e-3)


def test_terms_and_decoders_say_what_was_met(parts) -> None:
    model, features, snapshot, _, walks = parts
    longest = int(np.argmax((walks.nodes >= 0).sum(axis=1)))
    one = of_one(walks, longest)
    found = attribute(model, np.full(300, 0.1), features, snapshot, one, walks)
    assert list(found.terms.columns) == TERM_COLUMNS
    assert list(found.decoders.columns) == DECODER_COLUMNS
    assert set(found.terms["node"]) <= set(one.nodes.ravel().tolist())
    assert int(one.nodes[0, 0]) in set(found.terms["node"])
    assert found.terms["pull"].is_monotonic_decreasing
    assert found.decoders["pull"].is_monotonic_decreasing
    assert found.decoders["share"].sum() == pytest.approx(1)
    assert found.decoders["agreement"].between(-1.001, 1.001).all()
    prior = found.decoders.set_index("decoder").loc[PRIOR]
    assert prior["pull"] == pytest.approx(model.config.beta * 0.1 * 300**0.5)
    assert prior["loss"] == pytest.approx(0.5 * 0.01 * 300)
    for term in found.terms.itertuples():
        there = one.nodes[0] == term.node
        assert term.met == there.sum()
        assert term.weight == pytest.approx(float(one.path_weights[0][there].sum()))


def test_a_loss_is_that_of_the_decoded_features(parts) -> None:
    model, features, snapshot, _, walks = parts
    mu = np.linspace(-1, 1, 300, dtype=np.float32)
    term = next(attribute(model, mu, features, snapshot, of_one(walks, 0), walks).terms.itertuples())
    place = [(str(spec.node_type), spec.feature_space) for spec in model.specs].index((term.node_type, term.space))
    with torch.no_grad():
        share = (
            torch.sigmoid(model.decoders().eval().decoder_list[place](torch.from_numpy(mu)[None]))[0].double().numpy()
        )
    space = features.space(term.node_type, term.space)
    target = space.scaled(space.index_of([term.key]))[0].astype(np.float64)
    known = np.isfinite(target)
    by_hand = -(target * np.log(share) + (1 - target) * np.log1p(-share))[known].mean()
    assert term.loss == pytest.approx(by_hand, rel=1e-4)
