"""Connecting, reading, writing: what every engine must do alike."""

from __future__ import annotations

import math
import threading

import neo4j
import pytest

import graphdb
from graphdb.errors import GraphAuthError, GraphError
from graphdb.schema import NODES, EdgeType, NodeType

pytestmark = pytest.mark.graph


def names(store):
    constraints = store.read("SHOW CONSTRAINTS YIELD name RETURN name ORDER BY name")
    return [row["name"] for row in constraints]


def count(store, label):
    return store.read(f"MATCH (n:{label}) RETURN count(n) AS count")[0]["count"]


def test_says_which_engine_it_is(store, engine):
    assert store.engine == engine


def test_every_node_type_has_a_key_constraint(store):
    assert set(names(store)) >= {f"{node_type.lower()}_key" for node_type in NodeType}


def test_schema_can_be_ensured_again(store):
    before = names(store)
    store.ensure_schema()
    assert names(store) == before


@pytest.mark.parametrize("node_type", list(NodeType))
def test_second_node_of_the_same_key_is_refused(store, node_type):
    schema = NODES[node_type]
    key = 7 if schema.key_type == "integer" else "seven"
    store.write(f"CREATE (n:{node_type} {{{schema.key}: $key}})", key=key)
    with pytest.raises(GraphError):
        store.write(f"CREATE (n:{node_type} {{{schema.key}: $key}})", key=key)
    assert count(store, node_type) == 1


def test_batches_are_counted_and_reported(store):
    done: list[int] = []
    written = store.write(
        "UNWIND $rows AS row MERGE (n:Gene {ncbi_id: row.id})",
        ({"id": number} for number in range(11)),
        batch_size=4,
        advance=done.append,
    )
    assert (written, done, count(store, "Gene")) == (11, [4, 4, 3], 11)


def test_no_rows_write_nothing(store):
    assert store.write("UNWIND $rows AS row CREATE (n:Gene {ncbi_id: row.id})", []) == 0
    assert count(store, "Gene") == 0


def test_batch_that_fails_leaves_nothing_but_earlier_batches_stay(store):
    rows = [{"id": number} for number in (1, 2, 3, 4, 5, 1)]  # the last repeats a key of the first batch
    with pytest.raises(GraphError):
        store.write("UNWIND $rows AS row CREATE (n:Gene {ncbi_id: row.id})", rows, batch_size=3)
    assert [row["id"] for row in store.read("MATCH (n:Gene) RETURN n.ncbi_id AS id ORDER BY id")] == [1, 2, 3]


def test_merge_twice_is_merge_once(store):
    rows = [{"id": number, "symbol": f"G{number}"} for number in range(50)]
    for _ in range(2):
        store.write("UNWIND $rows AS row MERGE (n:Gene {ncbi_id: row.id}) SET n.symbol = row.symbol", rows)
    assert count(store, "Gene") == 50


