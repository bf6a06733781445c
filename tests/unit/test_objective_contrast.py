"""Contrastive objectives: InfoNCE against a double loop, profiles with gaps, starts, CLOOME through the real loop."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from _objectives import SIZE, TableSpace, batch_of, gradients, losses, maker_of, run, workspace_of

from benchmarks.synthetic import Size, make_workspace
from graphdb.errors import ArtefactError, InputError
from graphdb.files import sha256
from graphdb.schema import EdgeType, NodeType
from graphdb.snapshot import Snapshot
from graphdb.walks import shards
from graphdb.workspace import Workspace
from learn.config import TrainConfig
from learn.encoder import Encoder
from learn.objectives import OBJECTIVES, recipe_of
from learn.objectives.cloome import Cloome
from learn.objectives.contrast import ProfileEncoder, info_nce, moments

CLOOME = TrainConfig(objective="cloome", layers=2, dropout=0.0)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return workspace_of(tmp_path_factory.mktemp("contrast"))


def unit(k: int, seed: int) -> torch.Tensor:
    points = torch.from_numpy(np.random.default_rng(seed).normal(size=(k, 7)))
    return (points / points.norm(dim=1, keepdim=True)).float()


@pytest.mark.parametrize("leave_out", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_info_nce_is_that_of_a_double_loop(leave_out: bool, weighted: bool) -> None:
    k, temperature = 6, 0.3
    anchors, candidates = unit(k, 1), unit(k, 2)
    negatives = ~torch.eye(k, dtype=torch.bool)
    negatives[0, 3] = negatives[3, 0] = False  # another walk of the same molecule
    negatives[5] = False  # an anchor without any negative
    log_weights = torch.from_numpy(np.random.default_rng(3).normal(size=(k, k))).float() if weighted else None
    found = info_nce(anchors, candidates, negatives, temperature, log_weights=log_weights, leave_out=leave_out)
    for i in range(k):
        total = 0.0
        for j in range(k):
            if not (negatives[i, j] or (i == j and not leave_out)):
                continue
            similarity = sum(float(anchors[i, d]) * float(candidates[j, d]) for d in range(7)) / temperature
            total += math.exp(similarity) * (math.exp(float(log_weights[i, j])) if log_weights is not None else 1)
        own = sum(float(anchors[i, d]) * float(candidates[i, d]) for d in range(7)) / temperature
        expected = math.log(total) - own if negatives[i].any() else 0.0
        assert found[i] == pytest.approx(expected, abs=1e-5)


def test_an_anchor_without_negatives_gives_gradients_of_zero() -> None:
    anchors = unit(1, 0).requires_grad_()
    for leave_out in (False, True):
        info_nce(anchors, unit(1, 1), torch.zeros(1, 1, dtype=torch.bool), 0.1, leave_out=leave_out).sum().backward()
        assert anchors.grad is not None
        assert (anchors.grad == 0).all()


def space_with_gaps() -> tuple[TableSpace, np.ndarray]:
    rng = np.random.default_rng(0)
    values = rng.random((9000, 4)).astype(np.float32)  # more rows than are read at once
    values[:, 2] = 0.5
    values[rng.random(values.shape) < 0.3] = np.nan
    values[:, 3] = np.nan
    observed = ~np.isnan(values)
    tensors = torch.from_numpy(np.nan_to_num(values)), torch.from_numpy(observed)
    return TableSpace(torch.arange(9000, dtype=torch.int32), *tensors), values


def test_profiles_are_standardised_by_what_is_observed() -> None:
    space, values = space_with_gaps()
    mean, deviation = moments(space, 4)
    np.testing.assert_allclose(mean[:3], np.nanmean(values[:, :3], axis=0), atol=1e-5)
    np.testing.assert_allclose(deviation[:2], np.nanstd(values[:, :2], axis=0), atol=1e-5)
    assert deviation[2:].tolist() == [1, 1]


def test_a_missing_feature_is_told_from_a_mean_one() -> None:
    space, _ = space_with_gaps()
    network = ProfileEncoder(space, 4, dropout=0.0)
    at_mean = network.mean[None].clone()
    missing = at_mean.clone()
    missing[0, 1] = torch.nan
    with torch.no_grad():
        first, second = network(at_mean), network(missing)
        assert torch.isfinite(second).all()
        assert not torch.allclose(first, second)
        network.fc1.weight[:, 4:] = 0  # without the mask a missing feature is a mean one
        assert torch.equal(network(at_mean), network(missing))


@pytest.mark.parametrize(
    ("objective", "edge_type", "node_type"),
    [
        ("cloome", EdgeType.HAS_MORPHOLOGY, NodeType.MORPHOLOGY),
        ("infocore-cp", EdgeType.HAS_MORPHOLOGY, NodeType.MORPHOLOGY),
        ("infocore-ge", EdgeType.HAS_EXPRESSION, NodeType.EXPRESSION),
    ],
)
def test_starts_are_the_molecules_with_profiles_and_walks_end_at_one(
    workspace: Workspace, objective: str, edge_type: EdgeType, node_type: NodeType
) -> None:
    snapshot = Snapshot.load(workspace.snapshot)
    assert snapshot.typed is not None
    typed = snapshot.typed
    profile_of: dict[int, set[int]] = {}
    for src, dst, code in zip(typed.edge_src.tolist(), typed.edge_dst.tolist(), typed.edge_type.tolist(), strict=True):
        if code == edge_type.code:
            profile_of.setdefault(src, set()).add(dst)
    assert 0 < len(profile_of) < SIZE.molecules
    config = TrainConfig(objective=objective)
    assert recipe_of(config).starts(snapshot).tolist() == sorted(profile_of)
    batch = batch_of(workspace, config)
    assert batch.nodes.shape == (len(profile_of), 2)
    for molecule, profile in batch.nodes.tolist():
        assert profile in profile_of[molecule]
        assert snapshot.node_type[profile] == node_type.code
    assert batch.sums == ()


def test_held_out_molecules_are_no_starts(tmp_path: Path) -> None:
    made = workspace_of(tmp_path / "w")
    snapshot = Snapshot.load(made.snapshot)
    starts = OBJECTIVES["cloome"].starts(snapshot)
    data = tmp_path / "task.csv"
    data.write_text("smiles\nC\n")
    (made.root / "holdout").mkdir()
    keys = snapshot.keys[starts[:2]]
    (made.root / "holdout" / f"{sha256(data)}.keys").write_text("\n".join(key[:14] for key in keys))
    run(made, "cloome", "--holdout", f"task={data}", "--epochs", "1")
    assert np.unique(shards.ShardReader(made.shards).read(0).starts).tolist() == sorted(starts[2:].tolist())


def test_the_profile_of_each_molecule_is_found(workspace: Workspace, tmp_path: Path) -> None:
    steps = losses(run(workspace, "cloome", "--run", "cloome", "--epochs", "40"))
    assert steps[0]["loss"] > 1
    assert steps[-1]["loss"] < 0.1
    assert set(steps[0]["parts"]) == {"Morphology synthetic-morphology"}
    left = losses(run(workspace, "cloome", "--run", "loob", "--contrast", "infoloob", "--epochs", "15"))
    assert left[-1]["loss"] < left[0]["loss"] - 3  # not bounded by 0


def test_gradients_reach_every_layer_of_the_encoder(workspace: Workspace) -> None:
    torch.manual_seed(0)
    encoder, objective = Encoder(2, 0.0), Cloome(CLOOME, maker_of(workspace), NodeType.MORPHOLOGY)
    objective(encoder, batch_of(workspace, CLOOME)).total.backward()
    found = gradients(encoder)
    assert found["graph_encoder.atom_encoder.atom_embedding_list.0.weight"] > 0
    assert found["graph_encoder.convs.1.mlp.3.weight"] > 0
    assert found["dist_net.1.weight"] > 0


def test_walks_of_one_molecule_are_no_negatives_of_each_other(workspace: Workspace) -> None:
    """With every molecule twice in the batch a loss is that of the batch without repetition, and once its own pair."""
    torch.manual_seed(0)
    encoder, objective = Encoder(2, 0.0).eval(), Cloome(CLOOME, maker_of(workspace), NodeType.MORPHOLOGY)
    once = batch_of(workspace, CLOOME)
    two = batch_of(workspace, replace(CLOOME, walks_per_node=2))
    points = torch.nn.functional.normalize(objective.projection(encoder(two.graphs)[0]), dim=1)
    pairs = objective._pairs(0, points, two)
    assert len(pairs.rows) == 2 * len(once.molecules)
    same = two.molecules[:, None] == two.molecules
    assert torch.equal(pairs.negatives, ~same)
    assert (pairs.negatives.sum(1) == 2 * len(once.molecules) - 2).all()


def test_spaces_are_never_compared(tmp_path: Path) -> None:
    """A molecule whose profile is alone in its space has no negative, and the loss is that of the others."""
    made = workspace_of(tmp_path / "w")
    maker, batch = maker_of(made), batch_of(made, CLOOME)
    at = next(i for i, spec in enumerate(maker.specs) if spec.node_type is NodeType.MORPHOLOGY)
    whole = maker.spaces[at]
    lone = int(batch.nodes[0, 1])

    nodes = torch.arange(Snapshot.load(made.snapshot).number_of_nodes)

    def only(chosen: torch.Tensor) -> TableSpace:
        return TableSpace(torch.where(chosen, whole.rows(nodes), -1), whole.values(torch.arange(len(whole))))

    maker.spaces = (only(nodes != lone), only(nodes == lone))
    maker.specs = (maker.specs[at], replace(maker.specs[at], feature_space="other"))
    torch.manual_seed(0)
    encoder, objective = Encoder(2, 0.0).eval(), Cloome(CLOOME, maker, NodeType.MORPHOLOGY)
    with torch.no_grad():
        loss = objective(encoder, batch)
    assert loss.parts["Morphology other"] == 0
    assert float(loss.total) == pytest.approx(float(loss.parts["Morphology synthetic-morphology"]))
    points = torch.nn.functional.normalize(objective.projection(encoder(batch.graphs)[0]), dim=1)
    assert len(objective._pairs(0, points, batch).rows) == len(batch.molecules) - 1


def test_a_graph_without_such_profiles_is_said(workspace: Workspace, tmp_path: Path) -> None:
    maker = maker_of(workspace)
    maker.specs, maker.spaces = maker.specs[:1], maker.spaces[:1]
    with pytest.raises(ArtefactError, match="cloome needs a feature space of Morphology"):
        Cloome(CLOOME, maker, NodeType.MORPHOLOGY)
    bare = make_workspace(tmp_path / "w", Size(molecules=3, genes=1, profiles=1, atoms=(3, 4), bits=8, features=2))
    replace(Snapshot.load(bare.snapshot), typed=None).save(bare.snapshot)
    with pytest.raises(InputError, match="the types of its edges are not known"):
        run(bare, "cloome")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"temperature": 0.0}, "temperature 0.0 must be above 0"),
        ({"temperature": float("nan")}, "temperature nan"),
        ({"anchor_weight": -1.0}, "anchor_weight -1.0"),
        ({"mask_share": 1.0}, "mask_share 1.0"),
        ({"contrast": "clip"}, "contrast must be infonce or infoloob, got 'clip'"),
    ],
)
def test_settings_are_checked(setting: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        TrainConfig(**setting)
