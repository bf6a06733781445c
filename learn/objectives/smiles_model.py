"""What the chemical language models share: SMILES tokens on the device, sizes, and embeddings of SMILES.

They are InfoAlign's rivals RoBERTa and GPT-2 (method, section 7), trained from random weights by the loop that trains
every objective. They neither read nor train the shared encoder; a batch tells them which molecules it is about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from graphdb.console import note
from graphdb.errors import ArtefactError, InputError, MissingExtraError
from graphdb.molecule_graphs import MADE_BY, MoleculeGraphs
from learn.batches import BatchMaker
from learn.config import TrainConfig
from learn.objectives.base import Loss, Objective, Recipe
from learn.smiles_tokens import LONGEST, PAD, SmilesTokens, Vocabulary, encode_tokens, vocabulary_of

VOCABULARY = "_extra_state"
"""Under this name `torch.nn.Module.state_dict` keeps what `SmilesObjective.get_extra_state` returns."""
MOST_DROPOUT = 0.1
"""That of the published RoBERTa and GPT-2; half of the units, the graph encoder's default, is too much for them."""

NEAR = 8
"""Tokens by which short molecules of one group may differ in length."""


@dataclass(frozen=True)
class Size:
    """Layers, width and attention heads of a transformer; its feed-forward layers are four times as wide."""

    layers: int
    width: int
    heads: int


SIZES: Mapping[str, Size] = {"small": Size(4, 300, 5), "paper": Size(12, 768, 12)}
"""By `TrainConfig.language_size`.

``small`` (4.5 million weights) has the width of the graph encoder, so that its embeddings fit the graph's vector index.
``paper`` is the base size of RoBERTa and GPT-2: 86.0 and 85.4 million weights with a vocabulary of 200 tokens. The
102 and 87 million that the paper states fit these layers under larger vocabularies.
"""


class SmilesObjective(Objective):
    """A transformer over SMILES tokens.

    Parameters
    ----------
    vocabulary
        Numbers the tokens. It stands in the state beside the weights.
    tokens
        Of the molecules that batches name by row; None where nothing is to be trained.
    """

    def __init__(self, vocabulary: Vocabulary, tokens: SmilesTokens | None = None) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        tokens = encode_tokens([], vocabulary) if tokens is None else tokens
        # int16, since torch cannot index uint16 on every device; `smiles_tokens.MOST_TOKENS` says that they fit.
        self.register_buffer("ids", torch.from_numpy(tokens.ids.astype(np.int16)), persistent=False)
        self.register_buffer("offsets", torch.from_numpy(tokens.offsets), persistent=False)

    def get_extra_state(self) -> Tensor:
        """Return the vocabulary as (k,) bytes: a checkpoint holds tensors."""
        return torch.from_numpy(self.vocabulary.pack())

    def set_extra_state(self, state: Tensor) -> None:
        """Refuse the weights of another vocabulary."""
        if Vocabulary.unpack(state.cpu().numpy()) != self.vocabulary:
            raise ArtefactError("these weights belong to another vocabulary of SMILES tokens")

    def tokens_of(self, molecules: Tensor) -> Tensor:
        """Return the tokens (B, T) int64 of the training molecules in these rows (B,), padded to the longest."""
        assert isinstance(self.ids, Tensor)
        assert isinstance(self.offsets, Tensor)
        return padded(self.ids, self.offsets, molecules)

    def states(self, ids: Tensor, kept: Tensor) -> Tensor:
        """Return the last hidden states (N, d) of some tokens, row by row; most of the padding is left out.

        A peptide among drugs would make each of them as long as itself: the rows are worked on in groups of about equal
        length.

        Parameters
        ----------
        ids
            (B, T) tokens, as `by_length` returns them.
        kept
            (B, T) bool, which ones; none of them padding.
        """
        lengths = (ids != PAD).sum(dim=1).tolist()
        return torch.cat(
            [
                self.hidden(ids[begin:end, : lengths[end - 1]])[kept[begin:end, : lengths[end - 1]]]
                for begin, end in groups(lengths)
            ]
        )

    def hidden(self, ids: Tensor) -> Tensor:
        """Return the last hidden state (B, T, d) of tokens (B, T)."""
        raise NotImplementedError

    def pool(self, hidden: Tensor, ids: Tensor) -> Tensor:
        """Return the embeddings (B, d) of molecules from their last hidden state (B, T, d) and tokens (B, T)."""
        raise NotImplementedError

    @torch.no_grad()
    def embed_smiles(self, smiles: Sequence[str]) -> Tensor:
        """Return the embeddings (n, d) of n SMILES in eval mode; the mode of the module stays as it was."""
        tokens = encode_tokens(smiles, self.vocabulary)
        device = next(self.parameters()).device
        rows = torch.arange(len(smiles), device=device)
        ids = padded(
            torch.from_numpy(tokens.ids.astype(np.int16)).to(device), torch.from_numpy(tokens.offsets).to(device), rows
        )
        was_training = self.training
        self.eval()
        try:
            return self.pool(self.hidden(ids), ids)
        finally:
            self.train(was_training)


