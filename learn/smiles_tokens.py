"""SMILES as numbers: an atom-wise tokenizer, its vocabulary, and packed tokens of many molecules.

Tokens are those of the regular expression of Schwaller et al. 2019 (Molecular Transformer, ACS Cent. Sci. 5, 1572): an
atom, a bracket atom, a bond, a branch or a ring number each. A character that it does not know is a token by itself, so
that no text loses anything.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graphdb.errors import ArtefactError, InputError

PATTERN = re.compile(
    r"\[[^\]]+]|Br?|Cl?|N|O|S|P|F|I|b|c|n|o|s|p|\(|\)|\.|=|#|-|\+|\\|/|:|~|@|\?|>|\*|\$|%[0-9]{2}|[0-9]|.", re.DOTALL
)
PAD, BEGIN, END, UNKNOWN, MASK = range(5)
SPECIAL = ("[PAD]", "[BEGIN]", "[END]", "[UNK]", "[MASK]")
"""No SMILES has these tokens: a bracket atom holds a symbol of an element (PAD, BEGIN, … are none)."""

LONGEST = 256
"""Most tokens of a molecule, [BEGIN] and [END] included; of JUMP's 116,753 compounds 8 are longer."""
MOST_TOKENS = 2**15
"""What fits the int16 in which tokens lie on the device; a vocabulary has some hundred."""
_SEPARATOR = "\n"


def tokenise(smiles: str) -> list[str]:
    """Return the tokens of a SMILES; joined, they are the SMILES."""
    return PATTERN.findall(smiles)


def detokenise(tokens: Iterable[str]) -> str:
    """Return the SMILES of these tokens; special ones are left out."""
    return "".join(token for token in tokens if token not in SPECIAL)


@dataclass(frozen=True)
class Vocabulary:
    """Tokens by number: the special ones, then those of the training molecules, sorted.

    Attributes
    ----------
    tokens
        All, in the order of their numbers.
    """

    tokens: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.tokens[: len(SPECIAL)] != SPECIAL or len(set(self.tokens)) != len(self.tokens):
            raise ArtefactError("vocabulary: expected the special tokens, then others, each once")
        if len(self.tokens) > MOST_TOKENS:
            raise InputError(f"vocabulary: {len(self.tokens):,} tokens, at most {MOST_TOKENS:,} are possible")

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self.tokens)

    @classmethod
    def of(cls, tokens: Iterable[str]) -> Vocabulary:
        """Make it of the tokens that there are; their order and repetition are of no matter."""
        ordinary = {token for token in tokens if _SEPARATOR not in token} - set(SPECIAL)
        return cls((*SPECIAL, *sorted(ordinary)))

    def pack(self) -> npt.NDArray[np.uint8]:
        """Return it as (k,) bytes, which a checkpoint can hold beside the weights."""
        return np.frombuffer(_SEPARATOR.join(self.tokens).encode(), dtype=np.uint8).copy()

    @classmethod
    def unpack(cls, packed: npt.NDArray[np.uint8]) -> Vocabulary:
        """Read what `pack` made; `ArtefactError` if it is something else."""
        try:
            return cls(tuple(packed.tobytes().decode().split(_SEPARATOR)))
        except UnicodeDecodeError:
            raise ArtefactError("vocabulary: damaged") from None

    def decode(self, ids: Iterable[int]) -> list[str]:
        """Return the tokens of these numbers."""
        return [self.tokens[number] for number in ids]


@dataclass(frozen=True)
class SmilesTokens:
    """Numbers of the tokens of n molecules, one after the other; every molecule is [BEGIN] … [END].

    Attributes
    ----------
    ids
        (T,) uint16.
    offsets
        (n + 1,) int64: molecule i is ``ids[offsets[i]:offsets[i + 1]]``.
    truncated
        How many molecules were longer than could be kept; the last tokens before [END] are left out.
    unknown
        How many tokens, of those that are kept, the vocabulary lacks; they are [UNK].
    """

    ids: npt.NDArray[np.uint16]
    offsets: npt.NDArray[np.int64]
    truncated: int
    unknown: int

    def __len__(self) -> int:
        """Return the number of molecules n."""
        return len(self.offsets) - 1


def encode_tokens(smiles: Sequence[str], vocabulary: Vocabulary, longest: int = LONGEST) -> SmilesTokens:
    """Return the tokens of molecules.

    Parameters
    ----------
    smiles
        n SMILES.
    vocabulary
        Numbers the tokens.
    longest
        Most tokens of a molecule, [BEGIN] and [END] included.
    """
    number = {token: place for place, token in enumerate(vocabulary.tokens) if place >= len(SPECIAL)}
    ids, offsets, truncated = array("H"), [0], 0
    for text in smiles:
        found = [number.get(token, UNKNOWN) for token in tokenise(text)]
        truncated += len(found) > longest - 2
        ids.append(BEGIN)
        ids.extend(found[: longest - 2])
        ids.append(END)
        offsets.append(len(ids))
    packed = np.array(ids, dtype=np.uint16)
    return SmilesTokens(packed, np.array(offsets, dtype=np.int64), truncated, int((packed == UNKNOWN).sum()))


def vocabulary_of(smiles: Iterable[str]) -> Vocabulary:
    """Return the vocabulary of molecules; the same for every order of them."""
    return Vocabulary.of({token for text in smiles for token in tokenise(text)})
