"""Labels that spread over structures and over what molecules share in the context graph."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from graphdb.errors import InputError
from graphdb.schema import NodeType
from graphdb.snapshot import Snapshot
from learn.baselines.label_propagation import ALPHAS, STEPS, LabelPropagation, normalised, propagate
from learn.shared_neighbours import shared_neighbours

CHAINS = ["C" * n + end for n in range(3, 18) for end in ("O", "N", "F")]
RINGS = ["c1ccccc1" + "C" * n + end for n in range(12) for end in ("O", "N")]


def test_the_spread_is_the_solution_of_its_equation() -> None:
    rng = np.random.default_rng(0)
    weights = np.triu(rng.random((20, 20)) * (rng.random((20, 20)) < 0.3), 1)
    weights += weights.T
    weights[3] = weights[:, 3] = 0
    edges = normalised(sparse.csr_array(weights))
    degree = weights.sum(axis=1)
    expected = weights / np.sqrt(np.outer(degree, degree).clip(1e-30))
    np.testing.assert_allclose(edges.toarray(), np.where(weights > 0, expected, 0), rtol=1e-6)
    evidence = rng.standard_normal((20, 4)).astype(np.float32)
    for alpha in ALPHAS:
        found = propagate(edges, evidence, alpha)
        exact = (1 - alpha) * np.linalg.solve(np.eye(20) - alpha * edges.toarray().astype(float), evidence)
        np.testing.assert_allclose(found, exact, atol=2 * alpha**STEPS * np.abs(evidence).max() * 20**0.5 + 1e-5)
        # A node without edges keeps its own evidence alone.
        np.testing.assert_allclose(found[3], (1 - alpha) * evidence[3], rtol=1e-5)


def test_a_new_molecule_is_like_its_neighbours() -> None:
    smiles = [*CHAINS, *RINGS]
    labels = np.array([[1.0, np.nan, np.nan]] * len(CHAINS) + [[0.0, np.nan, np.nan]] * len(RINGS))
    labels[::2, 1] = 1 - labels[::2, 0]
    order = np.random.default_rng(0).permutation(len(smiles))
    model = LabelPropagation("classification", "auc").fit([smiles[i] for i in order], labels[order])
    found = model.predict(["C" * 20 + "O", "c1ccccc1" + "C" * 14 + "N"])
    assert found[0, 0] > 0.8
    assert found[1, 0] < 0.2
    assert found[0, 1] < found[1, 1]
    assert np.isnan(found[:, 2]).all()
    assert ((found[:, :2] >= 0) & (found[:, :2] <= 1)).all()
    with pytest.raises(InputError, match="not a valid SMILES"):
        model.predict(["C1CC"])


def test_labels_reach_molecules_over_the_context_alone() -> None:
    """Structures say nothing here; only the shared neighbours tell which unlabelled molecules are alike."""
    smiles = [text for n in range(4, 24) for text in ("C" * n + "O", "C" * n + "N")]
    truth = np.random.default_rng(1).integers(0, 2, len(smiles)).astype(float)
    labels = np.repeat(truth[:, None], 2, axis=1)
    # The second task is labelled for a third of the molecules.
    labels[np.arange(len(smiles)) % 3 > 0, 1] = np.nan
    alike = truth[:, None] == truth[None]
    np.fill_diagonal(alike, False)
    model = LabelPropagation("classification", "auc").fit(smiles, labels, sparse.csr_array(alike.astype(np.float32)))
    bare = LabelPropagation("classification", "auc").fit(smiles, labels)
    assert model.spread.context > 0
    assert bare.spread.context == 0

    def right(one: LabelPropagation) -> float:
        missing = np.isnan(labels[:, 1])
        return float(((one.predict(smiles)[missing, 1] > truth.mean()) == truth[missing]).mean())

    assert right(model) > right(bare)


def test_regression_answers_in_the_unit_of_its_labels() -> None:
    labels = np.array([[float(len(text))] for text in CHAINS])
    model = LabelPropagation("regression", "mae").fit(CHAINS, labels)
    found = model.predict(CHAINS)[:, 0]
    assert np.abs(found - labels[:, 0]).mean() < np.abs(labels - labels.mean()).mean() / 2
    np.testing.assert_array_equal(
        found, LabelPropagation("regression", "mae").fit(CHAINS, labels).predict(CHAINS)[:, 0]
    )


def _graph() -> Snapshot:
    molecules = [
        "AAAAAAAAAAAAAA-AA-N",
        "AAAAAAAAAAAAAA-BB-N",
        "BBBBBBBBBBBBBB-AA-N",
        "CCCCCCCCCCCCCC-AA-N",
        "DDDDDDDDDDDDDD-AA-N",
    ]
    types = [NodeType.MOLECULE.code] * 5 + [NodeType.GENE.code] * 2
    # Both forms of A, and B, bind gene 5; C binds gene 6; B and C are alike; D stands alone.
    src, dst, weight = [0, 1, 2, 3, 2], [5, 5, 5, 6, 3], [1.0, 0.5, 0.8, 1.0, 0.4]
    return Snapshot.from_edges(types, src, dst, weight, [*molecules, "1", "2"])


def test_molecules_share_edges_and_paths_of_two() -> None:
    snapshot = _graph()
    found = shared_neighbours(snapshot, ["A" * 14, "B" * 14, "C" * 14, "D" * 14, ""]).toarray()
    np.testing.assert_array_equal(found, found.T)
    assert not found.diagonal().any()
    d = {0: 1.0, 1: 0.5, 2: 1.2, 3: 1.4, 5: 2.3, 6: 1.0}
    s = {
        edge: w / np.sqrt(d[edge[0]] * d[edge[1]])
        for edge, w in {(0, 5): 1.0, (1, 5): 0.5, (2, 5): 0.8, (3, 6): 1.0, (2, 3): 0.4}.items()
    }
    expected = np.zeros((5, 5))
    expected[0, 1] = expected[1, 0] = (s[0, 5] + s[1, 5]) * s[2, 5]
    expected[1, 2] = expected[2, 1] = s[2, 3]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_molecule_keeps_its_strongest_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("learn.shared_neighbours.STRONGEST", 1)
    blocks = ["A" * 14, "B" * 14, "C" * 14]
    found = shared_neighbours(_graph(), blocks).toarray() > 0
    # B's strongest is A or C; each of those has B alone, and so keeps it.
    assert found[1].sum() == 2
