"""Chemical language models as embedders of SMILES: of a checkpoint, or MolT5 and ChemGPT by name (method, section 7).

A model that was trained here never bears the name of a published one alone: where it stands in for one that cannot be
had, its name says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from graphdb.console import note, progress
from graphdb.errors import ArtefactError, InputError
from graphdb.molecule_graphs import MADE_BY, MoleculeGraphs
from learn.checkpoint import Checkpoint, load
from learn.device import resolve_device
from learn.objectives import recipe_of
from learn.objectives.smiles_model import SIZES, SmilesObjective, transformers
from learn.smiles_tokens import LONGEST, encode_tokens

BATCH_SIZE = 256

Floats = npt.NDArray[np.float32]


class Embedder(Protocol):
    """Turns SMILES into vectors."""

    @property
    def name(self) -> str:
        """What tables and logs call it."""

    def embed(self, smiles: Sequence[str]) -> Floats:
        """Return the embeddings (n, d) float32 of n standardised SMILES; NaN rows for those that it cannot read."""


# --- models that were trained here ------------------------------------------------------------------------------------


def restored(model: Checkpoint) -> SmilesObjective:
    """Return the language model of a checkpoint, in eval mode, on the CPU.

    Raises
    ------
    ArtefactError
        If the checkpoint is of an objective that does not embed SMILES, or its weights do not fit.
    """
    recipe = recipe_of(model.config)
    if recipe.embeds != "smiles" or recipe.remake is None:
        raise ArtefactError(f"a checkpoint of the objective {model.config.objective} holds no language model of SMILES")
    objective = recipe.remake(model.config, model.objective_state)
    assert isinstance(objective, SmilesObjective)
    try:
        objective.load_state_dict(dict(model.objective_state))
    except RuntimeError as error:  # torch's message has a line for each weight
        raise ArtefactError(
            f"the weights of this language model do not fit: {str(error).splitlines()[-1].strip()}"
        ) from None
    return objective.eval()


def embed(model: Checkpoint, smiles: Sequence[str], *, device: str = "auto") -> Floats:
    """Return the embeddings (n, d) float32 of n standardised SMILES by the language model of a checkpoint."""
    objective = restored(model).to(resolve_device(device))
    tokens = encode_tokens(smiles, objective.vocabulary)
    if tokens.truncated or tokens.unknown:
        note(
            f"{tokens.truncated:,} of {len(smiles):,} SMILES have more than {LONGEST - 2} tokens and are cut; "
            f"{tokens.unknown:,} tokens were not met in training"
        )
    return _in_batches(smiles, model.width, objective.embed_smiles)


def embed_by_smiles(model: Checkpoint, graphs: MoleculeGraphs, *, device: str = "auto") -> Floats:
    """Return the embeddings (n, d) float32 of packed molecules by the language model of a checkpoint.

    Raises
    ------
    ArtefactError
        If the molecules were packed by an earlier version, without their SMILES.
    """
    smiles = graphs.smiles()
    if smiles is None:
        raise ArtefactError(
            f"{model.config.objective} embeds SMILES; these molecule graphs have none; make them again with: {MADE_BY}"
        )
    return embed(model, smiles, device=device)


@dataclass(frozen=True)
class LocalModel:
    """A language model that was trained here, as an embedder.

    Attributes
    ----------
    name
        What tables and logs call it.
    checkpoint
        Its weights.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    """

    name: str
    checkpoint: Checkpoint
    device: str = "auto"

    def embed(self, smiles: Sequence[str]) -> Floats:
        """Return the embeddings (n, d) float32 of n standardised SMILES."""
        return embed(self.checkpoint, smiles, device=self.device)


def stand_in(name: str, checkpoint: Checkpoint | Path | str, *, device: str = "auto") -> LocalModel:
    """Return a small language model that was trained here in the place of a published one; its name says that it is.

    Parameters
    ----------
    name
        One of `NAMED`.
    checkpoint
        Of the objective ``masked-smiles`` or ``next-token``.
    device
        Where to compute.
    """
    _named(name)
    model = checkpoint if isinstance(checkpoint, Checkpoint) else load(checkpoint)
    restored(model)
    layers = SIZES[model.config.language_size].layers
    return LocalModel(f"{name} stand-in (locally trained {model.config.objective}, {layers} layers)", model, device)


# --- published models by name -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Published:
    """A published language model.

    Attributes
    ----------
    source
        Its name on the Hugging Face hub.
    kind
        Class of transformers that reads it: the encoder of MolT5, without the decoder; the whole of ChemGPT.
    notation
        What it reads: ``smiles`` or ``selfies``.
    """

    source: str
    kind: str
    notation: str


NAMED: Mapping[str, Published] = {
    "MolT5": Published("laituan245/molt5-base", "T5EncoderModel", "smiles"),
    "ChemGPT": Published("ncfrey/ChemGPT-19M", "AutoModel", "selfies"),
}
"""The published language models of the paper's tables that can be had by name."""


