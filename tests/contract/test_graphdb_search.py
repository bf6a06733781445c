"""Finding molecules and genes by words of their names."""

from __future__ import annotations

import pandas as pd
import pytest

from graphdb.dialect import FULLTEXT_INDEX, NEO4J_FULLTEXT_INDEX
from graphdb.errors import InputError
from graphdb.schema import NodeType
from graphdb.search import find, lucene, words_of
from graphdb.sync import sync
from graphdb.tables import GraphTables

pytestmark = pytest.mark.graph

GRAPH = GraphTables(
    {
        NodeType.MOLECULE: pd.DataFrame(
            [
                ("M1", "aspirin", ["2-Acetoxybenzoic acid", "ASA"]),
                ("M2", "Salicylic acid", ["2-hydroxybenzoic acid"]),
                ("M3", "1,2-dichloroethane", None),
                ("M4", "N,N-dimethylformamide", ["DMF"]),
                ("M5", "aspirin aluminum", None),
                ("M6", 'odd "name" AND (more) \\ * ? ~ : /x/', None),
                ("M7", None, ["\u03b1-tocopherol", "vitamin E"]),
                ("M8", None, None),
            ],
            columns=["inchikey", "name", "synonyms"],
        ),
        NodeType.GENE: pd.DataFrame(
            {"ncbi_id": [5742, 7], "symbol": ["PTGS1", "ASAH1"], "name": ["prostaglandin synthase 1", None]}
        ),
    }
)


def keys(store, text, **more):
    return [one.key for one in find(store, text, **more)]


@pytest.fixture
def named(store):
    sync(store, GRAPH, sources=["hand"])
    return store


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("aspirin", {"M1", "M5"}),
        ("ASPIRIN aluminum", {"M5"}),
        ("acid benzoic", set()),
        ("acid acetoxybenzoic", {"M1"}),
        ("2-hydroxy", {"M2"}),
        ("asa", {"M1", 7}),
        ("ptgs1", {5742}),
        ("synth prosta", {5742}),
        ("1,2-dichloroethane", {"M3"}),
        ("N,N-dimethyl", {"M4"}),
        ("\u0391-Tocopherol", {"M7"}),
        ("vitamin", {"M7"}),
        ("spirin", set()),
        ("no such thing", set()),
        # Lucene's own signs are letters like others, or divide words.
        ("aspirin OR salicylic", set()),
        ("aspirin*", {"M1", "M5"}),
        ("name:aspirin", set()),
        ('"name" (more) /x/ \\', {"M6"}),
        ("aspirin~2 [a TO z] {x}", set()),
    ],
)
def test_words_find_names(named, text, found):
    assert set(keys(named, text)) == found


def test_best_comes_first_and_the_limit_holds(named):
    found = find(named, "aspirin")
    assert {(one.node_type, one.key, one.name) for one in found} == {
        (NodeType.MOLECULE, "M1", "aspirin"),
        (NodeType.MOLECULE, "M5", "aspirin aluminum"),
    }
    assert found[0].score >= found[1].score > 0
    assert keys(named, "asa")[0] == "M1"  # the whole word before one that begins so
    assert len(find(named, "a", limit=2)) == 2
    assert find(named, "vitamin e")[0].name == ""


@pytest.mark.parametrize("text", ["", "  ", "*", "-/\\"])
def test_text_without_a_word_is_an_error(store, text):
    with pytest.raises(InputError, match="expected a word"):
        find(store, text)


def test_limit_must_be_positive(store):
    with pytest.raises(InputError, match="at least 1"):
        find(store, "a", 0)


@pytest.mark.gap("arcadedb", "its Cypher knows standard, RANGE and TEXT indexes, no full-text one")
def test_full_text_index(named):
    named.write(NEO4J_FULLTEXT_INDEX)
    rows = named.read(
        "CALL db.index.fulltext.queryNodes($index, 'aspirin') YIELD node RETURN node.inchikey AS key ORDER BY key",
        index=FULLTEXT_INDEX,
    )
    assert [row["key"] for row in rows] == ["M1", "M5"]


def test_schema_can_be_made_again(named):
    named.ensure_schema()
    named.ensure_schema()
    assert keys(named, "ptgs1") == [5742]


def test_words_are_divided_and_escaped():
    assert words_of("1,2-Di O'Neil N,N x:y 5.6a") == ["1,2", "di", "o'neil", "n", "n", "x:y", "5.6a"]
    assert lucene(["1,2", "x:y"]) == r"(1\,2^4 OR 1\,2*) AND (x\:y^4 OR x\:y*)"
