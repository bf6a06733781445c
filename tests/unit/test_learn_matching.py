"""Matching molecules with profiles: a planted decoder, a contrast, neighbours; the command."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from _matching_workspace import SIZE, SPACE, checkpoint_of, hold_some_out, pairs_of, parts
from _objectives import run as pretrain_run

from benchmarks.synthetic import make_workspace
from graphdb.errors import ArtefactError, InputError
from graphdb.feature_store import FeatureStore, FeatureStoreWriter
from graphdb.files import read_json
from graphdb.schema import NodeType
from graphdb.workspace import Workspace
from learn import matching
from learn.checkpoint import Checkpoint, load, save
from learn.config import TrainConfig
from learn.decoders import DecoderSpec
from learn.encode import embed_graphs
from learn.finetune import untrained
from learn.held_pairs import HeldPairs, held_pairs
from learn.matching import match, match_neighbours
from learn.objectives.contrast import ProfileEncoder, networks
from learn.pair_scores import mean_logits, neighbour_sides, sides_of
from learn.spaces import scaler_id


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "w", SIZE)


def planted(workspace: Workspace, pairs: HeldPairs) -> Checkpoint:
    """Return a checkpoint whose decoder gives each molecule its own profile.

    Of the hidden layer one unit a molecule answers its embedding alone, and hands its profile on.
    """
    model = checkpoint_of(workspace)
    _, _, graphs = parts(workspace)
    place = [spec.feature_space for spec in model.specs].index(SPACE)
    mu = embed_graphs(model.encoder(), graphs.take(graphs.index_of(pairs.keys)), device="cpu", quiet=True)
    whole = np.concatenate([mu, np.ones((len(mu), 1))], axis=1).astype(np.float64)
    weights = np.linalg.pinv(whole) @ (10 * np.eye(len(mu)))  # (301, m): 10 for its own molecule, 0 for others
    np.testing.assert_allclose(whole @ weights, 10 * np.eye(len(mu)), atol=1e-3)
    own = pairs.space.scaled(pairs.rows[[places[0] for places in pairs.relevant]])
    # Profiles of noughts and ones alone would do; logits of the halves are steep enough to be told apart.
    logits = 12 * (np.clip(own, 0.01, 0.99) - 0.5)
    state = {name: torch.zeros_like(tensor) for name, tensor in model.objective_state.items()}
    prefix = f"decoders.decoder_list.{place}."
    m = len(mu)
    state[f"{prefix}fc1.weight"][:m] = torch.from_numpy(weights[:-1].T)
    state[f"{prefix}fc1.bias"][:m] = torch.from_numpy(weights[-1])
    state[f"{prefix}bn1.weight"] += 1
    state[f"{prefix}bn1.running_var"] += 1
    state[f"{prefix}fc2.weight"][:, :m] = torch.from_numpy(logits.T / 10)
    return replace(model, objective_state=state)


def binary(workspace: Workspace, keys: list[str]) -> HeldPairs:
    """Return the pairs, with profiles of noughts and ones, all different."""
    pairs = pairs_of(workspace, keys)
    values = np.array(pairs.space.values)
    codes = np.random.default_rng(0).permutation(2**SIZE.features)[: len(values)]
    values = (codes[:, None] >> np.arange(SIZE.features) & 1).astype(np.float32)
    return replace(
        pairs,
        space=replace(pairs.space, values=values, minima=np.zeros_like(values[0]), maxima=np.ones_like(values[0])),
    )


def test_a_planted_decoder_ranks_the_true_profile_first(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = binary(workspace, hold_some_out(workspace))
    _, features, graphs = parts(workspace)
    monkeypatch.setattr(FeatureStore, "space", lambda *_: pairs.space)
    model = planted(workspace, pairs)
    place = [spec.feature_space for spec in model.specs].index(SPACE)
    scalers = list(model.scalers)
    scalers[place] = scaler_id(pairs.space)
    model = replace(model, scalers=tuple(scalers))
    for candidates, count in (("held-out", 12), ("all", 24)):
        results = match(model, features, graphs, pairs, candidates=candidates, device="cpu")
        assert [(one.system, one.direction) for one in results] == [
            ("infoalign", "molecule to profile"),
            ("infoalign", "profile to molecule"),
            ("infoalign, ratio", "molecule to profile"),
        ]
        for one in results:
            row = one.row()
            assert row["median_rank"] == row["hit_1"] == row["ndcg_10"] == row["mrr"] == 1
            assert row["intervals"]["hit_1"] == {"low": 1, "high": 1}
            assert row["candidates"] == (count if one.direction == "molecule to profile" else 12)
        before = match(model, features, graphs, pairs, candidates=candidates, device="cpu", trained=False)
        assert before[0].system == "infoalign, untrained"
        assert before[0].row()["hit_1"] < 0.5
    # Where the profiles change hands, the same decoder is wrong.
    turned = replace(pairs, relevant=(*pairs.relevant[1:], pairs.relevant[0]))
    assert match(model, features, graphs, turned, device="cpu")[0].row()["hit_1"] == 0


def test_the_untrained_networks_are_those_before_training(workspace: Workspace) -> None:
    keys = hold_some_out(workspace)
    folder = pretrain_run(workspace, "cloome", settings=("--epochs", "1", "--batch-size", "6", "--layers", "1"))
    _, features, graphs = parts(workspace)
    pairs = pairs_of(workspace, keys)
    initial, trained = load(folder / "initial.pt"), load(folder / "checkpoint.pt")
    assert initial.model_hash == untrained(trained).model_hash
    args = (features, graphs, pairs, pairs.rows)
    as_it_was = sides_of(initial, *args, device="cpu")["cosine"]
    remade = sides_of(trained, *args, device="cpu", trained=False)["cosine"]
    np.testing.assert_array_equal(as_it_was.molecules, remade.molecules)
    np.testing.assert_array_equal(as_it_was.profiles, remade.profiles)
    learned = sides_of(trained, *args, device="cpu")["cosine"]
    assert not np.allclose(learned.profiles, remade.profiles)
    np.testing.assert_allclose(np.linalg.norm(learned.profiles, axis=1), 1, rtol=1e-5)
    expression = replace(pairs, space=features.space(NodeType.EXPRESSION, "synthetic-expression"))
    with pytest.raises(ArtefactError, match="cloome does not compare molecules with Expression"):
        sides_of(trained, features, graphs, expression, pairs.rows, device="cpu")
    with pytest.raises(ArtefactError, match="no encoders of profiles"):
        networks({"decoders.x": torch.zeros(1)})


def test_the_weights_are_those_of_the_last_step(workspace: Workspace) -> None:
    keys = hold_some_out(workspace)
    _, features, graphs = parts(workspace)
    pairs, model = pairs_of(workspace, keys), checkpoint_of(workspace)
    mean = {name: tensor * 0.5 for name, tensor in model.encoder_state.items()}
    plain, averaged = (
        sides_of(one, features, graphs, pairs, pairs.rows, device="cpu")["likelihood"].molecules
        for one in (model, replace(model, averaged_state=mean))
    )
    np.testing.assert_array_equal(plain, averaged)


def test_a_contrast_takes_the_encoder_of_its_own_space(workspace: Workspace, tmp_path: Path) -> None:
    keys = hold_some_out(workspace)
    snapshot, first, graphs = parts(workspace)
    space = first.space(NodeType.MORPHOLOGY, SPACE)
    with FeatureStoreWriter(tmp_path / "two") as writer:
        writer.add(NodeType.GENE, "genes", ["1"], ["x"], [[1.0]])
        for name, rows in (("first", slice(0, 12)), ("second", slice(12, 24))):
            columns = [*space.columns[: 5 if name == "first" else 7]]
            writer.add(NodeType.MORPHOLOGY, name, space.keys[rows], columns, space.raw(rows)[:, : len(columns)])
        writer.finish({"graph_hash": snapshot.graph_hash})
    features = FeatureStore.open(tmp_path / "two")
    spaces = features.spaces()
    torch.manual_seed(1)
    module = torch.nn.Module()
    module.projection = torch.nn.Linear(300, 300)
    module.profiles = torch.nn.ModuleList(ProfileEncoder(None, size, 0) for size in (5, 7))
    model = replace(
        checkpoint_of(workspace, TrainConfig(layers=1, objective="cloome")),
        specs=tuple(DecoderSpec(one.node_type, one.name, one.dimension) for one in spaces),
        scalers=tuple(scaler_id(one) for one in spaces),
        objective_state=module.state_dict(),
    )
    held = np.sort(snapshot.index_of(NodeType.MOLECULE, keys)).astype(np.int64)
    second = features.space(NodeType.MORPHOLOGY, "second")
    pairs = held_pairs(second, snapshot, held)
    assert len(pairs.molecules) > 1
    found = sides_of(model, features, graphs, pairs, pairs.rows, device="cpu")["cosine"]
    mu = embed_graphs(model.encoder(), graphs.take(graphs.index_of(pairs.keys)), device="cpu", quiet=True)
    with torch.no_grad():
        points = module.projection(torch.from_numpy(mu)).numpy()
        profiles = module.profiles.eval()[1](torch.from_numpy(second.scaled(pairs.rows))).numpy()
    lengths = np.linalg.norm(points, axis=1)[:, None] * np.linalg.norm(profiles, axis=1)
    np.testing.assert_allclose(found.molecules @ found.profiles.T, points @ profiles.T / lengths, atol=1e-5)


def test_an_objective_that_compares_nothing_is_refused(workspace: Workspace) -> None:
    keys = hold_some_out(workspace)
    _, features, graphs = parts(workspace)
    model = replace(checkpoint_of(workspace, TrainConfig(layers=1, objective="attrmask")), objective_state={})
    with pytest.raises(ArtefactError, match="attrmask has neither decoders nor encoders of profiles"):
        match(model, features, graphs, pairs_of(workspace, keys), device="cpu")


def test_neighbours_give_their_profile(workspace: Workspace) -> None:
    keys = hold_some_out(workspace)
    snapshot, features, _ = parts(workspace)
    pairs = pairs_of(workspace, keys)
    found = neighbour_sides(snapshot, features, pairs, pairs.rows, k=1)
    assert found is not None
    bits = features.space(NodeType.MOLECULE, "morgan-r4-1024")
    row = int(bits.index_of(pairs.keys[:1])[0])
    others = np.unique(pairs.learned_of)
    rows = bits.index_of(snapshot.keys[others])
    raw = bits.raw().astype(bool)
    similarity = [(raw[row] & raw[r]).sum() / (raw[row] | raw[r]).sum() for r in rows]
    nearest = others[int(np.argmax(similarity))]
    profile = np.clip(pairs.space.scaled(pairs.learned[pairs.learned_of == nearest]).mean(0), 0.01, 0.99)
    x = pairs.space.scaled(pairs.rows)
    expected = (x * np.log(profile) + (1 - x) * np.log(1 - profile)).mean(1)
    scores = found["likelihood"].molecules @ found["likelihood"].profiles.T
    np.testing.assert_allclose(scores[0], expected, rtol=1e-4)
    mean = np.clip(pairs.space.scaled(np.unique(pairs.learned)).mean(0), 0.01, 0.99)
    np.testing.assert_allclose(mean_logits(pairs.space, np.unique(pairs.learned)), np.log(mean / (1 - mean)), rtol=1e-4)
    nothing = replace(pairs, learned=pairs.learned[:0], learned_of=pairs.learned_of[:0])
    assert match_neighbours(snapshot, features, nothing) == []


# --- the command


def command(workspace: Workspace, *words: str) -> None:
    arguments = ["--workspace", str(workspace.root), "--device", "cpu", *words]
    matching.main(matching.build_parser().parse_args(arguments))


def test_command(workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hold_some_out(workspace)
    words: list[str] = []
    for objective in ("infoalign", "cloome"):
        settings = ("--epochs", "2", "--batch-size", "6", "--layers", "1", "--run", objective)
        words += ["--checkpoint", str(pretrain_run(workspace, objective, settings=settings) / "checkpoint.pt")]
    capsys.readouterr()
    out = tmp_path / "out" / "matching.json"
    command(workspace, *words, "--out", str(out))
    found = read_json(out)
    assert (found["space"], found["molecules"], found["ranked"]) == (SPACE, 12, "held-out")
    assert found["candidates"] == {"molecule to profile": 12, "profile to molecule": 12}
    assert found["spaces"] == {SPACE: 12, "synthetic-expression": 12}
    forward = {row["system"]: row for row in found["rows"] if row["direction"] == "molecule to profile"}
    assert set(forward) == {
        "infoalign", "infoalign, ratio", "infoalign, untrained", "infoalign, untrained, ratio", "cloome",
        "cloome, untrained", "5 nearest structures", "5 nearest structures, ratio",
    }  # fmt: skip
    for row in found["rows"]:
        assert row["ndcg_1"] == row["hit_1"] <= row["hit_10"] <= 1
        assert row["intervals"]["hit_10"]["low"] <= row["hit_10"] <= row["intervals"]["hit_10"]["high"]
    model = load(workspace.runs / "cloome" / "checkpoint.pt")
    assert forward["cloome"]["model_hash"] == model.model_hash
    assert found["chance"]["molecule to profile"]["hit_10"] == pytest.approx(10 / 12)
    assert found["paper"]["broad6k"]["InfoAlign"]["hit_10"] == 0.051
    assert out.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    said = capsys.readouterr().out
    assert f"{SPACE}, molecule to profile: 12 lists of 12" in said
    assert "chance" in said
    # The hash stands by where two checkpoints have one objective.
    twins = workspace.runs / "infoalign"
    command(workspace, *words[:2], "--checkpoint", str(twins / "initial.pt"), "--out", str(out))
    hashes = [load(twins / name).model_hash[:8] for name in ("checkpoint.pt", "initial.pt")]
    assert hashes[0] != hashes[1]
    named = {f"infoalign {which}" for which in hashes}
    found = read_json(out)["rows"]
    assert {f"{row['system']} {row['model_hash'][:8]}" for row in found if row["system"] == "infoalign"} == named
    assert all(which in capsys.readouterr().out for which in hashes[:1])
    command(workspace, *words[:2], "--candidates", "all", "--task", "broad6k", "--space", "synthetic-expression")
    again = read_json(workspace.root / "matching.json")
    assert (again["node_type"], again["simulated"], again["task"]) == ("Expression", True, "broad6k")
    assert again["candidates"] == {"molecule to profile": 24, "profile to molecule": 12}


def test_command_says_what_it_cannot_do(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    save(path, checkpoint_of(workspace))
    with pytest.raises(InputError, match=f"there are: {SPACE} 0"):
        command(workspace, "--checkpoint", str(path))
    with pytest.raises(InputError, match=f"no feature space of profiles is called 'x'; there are: Morphology/{SPACE}"):
        command(workspace, "--checkpoint", str(path), "--space", "x")
