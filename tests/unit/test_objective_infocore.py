"""InfoCORE: its weights by hand, one batch is InfoNCE, what it does to a confounded latent, and an exact resume."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from _objectives import BY_HEART, SIZE, TableSpace, batch_of, gradients, losses, maker_of, run, workspace_of
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from graphdb.schema import NodeType
from graphdb.workspace import Workspace
from learn.batches import Batch
from learn.checkpoint import load
from learn.config import WIDTH, TrainConfig
from learn.decoders import DecoderSpec
from learn.encoder import Encoder
from learn.objectives.base import Objective
from learn.objectives.cloome import Cloome
from learn.objectives.infocore import InfoCore, log_weights

INFOCORE = TrainConfig(objective="infocore-cp", layers=2, dropout=0.0)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return workspace_of(tmp_path_factory.mktemp("infocore"))


def test_weights_are_those_of_a_hand_computation() -> None:
    """Three pairs in two batches (0, 1, 1), anchor weight 2: w_ij = (2 p(b_i | anchor) + p(b_i | candidate)) / 3."""
    anchors = torch.tensor([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7]])
    candidates = torch.tensor([[0.8, 0.2], [0.5, 0.5], [0.1, 0.9]])
    expected = torch.tensor(
        [
            [(1.8 + 0.8) / 3, (1.8 + 0.5) / 3, (1.8 + 0.1) / 3],
            [(1.2 + 0.2) / 3, (1.2 + 0.5) / 3, (1.2 + 0.9) / 3],
            [(1.4 + 0.2) / 3, (1.4 + 0.5) / 3, (1.4 + 0.9) / 3],
        ]
    )
    found = log_weights(anchors, candidates, torch.tensor([0, 1, 1]), 2.0).exp()
    torch.testing.assert_close(found, expected)


def test_a_posterior_of_zero_stays_finite() -> None:
    found = log_weights(torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 0.0]]), torch.tensor([1]), 0.0)
    assert torch.isfinite(found).all()


def test_with_one_batch_it_is_info_nce(tmp_path: Any) -> None:
    """The encoder ends with the same weights bit for bit where no batches are known, and only there."""
    size = SIZE.__class__(**{**SIZE.__dict__, "batches": 0})
    plain = workspace_of(tmp_path / "plain", size)
    plated = workspace_of(tmp_path / "plated")
    few = (*BY_HEART, "--epochs", "3")
    hashes = {
        (place.root.name, name): load(run(place, name, "--run", name, settings=few) / "checkpoint.pt").model_hash
        for place in (plain, plated)
        for name in ("cloome", "infocore-cp")
    }
    assert hashes["plain", "cloome"] == hashes["plain", "infocore-cp"] == hashes["plated", "cloome"]
    assert hashes["plated", "infocore-cp"] != hashes["plated", "cloome"]


@pytest.mark.parametrize("objective", ["infocore-cp", "infocore-ge"])
def test_the_profile_of_each_molecule_is_found(workspace: Workspace, objective: str) -> None:
    steps = losses(run(workspace, objective, "--run", objective, "--epochs", "40"))
    name = "Morphology synthetic-morphology" if objective == "infocore-cp" else "Expression synthetic-expression"
    assert set(steps[0]["parts"]) == {name, f"batches {name}"}
    assert steps[0]["parts"][f"batches {name}"] == pytest.approx(np.log(3), abs=0.5)
    assert steps[0]["parts"][name] > 0.8
    assert steps[-1]["parts"][name] < 0.1


def test_a_run_in_parts_ends_as_one_that_was_not_interrupted(workspace: Workspace) -> None:
    few = (*BY_HEART, "--epochs", "4", "--dropout", "0.3")
    whole = load(run(workspace, "infocore-cp", "--run", "whole", settings=few) / "checkpoint.pt")
    for _ in range(6):
        folder = run(workspace, "infocore-cp", "--run", "cut", "--max-minutes", "0", settings=few)
        cut = load(folder / "checkpoint.pt")
        if cut.position == whole.position:
            break
    assert cut.position == whole.position
    for state, parts in ((whole.encoder_state, cut.encoder_state), (whole.objective_state, cut.objective_state)):
        assert all(torch.equal(tensor, parts[name]) for name, tensor in state.items())


def test_gradients_keep_to_their_own_networks(workspace: Workspace) -> None:
    """Classifiers learn from the batches alone, the encoder from the contrast alone."""
    torch.manual_seed(0)
    encoder, objective = Encoder(2, 0.0), InfoCore(INFOCORE, maker_of(workspace), NodeType.MORPHOLOGY)
    loss = objective(encoder, batch_of(workspace, INFOCORE))
    name = "Morphology synthetic-morphology"
    loss.parts[f"batches {name}"].backward(retain_graph=True)
    assert gradients(encoder) == {}
    assert objective.projection.weight.grad is None
    assert all(float(weight.grad.abs().sum()) > 0 for weight in objective.of_molecules.parameters())
    objective.zero_grad(set_to_none=True)
    loss.parts[name].backward()
    assert gradients(encoder)["graph_encoder.convs.0.mlp.0.weight"] > 0
    for classifiers in (objective.of_molecules, objective.of_profiles):
        assert all(weight.grad is None for weight in classifiers.parameters())


class Narrow(nn.Module):
    """An encoder that must choose: content of six numbers and the batch, through three."""

    def __init__(self, inputs: Tensor) -> None:
        super().__init__()
        self.inputs = inputs
        self.squeeze = nn.Linear(inputs.shape[1], 3, bias=False)
        self.widen = nn.Linear(3, WIDTH, bias=False)

    def forward(self, graphs: object) -> tuple[Tensor, None]:
        return self.widen(self.squeeze(self.inputs)), None


def batch_accuracy(kind: type[Cloome] | type[InfoCore]) -> tuple[float, float]:
    """Train on confounded pairs; return how well the latent tells the batch, and the content's R²."""
    rng = np.random.default_rng(0)
    n, batches = 192, 4
    batch_of_pair = rng.integers(0, batches, n)
    content = rng.normal(size=(n, 6))
    effect = 3 * np.eye(batches)[batch_of_pair]  # of the plate, on what is measured and on what was put on it
    molecules = np.hstack([content + 0.5 * rng.normal(size=content.shape), effect]).astype(np.float32)
    profiles = np.hstack([content + 0.5 * rng.normal(size=content.shape), effect]).astype(np.float32)
    scaled = (profiles - profiles.min(0)) / np.ptp(profiles, axis=0)
    space = TableSpace(
        torch.arange(n, dtype=torch.int32), torch.from_numpy(scaled), None, torch.from_numpy(batch_of_pair), batches
    )
    maker = SimpleNamespace(specs=(DecoderSpec(NodeType.MORPHOLOGY, "s", profiles.shape[1]),), spaces=(space,))
    config = TrainConfig(objective="infocore-cp", dropout=0.0, anchor_weight=0.25)  # the authors', for expression
    torch.manual_seed(0)
    encoder = Narrow(torch.from_numpy(molecules))
    objective = cast(Objective, kind(config, cast(Any, maker), NodeType.MORPHOLOGY))
    numbers = torch.arange(n)
    batch = Batch(cast(Any, None), numbers, numbers[:, None].expand(n, 2), torch.ones(n, 2), ())
    optimizer = torch.optim.Adam([*encoder.parameters(), *objective.parameters()], lr=3e-3)
    for _ in range(150):
        optimizer.zero_grad()
        objective(cast(Any, encoder), batch).total.backward()
        optimizer.step()
    latent = encoder.squeeze(encoder.inputs).detach().numpy()
    latent = (latent - latent.mean(0)) / latent.std(0)
    told = float(LogisticRegression(max_iter=1000).fit(latent, batch_of_pair).score(latent, batch_of_pair))
    design = np.hstack([latent, np.ones((n, 1))])
    rest = content - design @ np.linalg.lstsq(design, content, rcond=None)[0]
    return told, float(1 - rest.var() / content.var())


def test_it_tells_the_batch_worse_than_info_nce_and_the_content_better() -> None:
    plain, plain_content = batch_accuracy(Cloome)
    reweighted, content = batch_accuracy(InfoCore)
    assert plain > 0.7  # the most frequent batch is a third of the pairs
    assert reweighted < plain - 0.2
    assert content > plain_content + 0.05
