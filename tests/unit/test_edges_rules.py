"""Other criteria than the paper's: how they are written, and that they are followed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from graphdb.errors import InputError
from graphdb.schema import EdgeType, NodeType
from ingest.cached import Cached
from ingest.computed import expression_edges, similarity_edges, structure_edges
from ingest.edges.rules import EdgeRules, Similarity
from ingest.perturbations import FeatureMatrix


def test_the_defaults_are_the_papers() -> None:
    for rules in (EdgeRules(), EdgeRules.parse([])):
        assert rules.as_dict() == {
            "SIMILAR_STRUCTURE": {"least": 0.8, "share": 0.005},
            "SIMILAR_MORPHOLOGY": {"least": 0.8, "share": 0.005},
            "SIMILAR_EXPRESSION": {"least": 0.8, "share": 0.005},
            "CHANGES_EXPRESSION": {"share": 0.01},
        }


def test_criteria_are_read() -> None:
    rules = EdgeRules.parse(
        ["SIMILAR_MORPHOLOGY:least=0.9", "SIMILAR_STRUCTURE:share=0.001,least=0.7", "CHANGES_EXPRESSION:share=0.02"]
    )
    assert rules.of(EdgeType.SIMILAR_MORPHOLOGY) == Similarity(0.9, 0.005)
    assert rules.of(EdgeType.SIMILAR_STRUCTURE) == Similarity(0.7, 0.001)
    assert rules.of(EdgeType.SIMILAR_EXPRESSION) == Similarity()
    assert rules.expression_share == 0.02


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("BINDS:least=1", "expected one of SIMILAR_STRUCTURE"),
        ("SIMILAR_STRUCTURE", "found ''"),
        ("SIMILAR_STRUCTURE:cosine=0.8", "expected least=NUMBER and share=NUMBER, numbers from 0 to 1, found 'cosine"),
        ("SIMILAR_STRUCTURE:least=2", "found 'least=2'"),
        ("SIMILAR_STRUCTURE:least=nan", "found 'least=nan'"),
        ("CHANGES_EXPRESSION:least=0.8", "expected share=NUMBER, numbers from 0 to 1"),
    ],
)
def test_mistakes_are_one_line(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        EdgeRules.parse([text])


@pytest.mark.parametrize(
    "texts",
    [
        ["SIMILAR_STRUCTURE:least=0.9", "SIMILAR_STRUCTURE:share=0.01"],
        ["CHANGES_EXPRESSION:share=0.02", "CHANGES_EXPRESSION:share=0.03"],
        ["SIMILAR_STRUCTURE:least=0.9,least=0.1"],
    ],
)
def test_what_stands_twice_is_refused(texts: list[str]) -> None:
    with pytest.raises(InputError, match="stands twice"):
        EdgeRules.parse(texts)


@pytest.fixture
def matrix() -> FeatureMatrix:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(5, 20))[rng.integers(5, size=60)] + 0.5 * rng.normal(size=(60, 20))
    keys = np.array([f"p{place:02}" for place in range(60)], dtype=object)
    columns = tuple(str(place) for place in range(20))
    return FeatureMatrix(
        NodeType.EXPRESSION, "x", keys, columns, values.astype(np.float32), NodeType.EXPRESSION, True, ("a", "b")
    )


def test_similarity_follows_its_rule(matrix: FeatureMatrix) -> None:
    unit = matrix.values / np.linalg.norm(matrix.values, axis=1, keepdims=True)
    upper = (unit @ unit.T)[np.triu_indices(60, 1)]
    for least, share in ((0.8, 0.005), (0.6, 1.0), (0.9, 0.05)):
        rules = EdgeRules({EdgeType.SIMILAR_EXPRESSION: Similarity(least, share)})
        _, edges = similarity_edges(matrix, rules, cached=Cached())
        assert len(edges) == min(int(np.count_nonzero(upper >= least)), int(share * 1770))
        assert edges["weight"].min() >= least


def test_structure_follows_its_rule() -> None:
    rng = np.random.default_rng(1)
    bits = np.packbits((rng.random((4, 256)) < 0.2)[rng.integers(4, size=50)] ^ (rng.random((50, 256)) < 0.01), axis=1)
    keys = [f"K{place:02}" for place in range(50)]
    molecules = pd.DataFrame({"inchikey": keys, "sources": [["a"] if place % 2 else ["b"] for place in range(50)]})
    few = structure_edges(molecules, bits, EdgeRules(), cached=Cached())[1]
    many = structure_edges(molecules, bits, EdgeRules.parse(["SIMILAR_STRUCTURE:share=0.5"]), cached=Cached())[1]
    assert set(few["criterion"]) == {"cosine at least 0.8, best 0.005 of all pairs"}
    assert set(many["criterion"]) == {"cosine at least 0.8, best 0.5 of all pairs"}
    # An edge rests on the sources of both its ends.
    for src, dst, sources in many[["src", "dst", "sources"]].itertuples(index=False):
        assert sources == sorted({"ab"[1 - int(key[1:]) % 2] for key in (src, dst)})
    assert len(few) == int(0.005 * 1225)
    assert len(many) > 10 * len(few)


def test_expression_follows_its_rule(matrix: FeatureMatrix) -> None:
    treatments = pd.DataFrame({"node_type": NodeType.MOLECULE, "key": matrix.keys})
    genes = np.arange(1, 21).astype(object)
    for share in (0.01, 0.1):
        (edges,) = expression_edges(matrix, treatments, genes, EdgeRules(expression_share=share)).values()
        assert len(edges) == int(share * 1200)
