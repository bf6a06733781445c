"""Matching molecules with profiles: rankings by hand, by sklearn and by simulation; a planted decoder; the command."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from _objectives import run as pretrain_run
from sklearn.metrics import ndcg_score

from benchmarks.synthetic import Size, make_workspace
from graphdb.errors import ArtefactError, InputError
from graphdb.feature_store import FeatureStore, FeatureStoreWriter
from graphdb.files import read_json
from graphdb.holdout import BLOCK, HeldOutList, key_file, write_certificate
from graphdb.molecule_graphs import MoleculeGraphs
from graphdb.schema import EdgeType, NodeType
from graphdb.snapshot import Snapshot, TypedEdges
from graphdb.workspace import Workspace
from learn import matching, ranking
from learn.checkpoint import Checkpoint, Position, load, save
from learn.config import TrainConfig
from learn.decoders import Decoders, DecoderSpec
from learn.encode import embed_graphs
from learn.encoder import Encoder
from learn.finetune import untrained
from learn.held_pairs import HeldPairs, fullest, held_out, held_pairs
from learn.matching import match, match_neighbours
from learn.objectives.contrast import ProfileEncoder, networks
from learn.pair_scores import likelihood_sides, mean_logits, neighbour_sides, sides_of, tanimoto
from learn.ranking import Ranking
from learn.spaces import scaler_id

SIZE = Size(molecules=30, genes=4, profiles=24, atoms=(4, 9), bits=32, features=11)
SPACE = "synthetic-morphology"


# --- rankings


def test_metrics_are_those_counted_by_hand() -> None:
    # The first query has relevant candidates at ranks 2 and 12, the second at 1, the third at 30.
    found = Ranking(tuple(np.array(ranks) for ranks in ([2, 12], [1], [30])), 40)
    assert ranking.scores(found) == pytest.approx(
        {
            "ndcg_1": 1 / 3,
            "ndcg_10": ((1 / np.log2(3)) / (1 + 1 / np.log2(3)) + 1) / 3,
            "hit_1": 1 / 3,
            "hit_10": 2 / 3,
            "mrr": (1 / 2 + 1 + 1 / 30) / 3,
            "median_rank": 2,
        }
    )


def test_ndcg_is_sklearns() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(50, 23))
    relevance = rng.random((50, 23)) < rng.uniform(0.05, 0.7, (50, 1))
    relevance[:, 3] = True
    found = ranking.by_query(
        Ranking(tuple(ranking.rank(s, np.flatnonzero(r)) for s, r in zip(scores, relevance, strict=True)), 23)
    )
    for cut in (1, 10):
        expected = [ndcg_score([r.astype(int)], [s], k=cut) for s, r in zip(scores, relevance, strict=True)]
        np.testing.assert_allclose(found[f"ndcg_{cut}"], expected)


def test_ties_and_what_cannot_be_scored_stand_against_the_relevant() -> None:
    assert ranking.rank([1.0, 1.0, 1.0, 1.0], [1]).tolist() == [4]
    assert ranking.rank([2.0, 1.0, 1.0, 0.0], [0, 2]).tolist() == [1, 3]
    assert ranking.rank([np.nan, 1.0, np.nan], [0]).tolist() == [3]
    assert ranking.rank([np.nan, 1.0, -5.0], [2]).tolist() == [2]


def test_chance_is_that_of_a_simulation() -> None:
    rng = np.random.default_rng(1)
    relevant, candidates, rounds = [1, 1, 2, 5], 14, 4000
    simulated = [
        ranking.rank(rng.permutation(candidates), np.arange(count)) for _ in range(rounds) for count in relevant
    ]
    expected = ranking.scores(Ranking(tuple(simulated), candidates))
    found = ranking.chance(relevant, candidates)
    assert found == pytest.approx(expected, abs=0.015)
    assert found["hit_1"] == pytest.approx(np.mean(relevant) / candidates)
    first = np.sort([ranks[0] for ranks in simulated])
    curve = np.searchsorted(first, np.arange(1, candidates + 1), side="right") / len(first)
    np.testing.assert_allclose(ranking.chance_curve(relevant, candidates), curve, atol=0.015)


def test_chance_of_one_among_many_by_hand() -> None:
    found = ranking.chance([1] * 7, 100)
    assert found["hit_10"] == pytest.approx(0.1)
    assert found["ndcg_10"] == pytest.approx((1 / np.log2(np.arange(2, 12))).sum() / 100)
    assert found["mrr"] == pytest.approx((1 / np.arange(1, 101)).mean())
    assert found["median_rank"] == 50
    assert ranking.chance([2], 3)["hit_10"] == 1  # fewer candidates than 10


def test_intervals_draw_groups_as_a_whole() -> None:
    hit = np.arange(60) % 3 == 0
    by_itself = Ranking(tuple(np.array([1 if one else 50]) for one in hit), 60)
    narrow = ranking.intervals(by_itself, [str(i) for i in range(60)])["hit_1"]
    assert narrow.low < 1 / 3 < narrow.high
    # sqrt(p (1 - p) / n) of independent queries
    assert narrow.high - narrow.low == pytest.approx(2 * 1.96 * np.sqrt(2 / 9 / 60), rel=0.15)
    together = Ranking(tuple(np.array([1 if one else 50]) for one in np.repeat(hit[:6], 10)), 60)
    wide = ranking.intervals(together, [str(i // 10) for i in range(60)])["hit_1"]
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)
    assert np.isnan(ranking.intervals(by_itself, ["a"] * 60)["mrr"].low)
    medians = ranking.intervals(Ranking(tuple(np.array([r]) for r in range(1, 61)), 60), [str(i) for i in range(60)])
    assert 15 < medians["median_rank"].low < 30 < medians["median_rank"].high < 45


# --- scores of pairs


def test_likelihood_is_the_mean_over_known_features() -> None:
    rng = np.random.default_rng(2)
    logits, values = rng.normal(0, 3, (5, 7)), rng.random((6, 7))
    values[rng.random(values.shape) < 0.3] = np.nan
    values[4] = np.nan
    sides = likelihood_sides(logits, values)
    p = 1 / (1 + np.exp(-logits))
    expected = np.full((5, 6), np.nan)
    for i in range(5):
        for j in (0, 1, 2, 3, 5):
            terms = [
                x * np.log(q) + (1 - x) * np.log(1 - q) for x, q in zip(values[j], p[i], strict=True) if not np.isnan(x)
            ]
            expected[i, j] = sum(terms) / len(terms)
    np.testing.assert_allclose(sides.molecules @ sides.profiles.T, expected, rtol=1e-4)
    general = rng.normal(size=7)
    ratio = likelihood_sides(logits, values, general)
    without = likelihood_sides(np.repeat(general[None], 5, 0), values)
    np.testing.assert_allclose(
        ratio.molecules @ ratio.profiles.T, expected - without.molecules @ without.profiles.T, rtol=1e-3, atol=1e-5
    )


def test_both_directions_read_the_same_scores() -> None:
    rng = np.random.default_rng(3)
    sides = likelihood_sides(rng.normal(size=(4, 5)), rng.random((6, 5)))
    scores = sides.molecules @ sides.profiles.T
    own = (np.array([0, 1]), np.array([2]), np.array([3]))
    assert [r.tolist() for r in sides.rank_profiles((*own, np.array([3]))).ranks] == [
        ranking.rank(row, which).tolist() for row, which in zip(scores, (*own, [3]), strict=True)
    ]
    owners = (np.array([0]), np.array([0]), np.array([1]), np.array([2, 3]))
    found = sides.rank_molecules(owners)
    assert found.candidates == 4
    assert [r.tolist() for r in found.ranks] == [
        ranking.rank(scores[:, column], which).tolist() for column, which in enumerate(owners)
    ]


def test_tanimoto_by_hand() -> None:
    one = np.array([[1, 1, 0, 1], [0, 0, 0, 0]], dtype=np.float32)
    other = np.array([[1, 0, 0, 1], [0, 0, 1, 0], [0, 0, 0, 0]], dtype=np.float32)
    np.testing.assert_allclose(tanimoto(one, other), [[2 / 3, 0, 0], [0, 0, 0]])


# --- held-out molecules and their profiles


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "w", SIZE)


def hold_some_out(workspace: Workspace, count: int = 12, name: str = "broad6k") -> list[str]:
    """Certify molecules that have a profile as held out; return their keys."""
    snapshot = Snapshot.load(workspace.snapshot)
    assert snapshot.typed is not None
    treated = np.unique(snapshot.typed.of_types((EdgeType.HAS_MORPHOLOGY,)).edge_src)[:count]
    keys = [str(key) for key in snapshot.keys[treated]]
    workspace.holdout.mkdir()
    path = key_file(workspace.holdout, "a" * 64)
    path.write_text("".join(f"{key[:BLOCK]}\n" for key in keys))
    write_certificate(workspace.holdout, [HeldOutList(name, "a" * 64, count, count, count)], snapshot.graph_hash)
    return keys


def parts(workspace: Workspace) -> tuple[Snapshot, FeatureStore, MoleculeGraphs]:
    return (
        Snapshot.load(workspace.snapshot),
        FeatureStore.open(workspace.features),
        MoleculeGraphs.load(workspace.molecule_graphs),
    )


def pairs_of(workspace: Workspace, keys: list[str]) -> HeldPairs:
    snapshot, features, _ = parts(workspace)
    nodes = np.sort(snapshot.index_of(NodeType.MOLECULE, keys)).astype(np.int64)
    return held_pairs(features.space(NodeType.MORPHOLOGY, SPACE), snapshot, nodes)


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


def checkpoint_of(workspace: Workspace, config: TrainConfig | None = None) -> Checkpoint:
    """Return an untrained infoalign checkpoint of the workspace."""
    snapshot, features, _ = parts(workspace)
    config = config or TrainConfig(layers=1)
    spaces = features.spaces()
    specs = tuple(DecoderSpec(space.node_type, space.name, space.dimension) for space in spaces)
    torch.manual_seed(0)
    encoder, decoders = Encoder(config.layers, config.dropout), Decoders(specs, config.dropout)
    return Checkpoint(
        config,
        specs,
        encoder.state_dict(),
        {f"decoders.{name}": tensor for name, tensor in decoders.state_dict().items()},
        None,
        Position(),
        snapshot_id=snapshot.id,
        graph_hash=snapshot.graph_hash,
        scalers=tuple(scaler_id(space) for space in spaces),
    )


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


# --- systems


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
