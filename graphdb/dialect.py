"""Where the engines differ. Everything else is the same Cypher for Neo4j and for the embedded ArcadeDB.

Known differences
- A read transaction that writes: Neo4j refuses it, ArcadeDB runs it. `GraphStore.read` rolls it back.
- An auto-commit query is atomic on Neo4j alone, so every write is a managed transaction.
- The vector index is made and asked by Cypher on Neo4j, by ArcadeDB's SQL over HTTP on the embedded graph
  (`graphdb.vectors`).
- ``shortestPath`` is known to both, ``SHORTEST k`` to Neo4j alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from graphdb.schema import NODES


def schema_statements(engine: str) -> Iterator[str]:  # noqa: ARG001 - both engines take the same statements today
    """Yield the statements that make constraints and indexes; each can be run again."""
    for schema in NODES.values():
        label = schema.node_type
        yield (f"CREATE CONSTRAINT {label.lower()}_key IF NOT EXISTS FOR (n:{label}) REQUIRE n.{schema.key} IS UNIQUE")
        for name in schema.indexed:
            yield f"CREATE INDEX {label.lower()}_{name} IF NOT EXISTS FOR (n:{label}) ON (n.{name})"
