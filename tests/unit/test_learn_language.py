"""Language models as embedders: of a checkpoint, published ones from a folder, and stand-ins that say what they are."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.synthetic import inchikeys, molecule_graphs
from graphdb.errors import ArtefactError, InputError
from graphdb.schema import NodeType
from learn.checkpoint import Checkpoint, Position, save
from learn.config import TrainConfig
from learn.decoders import DecoderSpec
from learn.embedding_file import read_embeddings, write_embeddings
from learn.encode import Options, embedder, encode
from learn.encoder import Encoder
from learn.finetune import untrained
from learn.language import embed, embed_by_smiles, load_named, named_or_stand_in, stand_in
from learn.objectives.infoalign import InfoAlign
from learn.objectives.masked_smiles import MaskedSmiles
from learn.objectives.next_token import NextToken
from learn.smiles_tokens import LONGEST, vocabulary_of
from learn.transformer import InfoAlignTransformer

SMILES = ["CC(=O)Oc1ccccc1C(=O)O", "CN1C=NC2=C1C(=O)N(C)C(=O)N2C", "C", "Clc1ccccc1Br", "C[N+](C)(C)CCO"]
KINDS = {"masked-smiles": MaskedSmiles, "next-token": NextToken}


def checkpoint(objective: str) -> Checkpoint:
    """Return a checkpoint with random weights, other than those that the run would begin with."""
    config = TrainConfig(layers=1, objective=objective)
    torch.manual_seed(1)
    encoder = Encoder(1)
    if objective == "infoalign":
        spec = DecoderSpec(NodeType.MOLECULE, "bits", 12)
        state = InfoAlign([spec], dropout=0.5, beta=0.0, latent="mean").state_dict()
    else:
        state = KINDS[objective](config, vocabulary_of(SMILES)).state_dict()
    return Checkpoint(
        config=config,
        specs=(),
        encoder_state=encoder.state_dict(),
        objective_state=state,
        optimizer_state=None,
        position=Position(),
        snapshot_id="s" * 64,
        graph_hash="g" * 64,
    )


ENCODE = """
import json, sys, numpy
from learn.encode import encode
for path in json.loads(sys.argv[1]):
    numpy.save(path.replace(".pt", ".npy"), encode(json.loads(sys.argv[2]), path, device="cpu"))
