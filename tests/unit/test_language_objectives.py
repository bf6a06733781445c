"""The language-model objectives: their losses against transformers' own, and through the command and its loop."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from benchmarks.synthetic import Size as WorkspaceSize
from benchmarks.synthetic import make_workspace
from graphdb.errors import ArtefactError, InputError, MissingExtraError
from graphdb.molecule_graphs import MoleculeGraphs
from graphdb.workspace import Workspace
from learn import pretrain
from learn.batches import Batch
from learn.checkpoint import load
from learn.config import TrainConfig
from learn.language import restored
from learn.log import read_log
from learn.objectives import recipe_of, smiles_model
from learn.objectives.masked_smiles import MaskedSmiles, corrupted
from learn.objectives.next_token import NextToken
from learn.objectives.smiles_model import SIZES, Size, SmilesObjective, by_length
from learn.smiles_tokens import BEGIN, END, MASK, PAD, SPECIAL, encode_tokens, vocabulary_of

# Approved drugs, and some of the smallest molecules: lengths from 1 to 41 tokens.
SMILES = [
    "CC(=O)Oc1ccccc1C(=O)O",
    "CN1C=NC2=C1C(=O)N(C)C(=O)N2C",
    "CC(C)Cc1ccc(cc1)[C@H](C)C(=O)O",
    "C",
    "CC(=O)Nc1ccc(O)cc1",
    "Clc1ccccc1Br",
    "C[N+](C)(C)CCO",
    "Cc1ncc(n1CCO)[N+](=O)[O-]",
    "O=C(O)c1cn(C2CC2)c2cc(N3CCNCC3)c(F)cc2c1=O",
    "CCN(CC)CC(=O)Nc1c(C)cccc1C",
    "OC[C@H]1OC(O)[C@H](O)[C@@H](O)[C@@H]1O",
    "F/C=C/I",
]
KINDS = {"masked-smiles": MaskedSmiles, "next-token": NextToken}
SHORT = ("--epochs", "2", "--batch-size", "5", "--layers", "1", "--walk-epochs", "2", "--device", "cpu")
VOCABULARY = vocabulary_of(SMILES)
CONFIG = TrainConfig(dropout=0.0)
UNREAD: Any = None
"""In the place of what a language model must not read."""


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SIZES, "small", Size(2, 32, 4))  # type: ignore[misc]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    size = WorkspaceSize(molecules=len(SMILES), genes=2, profiles=2, atoms=(2, 6), bits=32, features=4)
    workspace = make_workspace(tmp_path_factory.mktemp("made") / "w", size)
    MoleculeGraphs.load(workspace.molecule_graphs).with_smiles(SMILES).save(workspace.molecule_graphs)
    return workspace.root


@pytest.fixture
def workspace(made: Path, tmp_path: Path) -> Workspace:
    return Workspace(Path(shutil.copytree(made, tmp_path / "workspace")))


def train(workspace: Workspace, objective: str, *more: str) -> Path:
    words = ["--workspace", str(workspace.root), "--objective", objective, *SHORT, *more]
    arguments = pretrain.build_parser().parse_args(words)
    pretrain.main(arguments)
    return workspace.runs / arguments.run


def objective_of(name: str, seed: int = 0) -> SmilesObjective:
    torch.manual_seed(seed)
    objective: SmilesObjective = KINDS[name](CONFIG, VOCABULARY, encode_tokens(SMILES, VOCABULARY))
    return objective.eval()


def batch_of(rows: list[int]) -> Batch:
    """Return a batch of which nothing but the molecules can be read."""
    unread = dict.fromkeys((field.name for field in fields(Batch)), UNREAD)
    return Batch(**{**unread, "molecules": torch.tensor(rows)})


def tokens_by_hand(rows: list[int]) -> Tensor:
    """Return the padded tokens, made one molecule after the other."""
    lists = [encode_tokens([SMILES[row]], VOCABULARY).ids.tolist() for row in rows]
    longest = max(map(len, lists))
    return torch.tensor([ids + [PAD] * (longest - len(ids)) for ids in lists])


ROWS = [3, 8, 0, 0, 11]


@pytest.mark.parametrize("name", KINDS)
def test_a_batch_has_the_tokens_of_its_molecules(tiny: None, name: str) -> None:
    assert torch.equal(objective_of(name).tokens_of(torch.tensor(ROWS)), tokens_by_hand(ROWS))
    assert objective_of(name).tokens_of(torch.tensor([], dtype=torch.int64)).shape == (0, 0)


@pytest.mark.parametrize("name", KINDS)
def test_molecules_are_worked_on_with_those_of_their_length(
    tiny: None, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    objective, ids = objective_of(name), by_length(tokens_by_hand(list(range(len(SMILES)))))
    lengths = (ids != PAD).sum(dim=1)
    assert (lengths.diff() >= 0).all()
    kept = (ids != PAD) & (torch.rand(ids.shape, generator=torch.Generator().manual_seed(1)) < 0.5)
    whole, worked_on = objective.hidden(ids)[kept], []
    plain = objective.hidden
    monkeypatch.setattr(smiles_model, "NEAR", 0)
    monkeypatch.setattr(objective, "hidden", lambda part: worked_on.append(part.shape) or plain(part))
    torch.testing.assert_close(objective.states(ids, kept), whole, rtol=1e-5, atol=1e-5)
    assert sum(rows for rows, _ in worked_on) == len(ids)
    assert 1 < len(worked_on) < len(ids)
    assert sum(rows * longest for rows, longest in worked_on) < ids.numel()


@given(st.lists(st.integers(1, 256), max_size=60))
def test_groups_hold_every_row_and_little_padding(lengths: list[int]) -> None:
    lengths = sorted(lengths)
    found = smiles_model.groups(lengths)
    assert [row for begin, end in found for row in range(begin, end)] == list(range(len(lengths)))
    for begin, end in found:
        assert lengths[end - 1] <= max(1.25 * lengths[begin], lengths[begin] + smiles_model.NEAR)


def test_the_masked_loss_is_of_the_chosen_tokens_alone(tiny: None) -> None:
    """Against RoBERTa's own loss, which takes every position and is told by a label of -100 what does not count."""
    objective, ids = objective_of("masked-smiles"), by_length(tokens_by_hand(ROWS))
    torch.manual_seed(5)
    loss = objective(UNREAD, batch_of(ROWS))
    torch.manual_seed(5)
    shown, chosen = corrupted(ids, len(VOCABULARY))
    labels = torch.where(chosen, ids, -100)
    expected = objective.model(input_ids=shown, attention_mask=(ids != PAD).long(), labels=labels)
    assert float(loss.total.detach()) == pytest.approx(float(expected.loss.detach()), rel=1e-5)
    right = (expected.logits.argmax(-1) == ids)[chosen].float().mean()
    assert float(loss.parts["accuracy"]) == pytest.approx(float(right))


