"""What a model makes of all molecules is computed once, and again when anything that it hangs on has changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from _objectives import run, workspace_of

from graphdb.errors import InputError
from graphdb.feature_store import FeatureStore
from graphdb.molecule_graphs import MoleculeGraphs
from graphdb.workspace import Workspace
from learn import posterior as module
from learn.checkpoint import load
from queries.known_posterior import known_posterior

SPACE = "synthetic-morphology"


def test_it_is_kept_until_model_molecules_or_features_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = workspace_of(tmp_path)
    monkeypatch.setattr(Workspace, "default", classmethod(lambda _: workspace))
    settings = ("--epochs", "1", "--batch-size", "16", "--layers", "1")
    model = load(run(workspace, "infoalign", settings=settings) / "checkpoint.pt")
    known, features = MoleculeGraphs.load(workspace.molecule_graphs), FeatureStore.open(workspace.features)
    place = [spec.feature_space for spec in model.specs].index(SPACE)
    computed = []

    def counted(*arguments, **keywords):
        computed.append(arguments)
        return plain(*arguments, **keywords)

    plain = module.posterior
    monkeypatch.setattr(module, "posterior", counted)
    with pytest.raises(InputError, match=rf"too many.*profile_next --space {SPACE}"):
        known_posterior(model, known, features, place, most=len(known) - 1)
    assert not computed
    first = known_posterior(model, known, features, place)
    again = known_posterior(model, known, features, place, most=0)
    assert len(computed) == 1
    expected = plain(model, known, features, SPACE)
    for found in (first, again):
        np.testing.assert_array_equal(found.mu, expected.mu)
        np.testing.assert_array_equal(found.variance, expected.variance)

    decoder = next(name for name in model.objective_state if name.endswith("weight"))
    with torch.no_grad():
        changed = {**model.objective_state, decoder: model.objective_state[decoder] + 0.1}
    known_posterior(replace(model, objective_state=changed), known, features, place)
    assert len(computed) == 2
    known_posterior(model, known.take(np.arange(3)), features, place)
    assert len(computed) == 3
    known_posterior(model, known, replace(features, manifest={**features.manifest, "graph_hash": "another"}), place)
    assert len(computed) == 4
    # Of a feature space the newest alone stays.
    assert len(list(workspace.cache.glob("posterior-*.npz"))) == 1
