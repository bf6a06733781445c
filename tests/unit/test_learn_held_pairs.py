"""Held-out molecules and their profiles: which pairs there are, and which pretraining may have met."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from _matching_workspace import SIZE, SPACE, checkpoint_of, hold_some_out, pairs_of, parts

from benchmarks.synthetic import make_workspace
from graphdb.errors import ArtefactError, InputError
from graphdb.holdout import key_file
from graphdb.schema import EdgeType, NodeType
from graphdb.snapshot import Snapshot, TypedEdges
from graphdb.workspace import Workspace
from learn.config import TrainConfig
from learn.held_pairs import fullest, held_out, held_pairs
from learn.matching import match


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "w", SIZE)


def test_pairs_are_the_direct_edges_of_the_molecules(workspace: Workspace) -> None:
    keys = hold_some_out(workspace)
    snapshot, features, _ = parts(workspace)
    pairs = pairs_of(workspace, keys)
    assert sorted(pairs.keys.tolist()) == sorted(keys)
    assert snapshot.typed is not None
    edges = snapshot.typed.of_types((EdgeType.HAS_MORPHOLOGY,))
    of = {(str(snapshot.keys[s]), str(snapshot.keys[d])) for s, d in zip(edges.edge_src, edges.edge_dst, strict=True)}
    space = features.space(NodeType.MORPHOLOGY, SPACE)
    assert {
        (str(key), str(space.keys[pairs.rows[place]]))
        for key, places in zip(pairs.keys, pairs.relevant, strict=True)
        for place in places
    } == {(molecule, profile) for molecule, profile in of if molecule in keys}
    assert len(pairs.rows) + len(pairs.others) == len(space)
    assert len(pairs.learned) == len(of) - len(pairs.rows)
    assert np.isin(pairs.learned, pairs.others).all()
    assert not pairs.met.any()  # a synthetic profile has no other edge


def test_profiles_that_pretraining_may_have_met_are_told(workspace: Workspace) -> None:
    keys = hold_some_out(workspace, 3)
    snapshot, features, _ = parts(workspace)
    space = features.space(NodeType.MORPHOLOGY, SPACE)
    held = np.sort(snapshot.index_of(NodeType.MOLECULE, keys)).astype(np.int64)
    plain = held_pairs(space, snapshot, held)
    first, second = snapshot.index_of(NodeType.MORPHOLOGY, space.keys[plain.rows[:2]])
    stranger = int(np.setdiff1d(snapshot.nodes(NodeType.MOLECULE), held)[0])
    other_profile = int(snapshot.index_of(NodeType.MORPHOLOGY, space.keys[plain.others[:1]])[0])
    typed = snapshot.typed
    assert typed is not None
    src, dst = [*typed.edge_src, stranger, second], [*typed.edge_dst, first, other_profile]
    codes = [*typed.edge_type, EdgeType.HAS_MORPHOLOGY.code, EdgeType.SIMILAR_MORPHOLOGY.code]
    weight = np.array([*typed.edge_weight, 1, 1], dtype=np.float32)
    more = replace(
        Snapshot.from_edges(snapshot.node_type, src, dst, weight, snapshot.keys, graph_hash=snapshot.graph_hash),
        typed=TypedEdges.of(src, dst, codes, weight),
    )
    pairs = held_pairs(space, more, held)
    # One is a stranger's too: it is neither ranked nor counted. One resembles a stranger's: it is said.
    assert pairs.seen.tolist() == [plain.rows[0]]
    assert pairs.rows.tolist() == plain.rows[1:].tolist()
    assert pairs.met.tolist() == [True, False]
    assert len(pairs.molecules) == 2
    # What is held out for another reason is nobody's to learn from.
    rest = held_pairs(space, snapshot, held[:1], held)
    assert not np.isin(rest.learned_of, held).any()
    assert len(rest.learned) == len(plain.learned)


def test_held_out_are_lists_and_validation(workspace: Workspace) -> None:
    from learn.checkpoint import HeldOut
    from learn.validation import chosen

    keys = hold_some_out(workspace, 5)
    snapshot, *_ = parts(workspace)
    lists = (HeldOut("broad6k", "a" * 64, 5),)
    model = replace(checkpoint_of(workspace, TrainConfig(layers=1, validation=0.3)), holdout=lists)
    found = {str(key) for key in snapshot.keys[held_out(model, snapshot, workspace.holdout)]}
    molecules = snapshot.keys[snapshot.nodes(NodeType.MOLECULE)]
    aside = {str(key) for key in molecules[chosen(molecules, 0.3, 0)]}
    assert 0 < len(aside) < len(molecules)
    assert found == set(keys) | aside
    of_task = held_out(model, snapshot, workspace.holdout, task="broad6k")
    assert {str(key) for key in snapshot.keys[of_task]} == set(keys)
    with pytest.raises(InputError, match="did not hold out 'chembl2k'; it held out: broad6k"):
        held_out(model, snapshot, workspace.holdout, task="chembl2k")
    key_file(workspace.holdout, "a" * 64).unlink()
    with pytest.raises(ArtefactError, match="missing, the keys of broad6k"):
        held_out(model, snapshot, workspace.holdout)


def test_too_few_are_said_by_space(workspace: Workspace) -> None:
    pairs = pairs_of(workspace, [])
    with pytest.raises(InputError, match=r"two held-out molecules .* synthetic-morphology 0"):
        fullest([pairs])
    _, features, graphs = parts(workspace)
    with pytest.raises(InputError, match="synthetic-morphology 0"):
        match(checkpoint_of(workspace), features, graphs, pairs)