def test_writers_at_the_same_moment_do_not_lose_writes(store, open_store):
    store.write("CREATE (n:Gene {ncbi_id: 1, name: 'x'})")
    errors: list[BaseException] = []

    def work(first: int) -> None:
        try:
            with graphdb.connect() as other:
                rows = [{"id": 1, "to": first + number} for number in range(40)]
                other.write(
                    "UNWIND $rows AS row MATCH (a:Gene {ncbi_id: row.id}) "
                    "MERGE (b:Gene {ncbi_id: row.to}) MERGE (a)-[:INTERACTS]->(b)",
                    rows,
                    batch_size=5,
                )
        except GraphError as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(first,)) for first in (100, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert store.edge_counts()[EdgeType.INTERACTS] == 80


VALUES = {
    "nan": math.nan,
    "inf": math.inf,
    "minus_inf": -math.inf,
    "minus_zero": -0.0,
    "smallest": 5e-324,
    "third": 1 / 3,
    "whole_float": 2.0,
    "largest_integer": 2**63 - 1,
    "smallest_integer": -(2**63),
    "beyond_double": 2**53 + 1,
    "true": True,
    "empty": "",
    "text": "β-actin 'quoted' \"twice\" \\ \n\t {a} $b `c` 漢字 😀",
    "long": "x" * 1_000_000,
    "list": ["b", "a", ""],
    "empty_list": [],
    "floats": [0.1, math.nan],
}


@pytest.mark.parametrize("name", list(VALUES))
def test_values_come_back_exactly(store, name):
    store.write("CREATE (n:Gene {ncbi_id: 1}) SET n.value = $value", value=VALUES[name])
    found = store.read("MATCH (n:Gene) RETURN n.value AS value")[0]["value"]
    assert type(found) is type(VALUES[name])
    assert repr(found) == repr(VALUES[name])


def test_null_is_no_property(store):
    store.write("CREATE (n:Gene {ncbi_id: 1}) SET n += $map", map={"name": "x", "symbol": "y"})
    store.write("MATCH (n:Gene) SET n += $map", map={"name": None})
    assert store.read("MATCH (n:Gene) RETURN n")[0]["n"] == {"ncbi_id": 1, "symbol": "y"}


def test_counts_have_every_type(store):
    assert store.node_counts() == dict.fromkeys(NodeType, 0)
    assert store.edge_counts() == dict.fromkeys(EdgeType, 0)
    store.write("CREATE (a:Gene {ncbi_id: 1})-[:INTERACTS]->(b:Gene {ncbi_id: 2})")
    assert store.node_counts() == {**dict.fromkeys(NodeType, 0), NodeType.GENE: 2}
    assert store.edge_counts() == {**dict.fromkeys(EdgeType, 0), EdgeType.INTERACTS: 1}


WRITING = [
    "CREATE (n:Gene {ncbi_id: 1})",
    "MERGE (n:Gene {ncbi_id: 1}) RETURN n",
    "MATCH (n:Molecule) SET n.name = 'other' RETURN n.name AS name",
    "MATCH (n:Molecule) REMOVE n.name",
    "MATCH (n:Molecule) DETACH DELETE n",
    "CALL { CREATE (:Gene {ncbi_id: 3}) RETURN 1 AS one } RETURN one",
    "DROP CONSTRAINT molecule_key",
    "CREATE INDEX another FOR (n:Gene) ON (n.name)",
    "/* MATCH */ DROP /* it */ CONSTRAINT molecule_key",
]


@pytest.mark.parametrize("cypher", WRITING)
def test_read_refuses_what_writes(store, cypher):
    store.write("CREATE (n:Molecule {inchikey: 'A', name: 'a'})")
    before = names(store)
    with pytest.raises(GraphError, match="writes"):
        store.read(cypher)
    assert store.read("MATCH (n) RETURN n") == [{"n": {"inchikey": "A", "name": "a"}}]
    assert names(store) == before


def test_read_only_store_refuses_write(store, open_store):
    with pytest.raises(GraphError, match="read-only"):
        open_store(read_only=True).write("CREATE (n:Gene {ncbi_id: 1})")
    assert count(store, "Gene") == 0


@pytest.mark.parametrize("cypher", ["SHOW INDEXES", "RETURN 'CREATE (n)' AS text", "MATCH (n) RETURN n.created AS c"])
def test_read_takes_what_only_looks_like_writing(store, cypher):
    store.read(cypher)


def _session(store, access):
    driver = neo4j.GraphDatabase.driver(store.uri, auth=store.auth)
    return driver, driver.session(database=store.database, default_access_mode=access)


@pytest.mark.gap("arcadedb", "the server ignores the access mode of a transaction; GraphStore.read guards instead")
def test_server_refuses_writes_in_a_read_transaction(store):
    driver, session = _session(store, neo4j.READ_ACCESS)
    with driver, session, pytest.raises(neo4j.exceptions.Neo4jError):
        session.run("CREATE (n:Gene {ncbi_id: 1})").consume()


@pytest.mark.gap("arcadedb", "EXPLAIN executes a schema statement, so it cannot tell whether a query would write")
def test_explain_does_not_execute(store):
    driver, session = _session(store, neo4j.WRITE_ACCESS)
    with driver, session:
        session.run("EXPLAIN DROP CONSTRAINT gene_key").consume()
    assert "gene_key" in names(store)


# Fails at its end: after more rows than the embedded engine keeps in one auto-commit transaction (20,000), or in a
# second step.
FAILING = [
    "UNWIND range(1, 25000) AS id CREATE (n:Gene {ncbi_id: id % 24999})",
    "UNWIND [1, 2] AS id CREATE (n:Gene {ncbi_id: id}) WITH n MATCH (m:Gene {ncbi_id: 1}) CREATE (:Gene {ncbi_id: 1})",
]


@pytest.mark.parametrize("cypher", FAILING)
def test_managed_transaction_is_atomic(store, cypher):
    with pytest.raises(GraphError):
        store.write(cypher)
    assert count(store, "Gene") == 0


@pytest.mark.gap("arcadedb", "an auto-commit query that fails keeps part of its work; GraphStore.write uses none")
@pytest.mark.parametrize("cypher", FAILING)
def test_auto_commit_is_atomic(store, cypher):
    driver, session = _session(store, neo4j.WRITE_ACCESS)
    with driver, session, pytest.raises(neo4j.exceptions.Neo4jError):
        session.run(cypher).consume()
    assert count(store, "Gene") == 0


@pytest.mark.parametrize(
    ("cypher", "says"),
    [
        ("MATCH (n RETURN n", "RETURN"),
        ("RETURN nosuchfunction(1) AS x", "nosuchfunction"),
        ("RETURN $missing AS x", "missing"),
    ],
)
def test_wrong_query_is_explained_in_one_line(store, cypher, says):
    with pytest.raises(GraphError, match=says) as caught:
        store.read(cypher)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [2**63, object(), {1: 2}])
def test_value_that_no_server_knows_is_one_line(store, value):
    with pytest.raises(GraphError) as caught:
        store.read("RETURN $value AS value", value=value)
    assert "\n" not in str(caught.value)


def test_wrong_password(store, monkeypatch):
    monkeypatch.setenv("NEO4J_USERNAME", store.auth[0])
    monkeypatch.setenv("NEO4J_PASSWORD", "wrong")
    with pytest.raises(GraphAuthError, match=f"wrong user name or password for {store.uri}"):
        graphdb.connect(store.uri)


def test_wrong_database(store, monkeypatch):
    monkeypatch.setenv("NEO4J_USERNAME", store.auth[0])
    monkeypatch.setenv("NEO4J_PASSWORD", store.auth[1])
    monkeypatch.setenv("NEO4J_DATABASE", "nosuchdatabase")
    with pytest.raises(GraphError, match="nosuchdatabase"):
        graphdb.connect(store.uri)
