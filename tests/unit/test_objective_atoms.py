"""Objectives that learn from molecules alone: what is hidden stays hidden, hops by NetworkX, pairs without a bond."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import networkx as nx
import numpy as np
import pytest
import torch
from _objectives import gradients, graphs_of, losses, random_molecule, run, workspace_of
from hypothesis import given, settings
from hypothesis import strategies as st

from graphdb.schema import NodeType
from graphdb.snapshot import Snapshot
from graphdb.walks.shards import ShardReader
from graphdb.workspace import Workspace
from learn.batches import Batch
from learn.encoder import Encoder
from learn.graph_batch import GraphBatch
from learn.objectives.attrmask import MASKED_BOND, AttrMask, hidden_bonds
from learn.objectives.base import Objective
from learn.objectives.contextpred import CONTEXT, ContextPred, parts
from learn.objectives.edgepred import EdgePred, each_bond, products, unbonded_pairs
from learn.objectives.subgraphs import hops, induced, random_atoms, random_ranks

MOLECULES = [
    random_molecule(atoms, rings, seed) for seed, (atoms, rings) in enumerate([(9, 1), (12, 2), (1, 0), (7, 0)])
]
molecules = st.lists(
    st.tuples(st.integers(1, 14), st.integers(0, 3), st.integers(0, 1000)).map(lambda of: random_molecule(*of)),
    min_size=1,
    max_size=5,
)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return workspace_of(tmp_path_factory.mktemp("atoms"))


def batch_of_graphs(graphs: GraphBatch) -> Batch:
    numbers = torch.arange(graphs.size)
    return Batch(graphs, numbers, numbers[:, None], torch.ones(graphs.size, 1), ())


def as_networkx(graphs: GraphBatch) -> nx.Graph:
    """Return all atoms of a batch in one graph."""
    whole = nx.Graph()
    whole.add_nodes_from(range(len(graphs.batch)))
    whole.add_edges_from(graphs.edge_index.T.tolist())
    return whole


# By chance: ln 20 + ln 5 = 4.6 (elements are of twenty kinds here), and twice ln 2 = 1.39 for the others.
@pytest.mark.parametrize(("objective", "most"), [("attrmask", 2.0), ("contextpred", 1.1), ("edgepred", 0.6)])
def test_the_molecules_are_learned_and_walks_have_no_step(workspace: Workspace, objective: str, most: float) -> None:
    steps = losses(run(workspace, objective, "--run", objective))
    first, last = (np.mean([step["loss"] for step in chosen]) for chosen in (steps[:3], steps[-3:]))
    assert last < most < first
    reader = ShardReader(workspace.shards)
    snapshot = Snapshot.load(workspace.snapshot)
    assert reader.read(0).nodes.shape == (len(snapshot.nodes(NodeType.MOLECULE)), 1)


@pytest.mark.parametrize("objective", [AttrMask(0.3), ContextPred(2, 0.0, 0.1), EdgePred(0.1)])
def test_gradients_reach_the_layers(objective: Objective) -> None:
    torch.manual_seed(0)
    encoder = Encoder(2, 0.0)
    objective(encoder, batch_of_graphs(graphs_of(MOLECULES))).total.backward()
    found = gradients(encoder)
    for name in ("atom_encoder.atom_embedding_list.0", "convs.0.mlp.0", "convs.1.mlp.3", "mlp_virtualnode_list.0.0"):
        assert found[f"graph_encoder.{name}.weight"] > 0, name
    assert not any(name.startswith("dist_net") for name in found)


def test_random_numbers_are_of_torchs_generator() -> None:
    graphs = graphs_of(MOLECULES)
    for drawn in (
        lambda: random_ranks(graphs),
        lambda: random_atoms(graphs),
        lambda: unbonded_pairs(graphs, each_bond(graphs))[0],
    ):
        torch.manual_seed(5)
        first = drawn()
        other = drawn()
        torch.manual_seed(5)
        assert torch.equal(drawn(), first)
        assert not torch.equal(other, first)


@settings(max_examples=30, deadline=None)
@given(molecules, st.floats(0.01, 0.99))
def test_the_share_of_every_molecule_is_hidden(drawn: list[nx.Graph], share: float) -> None:
    graphs = graphs_of(drawn)
    ranks, hidden = random_ranks(graphs), AttrMask(share).hide(graphs)
    for number, molecule in enumerate(drawn):
        own = graphs.batch == number
        atoms = molecule.number_of_nodes()
        assert sorted(ranks[own].tolist()) == list(range(atoms))
        assert int(hidden[own].sum()) == int(np.float32(atoms) * np.float32(share) + 1)


def test_every_atom_is_hidden_as_often() -> None:
    torch.manual_seed(0)
    graphs = graphs_of([random_molecule(5, 0, 0), random_molecule(8, 1, 1)])
    objective = AttrMask(0.15)
    counts = torch.stack([objective.hide(graphs) for _ in range(2000)]).float().mean(0)
    np.testing.assert_allclose(counts[:5], 1 / 5, atol=0.04)
    np.testing.assert_allclose(counts[5:], 2 / 8, atol=0.04)


def test_what_is_hidden_does_not_leak() -> None:
    torch.manual_seed(0)
    graphs, encoder, objective = graphs_of(MOLECULES), Encoder(2, 0.0).eval(), AttrMask(0.3).eval()
    atoms = objective.hide(graphs)
    bonds = hidden_bonds(graphs, atoms)
    source, target = graphs.edge_index
    touched = atoms[source] | atoms[target]
    assert 2 * int(bonds.sum()) == int(touched.sum()) > 0
    x, edge_attr = graphs.x.clone(), graphs.edge_attr.clone()
    x[atoms] = (x[atoms] + 1) % 2
    edge_attr[touched] = (edge_attr[touched] + 1) % 2
    with torch.no_grad():
        told = objective.guess(encoder, graphs, atoms, bonds)
        again = objective.guess(encoder, replace(graphs, x=x, edge_attr=edge_attr), atoms, bonds)
        assert torch.equal(told.elements, again.elements)
        assert torch.equal(told.bonds, again.bonds)
        assert told.elements.shape == (int(atoms.sum()), 119)
        assert told.bonds.shape == (int(bonds.sum()), 5)
        # What is not hidden tells.
        x = graphs.x.clone()
        x[~atoms] = (x[~atoms] + 1) % 2
        other = objective.guess(encoder, replace(graphs, x=x), atoms, bonds)
        assert not torch.allclose(told.elements, other.elements)
    assert graphs.edge_attr.max(0).values.tolist() == [4, 5, 1]  # the batch that was lent is as it was
    assert MASKED_BOND == (4, 5, 0)


def test_masking_is_scored_against_what_was_hidden() -> None:
    torch.manual_seed(0)
    graphs, encoder, objective = graphs_of(MOLECULES), Encoder(2, 0.0).eval(), AttrMask(0.3).eval()
    torch.manual_seed(1)
    with torch.no_grad():
        loss = objective(encoder, batch_of_graphs(graphs))
    torch.manual_seed(1)
    atoms = objective.hide(graphs)
    bonds = hidden_bonds(graphs, atoms)
    told = objective.guess(encoder, graphs, atoms, bonds)
    expected = [
        -float(np.mean([row.log_softmax(0)[label].item() for row, label in zip(logits, labels, strict=True)]))
        for logits, labels in ((told.elements, graphs.x[atoms][:, 0]), (told.bonds, graphs.edge_attr[bonds][:, 0]))
    ]
    assert [float(loss.parts["elements"]), float(loss.parts["bonds"])] == pytest.approx(expected, rel=1e-5)
    assert float(loss.total) == pytest.approx(sum(expected), rel=1e-5)


@settings(max_examples=30, deadline=None)
@given(molecules, st.integers(1, 4), st.randoms(use_true_random=False))
def test_neighbourhoods_and_contexts_are_networkxs(drawn: list[nx.Graph], radius: int, random: object) -> None:
    graphs = graphs_of(drawn)
    graphs = replace(graphs, x=torch.arange(len(graphs.batch))[:, None].expand(-1, 9))  # an atom bears its number
    whole = as_networkx(graphs)
    torch.manual_seed(random.randint(0, 1000))  # type: ignore[attr-defined]
    roots = random_atoms(graphs)
    assert graphs.batch[roots].tolist() == list(range(len(drawn)))
    inner, outer = radius - 1, radius - 1 + CONTEXT
    distance = hops(graphs, roots, outer)
    expected = {}
    for root in roots.tolist():
        expected |= nx.single_source_shortest_path_length(whole, root, cutoff=outer)
    assert distance.tolist() == [expected.get(atom, outer + 1) for atom in whole]
    found = parts(graphs, roots, radius)
    near, around, anchors, used = set(), set(), set(), []
    for root in roots.tolist():
        lengths = nx.single_source_shortest_path_length(whole, root)
        own = {atom for atom, length in lengths.items() if inner < length <= radius}
        if own:
            used.append(root)
            anchors |= own
            near |= {atom for atom, length in lengths.items() if length <= radius}
            around |= {atom for atom, length in lengths.items() if inner < length <= outer}
    assert found.neighbourhoods.size == found.contexts.size == len(used)
    assert found.neighbourhoods.x[found.centres, 0].tolist() == used
    assert found.contexts.x[found.anchors, 0].tolist() == sorted(anchors)
    for part, atoms in ((found.neighbourhoods, near), (found.contexts, around)):
        assert part.x[:, 0].tolist() == sorted(atoms)
        bonds = part.x[:, 0][part.edge_index].T.tolist()
        subgraph = whole.subgraph(atoms)
        assert sorted(map(tuple, bonds)) == sorted([*subgraph.edges, *(edge[::-1] for edge in subgraph.edges)])
        # Each part is one molecule, in the order of the roots.
        molecules_of = graphs.batch[part.x[:, 0]]
        assert torch.equal(torch.unique_consecutive(molecules_of, return_inverse=True)[1], part.batch)


def test_bonds_keep_their_features_and_order() -> None:
    graphs = graphs_of(MOLECULES)
    keep = torch.rand(len(graphs.batch), generator=torch.Generator().manual_seed(0)) < 0.7
    part, number = induced(graphs, keep)
    assert bool((part.edge_index[1].diff() >= 0).all())  # sorted by target, as they were
    old = torch.nonzero(keep).squeeze(1)
    assert number[old].tolist() == list(range(len(old)))
    features = {
        tuple(ends): row for ends, row in zip(graphs.edge_index.T.tolist(), graphs.edge_attr.tolist(), strict=True)
    }
    assert part.edge_index.shape[1] > 0
    for ends, row in zip(old[part.edge_index].T.tolist(), part.edge_attr.tolist(), strict=True):
        assert features[tuple(ends)] == row


def test_context_prediction_exchanges_contexts_and_passes_over_what_has_none() -> None:
    torch.manual_seed(0)
    encoder, objective = Encoder(2, 0.0), ContextPred(2, 0.0, 0.1)
    loss = objective(encoder, batch_of_graphs(graphs_of([random_molecule(2, 0, 0), random_molecule(1, 0, 0)])))
    assert loss.total.item() == 0
    loss.total.backward()
    assert set(gradients(encoder).values()) == {0.0}
    # Two molecules: the context of one is the wrong one of the other.
    graphs = graphs_of([nx.path_graph(8), random_molecule(1, 0, 0), nx.cycle_graph(9)])
    encoder, objective = encoder.eval(), objective.eval()
    torch.manual_seed(3)
    loss = objective(encoder, batch_of_graphs(graphs))
    torch.manual_seed(3)
    found = parts(graphs, random_atoms(graphs), 2)
    centres = encoder.graph_encoder.atoms(found.neighbourhoods)[found.centres]
    atoms = objective.context.atoms(found.contexts)[found.anchors]
    of = found.contexts.batch[found.anchors]
    contexts = [atoms[of == molecule].mean(0) for molecule in range(2)]
    own, other = (
        [torch.cosine_similarity(centres[i], contexts[j], dim=0).item() / 0.1 for i, j in chosen]
        for chosen in (((0, 0), (1, 1)), ((0, 1), (1, 0)))
    )
    expected = np.mean([np.log1p(np.exp(-s)) for s in own]), np.mean([np.log1p(np.exp(s)) for s in other])
    assert (loss.parts["own"].item(), loss.parts["exchanged"].item()) == pytest.approx(expected, rel=1e-4)


@settings(max_examples=30, deadline=None)
@given(molecules)
def test_negative_pairs_are_of_one_molecule_and_not_bonded(drawn: list[nx.Graph]) -> None:
    graphs = graphs_of(drawn)
    whole, bonds = as_networkx(graphs), each_bond(graphs)
    assert sorted(map(tuple, bonds.T.tolist())) == sorted(tuple(sorted(edge)) for edge in whole.edges)
    pairs, usable = unbonded_pairs(graphs, bonds)
    assert pairs.shape == bonds.shape
    assert torch.equal(graphs.batch[pairs[0]], graphs.batch[bonds[0]])  # as many in each molecule as it has bonds
    for (one, other), good in zip(pairs.T.tolist(), usable.tolist(), strict=True):
        assert graphs.batch[one] == graphs.batch[other]
        assert good == (one != other and not whole.has_edge(one, other)) or not good


def test_all_pairs_that_no_bond_joins_are_drawn_and_a_triangle_has_none() -> None:
    torch.manual_seed(0)
    graphs = graphs_of([nx.complete_graph(3), nx.path_graph(5)])
    bonds = each_bond(graphs)
    seen: dict[tuple[int, int], int] = {}
    for _ in range(400):
        pairs, usable = unbonded_pairs(graphs, bonds)
        assert not usable[:3].any()
        for pair in pairs.T[usable].tolist():
            seen[tuple(pair)] = seen.get(tuple(pair), 0) + 1
    expected = {pair for pair in combinations(range(3, 8), 2) if pair[1] - pair[0] > 1}
    assert set(seen) == expected
    share = np.array(list(seen.values())) / sum(seen.values())
    np.testing.assert_allclose(share, 1 / len(expected), atol=0.04)


def test_edge_prediction_is_the_mean_over_bonds_and_pairs() -> None:
    torch.manual_seed(0)
    graphs, encoder, objective = graphs_of(MOLECULES), Encoder(2, 0.0).eval(), EdgePred(0.2)
    torch.manual_seed(1)
    loss = objective(encoder, batch_of_graphs(graphs))
    torch.manual_seed(1)
    bonds = each_bond(graphs)
    pairs, usable = unbonded_pairs(graphs, bonds)
    atoms = torch.nn.functional.normalize(encoder.graph_encoder.atoms(graphs), dim=1).detach().numpy().astype(float)
    positive = [np.log1p(np.exp(-atoms[i] @ atoms[j] / 0.2)) for i, j in bonds.T.tolist()]
    negative = [np.log1p(np.exp(atoms[i] @ atoms[j] / 0.2)) for i, j in pairs.T[usable].tolist()]
    assert loss.parts["bonds"].item() == pytest.approx(np.mean(positive), rel=1e-4)
    assert loss.parts["pairs"].item() == pytest.approx(np.mean(negative), rel=1e-4)
    assert products(torch.eye(3), torch.tensor([[0, 1], [0, 2]])).tolist() == [1, 0]
