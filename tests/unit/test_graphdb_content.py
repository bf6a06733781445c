"""The content hash, and rows as the database keeps them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from graphdb.content import content_hash, plain, rows_of
from graphdb.schema import NODES, EdgeType, NodeType
from graphdb.tables import EdgeKind, GraphTables

KIND = EdgeKind(EdgeType.INTERACTS, NodeType.GENE, NodeType.GENE)


def genes(**columns):
    return GraphTables({NodeType.GENE: pd.DataFrame({"ncbi_id": [1, 2], **columns})})


def test_missing_none_nan_and_empty_list_are_the_same():
    expected = content_hash(genes())
    assert content_hash(genes(name=[None, np.nan], symbol=pd.array([None, None], "string"))) == expected
    assert content_hash(genes(sources=[[], None])) == expected


def test_order_of_rows_columns_and_list_items_does_not_count():
    table = genes(symbol=["A", "B"], sources=[["x", "y"], ["z"]])
    turned = GraphTables(
        {
            NodeType.GENE: pd.DataFrame(
                {"sources": [["z"], ["y", "x"]], "symbol": ["B", "A"], "ncbi_id": [2, 1]}, index=[5, 5]
            )
        }
    )
    assert content_hash(table) == content_hash(turned)


def test_types_of_columns_do_not_count():
    arrow = genes(symbol=pd.array(["A", None], "string"))
    plain_objects = GraphTables(
        {NodeType.GENE: pd.DataFrame({"ncbi_id": pd.array([1, 2], "Int64"), "symbol": ["A", None]})}
    )
    assert content_hash(arrow) == content_hash(plain_objects)


@pytest.mark.parametrize(
    "other",
    [
        genes(symbol=["A", "C"]),
        genes(symbol=["B", "A"]),
        genes(symbol=["A", None]),
        genes(symbol=["A", ""]),
        genes(symbol=["A", "B"], name=["n", None]),
        GraphTables({NodeType.GENE: pd.DataFrame({"ncbi_id": [1, 3], "symbol": ["A", "B"]})}),
    ],
)
def test_every_value_counts(other):
    assert content_hash(other) != content_hash(genes(symbol=["A", "B"]))


def test_floats_count_to_the_last_bit():
    def edges(weight):
        return GraphTables({}, {KIND: pd.DataFrame({"src": [1], "dst": [2], "weight": [weight]})})

    assert content_hash(edges(0.1 + 0.2)) != content_hash(edges(0.3))
    assert content_hash(edges(1)) == content_hash(edges(1.0))


def test_direction_and_type_of_an_edge_count():
    table = pd.DataFrame({"src": [1], "dst": [2], "weight": [1.0]})
    turned = pd.DataFrame({"src": [2], "dst": [1], "weight": [1.0]})
    other = EdgeKind(EdgeType.COVARIES, NodeType.GENE, NodeType.GENE)
    hashes = {content_hash(GraphTables({}, edges)) for edges in ({KIND: table}, {KIND: turned}, {other: table}, {})}
    assert len(hashes) == 4


def test_an_empty_table_is_no_table():
    assert content_hash(GraphTables({NodeType.GENE: pd.DataFrame({"ncbi_id": []})})) == content_hash(GraphTables())


def test_unknown_column_is_refused():
    with pytest.raises(ValueError, match="colour"):
        rows_of(pd.DataFrame({"ncbi_id": [1], "colour": ["red"]}), NODES[NodeType.GENE].properties)


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (np.float32(0.5), "float", 0.5),
        (np.int64(3), "integer", 3),
        (3.0, "integer", 3),
        (np.bool_(True), "boolean", True),
        (np.array(["b", "a"]), "strings", ["a", "b"]),
        (("b", "a"), "strings", ["a", "b"]),
        (pd.NA, "string", None),
        (float("nan"), "float", None),
        (float("inf"), "float", float("inf")),
    ],
)
def test_values_become_plain(value, kind, expected):
    found = plain(value, kind)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(("value", "kind"), [("a,b", "strings"), (1.5, "integer"), ("x", "integer"), ("x", "float")])
def test_value_of_another_type_is_refused(value, kind):
    with pytest.raises(ValueError, match=r".+"):
        plain(value, kind)
