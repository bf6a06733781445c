"""Telling engines and writing queries apart."""

from __future__ import annotations

import pytest

from graphdb.dialect import engine_of, key_statements, look_up_statements, writes


@pytest.mark.parametrize(
    "cypher",
    [
        "CREATE (n)",
        "create(n)",
        "MATCH (n) SET n.a = 1",
        "MATCH (n) SET(n).a = 1",
        "MATCH (n)\nWITH n\nSET\nn.a = 1",
        "MATCH (n) DETACH DELETE n",
        "MATCH (n) REMOVE n:Label",
        "/* MATCH */ DROP /* a */ CONSTRAINT molecule_key",
        "CREATE INDEX x FOR (n:A) ON (n.a)",
        "CALL { CREATE (:A) RETURN 1 AS x } RETURN x",
        "UNWIND [1] AS x FOREACH (y IN [x] | CREATE (:A))",
        "RETURN 'it''s', 'a' SET",
        r"RETURN 'a\'' MERGE (n)",
        "EXPLAIN DROP CONSTRAINT molecule_key",
    ],
)
def test_writing(cypher):
    assert writes(cypher)


@pytest.mark.parametrize(
    "cypher",
    [
        "MATCH (n) RETURN n.set, n.created, n.`CREATE`",
        "MATCH (n:Set)-[:MERGE]->() RETURN {set: 1, create : 2}",
        "RETURN 'CREATE (n)' AS a, \"DELETE n\" AS b // DROP INDEX x",
        "RETURN $set AS dataset, reduce(total = 0, x IN [1] | total + x) AS created",
        "SHOW CONSTRAINTS",
        "CALL db.index.vector.queryNodes('x', 1, [1.0]) YIELD node RETURN node",
    ],
)
def test_reading(cypher):
    assert not writes(cypher)


@pytest.mark.parametrize(
    ("agent", "engine"),
    [("Neo4j/5.26.0 compatible (ArcadeDB 26.10.2)", "arcadedb"), ("Neo4j/5.26.30", "neo4j")],
)
def test_engine_is_told_by_what_the_server_says(agent, engine):
    assert engine_of(agent) == engine


@pytest.mark.parametrize("engine", ["neo4j", "arcadedb"])
def test_schema_statements_can_be_run_again(engine):
    statements = [*key_statements(), *look_up_statements(engine)]
    assert all(" IF NOT EXISTS " in statement for statement in statements)
    assert "CREATE CONSTRAINT gene_key IF NOT EXISTS FOR (n:Gene) REQUIRE n.ncbi_id IS UNIQUE" in statements
