"""Where the engines differ. Everything else is the same Cypher for Neo4j and for the embedded ArcadeDB.

Known differences (each held by a test in ``tests/contract``)
- A read transaction that writes: Neo4j refuses it, ArcadeDB runs it. What it did to nodes and edges is rolled back with
  the transaction, but a dropped constraint or a new index stays. So `GraphStore.read` looks for writing clauses first.
- ``EXPLAIN`` of a schema statement executes it on ArcadeDB, so it cannot serve as that check.
- An auto-commit query is atomic on Neo4j alone, so every write is a managed transaction.
- The vector index is made and asked by Cypher on Neo4j, by ArcadeDB's SQL over HTTP on the embedded graph
  (`graphdb.vectors`).
- A unique constraint lets nodes without the key pass on both engines.
- ``shortestPath`` is known to both, ``SHORTEST k`` to Neo4j alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from graphdb.schema import NODES

Engine = Literal["neo4j", "arcadedb"]

# Text in which a word is no clause: strings, quoted names, comments.
_QUOTED = re.compile(
    r"""'(?:\\.|[^'\\])*' | "(?:\\.|[^"\\])*" | `[^`]*` | /\*.*?\*/ | //[^\n]*""",
    re.VERBOSE | re.DOTALL,
)
# A property (n.set), a label (:Set), a parameter ($set) or a map key (set:) of that name is no clause either.
_WRITING = re.compile(
    r"(?<![\w.:$])(CREATE|MERGE|SET|DELETE|REMOVE|DROP|ALTER|FOREACH|INSERT)(?!\w|\s*:)", re.IGNORECASE
)


def engine_of(agent: str) -> Engine:
    """Return the engine from what a server says it is, e.g. ``Neo4j/5.26.0 compatible (ArcadeDB 26.10.2)``."""
    return "arcadedb" if "arcadedb" in agent.lower() else "neo4j"


def writes(cypher: str) -> bool:
    """Return whether a query has a clause that writes. Errs on the side of True."""
    bare = _QUOTED.sub(" ", cypher)
    return _WRITING.search(bare) is not None


def schema_statements(engine: Engine) -> Iterator[str]:  # noqa: ARG001 - both engines take the same statements today
    """Yield the statements that make constraints and indexes; each can be run again."""
    for schema in NODES.values():
        label = schema.node_type
        yield f"CREATE CONSTRAINT {label.lower()}_key IF NOT EXISTS FOR (n:{label}) REQUIRE n.{schema.key} IS UNIQUE"
        for name in schema.indexed:
            yield f"CREATE INDEX {label.lower()}_{name} IF NOT EXISTS FOR (n:{label}) ON (n.{name})"
