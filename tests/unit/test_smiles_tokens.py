"""SMILES tokens: nothing is lost, numbers depend on the set of tokens alone, and truncation is counted."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphdb.errors import ArtefactError, InputError
from learn.smiles_tokens import (
    BEGIN,
    END,
    MOST_TOKENS,
    SPECIAL,
    UNKNOWN,
    Vocabulary,
    detokenise,
    encode_tokens,
    tokenise,
    vocabulary_of,
)

SMILES = ["CCO", "c1ccc(Cl)cc1Br", "C[C@@H](N)C(=O)[O-].[Na+]", "F/C=C\\I", "C1CC%12CCC%12C1"]


@pytest.mark.parametrize(
    ("smiles", "tokens"),
    [
        # By hand; two letters of an element and a ring number of two digits are one token each.
        ("c1ccc(Cl)cc1Br", ["c", "1", "c", "c", "c", "(", "Cl", ")", "c", "c", "1", "Br"]),
        ("C[C@@H](N)[O-]", ["C", "[C@@H]", "(", "N", ")", "[O-]"]),
        ("F/C=C\\I.C%12", ["F", "/", "C", "=", "C", "\\", "I", ".", "C", "%12"]),
        ("B1O[13CH2]1", ["B", "1", "O", "[13CH2]", "1"]),
        ("CXé", ["C", "X", "é"]),
        ("", []),
    ],
)
def test_tokens_are_atoms_bonds_branches_and_rings(smiles: str, tokens: list[str]) -> None:
    assert tokenise(smiles) == tokens


@given(st.text())
def test_any_text_comes_back_from_its_tokens(text: str) -> None:
    assert "".join(tokenise(text)) == text


@given(st.text(alphabet="CNOclnos[]()=#@+-123%Br/\\", max_size=40))
def test_texts_of_the_letters_of_smiles_come_back_from_their_numbers(text: str) -> None:
    vocabulary = vocabulary_of([text])
    tokens = encode_tokens([text], vocabulary)
    assert tokens.unknown == 0
    assert detokenise(vocabulary.decode(tokens.ids.tolist())) == text


@pytest.mark.data
def test_real_molecules_come_back_from_their_numbers(shared_data: Path) -> None:
    with gzip.open(shared_data / "jump" / "JUMPCP_compounds.csv.gz", "rt") as file:
        smiles = [line.rstrip("\n").split(",", 1)[1] for line in file][1::7]
    assert len(smiles) > 16_000
    vocabulary = vocabulary_of(smiles)
    tokens = encode_tokens(smiles, vocabulary, longest=1000)
    assert (tokens.unknown, tokens.truncated, len(tokens)) == (0, 0, len(smiles))
    numbers, offsets = tokens.ids.tolist(), tokens.offsets.tolist()
    for row, text in enumerate(smiles):
        assert detokenise(vocabulary.decode(numbers[offsets[row] : offsets[row + 1]])) == text


def test_numbers_depend_on_the_set_of_tokens_alone() -> None:
    vocabulary = vocabulary_of(SMILES)
    shuffled = SMILES * 2
    random.Random(0).shuffle(shuffled)
    assert vocabulary_of(shuffled) == vocabulary
    assert vocabulary.tokens[: len(SPECIAL)] == SPECIAL
    assert list(vocabulary.tokens[len(SPECIAL) :]) == sorted({token for text in SMILES for token in tokenise(text)})


def test_molecules_are_packed_between_begin_and_end() -> None:
    vocabulary = vocabulary_of(SMILES)
    tokens = encode_tokens(SMILES, vocabulary)
    assert tokens.ids.dtype == np.uint16
    assert tokens.offsets.tolist() == np.cumsum([0, *(len(tokenise(text)) + 2 for text in SMILES)]).tolist()
    assert (tokens.ids[tokens.offsets[:-1]] == BEGIN).all()
    assert (tokens.ids[tokens.offsets[1:] - 1] == END).all()
    nothing = encode_tokens([], vocabulary)
    assert (len(nothing), nothing.ids.tolist(), nothing.offsets.tolist()) == (0, [], [0])


def test_what_is_cut_off_or_unknown_is_counted() -> None:
    vocabulary = vocabulary_of(["CO"])
    tokens = encode_tokens(["CCCC", "CN", "OSCC", "[MASK]"], vocabulary, longest=5)
    numbers = tokens.ids.tolist()
    c, o = vocabulary.tokens.index("C"), vocabulary.tokens.index("O")
    assert numbers[:5] == [BEGIN, c, c, c, END]
    assert numbers[5:9] == [BEGIN, c, UNKNOWN, END]
    assert numbers[9:14] == [BEGIN, o, UNKNOWN, c, END]
    assert numbers[14:] == [BEGIN, UNKNOWN, END]  # a text cannot say that it is a mask
    assert (tokens.truncated, tokens.unknown) == (2, 3)


def test_a_vocabulary_is_packed_into_bytes_and_read_back() -> None:
    vocabulary = vocabulary_of(SMILES)
    assert Vocabulary.unpack(vocabulary.pack()) == vocabulary
    for damaged in (vocabulary.pack()[1:], np.array([255, 254], np.uint8), np.empty(0, np.uint8)):
        with pytest.raises(ArtefactError, match="vocabulary"):
            Vocabulary.unpack(damaged)


def test_a_vocabulary_has_a_largest_size() -> None:
    with pytest.raises(InputError, match="at most 32,768"):
        Vocabulary.of(map(str, range(MOST_TOKENS)))
