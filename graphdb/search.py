"""Find molecules and genes by words of their names: `find`.

Neo4j asks its full-text index (Lucene: words in any order, whole or begun, the best first). The embedded graph has none
over Bolt, so there each name is compared: the same nodes, ranked by a plain rule.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from graphdb.dialect import FULLTEXT_INDEX, FULLTEXT_LABELS, FULLTEXT_LISTS, FULLTEXT_PROPERTIES
from graphdb.errors import InputError
from graphdb.schema import NODES, NodeType
from graphdb.store import GraphStore

LIMIT = 20
# As Lucene's standard tokenizer divides a text (Unicode Standard Annex 29): "1,2" and "o'clock" are one word.
_WORD = re.compile(r"\w+(?:(?<=\d)[.,;'\u2019](?=\d)\w+|(?<=[^\W\d])[.:'\u2019](?=[^\W\d])\w+)*")
# What of a word Lucene would take for more than a letter.
_SPECIAL = re.compile(r"[^\w]")
_FIELDS = (
    f"[label IN labels(n) WHERE label IN {[str(label) for label in FULLTEXT_LABELS]}][0] AS node_type, "
    f"coalesce({', '.join(f'n.{NODES[label].key}' for label in FULLTEXT_LABELS)}) AS key, "
    "coalesce(n.symbol, n.name) AS name"
)
# All names of a node as one list; what is missing is none of it.
_NAMES = " + ".join(
    f"coalesce(n.{name}, [])" if name in FULLTEXT_LISTS else f"CASE WHEN n.{name} IS NULL THEN [] ELSE [n.{name}] END"
    for name in FULLTEXT_PROPERTIES
)


class Found(NamedTuple):
    """A node with a name that fits.

    Attributes
    ----------
    node_type, key
        Which node.
    name
        Its name or symbol; "" where it has neither.
    score
        The higher, the better; comparable within one answer alone.
    """

    node_type: NodeType
    key: str | int
    name: str
    score: float


def find(store: GraphStore, text: str, limit: int = LIMIT) -> list[Found]:
    """Return the molecules and genes in whose names or synonyms every word of a text begins a word.

    Parameters
    ----------
    store
        The graph, with its schema (`GraphStore.ensure_schema`).
    text
        Any text; upper and lower case are the same, and what is neither letter nor digit only divides words.
    limit
        At most so many.

    Returns
    -------
    list
        The best first, ties by node type and key.

    Raises
    ------
    InputError
        If the text has no word, or `limit` is not positive.
    """
    words = words_of(text)
    if not words:
        raise InputError(f"expected a word to look for, got {text!r}")
    if limit < 1:
        raise InputError(f"expected at least 1 result, got {limit}")
    found = _indexed(store, words, limit) if store.engine == "neo4j" else _compared(store, words)
    return sorted(found, key=lambda one: (-one.score, one.node_type.code, one.key))[:limit]


def words_of(text: str) -> list[str]:
    """Return the words of a text, in lower case."""
    return [word.lower() for word in _WORD.findall(text)]


def lucene(words: list[str]) -> str:
    """Return the query for words each of which must be there, whole (better) or as the begin of one."""
    escaped = [_SPECIAL.sub(r"\\\g<0>", word) for word in words]
    return " AND ".join(f"({word}^4 OR {word}*)" for word in escaped)


def _indexed(store: GraphStore, words: list[str], limit: int) -> list[Found]:
    rows = store.read(
        "CALL db.index.fulltext.queryNodes($index, $query, {limit: $limit}) YIELD node AS n, score "
        f"RETURN {_FIELDS}, score",
        index=FULLTEXT_INDEX,
        query=lucene(words),
        limit=limit,
    )
    return [_found(row, row["score"]) for row in rows]


def _compared(store: GraphStore, words: list[str]) -> list[Found]:
    found = []
    for label in FULLTEXT_LABELS:
        rows = store.read(
            f"MATCH (n:{label}) WITH n, {_NAMES} AS names "
            "WHERE all(word IN $words WHERE any(name IN names WHERE toLower(name) CONTAINS word)) "
            f"RETURN {_FIELDS}, names",
            words=words,
        )
        for row in rows:
            score = _score(words, row["names"])
            if score:
                found.append(_found(row, score))
    return found


def _score(words: list[str], names: list[str]) -> float:
    """Return 0 where a word begins no word of the names, and more for whole words and for a name that is just these."""
    of_names = [words_of(name) for name in names]
    present = {word for name in of_names for word in name}
    if not all(any(there.startswith(word) for there in present) for word in words):
        return 0.0
    return sum(1.0 if word in present else 0.5 for word in words) / len(words) + (words in of_names)


def _found(row: dict[str, Any], score: float) -> Found:
    node_type = NodeType(row["node_type"])
    return Found(node_type, row["key"], row["name"] or "", float(score))
