"""The pretraining command and its loop, on small synthetic workspaces without chemistry."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.synthetic import Size, make_workspace
from graphdb.console import run
from graphdb.errors import ArtefactError, InputError
from graphdb.feature_store import FeatureStore
from graphdb.files import read_json, sha256
from graphdb.molecule_graphs import MoleculeGraphs
from graphdb.schema import NodeType
from graphdb.snapshot import Snapshot
from graphdb.walks import WalkConfig, shards
from graphdb.workspace import Workspace
from learn import loop, pretrain
from learn.batches import BatchMaker
from learn.checkpoint import load
from learn.config import QUICK, TrainConfig
from learn.log import cut_log, read_log, smooth
from learn.objectives import recipe_of
from learn.objectives.base import Loss
from learn.objectives.infoalign import InfoAlign
from learn.validation import chosen

CPU = torch.device("cpu")
SIZE = Size(molecules=21, genes=5, profiles=8, atoms=(2, 6), bits=32, features=9)
SHORT = ("--epochs", "2", "--batch-size", "5", "--layers", "2", "--walk-epochs", "2", "--device", "cpu")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_workspace(tmp_path_factory.mktemp("made") / "w", SIZE).root


@pytest.fixture
def workspace(made: Path, tmp_path: Path) -> Workspace:
    return Workspace(Path(shutil.copytree(made, tmp_path / "workspace")))


def train(workspace: Workspace, *more: str, settings: Sequence[str] = SHORT) -> Path:
    """Run the command; return the folder of the run."""
    words = ["--workspace", str(workspace.root), *settings, *more]
    arguments = pretrain.build_parser().parse_args(words)
    pretrain.main(arguments)
    return workspace.runs / arguments.run


def test_a_run_leaves_checkpoint_log_plot_and_record(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    folder = train(workspace)
    steps = read_log(folder / "log.jsonl")
    # 21 walks in batches of five: the last of an epoch would be one walk, which batch normalisation cannot take.
    assert [(step["epoch"], step["step"], step["molecules"]) for step in steps] == [
        (epoch, 5 * epoch + batch, 5) for epoch in range(2) for batch in range(4)
    ]
    assert (folder / "loss.png").read_bytes().startswith(b"\x89PNG")
    finished = load(folder / "checkpoint.pt")
    snapshot = Snapshot.load(workspace.snapshot)
    assert (finished.position.epoch, finished.position.step) == (2, 10)
    assert (finished.snapshot_id, finished.graph_hash) == (snapshot.id, snapshot.graph_hash)
    assert finished.simulated == ("synthetic-expression",)
    assert len(finished.scalers) == len(finished.specs) == 4
    before = load(folder / "initial.pt")
    assert before.optimizer_state is None
    assert before.model_hash != finished.model_hash
    record = read_json(folder / "run.json")
    assert record["model_hash"] == finished.model_hash
    assert record["loss_last_epoch"] == pytest.approx(np.mean([step["loss"] for step in steps[4:]]))
    assert record["config"] == finished.config.as_dict()
    said = capsys.readouterr()
    assert "SIMULATED, not measured: the profiles of synthetic-expression" in said.err
    assert str(folder / "checkpoint.pt") in said.out
    assert "molecules/s" in said.out


def test_the_learning_rate_follows_the_reference() -> None:
    config = TrainConfig(lr=0.5)
    for step in (0, 30, 100):
        assert loop.learning_rate(config, step, 100) == pytest.approx(0.5 * math.cos(7 / 16 * math.pi * step / 100))
    assert loop.learning_rate(config, 100, 100) == pytest.approx(0.5 * 0.19509, abs=1e-5)


def test_defaults_are_the_references_and_the_command_line_wins_over_quick() -> None:
    reference = TrainConfig()
    assert (reference.lr, reference.weight_decay, reference.batch_size, reference.epochs) == (1e-4, 1e-8, 3072, 300)
    assert (reference.beta, reference.latent, reference.layers, reference.dropout) == (1e-9, "mean", 5, 0.5)
    assert reference.walks == WalkConfig(length=4, walks_per_node=1, weighted=False, seed=0)

    def settings(*words: str) -> TrainConfig:
        return pretrain.settings_of(pretrain.build_parser().parse_args(words))

    assert settings() == reference
    assert settings("--quick") == TrainConfig(**QUICK)
    assert settings("--quick", "--lr", "0.5") == TrainConfig(**{**QUICK, "lr": 0.5})
    assert settings("--weighted", "--walk-length", "2").walks == WalkConfig(length=2, weighted=True)


def test_same_seed_same_weights_other_seed_others(workspace: Workspace) -> None:
    hashes = [
        load(train(workspace, "--run", name, "--seed", seed) / "checkpoint.pt").model_hash
        for name, seed in (("a", "1"), ("b", "1"), ("c", "2"))
    ]
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize("latent", ["mean", "sample"])
def test_a_run_that_stops_between_steps_goes_on_as_if_it_had_not(
    workspace: Workspace, latent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(workspace, "--run", "whole", "--latent", latent)
    for _ in range(20):
        # Each time the deadline has passed after one step.
        folder = train(workspace, "--run", "parts", "--latent", latent, "--max-minutes", "0")
        if load(folder / "checkpoint.pt").position.epoch == 2:
            break
    one, other = load(whole / "checkpoint.pt"), load(folder / "checkpoint.pt")
    for state, parts in ((one.encoder_state, other.encoder_state), (one.objective_state, other.objective_state)):
        assert all(torch.equal(tensor, parts[name]) for name, tensor in state.items())
    losses = [[step["loss"] for step in read_log(path / "log.jsonl")] for path in (whole, folder)]
    assert losses[0] == losses[1]
    # A finished run that is asked for again does nothing more.
    again = train(workspace, "--run", "whole", "--latent", latent)
    assert load(again / "checkpoint.pt").model_hash == one.model_hash


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--lr", "0.5"), "another setting lr"),
        (("--epochs", "9"), "another setting epochs"),
        (("--walk-length", "2"), "another setting walk_length"),
    ],
)
def test_a_run_does_not_go_on_with_other_settings(workspace: Workspace, more: Sequence[str], message: str) -> None:
    train(workspace)
    with pytest.raises(ArtefactError, match=message) as caught:
        train(workspace, *more)
    assert "--fresh" in str(caught.value)
    assert "\n" not in str(caught.value)
    train(workspace, *more, "--fresh", "--max-minutes", "0")


def test_a_run_does_not_go_on_with_another_graph_or_holdout(workspace: Workspace, tmp_path: Path) -> None:
    train(workspace, "--max-minutes", "0")
    data = tmp_path / "task.csv"
    data.write_text("smiles\nC\n")
    key = str(MoleculeGraphs.load(workspace.molecule_graphs).keys[3])
    (workspace.root / "holdout").mkdir()
    (workspace.root / "holdout" / f"{sha256(data)}.keys").write_text(key + "\n")
    with pytest.raises(ArtefactError, match="another held-out data sets"):
        train(workspace, "--holdout", f"t={data}")
    other = Snapshot.load(workspace.snapshot).without([0])
    other.save(workspace.snapshot)
    with pytest.raises(ArtefactError, match="another snapshot"):
        train(workspace)


def test_held_out_molecules_are_on_no_walk_and_recorded(workspace: Workspace, tmp_path: Path) -> None:
    data = tmp_path / "task.csv"
    data.write_text("smiles\nC\n")
    keys = MoleculeGraphs.load(workspace.molecule_graphs).keys[[3, 8]]
    (workspace.root / "holdout").mkdir()
    (workspace.root / "holdout" / f"{sha256(data)}.keys").write_text("\n".join(key[:14] for key in keys))
    folder = train(workspace, "--holdout", f"mytask={data}")
    (record,) = load(folder / "checkpoint.pt").holdout
    assert (record.name, record.sha256, record.molecules) == ("mytask", sha256(data), 2)
    reader = shards.ShardReader(workspace.shards)
    assert reader.manifest["holdout"]["mytask"]["sha256"] == sha256(data)
    nodes = Snapshot.load(workspace.snapshot).index_of(NodeType.MOLECULE, keys)
    assert reader.number_of_walks == SIZE.molecules - 2
    for epoch in range(reader.epochs):
        assert not np.isin(nodes, reader.read(epoch).nodes).any()


def test_walks_that_are_there_are_used_and_others_left_to_their_run(workspace: Workspace) -> None:
    snapshot = Snapshot.load(workspace.snapshot)
    starts = snapshot.nodes(NodeType.MOLECULE)
    shards.write(workspace.shards, snapshot, starts, WalkConfig(), epochs=2)
    created = read_json(workspace.shards / "manifest.json")
    train(workspace, "--max-minutes", "0")
    assert read_json(workspace.shards / "manifest.json") == created
    # Other settings: another run may be reading the walks that are there, so they stay.
    other = train(workspace, "--max-minutes", "0", "--run", "other", "--walk-length", "3", "--validation", "0.2")
    assert read_json(workspace.shards / "manifest.json") == created
    assert shards.ShardReader(other / "shards").config.length == 3
    assert shards.ShardReader(workspace.root / "shards-validation").config.length == 3
    own = read_json(other / "shards" / "manifest.json")
    (other / "loss.png").touch()
    again = ("--run", "other", "--walk-length", "3", "--validation", "0.2", "--fresh", "--max-minutes", "0")
    train(workspace, *again)
    assert read_json(other / "shards" / "manifest.json") == own, "--fresh walks again"
    train(workspace)
    assert read_json(workspace.shards / "manifest.json") == created


def test_folder_of_walks_that_is_named_is_walked_in(workspace: Workspace, tmp_path: Path) -> None:
    named = ("--shards", str(tmp_path / "named"), "--max-minutes", "0")
    train(workspace, *named)
    assert shards.ShardReader(tmp_path / "named").config == WalkConfig()
    train(workspace, *named, "--walk-length", "3", "--run", "other")
    assert shards.ShardReader(tmp_path / "named").config.length == 3
    assert not workspace.shards.exists()


@pytest.mark.parametrize(("able", "said"), [(False, True), (True, False)])
def test_bfloat16_without_instructions_for_it_is_told(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], able: bool, said: bool
) -> None:
    monkeypatch.setattr("learn.device._knows_bfloat16", lambda: able)
    train(workspace, "--max-minutes", "0", "--precision", "bfloat16")
    assert ("no instructions for bfloat16" in capsys.readouterr().err) is said


def test_a_loss_that_is_not_finite_stops_the_run_and_leaves_the_batch(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = train(workspace, "--max-minutes", "0")
    good = load(folder / "checkpoint.pt").model_hash
    right = InfoAlign.forward

    def wrong(*arguments: object) -> Loss:
        result = right(*arguments)  # type: ignore[arg-type]
        return Loss(result.total * float("nan"), result.parts)

    monkeypatch.setattr(InfoAlign, "forward", wrong)
    with pytest.raises(loop.NonFiniteLossError, match=r"the loss is nan at step 1; the batch is in .*nonfinite-batch"):
        train(workspace)
    batch = torch.load(folder / "nonfinite-batch.pt", weights_only=True)
    assert batch["x"].shape[1] == 9
    assert len(batch["weight_sums"]) == 4
    assert load(folder / "checkpoint.pt").model_hash == good


def test_weights_that_are_not_finite_are_never_saved(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    right = InfoAlign.forward

    def steep(*arguments: object) -> Loss:
        """The right loss, with gradients that are not finite."""
        result = right(*arguments)  # type: ignore[arg-type]
        return Loss(result.total + (result.total * 0).sqrt(), result.parts)

    monkeypatch.setattr(InfoAlign, "forward", steep)
    with pytest.raises(loop.NonFiniteLossError, match="is no longer finite; the last good state is in"):
        train(workspace, "--save-every", "1")
    assert not (workspace.runs / "pretrain" / "checkpoint.pt").exists()


def test_a_tiny_graph_is_learned_by_heart(tmp_path: Path) -> None:
    """Eight molecules without neighbours: their fingerprints are rebuilt, far below the entropy of their bits."""
    size = Size(molecules=8, genes=1, profiles=1, atoms=(3, 8), bits=64, features=4)
    made = make_workspace(tmp_path / "w", size)
    snapshot = Snapshot.load(made.snapshot)
    snapshot.without(np.arange(snapshot.number_of_nodes)).save(made.snapshot)
    settings = ("--epochs", "60", "--batch-size", "8", "--layers", "2", "--dropout", "0", "--lr", "3e-3")
    folder = train(made, "--walk-epochs", "1", settings=settings)
    steps = read_log(folder / "log.jsonl")
    assert steps[0]["parts"]["Molecule morgan-r4-1024"] > 0.6
    assert steps[-1]["parts"]["Molecule morgan-r4-1024"] < 0.01
    assert steps[-1]["loss"] < 0.01


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--batch-size", "1"), "batch_size must be at least 2, got 1"),
        (("--dropout", "1"), "dropout 1.0 must be in"),
        (("--device", "cuda:77"), "cuda:77"),
        (("--device", "abacus"), "no device is named 'abacus'"),
        (("--run", "../x"), "a run needs a plain name"),
        (("--holdout", "chembl2k"), "expected NAME=PATH"),
        (("--holdout", "chembl2k=absent.csv"), "absent.csv: No such file"),
        (("--resume",), "this run has no checkpoint"),
    ],
)
def test_mistakes_are_said_in_one_line(
    workspace: Workspace, words: Sequence[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        run(pretrain.main, pretrain.build_parser(), ["--workspace", str(workspace.root), *words])
    assert caught.value.code == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert message in lines[0]


def test_an_empty_workspace_names_the_command_that_fills_it(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="make it with: python -m"):
        train(Workspace(tmp_path))


def test_one_molecule_is_not_enough(tmp_path: Path) -> None:
    made = make_workspace(tmp_path / "w", Size(molecules=1, genes=1, profiles=1, atoms=(3, 4), bits=8, features=2))
    with pytest.raises(InputError, match="1 molecules are left to walk from"):
        train(made)


def test_a_log_is_cut_and_a_half_written_line_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps({"step": step}) + "\n" for step in range(5)) + '{"step": 5, "lo')
    assert [step["step"] for step in read_log(path)] == [0, 1, 2, 3, 4]
    cut_log(path, 3)
    assert [step["step"] for step in read_log(path)] == [0, 1, 2]
    path.write_text('{"step": 0}\nnonsense\n{"step": 2}\n')
    with pytest.raises(ArtefactError, match=r"log\.jsonl:2"):
        read_log(path)


def test_the_drawn_mean_is_over_the_last_twenty_values() -> None:
    values = list(np.random.default_rng(0).random(50))
    expected = [np.mean(values[max(0, i - 19) : i + 1]) for i in range(50)]
    np.testing.assert_allclose(smooth(values), expected)


def test_bfloat16_clipping_and_a_running_mean(workspace: Workspace) -> None:
    plain = load(train(workspace, "--run", "plain") / "checkpoint.pt")
    settings = ("--precision", "bfloat16", "--clip", "0.5", "--ema", "0.5")
    folder = train(workspace, "--run", "other", *settings)
    other = load(folder / "checkpoint.pt")
    assert plain.averaged_state is None
    assert other.averaged_state is not None
    assert all(tensor.dtype in (torch.float32, torch.int64) for tensor in other.encoder_state.values())
    mean = other.encoder().state_dict()
    assert any(not torch.equal(mean[name], tensor) for name, tensor in other.encoder_state.items())
    losses = [[step["loss"] for step in read_log(run / "log.jsonl")] for run in (folder, folder.parent / "plain")]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)
    assert losses[0] != losses[1]


def test_a_running_mean_goes_on_after_an_interruption(workspace: Workspace) -> None:
    whole = load(train(workspace, "--ema", "0.9", "--run", "whole") / "checkpoint.pt")
    for _ in range(50):
        cut = load(train(workspace, "--ema", "0.9", "--run", "cut", "--max-minutes", "0") / "checkpoint.pt")
        if cut.position == whole.position:
            break
    assert cut.position == whole.position
    assert cut.model_hash == whole.model_hash


def test_clipping_bounds_the_gradients(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    norms: list[float] = []
    step = torch.optim.Adam.step

    def watched(self: torch.optim.Adam, *rest: object) -> object:
        gradients = [
            weight.grad for group in self.param_groups for weight in group["params"] if weight.grad is not None
        ]
        norms.append(float(torch.nn.utils.get_total_norm(gradients)))
        return step(self, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(torch.optim.Adam, "step", watched)
    train(workspace, "--clip", "0.01")
    assert norms
    assert max(norms) <= 0.01 * (1 + 1e-4)


def test_the_loss_on_held_out_molecules_is_measured_and_they_are_on_no_walk(workspace: Workspace) -> None:
    folder = train(workspace, "--validation", "0.3", "--tensorboard")
    measured = read_log(folder / "validation.jsonl")
    snapshot = Snapshot.load(workspace.snapshot)
    molecules = snapshot.nodes(NodeType.MOLECULE)
    unseen = molecules[chosen(snapshot.keys[molecules], 0.3, 0)]
    assert 2 <= len(unseen) < SIZE.molecules / 2
    assert [(found["epoch"], found["molecules"]) for found in measured] == [(0, len(unseen)), (1, len(unseen))]
    trained = shards.ShardReader(workspace.shards)
    held_out = shards.ShardReader(workspace.root / "shards-validation")
    assert sorted(held_out.read(0).starts.tolist()) == unseen.tolist()
    assert not any(np.isin(trained.read(epoch).nodes, unseen).any() for epoch in range(trained.epochs))
    # What is logged is what the checkpoint's networks give, in eval mode.
    kept = load(folder / "checkpoint.pt")
    maker = BatchMaker(
        snapshot, FeatureStore.open(workspace.features), MoleculeGraphs.load(workspace.molecule_graphs), CPU
    )
    objective = recipe_of(kept.config).make(kept.config, maker).eval()
    objective.load_state_dict(dict(kept.objective_state))
    with torch.no_grad():
        result = objective(kept.encoder(), maker.make(held_out.read(0)))
    assert measured[-1]["loss"] == pytest.approx(float(result.total), rel=1e-5)
    met = {name: float(x) for name, x in result.parts.items() if result.weights[name] > 0}
    assert measured[-1]["parts"] == pytest.approx(met, rel=1e-5)
    assert any((folder / "tensorboard").iterdir())


def test_training_stops_when_the_held_out_loss_no_longer_falls(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ("--epochs", "30", "--batch-size", "7", "--layers", "1", "--walk-epochs", "1", "--lr", "0.05")
    folder = train(workspace, "--validation", "0.3", "--patience", "2", settings=settings)
    losses = [found["loss"] for found in read_log(folder / "validation.jsonl")]
    assert len(losses) < 30
    assert len(losses) - 1 - int(np.argmin(losses)) == 2
    assert "stopped: no better loss on held-out molecules for 2 epochs" in capsys.readouterr().out
    # Asked again it knows that it is over.
    train(workspace, "--validation", "0.3", "--patience", "2", settings=settings)
    assert [found["loss"] for found in read_log(folder / "validation.jsonl")] == losses


def test_ablations_leave_out_what_they_name(workspace: Workspace) -> None:
    folder = train(workspace, "--without", "Gene", "--without", "synthetic-expression", "--without-edges", "TARGETS")
    kept = load(folder / "checkpoint.pt")
    assert [str(spec.node_type) for spec in kept.specs] == ["Molecule", "Morphology"]
    assert kept.config.without == ("Gene", "synthetic-expression")
    assert kept.config.walks.edge_types is not None
    assert "TARGETS" not in kept.config.walks.edge_types
    with pytest.raises(ArtefactError, match="no feature space is left"):
        train(workspace, *(word for node_type in NodeType for word in ("--without", str(node_type))), "--run", "none")


def test_profiles_differ_where_the_reference_departs_from_the_paper(workspace: Workspace) -> None:
    def settings(*words: str) -> TrainConfig:
        return pretrain.settings_of(pretrain.build_parser().parse_args(words))

    assert settings("--profile", "paper") == TrainConfig()
    reference = settings("--profile", "reference")
    assert (reference.ce_mean, reference.kl) == ("plain", "sample")
    assert settings("--profile", "reference", "--kl", "closed").kl == "closed"
    runs = [train(workspace, "--profile", name, "--run", name, "--dropout", "0") for name in ("paper", "reference")]
    first = [read_log(folder / "log.jsonl")[0]["parts"] for folder in runs]
    # The same cells, divided by their number in place of their weights, which are at most 1.
    assert all(first[1][name] <= first[0][name] * (1 + 1e-6) for name in first[0] if name != "kl")
    assert first[1] != first[0]


@pytest.mark.slow
def test_a_compiled_step_trains_the_same(workspace: Workspace) -> None:
    if shutil.which("c++") is None:
        pytest.skip("torch.compile needs a C++ compiler")
    settings = (*SHORT, "--dropout", "0")
    plain, compiled = (
        train(workspace, "--run", name, *more, settings=settings)
        for name, more in (("plain", ()), ("compiled", ("--compile",)))
    )
    losses = [[step["loss"] for step in read_log(folder / "log.jsonl")] for folder in (plain, compiled)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
