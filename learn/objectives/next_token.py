"""A chemical language model that guesses the next token: GPT-2 over SMILES (method, section 7).

Source: Radford et al. 2019 (GPT-2), without its byte-pair encoding: tokens are atom-wise.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F

from learn.batches import Batch
from learn.config import TrainConfig
from learn.encoder import Encoder
from learn.objectives.base import Loss
from learn.objectives.smiles_model import SIZES, SmilesObjective, by_length, dropout, recipe, token_loss, transformers
from learn.smiles_tokens import BEGIN, END, LONGEST, PAD, SmilesTokens, Vocabulary


class NextToken(SmilesObjective):
    """GPT-2 with its head for the next token.

    The embedding of a molecule is the last hidden state at its last token, [END]: the only one that has seen all.

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
        self.model = package.GPT2LMHeadModel(
            package.GPT2Config(
                vocab_size=len(vocabulary),
                n_positions=LONGEST,
                n_embd=size.width,
                n_layer=size.layers,
                n_head=size.heads,
                resid_pdrop=dropout(config),
                embd_pdrop=dropout(config),
                attn_pdrop=dropout(config),
                bos_token_id=BEGIN,
                eos_token_id=END,
                use_cache=False,
            )
        )

    def forward(self, encoder: Encoder, batch: Batch) -> Loss:  # noqa: ARG002  # every objective is given the encoder
        """Return the loss of guessing every token of a batch's molecules, [END] included, in nats a token."""
        ids = by_length(self.tokens_of(batch.molecules))
        wanted = F.pad(ids[:, 1:], (0, 1), value=PAD)
        known = wanted != PAD
        return token_loss(self.model.lm_head(self.states(ids, known)), wanted[known])

    def hidden(self, ids: Tensor) -> Tensor:
        """Return the last hidden state (B, T, d) of tokens (B, T); what comes later is not seen."""
        # Padding is at the end, so no token that counts sees it: no mask is needed beside the causal one.
        return cast(Tensor, self.model.transformer(input_ids=ids).last_hidden_state)

    def pool(self, hidden: Tensor, ids: Tensor) -> Tensor:
        """Return the hidden state (B, d) at the last token that is no padding."""
        last = (ids != PAD).sum(dim=1) - 1
        return hidden[torch.arange(len(ids), device=ids.device), last]


RECIPE = recipe(NextToken)