def by_length(ids: Tensor) -> Tensor:
    """Return tokens (B, T) with the shortest molecule first."""
    return ids[(ids != PAD).sum(dim=1).argsort(stable=True)]


def groups(lengths: Sequence[int]) -> list[tuple[int, int]]:
    """Return begin and end of runs of sorted lengths of which the longest is at most a quarter longer than the first.

    Short ones may differ by `NEAR` tokens.
    """
    begins: list[int] = []
    for row, length in enumerate(lengths):
        if not begins or length > max(1.25 * lengths[begins[-1]], lengths[begins[-1]] + NEAR):
            begins.append(row)
    return list(pairwise([*begins, len(lengths)]))


def padded(ids: Tensor, offsets: Tensor, rows: Tensor) -> Tensor:
    """Return the tokens (B, T) int64 of molecules, [PAD] after the end of each.

    Parameters
    ----------
    ids, offsets
        (T,) and (n + 1,), as in `SmilesTokens`.
    rows
        (B,) which molecules.
    """
    begin = offsets[rows]
    lengths = offsets[rows + 1] - begin
    place = torch.arange(int(lengths.max()) if len(rows) else 0, device=ids.device)
    inside = place < lengths[:, None]
    found = ids[torch.where(inside, begin[:, None] + place, 0)]
    return torch.where(inside, found, PAD).to(torch.int64)


def token_loss(logits: Tensor, wanted: Tensor) -> Loss:
    """Return the mean cross entropy of N tokens, in nats a token, and the share that is guessed right.

    Parameters
    ----------
    logits
        (N, V); their precision may be lower than the loss's, which is float32.
    wanted
        (N,) int64. Where there are none the loss is 0.
    """
    count = max(1, len(wanted))
    total = F.cross_entropy(logits.float(), wanted, reduction="sum") / count
    right = (logits.argmax(dim=-1) == wanted).sum() / count
    return Loss(total, {"accuracy": right.to(total.dtype)})


def transformers() -> Any:
    """Return the package transformers.

    Raises
    ------
    MissingExtraError
        If it is not installed; the message says how to.
    """
    try:
        import transformers
    except ImportError:
        raise MissingExtraError("transformers", "language") from None
    return transformers


def dropout(config: TrainConfig) -> float:
    """Return the dropout of a transformer."""
    return min(config.dropout, MOST_DROPOUT)


ObjectiveT = TypeVar("ObjectiveT", bound=SmilesObjective)


def recipe(kind: Callable[[TrainConfig, Vocabulary, SmilesTokens | None], ObjectiveT]) -> Recipe:
    """Return the recipe of a language model: `kind` makes it of settings, vocabulary, and tokens to learn from."""

    def make(config: TrainConfig, maker: BatchMaker) -> ObjectiveT:
        if config.ema:
            raise InputError(
                f"ema {config.ema:g}: the running mean is of the graph encoder, which {config.objective} does not train"
            )
        return kind(config, *training_tokens(maker.molecules, config.objective))

    def remake(config: TrainConfig, state: Mapping[str, Tensor]) -> ObjectiveT:
        if VOCABULARY not in state:
            raise ArtefactError(f"a checkpoint of {config.objective} without the vocabulary of its SMILES tokens")
        return kind(config, Vocabulary.unpack(state[VOCABULARY].cpu().numpy()), None)

    def width(config: TrainConfig) -> int:
        return SIZES[config.language_size].width

    return Recipe(make, embeds="smiles", width=width, remake=remake)


_READ: WeakKeyDictionary[MoleculeGraphs, tuple[Vocabulary, SmilesTokens]] = WeakKeyDictionary()
"""A run makes its objective twice (its first checkpoint, and what is trained), but reads the SMILES once."""


def training_tokens(molecules: MoleculeGraphs, objective: str) -> tuple[Vocabulary, SmilesTokens]:
    """Return vocabulary and tokens of all molecules, and say how many there are, and what was cut off.

    Molecules that are held out are among them: their tokens have a number, but a row of weights that is never trained
    unless others have the token too.

    Raises
    ------
    ArtefactError
        If the molecule graphs are of an earlier version, which did not keep SMILES.
    """
    if molecules not in _READ:
        smiles = molecules.smiles()
        if smiles is None:
            raise ArtefactError(
                f"{objective} learns from SMILES, and these molecule graphs have none; make them again with: {MADE_BY}"
            )
        vocabulary = vocabulary_of(smiles)
        tokens = encode_tokens(smiles, vocabulary)
        note(
            f"{len(tokens):,} SMILES, {len(tokens.ids):,} tokens, {len(vocabulary)} different; "
            f"{tokens.truncated:,} SMILES have more than {LONGEST - 2} and are cut"
        )
        _READ[molecules] = vocabulary, tokens
    return _READ[molecules]
