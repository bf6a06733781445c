"""Every query of docs/cypher.md runs on the demo graph and answers as the page says."""

from __future__ import annotations

from typing import Any

import pytest
from _cypher_docs import DOCUMENT, Query, read_queries

from graphdb.schema import EdgeType, NodeType

pytestmark = [pytest.mark.graph, pytest.mark.slow]


QUERIES = read_queries()


@pytest.fixture(scope="module")
def answers(demo_store) -> dict[int, list[dict[str, Any]]]:
    return {query.number: demo_store.read(query.cypher) for query in QUERIES}


def test_the_page_has_forty_queries_and_no_other_block() -> None:
    assert [query.number for query in QUERIES] == list(range(1, 41))
    assert DOCUMENT.read_text().count("```cypher") == len(QUERIES)
    assert all(len(query.text.split()) >= 5 for query in QUERIES), "a sentence on what it answers"


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: f"{query.number}-{query.title}")
def test_it_answers_with_the_columns_that_the_page_names(answers: dict, query: Query) -> None:
    rows = answers[query.number]
    assert rows, "no rows on the demo graph"
    assert list(rows[0]) == query.columns
    assert all(any(row[column] is not None for row in rows) for column in query.columns), "a column without any value"


def test_counts_are_those_of_the_store(answers: dict, demo_store) -> None:
    nodes = {NodeType(row["node_type"]): row["nodes"] for row in answers[1]}
    assert nodes == {kind: count for kind, count in demo_store.node_counts().items() if count}
    edges = {EdgeType(row["edge_type"]): row["edges"] for row in answers[2]}
    assert edges == {kind: count for kind, count in demo_store.edge_counts().items() if count}
    similar = sum(count for kind, count in edges.items() if kind.startswith("SIMILAR"))
    assert sum(row["edges"] for row in answers[3]) == similar
    assert all(0.8 <= row["from_weight"] < 1 for row in answers[3])
    profiles = nodes[NodeType.MORPHOLOGY] + nodes[NodeType.EXPRESSION]
    assert sum(row["profiles"] for row in answers[4]) == profiles
    assert {row["simulated"] for row in answers[4]} == {True}
    assert sum(row["molecules"] for row in answers[5]) == nodes[NodeType.MOLECULE]
    assert sum(row["nodes"] for row in answers[7]) == sum(nodes.values())
    assert sum(row["nodes"] * row["degree"] for row in answers[7]) == 2 * sum(edges.values())
    assert sum(row["edges"] for row in answers[36]) == sum(edges.values())
    assert {row["node_type"]: row["nodes"] for row in answers[37]} == {
        str(kind): count for kind, count in nodes.items()
    }
    assert all(row["alone"] <= row["nodes"] for row in answers[37])
    assert sum(row["molecules"] for row in answers[40]) == answers[38][0]["molecules"] == nodes[NodeType.MOLECULE]
    degrees = [row["degree"] for row in answers[7]]
    assert answers[8][0]["edges"] == max(degrees)


def test_textbook_facts_come_out(answers: dict) -> None:
    assert {"ABL1", "KIT"} <= {row["gene"] for row in answers[9]}
    sharing = {row["drug"]: row for row in answers[10]}
    assert set(sharing["ibuprofen"]["targets"]) == {"PTGS1", "PTGS2"}
    assert sharing["ibuprofen"]["shared"] == 2
    assert "aspirin" not in sharing
    assert [row["targets"] for row in answers[11]] == sorted((row["targets"] for row in answers[11]), reverse=True)
    assert {"lovastatin": ["HMGCR"]}.items() <= {row["relative"]: row["targets"] for row in answers[12]}.items()
    assert "ibuprofen" in {row["perturbed"] for row in answers[15]}
    assert "ibuprofen" in {row["drug"] for row in answers[16]}
    assert all(not set(row["targets"]) & set(row["other_targets"]) for row in answers[17])
    assert "PTGS2" in {row["shared"] for row in answers[20]}
    assert answers[21][0]["hops"] == len(answers[21][0]["edge_types"])
    assert all(row["score"] <= 1 for row in answers[23])
    assert "PDGFRB" in {row["partner"] for row in answers[24]}
    assert {"drug": "imatinib", "first": "ABL1", "second": "PDGFRB"} in [
        {**row, "first": min(row["first"], row["second"]), "second": max(row["first"], row["second"])}
        for row in answers[27]
    ]
    assert answers[28][0]["target"] == 1
    assert all(row["first"] * row["second"] < 0 for row in answers[30])
    assert answers[34][0]["drug"] == "simvastatin"


def test_path_weights_are_products_of_weights(answers: dict, demo_store) -> None:
    row = answers[19][0]
    weights = demo_store.read(
        "MATCH (:Molecule {name: 'aspirin'})-[r]-(:Gene {symbol: 'HTR3A'}) RETURN r.weight AS weight"
    )
    direct = [found for found in answers[19] if len(found["edge_types"]) == 1]
    assert [found["path_weight"] for found in direct] == pytest.approx([found["weight"] for found in weights])
    assert row["path_weight"] == max(found["path_weight"] for found in answers[19])
    assert all(len(found["nodes"]) == len(found["edge_types"]) + 1 for found in answers[19])