def test_where_nothing_is_chosen_the_loss_is_nought(tiny: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("learn.objectives.masked_smiles.CHOSEN", 0.0)
    loss = objective_of("masked-smiles")(UNREAD, batch_of(ROWS))
    assert float(loss.total.detach()) == 0
    loss.total.backward()


def test_one_token_in_seven_is_chosen_and_eight_of_ten_of_those_masked() -> None:
    torch.manual_seed(0)
    size = 105
    ids = torch.randint(len(SPECIAL), size, (500, 402))
    ids[:, 0], ids[:, -1], ids[250:, 200:] = BEGIN, END, PAD
    shown, chosen = corrupted(ids, size)
    special = ids < len(SPECIAL)
    assert not chosen[special].any()
    assert torch.equal(shown[~chosen], ids[~chosen])
    n = int(chosen.sum())
    # Bounds of five standard deviations of a binomial.
    for share, expected, among in (
        (n / int((~special).sum()), 0.15, int((~special).sum())),
        (int((shown == MASK).sum()) / n, 0.8, n),
        # One in 100 of the tokens put in for another is the same one.
        (int((shown == ids)[chosen].sum()) / n, 0.1 + 0.1 / 100, n),
    ):
        assert share == pytest.approx(expected, abs=5 * (expected * (1 - expected) / among) ** 0.5)
    assert (shown[chosen] >= MASK).all()


def test_the_next_token_loss_is_that_of_gpt2(tiny: None) -> None:
    objective, ids = objective_of("next-token"), tokens_by_hand(ROWS)
    loss = objective(UNREAD, batch_of(ROWS))
    labels = torch.where(ids == PAD, -100, ids)
    expected = objective.model(input_ids=ids, attention_mask=(ids != PAD).long(), labels=labels)
    assert float(loss.total.detach()) == pytest.approx(float(expected.loss.detach()), rel=1e-5)


def test_a_later_token_does_not_change_what_gpt2_has_said_before(tiny: None) -> None:
    ids = tokens_by_hand([8])
    changed = ids.clone()
    changed[0, 12] = VOCABULARY.tokens.index("Br")
    assert changed[0, 12] != ids[0, 12]
    for name, causal in (("next-token", True), ("masked-smiles", False)):
        objective = objective_of(name)
        with torch.no_grad():
            one, other = (objective.model.lm_head(objective.hidden(x)) for x in (ids, changed))
        assert torch.equal(one[:, :12], other[:, :12]) is causal
        assert not torch.allclose(one[:, 12:], other[:, 12:])


@pytest.mark.parametrize("name", KINDS)
def test_an_embedding_does_not_depend_on_the_batch(tiny: None, name: str) -> None:
    objective = objective_of(name).train()
    together = objective.embed_smiles([*SMILES, SMILES[0]])
    assert objective.training
    assert together.shape == (len(SMILES) + 1, 32)
    assert not together.requires_grad
    torch.testing.assert_close(together[-1], together[0], rtol=0, atol=1e-6)
    for row, text in enumerate(SMILES):
        torch.testing.assert_close(objective.embed_smiles([text])[0], together[row], rtol=1e-5, atol=1e-6)
    assert torch.pdist(together[:-1]).min() > 1e-3
    # By hand, for one molecule without padding: [BEGIN] and [END] stand at its ends.
    ids = tokens_by_hand([2])
    with torch.no_grad():
        hidden = objective.eval().hidden(ids)[0]
    expected = hidden[1:-1].mean(0) if name == "masked-smiles" else hidden[-1]
    torch.testing.assert_close(together[2], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("name", "millions"), [("masked-smiles", 86.0), ("next-token", 85.4)])
def test_the_papers_size_is_the_base_size(name: str, millions: float) -> None:
    """RoBERTa-base and GPT-2 have 12 layers of 768: 85.05 million weights in the layers, the rest in embeddings."""
    vocabulary = vocabulary_of(map(chr, range(ord("가"), ord("가") + 195)))
    assert len(vocabulary) == 200
    tokens = encode_tokens(["가"], vocabulary)
    with torch.device("meta"):
        objective = KINDS[name](TrainConfig(language_size="paper"), vocabulary, tokens)
    assert sum(weight.numel() for weight in objective.parameters()) / 1e6 == pytest.approx(millions, abs=0.06)


# --- through the command ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "epochs", "floor"), [("masked-smiles", "150", 0.0), ("next-token", "60", 0.12)])
def test_twelve_molecules_are_learned_by_heart(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, name: str, epochs: str, floor: float
) -> None:
    """Down from ln 25 = 3.2 nats. The next token has a floor: twelve molecules, told apart by 253 tokens less twelve.

    Their first tokens cannot say which molecule it is, so 12 · ln 12 nats at most are left to 241 guesses: 0.124 each.
    """
    monkeypatch.setitem(SIZES, "small", Size(2, 64, 4))  # type: ignore[misc]
    monkeypatch.setattr("learn.loop.save", lambda *_: None)  # a checkpoint an epoch would take longer than the training
    more = ("--epochs", epochs, "--batch-size", "48", "--walks-per-node", "4", "--dropout", "0", "--lr", "4e-3")
    steps = read_log(train(workspace, name, *more) / "log.jsonl")
    losses = [step["loss"] for step in steps]
    assert losses[0] == pytest.approx(np.log(len(VOCABULARY)), abs=0.5)
    assert np.mean(losses[-10:]) < floor + 0.3
    assert np.mean([step["parts"]["accuracy"] for step in steps[-10:]]) > 0.9


@pytest.mark.parametrize("name", KINDS)
def test_a_run_that_stops_between_steps_goes_on_as_if_it_had_not(tiny: None, workspace: Workspace, name: str) -> None:
    whole = load(train(workspace, name, "--run", "whole") / "checkpoint.pt")
    for _ in range(20):
        # Each time the deadline has passed after one step.
        parts = load(train(workspace, name, "--run", "parts", "--max-minutes", "0") / "checkpoint.pt")
        if parts.position.epoch == 2:
            break
    assert parts.position == whole.position
    assert all(torch.equal(tensor, parts.objective_state[key]) for key, tensor in whole.objective_state.items())
    before = load(workspace.runs / "whole" / "initial.pt")
    assert before.model_hash != whole.model_hash == parts.model_hash
    # The graph encoder is carried along, but neither trained nor named by the hash.
    assert all(torch.equal(tensor, before.encoder_state[key]) for key, tensor in whole.encoder_state.items())
    other = {key: tensor + 1 for key, tensor in whole.encoder_state.items()}
    assert replace(whole, encoder_state=other).model_hash == whole.model_hash


def test_smiles_are_read_once_and_what_was_read_is_said(
    tiny: None, workspace: Workspace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smiles_model, "LONGEST", 30)
    train(workspace, "next-token", "--max-minutes", "0")
    said = [line for line in capsys.readouterr().err.splitlines() if "SMILES" in line]
    assert len(said) == 1
    n = sum(len(encode_tokens([text], VOCABULARY).ids) for text in SMILES)
    assert f"12 SMILES, {n} tokens, {len(VOCABULARY)} different" in said[0]


@pytest.mark.parametrize("name", KINDS)
def test_molecule_graphs_without_smiles_are_refused_in_one_line(made: Path, tmp_path: Path, name: str) -> None:
    workspace = Workspace(Path(shutil.copytree(made, tmp_path / "w")))
    graphs = MoleculeGraphs.load(workspace.molecule_graphs)
    replace(graphs, smiles_bytes=None, smiles_offsets=None).save(workspace.molecule_graphs)
    with pytest.raises(ArtefactError, match=r"have none; make them again with: python -m ingest\.all") as caught:
        train(workspace, name)
    assert "\n" not in str(caught.value)
    train(workspace, "infoalign", "--max-minutes", "0")


@pytest.mark.parametrize("name", KINDS)
def test_bfloat16_is_near_float32(tiny: None, workspace: Workspace, name: str) -> None:
    logs = [
        read_log(train(workspace, name, "--run", precision, "--precision", precision) / "log.jsonl")
        for precision in ("float32", "bfloat16")
    ]
    plain, other = ([step["loss"] for step in steps] for steps in logs)
    assert other == pytest.approx(plain, rel=0.02)
    assert other != plain


def test_a_running_mean_of_what_is_not_trained_is_refused(tiny: None, workspace: Workspace) -> None:
    with pytest.raises(InputError, match="which next-token does not train"):
        train(workspace, "next-token", "--ema", "0.9")


def test_without_transformers_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'infoalign-db\[language\]'"):
        MaskedSmiles(CONFIG, VOCABULARY)


def test_weights_of_another_vocabulary_are_refused(tiny: None) -> None:
    other = vocabulary_of([*SMILES[:-1], "F/C=C/P"])  # as many tokens: the shapes fit
    assert len(other) == len(VOCABULARY)
    with pytest.raises(ArtefactError, match="another vocabulary"):
        MaskedSmiles(CONFIG, other).load_state_dict(objective_of("masked-smiles").state_dict())


def test_a_checkpoint_brings_its_vocabulary(tiny: None, workspace: Workspace) -> None:
    model = load(train(workspace, "masked-smiles", "--max-minutes", "0") / "checkpoint.pt")
    assert recipe_of(model.config).embeds == "smiles"
    assert model.width == 32
    assert restored(model).vocabulary == VOCABULARY
    del model.objective_state["_extra_state"]  # type: ignore[attr-defined]
    with pytest.raises(ArtefactError, match="without the vocabulary"):
        restored(model)


TRAIN_WITHOUT_CHEMISTRY = """
import sys
for name in ("rdkit", "neo4j", "ingest", "py2neo"):
    sys.modules[name] = None
from learn import pretrain
pretrain.main(pretrain.build_parser().parse_args(sys.argv[1:]))
"""


@pytest.mark.slow
def test_training_needs_no_chemistry(workspace: Workspace) -> None:
    words = ["--workspace", str(workspace.root), "--objective", "masked-smiles", *SHORT, "--max-minutes", "0"]
    subprocess.run([sys.executable, "-c", TRAIN_WITHOUT_CHEMISTRY, *words], check=True, cwd=Path(__file__).parents[2])
    assert load(workspace.runs / "pretrain" / "checkpoint.pt").position.step == 1
