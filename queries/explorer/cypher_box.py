"""What the Cypher box of the explorer may ask: queries that read the graph, and nothing but the graph.

Whoever asks here may sit at another machine. Cypher can read more than the graph: ``LOAD CSV`` opens files of the
server's machine and addresses on its network (ArcadeDB and Neo4j alike), and so do procedures (``apoc.load.json``).
"""

from __future__ import annotations

import re
from typing import Any

from graphdb.errors import InputError
from graphdb.store import GraphStore

# Neo4j replaces \uXXXX before it parses.
_ESCAPED = re.compile(r"\\u+([0-9a-fA-F]{4})")
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_LOAD = re.compile(r"\bLOAD\s+(?:CSV|PARQUET)\b", re.IGNORECASE)
# A subquery (CALL {…}, CALL (n) {…}) is none.
_CALL = re.compile(r"\bCALL\s+(?![\s({])(?P<name>[^\s({]+)", re.IGNORECASE)
_PROCEDURES = ("db.index.", "db.labels", "db.relationshiptypes", "db.propertykeys", "db.schema.")
# Functions of plugins: Neo4j's own need no name with a dot, but for those of time, point, vector and string.
_PLUGIN = re.compile(r"\b(?:apoc|n10s|dbms)\s*`?\s*\.", re.IGNORECASE)


def require_reads_the_graph_alone(query: str) -> None:
    """Refuse a query that may reach files, the network or the server's own settings. Errs on the side of refusing.

    Raises
    ------
    InputError
        If it does.
    """
    plain = _ESCAPED.sub(lambda code: chr(int(code[1], 16)), query)
    # A comment is white space to the parser; what only looks like one may stand within a text, so both are looked at.
    for text in (query, plain, _COMMENT.sub(" ", query), _COMMENT.sub(" ", plain)):
        if _LOAD.search(text):
            raise InputError("LOAD reads files and addresses; here only the graph is read: python -m queries.cypher")
        for called in _CALL.finditer(text):
            name = called["name"].replace("`", "")
            if not name.lower().startswith(_PROCEDURES):
                raise InputError(f"the procedure {name[:60]} cannot be called here: python -m queries.cypher")
        if _PLUGIN.search(text):
            raise InputError("functions of plugins cannot be called here: python -m queries.cypher")


def rows_of(store: GraphStore, query: str, most: int) -> list[dict[str, Any]]:
    """Return the first `most` rows of a query that reads; none of an empty one.

    Raises
    ------
    InputError
        If it may reach more than the graph.
    GraphError
        If the graph refuses it.
    """
    require_reads_the_graph_alone(query)
    return store.read_first(query, most) if query.strip() else []
