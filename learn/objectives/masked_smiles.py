"""A chemical language model that guesses masked tokens: RoBERTa over SMILES (method, section 7).

Source: Liu et al. 2019 (RoBERTa, arXiv 1907.11692), without its byte-pair encoding: tokens are atom-wise.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from learn.batches import Batch
from learn.config import TrainConfig
from learn.encoder import Encoder
from learn.objectives.base import Loss
from learn.objectives.smiles_model import SIZES, SmilesObjective, by_length, dropout, recipe, token_loss, transformers
from learn.smiles_tokens import BEGIN, END, LONGEST, MASK, PAD, SPECIAL, SmilesTokens, Vocabulary

CHOSEN = 0.15
"""Share of tokens that must be guessed."""
MASKED, REPLACED = 0.8, 0.1
"""Shares of those that are shown as [MASK], and as another token; the rest is shown as it is."""


class MaskedSmiles(SmilesObjective):
    """RoBERTa with its head for masked tokens.

    The embedding of a molecule is the mean of the last hidden state over its SMILES' own tokens, [BEGIN] and [END] left
    out.

    Parameters
    ----------
    config
        `language_size` and `dropout` are read.
    vocabulary, tokens
        See `SmilesObjective`.
    """

    def __init__(self, config: TrainConfig, vocabulary: Vocabulary, tokens: SmilesTokens | None = None) -> None:
        super().__init__(vocabulary, tokens)
        package, size = transformers(), SIZES[config.language_size]
        self.model = package.RobertaForMaskedLM(
            package.RobertaConfig(
                vocab_size=len(vocabulary),
                hidden_size=size.width,
                num_hidden_layers=size.layers,
                num_attention_heads=size.heads,
                intermediate_size=4 * size.width,
                hidden_dropout_prob=dropout(config),
                attention_probs_dropout_prob=dropout(config),
                max_position_embeddings=LONGEST + PAD + 1,  # RoBERTa counts positions from the number after [PAD]'s
                type_vocab_size=1,
                pad_token_id=PAD,
                bos_token_id=BEGIN,
                eos_token_id=END,
            )
        )

    def forward(self, encoder: Encoder, batch: Batch) -> Loss:  # noqa: ARG002  # every objective is given the encoder
        """Return the loss of guessing 15 % of the tokens of a batch's molecules, in nats a guessed token."""
        ids = by_length(self.tokens_of(batch.molecules))
        shown, chosen = corrupted(ids, len(self.vocabulary))
        # Only what counts goes through the head: (N, V) in place of (B, T, V).
        return token_loss(self.model.lm_head(self.states(shown, chosen)), ids[chosen])

    def hidden(self, ids: Tensor) -> Tensor:
        """Return the last hidden state (B, T, d) of tokens (B, T)."""
        known = (ids != PAD).to(torch.int64)
        return cast(Tensor, self.model.roberta(input_ids=ids, attention_mask=known).last_hidden_state)

    def pool(self, hidden: Tensor, ids: Tensor) -> Tensor:
        """Return the mean (B, d) over the tokens that are neither padding nor [BEGIN] nor [END]."""
        own = ((ids != PAD) & (ids != BEGIN) & (ids != END))[..., None]
        return (hidden * own).sum(dim=1) / own.sum(dim=1).clamp_min(1)


def corrupted(ids: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Choose the tokens that must be guessed, and hide most of them.

    Parameters
    ----------
    ids
        (B, T) tokens; special ones are never chosen.
    size
        Of the vocabulary.

    Returns
    -------
    tuple
        (B, T) int64 what is shown, and (B, T) bool what must be guessed.
    """
    chosen = (ids >= len(SPECIAL)) & (torch.rand(ids.shape, device=ids.device) < CHOSEN)
    fate = torch.rand(ids.shape, device=ids.device)
    other = torch.randint(len(SPECIAL), size, ids.shape, device=ids.device)
    hidden = torch.where(fate < MASKED, MASK, torch.where(fate < MASKED + REPLACED, other, ids))
    return torch.where(chosen, hidden, ids), chosen


RECIPE = recipe(MaskedSmiles)
