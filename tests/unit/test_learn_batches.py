"""Batches against a loop over every walk, position and feature space."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.synthetic import Size, make_workspace
from graphdb.errors import ArtefactError
from graphdb.feature_store import FeatureStore
from graphdb.molecule_graphs import MoleculeGraphs
from graphdb.schema import NodeType
from graphdb.snapshot import Snapshot
from graphdb.walks import WalkConfig, Walks, sample
from learn.batches import Batch, BatchMaker, scaler_id
from learn.spaces import SpaceOnDevice, copied

SIZE = Size(molecules=30, genes=6, profiles=12, atoms=(2, 6), bits=37, features=11)
CPU = torch.device("cpu")


class Parts:
    def __init__(self, folder: Path) -> None:
        workspace = make_workspace(folder, SIZE)
        self.snapshot = Snapshot.load(workspace.snapshot)
        self.features = FeatureStore.open(workspace.features)
        self.graphs = MoleculeGraphs.load(workspace.molecule_graphs)
        self.maker = BatchMaker(self.snapshot, self.features, self.graphs, CPU)

    def walks(self, length: int = 5) -> Walks:
        return sample(self.snapshot, self.snapshot.nodes(NodeType.MOLECULE), WalkConfig(length, walks_per_node=2))


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    return Parts(tmp_path_factory.mktemp("synthetic"))


def dense(batch: Batch, at: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return W and T (B, D) of one feature space, zero where it was not met."""
    sums = batch.sums[at]
    whole = torch.zeros(2, batch.graphs.size, sums.weights.shape[1])
    whole[0, sums.rows], whole[1, sums.rows] = sums.weights, sums.targets
    return whole[0], whole[1]


