"""Feature spaces on the device: rows of nodes, scaled values, codes of batches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from _objectives import CPU, SIZE, maker_of, workspace_of

from graphdb.feature_store import FeatureStore, FeatureStoreWriter
from graphdb.schema import NodeType
from graphdb.snapshot import Snapshot
from graphdb.workspace import Workspace
from learn.spaces import SpaceOnDevice


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return workspace_of(tmp_path_factory.mktemp("spaces"))


def test_rows_and_values_are_those_of_the_store(workspace: Workspace) -> None:
    snapshot, maker = Snapshot.load(workspace.snapshot), maker_of(workspace)
    nodes = torch.arange(-1, snapshot.number_of_nodes)
    for spec, space in zip(maker.specs, maker.spaces, strict=True):
        stored = FeatureStore.open(workspace.features).space(spec.node_type, spec.feature_space)
        rows = space.rows(nodes.reshape(-1, 1)).squeeze(1)
        assert rows.dtype == torch.int64
        assert rows[0] == -1
        described = rows >= 0
        assert described.sum() == len(space) == len(stored)
        for node, row in zip(nodes[described].tolist(), rows[described].tolist(), strict=True):
            assert snapshot.node_type[node] == spec.node_type.code
            assert snapshot.keys[node] == stored.keys[row]
        values = space.values(rows[described])
        assert values.dtype == torch.float32
        np.testing.assert_array_equal(values.numpy(), stored.scaled(rows[described].numpy()))  # NaN equals NaN here
    assert any(np.isnan(space.values(torch.arange(len(space)))).any() for space in maker.spaces)


def test_batches_are_numbered_by_name_and_unknown_ones_are_one(workspace: Workspace) -> None:
    spaces = dict(zip(maker_of(workspace).specs, maker_of(workspace).spaces, strict=True))
    for spec, space in spaces.items():
        if spec.node_type in (NodeType.MORPHOLOGY, NodeType.EXPRESSION):
            assert space.batches is not None
            assert space.n_batches == 3
            assert space.batches.tolist() == [row % 3 for row in range(SIZE.profiles)]
        else:
            assert space.batches is None
            assert space.n_batches == 1


def test_batch_names_are_of_one_space(tmp_path: Path, workspace: Workspace) -> None:
    writer = FeatureStoreWriter(tmp_path)
    writer.add(NodeType.MORPHOLOGY, "s", ["m:0", "m:1", "m:2"], ["f"], np.eye(3)[:, :1], batches=["z", "a", "z"])
    writer.finish({})
    stored = FeatureStore.open(tmp_path).space(NodeType.MORPHOLOGY, "s")
    space = SpaceOnDevice(Snapshot.load(workspace.snapshot), stored, CPU)
    assert space.batches is not None
    assert (space.n_batches, space.batches.tolist()) == (2, [1, 0, 1])