@dataclass(frozen=True)
class HubModel:
    """A published language model, as an embedder: the mean of its last hidden state over the tokens.

    Attributes
    ----------
    name
        What tables and logs call it.
    tokenizer, model
        Of transformers.
    spell
        Writes a SMILES as the model reads it; None for one that cannot be written so.
    device
        Where it is.
    """

    name: str
    tokenizer: Any = field(repr=False)
    model: Any = field(repr=False)
    spell: Callable[[str], str | None] = field(repr=False)
    device: torch.device

    def embed(self, smiles: Sequence[str]) -> Floats:
        """Return the embeddings (n, d) float32 of n SMILES, NaN rows for those that the model's notation lacks."""
        spelt = [self.spell(text) for text in smiles]
        readable = [place for place, text in enumerate(spelt) if text is not None]
        if len(readable) < len(spelt):
            note(f"{self.name}: {len(spelt) - len(readable):,} of {len(spelt):,} molecules cannot be written for it")
        width = int(self.model.config.hidden_size)
        vectors = np.full((len(smiles), width), np.nan, dtype=np.float32)
        texts = [text for text in spelt if text is not None]
        vectors[readable] = _in_batches(texts, width, self._embed_batch)
        return vectors

    @torch.no_grad()
    def _embed_batch(self, texts: Sequence[str]) -> Tensor:
        """Return the embeddings (B, d) of B texts."""
        given = self.tokenizer(list(texts), padding=True, truncation=True, max_length=512, return_tensors="pt")
        mask: Tensor = given["attention_mask"].to(self.device)
        hidden: Tensor = self.model(input_ids=given["input_ids"].to(self.device), attention_mask=mask).last_hidden_state
        total: Tensor = (hidden * mask[..., None]).sum(dim=1)
        return total / mask.sum(dim=1, keepdim=True).clamp_min(1)


def load_named(name: str, source: Path | str | None = None, *, device: str = "auto") -> HubModel:
    """Return a published language model.

    Parameters
    ----------
    name
        One of `NAMED`.
    source
        A folder with its weights and tokenizer (``save_pretrained``), or another name on the hub; None: the published
        one, from the local cache or the hub.
    device
        Where to compute.

    Raises
    ------
    ArtefactError
        If it is neither here nor to be had over the network.
    """
    published = _named(name)
    package = transformers()
    spell = _selfies() if published.notation == "selfies" else _as_it_is
    where = str(source or published.source)
    try:
        tokenizer = package.AutoTokenizer.from_pretrained(where)
        model = getattr(package, published.kind).from_pretrained(where)
    except (OSError, ValueError, ImportError, RuntimeError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:100]
        raise ArtefactError(
            f"{name}: {where} is neither here nor to be had over the network ({reason}); "
            "give the folder of its weights, or take learn.language.stand_in"
        ) from None
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    place = resolve_device(device)
    return HubModel(name, tokenizer, model.to(place).eval(), spell, place)


def named_or_stand_in(name: str, checkpoint: Checkpoint | Path | str, *, device: str = "auto") -> Embedder:
    """Return a published language model where it is to be had; else its stand-in from a checkpoint, and say so."""
    try:
        return load_named(name, device=device)
    except ArtefactError as error:
        replacement = stand_in(name, checkpoint, device=device)
        note(f"{error}; its place takes {replacement.name}")
        return replacement


def _named(name: str) -> Published:
    try:
        return NAMED[name]
    except KeyError:
        raise InputError(f"no published language model {name!r}; there are: {', '.join(NAMED)}") from None


def _as_it_is(smiles: str) -> str | None:
    return smiles


def _selfies() -> Callable[[str], str | None]:
    """Return what writes a SMILES as SELFIES, None where that notation cannot say it."""
    try:
        import selfies
    except ImportError:
        raise InputError("ChemGPT reads SELFIES, which needs the package 'selfies': pip install selfies") from None

    def spell(smiles: str) -> str | None:
        try:
            return str(selfies.encoder(smiles))
        except selfies.EncoderError:
            return None

    return spell


def _in_batches(texts: Sequence[str], width: int, embed_batch: Callable[[Sequence[str]], Tensor]) -> Floats:
    """Return the embeddings (n, width) of n texts, computed in batches of about equal length: little padding."""
    order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    vectors = np.empty((len(texts), width), dtype=np.float32)
    with progress() as bar:
        task = bar.add_task("encoding", total=len(texts))
        for begin in range(0, len(order), BATCH_SIZE):
            chosen = order[begin : begin + BATCH_SIZE]
            vectors[chosen] = embed_batch([texts[place] for place in chosen]).float().cpu().numpy()
            bar.advance(task, len(chosen))
    return vectors
