"""What the benchmark measures against is the same model: equal weights give our embeddings and our reconstructions."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from benchmarks.paper_scale import DIMENSIONS, PAPER_EDGES, PAPER_NODES, Counts, make_paper_workspace
from benchmarks.published import DensePath, PublishedModel, objective
from graphdb.errors import InputError
from graphdb.feature_store import FeatureStore
from graphdb.molecule_graphs import MoleculeGraphs
from graphdb.schema import NodeType
from graphdb.snapshot import Snapshot
from graphdb.walks import WalkConfig, Walks, sample
from learn.batches import BatchMaker
from learn.config import TrainConfig
from learn.encoder import Encoder
from learn.loop import build

CPU = torch.device("cpu")
NODES, BATCH = 300, 12


class Parts:
    def __init__(self, folder: Path) -> None:
        workspace = make_paper_workspace(folder, NODES)
        self.snapshot = Snapshot.load(workspace.snapshot)
        self.features = FeatureStore.open(workspace.features)
        self.molecules = MoleculeGraphs.load(workspace.molecule_graphs)
        starts = self.snapshot.nodes(NodeType.MOLECULE)
        self.walks: Walks = sample(self.snapshot, starts, WalkConfig())


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    return Parts(tmp_path_factory.mktemp("paper"))


def test_the_simulated_graph_has_the_papers_proportions(parts: Parts) -> None:
    counts = Counts.of(sum(PAPER_NODES.values()))
    assert (counts.molecules, counts.genes, counts.expression, counts.morphology) == (129_592, 4_533, 13_795, 128_935)
    assert counts.nodes == 276_855
    assert counts.edges == PAPER_EDGES == 366_384
    assert (
        tuple(space.dimension for space in parts.features.spaces()) == DIMENSIONS == (1024, 1111, 862, 1783, 966, 978)
    )
    assert sum(DIMENSIONS) == 6724
    found = np.bincount(parts.snapshot.node_type) / NODES
    np.testing.assert_allclose(found, np.array(list(PAPER_NODES.values())) / 276_855, atol=1 / NODES)
    edges = len(parts.snapshot.indices) / 2
    assert 0.9 * NODES * PAPER_EDGES / 276_855 < edges <= NODES * PAPER_EDGES / 276_855 + 3
    parts.molecules.validate()
    with pytest.raises(InputError, match="fewer than four genes"):
        Counts.of(100)


def test_simulated_molecules_are_of_a_drugs_size_with_rings(tmp_path: Path) -> None:
    molecules = MoleculeGraphs.load(make_paper_workspace(tmp_path, 3000).molecule_graphs)
    molecules.validate()
    atoms, bonds = np.diff(molecules.atom_offsets), np.diff(molecules.bond_offsets) // 2
    assert abs(atoms.mean() - 27) < 0.7
    assert abs(bonds.mean() - 29.2) < 0.8
    # Connected molecules with r rings have atoms − 1 + r bonds: here one ring in every eight atoms.
    np.testing.assert_array_equal(bonds, atoms - 1 + (atoms + 2) // 8)


def test_equal_weights_give_equal_embeddings(parts: Parts) -> None:
    torch.manual_seed(0)
    theirs = PublishedModel(DIMENSIONS).eval()
    ours = Encoder().eval()
    state = {name: tensor for name, tensor in theirs.state_dict().items() if not name.startswith("decoder_list")}
    ours.load_state_dict(state)
    walks = parts.walks.take(np.arange(BATCH))
    data, _ = next(DensePath(parts.snapshot, parts.features, parts.molecules, walks, CPU).batches(BATCH, shuffle=False))
    maker = BatchMaker(parts.snapshot, parts.features, parts.molecules, CPU)
    with torch.no_grad():
        expected, found = theirs.encode(data), ours(maker.make(walks).graphs)
    for one, other in zip(expected, found, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-4, atol=float(1e-5 * one.abs().max()))


def test_the_dense_loss_is_ours_but_for_what_it_is_divided_by(parts: Parts) -> None:
    """W·softplus(s) − T·s summed is the sum over positions; the reference divides by elements, ours by weights."""
    config = TrainConfig(dropout=0.0)
    walks = parts.walks.take(np.arange(BATCH))
    maker = BatchMaker(parts.snapshot, parts.features, parts.molecules, CPU)
    encoder, ours = build(config, maker, CPU)
    theirs = PublishedModel(DIMENSIONS, dropout=0.0)
    decoders = {name.removeprefix("decoders."): tensor for name, tensor in ours.state_dict().items()}
    theirs.load_state_dict({**encoder.state_dict(), **decoders})
    path = DensePath(parts.snapshot, parts.features, parts.molecules, walks, CPU)
    data, targets = next(path.batches(BATCH, shuffle=False))
    assert [tuple(target.shape) for target in targets] == [(BATCH, 5, dimension) for dimension in DIMENSIONS]
    total, parts_found = objective(theirs, data, targets)
    total.backward()
    batch = maker.make(walks)
    loss = ours(encoder, batch)
    compared = 0
    for place, (target, (name, mean)) in enumerate(
        zip(targets, islice(loss.parts.items(), len(DIMENSIONS)), strict=True)
    ):
        observed = ~torch.isnan(target)
        weight = (observed * data.path_weights[..., None]).sum()
        expected = parts_found[f"space {place}"] * observed.sum()
        torch.testing.assert_close(mean * weight, expected, rtol=1e-4, atol=1e-3, msg=name)
        compared += int(observed.any())
    assert compared >= 4
    assert theirs.graph_encoder.convs[0].mlp[0].weight.grad is not None


def test_an_end_of_a_walk_and_a_node_without_features_add_nothing(parts: Parts) -> None:
    start = parts.snapshot.nodes(NodeType.MOLECULE)[:2]
    walks = Walks(np.array([[start[0], -1], [start[1], start[0]]], np.int32), np.array([[1, 0], [1, 0.5]], np.float32))
    path = DensePath(parts.snapshot, parts.features, parts.molecules, walks, CPU)
    _, targets = next(path.batches(2, shuffle=False))
    assert torch.isnan(targets[0][0, 1]).all()
    assert not torch.isnan(targets[0][1]).any()
    assert all(torch.isnan(target).all() for target in targets[1:])
    space = parts.features.spaces()[0]
    own = space.scaled(space.index_of(parts.snapshot.keys[start[:1]]))[0]
    np.testing.assert_array_equal(targets[0][0, 0], own)
    assert F.binary_cross_entropy(targets[0][1, 1], torch.from_numpy(own)) < 1e-6