def test_sums_are_those_of_a_loop_over_all_positions(parts: Parts) -> None:
    walks = parts.walks()
    batch = parts.maker.make(walks)
    met = set()
    for at, spec in enumerate(parts.maker.specs):
        weights, targets = dense(batch, at)
        cells = 0
        space = parts.features.space(spec.node_type, spec.feature_space)
        row_of = {key: row for row, key in enumerate(space.keys)}
        scaled = space.scaled()
        expected_w, expected_t = np.zeros((len(walks), spec.dimension)), np.zeros((len(walks), spec.dimension))
        for b in range(len(walks)):
            for node, alpha in zip(walks.nodes[b], walks.path_weights[b], strict=True):
                if node < 0 or parts.snapshot.node_type[node] != spec.node_type.code:
                    continue
                target = scaled[row_of[str(parts.snapshot.keys[node])]]
                observed = ~np.isnan(target)
                expected_w[b, observed] += alpha
                expected_t[b, observed] += alpha * target[observed]
                cells += int(observed.sum())
                met.add((spec.node_type, bool(observed.all())))
        assert weights.shape == targets.shape == expected_w.shape
        np.testing.assert_allclose(weights.numpy(), expected_w, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(targets.numpy(), expected_t, rtol=1e-5, atol=1e-6)
        assert float(batch.sums[at].observed) == cells
    # The walks of this test met every node type, and genes that were measured in part.
    assert {node_type for node_type, _ in met} == set(NodeType)
    assert (NodeType.GENE, False) in met


@pytest.mark.parametrize("share", [4, 2])
def test_features_that_lie_on_the_device_give_the_same_sums(parts: Parts, share: int) -> None:
    """The way of a GPU, in float32 and where only half of that fits: run on the CPU here."""
    walks = parts.walks()
    nodes, alpha = torch.from_numpy(walks.nodes).long(), torch.from_numpy(walks.path_weights)
    for stored, space in zip(parts.features.spaces(), parts.maker.spaces, strict=True):
        resident = SpaceOnDevice(parts.snapshot, stored, CPU)
        budget = len(stored) * stored.dimension * share
        resident._resident = copied(stored, CPU, budget)
        assert resident._resident is not None
        assert 0 < resident.bytes_on_device <= budget
        found, expected = resident.sums(nodes, alpha), space.sums(nodes, alpha)
        assert torch.equal(found.rows, expected.rows)
        torch.testing.assert_close(found.weights, expected.weights, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(found.targets, expected.targets, rtol=1e-5, atol=1e-5 if share == 4 else 2e-3)
        assert float(found.observed) == float(expected.observed)
        every = torch.arange(len(stored))
        torch.testing.assert_close(
            resident.values(every), space.values(every), rtol=0, atol=1e-7 if share == 4 else 1e-3, equal_nan=True
        )
    assert copied(stored, CPU, 1) is None


def test_the_start_decodes_its_own_fingerprint_with_weight_one(parts: Parts) -> None:
    start = parts.snapshot.nodes(NodeType.MOLECULE)[3:4]
    batch = parts.maker.make(Walks(np.array([[start[0], -1]], np.int32), np.array([[1, 0]], np.float32)))
    space = parts.features.space(NodeType.MOLECULE, parts.maker.specs[0].feature_space)
    own = space.scaled(space.index_of(parts.snapshot.keys[start]))
    assert parts.maker.specs[0].node_type is NodeType.MOLECULE
    np.testing.assert_array_equal(batch.sums[0].targets, own)
    np.testing.assert_array_equal(batch.sums[0].weights, np.ones_like(own))
    assert all(len(sums.rows) == 0 for sums in batch.sums[1:])


def test_a_node_that_is_met_twice_counts_twice(parts: Parts) -> None:
    start, gene = parts.snapshot.nodes(NodeType.MOLECULE)[0], parts.snapshot.nodes(NodeType.GENE)[2]
    batch = parts.maker.make(
        Walks(np.array([[start, gene, start, gene]], np.int32), np.array([[1, 0.5, 0.5, 0.25]], np.float32))
    )
    at = [spec.node_type for spec in parts.maker.specs].index(NodeType.GENE)
    space = parts.features.space(NodeType.GENE, parts.maker.specs[at].feature_space)
    target = space.scaled(space.index_of(parts.snapshot.keys[[gene]]))[0]
    observed = ~np.isnan(target)
    np.testing.assert_allclose(dense(batch, at)[0][0], 0.75 * observed)
    np.testing.assert_allclose(dense(batch, at)[1][0], 0.75 * np.nan_to_num(target), rtol=1e-6)
    np.testing.assert_allclose(batch.sums[0].weights, 1.5)


def test_molecules_stand_in_the_order_of_the_walks_with_shifted_bonds(parts: Parts) -> None:
    rows = np.array([4, 1, 4])
    nodes = parts.snapshot.index_of(NodeType.MOLECULE, parts.graphs.keys[rows])
    graphs = parts.maker.make(Walks(nodes[:, None], np.ones((3, 1), np.float32))).graphs
    assert graphs.size == 3
    first = 0
    for place, row in enumerate(rows):
        alone = parts.graphs.take([row])
        own = graphs.batch == place
        np.testing.assert_array_equal(graphs.x[own], alone.atom_features)
        bonds = own[graphs.edge_index[0]]
        np.testing.assert_array_equal(graphs.edge_index[:, bonds] - first, alone.bond_index)
        np.testing.assert_array_equal(graphs.edge_attr[bonds], alone.bond_features)
        first += len(alone.atom_features)


def test_features_of_another_graph_are_refused(parts: Parts) -> None:
    with pytest.raises(ArtefactError, match="make both again"):
        BatchMaker(replace(parts.snapshot, graph_hash="other"), parts.features, parts.graphs, CPU)


def test_a_start_without_a_graph_is_refused(parts: Parts) -> None:
    maker = BatchMaker(parts.snapshot, parts.features, parts.graphs.take(np.arange(5)), CPU)
    with pytest.raises(ArtefactError, match="no graph"):
        maker.make(parts.walks())


def test_the_id_of_a_scaling_changes_with_its_bounds(parts: Parts) -> None:
    space = parts.features.spaces()[-1]
    assert scaler_id(space) == scaler_id(replace(space, keys=space.keys[::-1]))
    assert scaler_id(space) != scaler_id(replace(space, maxima=space.maxima + 1))
    assert scaler_id(space) != scaler_id(replace(space, columns=space.columns[::-1]))
