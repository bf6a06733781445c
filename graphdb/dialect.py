"""Where the engines differ. Everything else is the same Cypher for Neo4j and for the embedded ArcadeDB.

Known differences (each held by a test in ``tests/contract``)
- A read transaction that writes: Neo4j refuses it, ArcadeDB runs it. What it did to nodes and edges is rolled back with
  the transaction, but a dropped constraint or a new index stays. So `GraphStore.read` looks for writing clauses first.
- ``EXPLAIN`` of a schema statement executes it on ArcadeDB, so it cannot serve as that check.
- An auto-commit query is atomic on Neo4j alone, so every write is a managed transaction.
- A vector index is asked by the same Cypher, under another name. It is made by Cypher on Neo4j; ArcadeDB makes it by
  its own SQL alone, which Bolt does not carry, so the helper process of the embedded graph does it when it starts.
- A unique constraint lets nodes without the key pass on both engines.
- A full-text index is Neo4j's alone: ArcadeDB's Cypher makes and asks none. `graphdb.search` compares names there.
- An index over a list (``chembl_ids``) finds whole lists on both engines; only the full-text index looks inside.
- A limit of time for a query, sent with its transaction, is kept by Neo4j alone; see `graphdb.timeouts`.
- A record that another transaction is writing or deleting may be "not found" on ArcadeDB; `GraphStore` tries again.
- ``shortestPath`` is known to both, ``SHORTEST k`` to Neo4j alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from graphdb.schema import EMBEDDING_DIMENSION, EMBEDDING_INDEX, NODES, NodeType

Engine = Literal["neo4j", "arcadedb"]

_LABEL = NodeType.MOLECULE
VECTOR_INDEX: dict[Engine, str] = {"neo4j": EMBEDDING_INDEX, "arcadedb": f"{_LABEL}[embedding]"}
"""Name of the index over the molecules' embeddings, for ``db.index.vector.queryNodes``."""

NEO4J_VECTOR_INDEX = (
    f"CREATE VECTOR INDEX {EMBEDDING_INDEX} IF NOT EXISTS FOR (n:{_LABEL}) ON (n.embedding) OPTIONS "
    f"{{indexConfig: {{`vector.dimensions`: {EMBEDDING_DIMENSION}, `vector.similarity_function`: 'cosine'}}}}"
)
ARCADEDB_VECTOR_INDEX = (
    f"CREATE VERTEX TYPE {_LABEL} IF NOT EXISTS",
    f"CREATE PROPERTY {_LABEL}.embedding IF NOT EXISTS ARRAY_OF_FLOATS",
    f"CREATE INDEX IF NOT EXISTS ON {_LABEL} (embedding) LSM_VECTOR "
    f'METADATA {{"dimensions": {EMBEDDING_DIMENSION}, "similarity": "COSINE"}}',
)
"""Statements of ArcadeDB's SQL; each can be run again."""

FULLTEXT_INDEX = "names"
FULLTEXT_LABELS = (NodeType.MOLECULE, NodeType.GENE)
FULLTEXT_PROPERTIES = ("name", "synonyms", "symbol")
FULLTEXT_LISTS = ("synonyms",)
NEO4J_FULLTEXT_INDEX = (
    f"CREATE FULLTEXT INDEX {FULLTEXT_INDEX} IF NOT EXISTS FOR (n:{'|'.join(FULLTEXT_LABELS)}) "
    f"ON EACH [{', '.join(f'n.{name}' for name in FULLTEXT_PROPERTIES)}]"
)

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


def key_statements() -> Iterator[str]:
    """Yield the statements that make the constraints, which have the indexes of the keys; each can be run again."""
    for schema in NODES.values():
        label = schema.node_type
        yield f"CREATE CONSTRAINT {label.lower()}_key IF NOT EXISTS FOR (n:{label}) REQUIRE n.{schema.key} IS UNIQUE"


def look_up_statements(engine: Engine) -> Iterator[str]:
    """Yield the statements that make the other indexes; each can be run again."""
    for schema in NODES.values():
        label = schema.node_type
        for name in schema.indexed:
            yield f"CREATE INDEX {label.lower()}_{name} IF NOT EXISTS FOR (n:{label}) ON (n.{name})"
    if engine == "neo4j":
        yield NEO4J_FULLTEXT_INDEX