"""


@pytest.mark.slow
def test_another_process_embeds_from_the_saved_checkpoint_what_this_one_does(tmp_path: Path) -> None:
    models = [checkpoint(objective) for objective in KINDS]
    files = [tmp_path / f"{objective}.pt" for objective in KINDS]
    for file, model in zip(files, models, strict=True):
        save(file, model)
    # The second is the first, drawn otherwise; the third is none.
    asked = ["OC(=O)c1ccccc1OC(C)=O", "CC(=O)Oc1ccccc1C(=O)O", "C(", "CN1C=NC2=C1C(=O)N(C)C(=O)N2C"]
    words = [sys.executable, "-c", ENCODE, json.dumps([*map(str, files)]), json.dumps(asked)]
    subprocess.run(words, check=True, cwd=Path(__file__).parents[2])
    for file, model in zip(files, models, strict=True):
        found, here = np.load(file.with_suffix(".npy")), encode(asked, model, device="cpu")
        assert here.shape == (4, 300)
        assert here.dtype == np.float32
        np.testing.assert_allclose(found, here, rtol=1e-4, atol=1e-5)
        assert np.isnan(here[2]).all()
        np.testing.assert_array_equal(here[0], here[1])
        assert np.abs(here[0] - here[3]).max() > 1e-3


@pytest.mark.parametrize("objective", KINDS)
def test_packed_molecules_are_embedded_by_their_smiles(objective: str, tmp_path: Path) -> None:
    model, rng = checkpoint(objective), np.random.default_rng(0)
    bare = molecule_graphs(inchikeys(len(SMILES), rng), (2, 5), rng)
    vectors = embedder(model, Options("cpu"))(bare.with_smiles(SMILES))
    np.testing.assert_array_equal(vectors, embed(model, SMILES, device="cpu"))
    np.testing.assert_allclose(vectors[::-1], embed(model, SMILES[::-1], device="cpu"), rtol=1e-4, atol=1e-5)
    assert embed(model, [], device="cpu").shape == (0, 300)
    assert encode(["C("], model, device="cpu").shape == (1, 300)
    with pytest.raises(ArtefactError, match="has no trained graph encoder"):
        model.encoder()
    with pytest.raises(ArtefactError, match=r"embeds SMILES; these molecule graphs have none.*python -m ingest\.all"):
        embed_by_smiles(model, bare, device="cpu")


def test_graphs_are_embedded_by_the_graph_encoder_as_before() -> None:
    model, rng = checkpoint("infoalign"), np.random.default_rng(0)
    graphs = molecule_graphs(inchikeys(3, rng), (2, 5), rng)
    assert model.width == 300
    assert embedder(model, Options("cpu"))(graphs).shape == (3, 300)
    with pytest.raises(ArtefactError, match="infoalign holds no language model"):
        embed(model, SMILES, device="cpu")


def test_what_is_cut_or_unknown_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    model = checkpoint("next-token")
    vectors = embed(model, ["C" * LONGEST, "CP", "CC"], device="cpu")
    assert np.isfinite(vectors).all()
    assert "1 of 3 SMILES have more than 254 tokens and are cut; 1 tokens were not met" in capsys.readouterr().err


def test_the_untrained_model_is_the_one_that_the_run_began_with() -> None:
    model = checkpoint("masked-smiles")
    torch.manual_seed(model.config.seed)  # as `learn.loop.build` makes them, one after the other
    Encoder(1)
    first = MaskedSmiles(model.config, vocabulary_of(SMILES)).state_dict()
    before = untrained(model)
    assert all(torch.equal(tensor, before.objective_state[name]) for name, tensor in first.items())
    assert before.model_hash != model.model_hash


def test_embeddings_of_any_width_are_written_and_read(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(3, 768)).astype(np.float32)
    write_embeddings(tmp_path / "e.parquet", ["a", "b", None], vectors, "hash")
    np.testing.assert_array_equal(read_embeddings(tmp_path / "e.parquet")[1], vectors)


def test_scikit_learn_is_told_the_width(tmp_path: Path) -> None:
    save(tmp_path / "c.pt", checkpoint("next-token"))
    fitted = InfoAlignTransformer(tmp_path / "c.pt", device="cpu").fit(SMILES)
    assert len(fitted.get_feature_names_out()) == fitted.transform(SMILES[:2]).shape[1] == 300


# --- by name ----------------------------------------------------------------------------------------------------------


def hub_folder(folder: Path, name: str) -> tuple[Path, Any]:
    """Write a tiny random model and a tokenizer as `save_pretrained` does; return the model too."""
    import transformers
    from tokenizers import Regex, Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Split

    letters = ["[PAD]", "[EOS]", "[UNK]", *"CNOclnos()=12", "[C]", "[N]", "[O]", "[=O]", "[Branch1]", "[Ring1]"]
    tokenizer = Tokenizer(WordLevel({letter: place for place, letter in enumerate(letters)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Split(Regex(r"\[[^\]]+\]|."), "isolated")
    special = {"eos_token": "[EOS]", "unk_token": "[UNK]", **({"pad_token": "[PAD]"} if name == "MolT5" else {})}
    torch.manual_seed(0)
    if name == "MolT5":
        model = transformers.T5ForConditionalGeneration(
            transformers.T5Config(vocab_size=len(letters), d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2)
        )
    else:
        model = transformers.GPTNeoForCausalLM(
            transformers.GPTNeoConfig(
                vocab_size=len(letters), hidden_size=16, num_layers=2, num_heads=2, attention_types=[[["global"], 2]]
            )
        )
    model.save_pretrained(folder)
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)
    return folder, model.eval()


def test_molt5_is_read_from_a_folder(tmp_path: Path) -> None:
    folder, model = hub_folder(tmp_path, "MolT5")
    embedder = load_named("MolT5", folder, device="cpu")
    assert embedder.name == "MolT5"
    texts = ["CCO", "C", "c1ccncc1", "CC(=O)N"]
    vectors = embedder.embed(texts)
    assert vectors.shape == (4, 16)
    for text, vector in zip(texts, vectors, strict=True):
        ids = torch.tensor([[3 + "CNOclnos()=12".index(letter) for letter in text]])
        with torch.no_grad():
            expected = model.encoder(input_ids=ids).last_hidden_state[0].mean(0)
        np.testing.assert_allclose(vector, expected.numpy(), rtol=1e-4, atol=1e-6)


def test_chemgpt_reads_selfies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, model = hub_folder(tmp_path, "ChemGPT")
    embedder = load_named("ChemGPT", folder, device="cpu")
    # SELFIES (Krenn et al. 2020) of the first two, by hand; the third has a carbon of five bonds.
    vectors = embedder.embed(["CCO", "CC=O", "C=C(C)(C)C"])
    for row, ids in enumerate([[16, 16, 18], [16, 16, 19]]):
        with torch.no_grad():
            expected = model.transformer(input_ids=torch.tensor([ids])).last_hidden_state[0].mean(0)
        np.testing.assert_allclose(vectors[row], expected.numpy(), rtol=1e-4, atol=1e-6)
    assert np.isnan(vectors[2]).all()
    assert "ChemGPT: 1 of 3 molecules cannot be written for it" in capsys.readouterr().err


@pytest.fixture
def _no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No hub, and an empty cache."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.mark.usefixtures("_no_network")
@pytest.mark.parametrize("name", ["MolT5", "ChemGPT"])
def test_without_a_network_one_line_says_what_to_do(name: str, tmp_path: Path) -> None:
    for source in (None, tmp_path / "absent"):
        with pytest.raises(ArtefactError, match=r"^(MolT5|ChemGPT): .* is neither here nor to be had") as caught:
            load_named(name, source)
        assert str(source or "/") in str(caught.value)
        assert "stand_in" in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="'GPT-5'; there are: MolT5, ChemGPT"):
        load_named("GPT-5")


@pytest.mark.usefixtures("_no_network")
def test_what_stands_in_says_so_wherever_its_name_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = checkpoint("masked-smiles")
    save(tmp_path / "c.pt", model)
    embedder = named_or_stand_in("MolT5", tmp_path / "c.pt", device="cpu")
    assert embedder.name == "MolT5 stand-in (locally trained masked-smiles, 4 layers)"
    assert embedder.name in capsys.readouterr().err.replace("\n", " ")
    np.testing.assert_array_equal(embedder.embed(SMILES), embed(model, SMILES, device="cpu"))
    other = stand_in("ChemGPT", checkpoint("next-token"), device="cpu")
    assert other.name == "ChemGPT stand-in (locally trained next-token, 4 layers)"
    with pytest.raises(ArtefactError, match="infoalign holds no language model"):
        stand_in("ChemGPT", checkpoint("infoalign"))


def test_the_checkpoint_of_a_local_model_never_bears_a_published_name(tmp_path: Path) -> None:
    save(tmp_path / "c.pt", checkpoint("masked-smiles"))
    content = torch.load(tmp_path / "c.pt", weights_only=True)
    said = json.dumps({key: value for key, value in content.items() if key not in ("encoder", "objective")})
    assert "masked-smiles" in said
    assert "MolT5" not in said
