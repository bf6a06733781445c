"""All names of the graph in memory: suggestions while somebody types, and names that are misspelt.

Neither engine serves both: Neo4j's full-text index knows no synonym by its middle, and the embedded graph has none.
Names are few (a million are some hundred megabytes) and change only when a load runs, so a process reads them once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from rapidfuzz import fuzz, process

from graphdb.schema import IDENTIFIER_PROPERTIES, NODES, NodeType
from graphdb.store import GraphStore
from queries.cached import OfGraph
from queries.names import Key, display_name

SIMILAR = 75.0
"""Least similarity of spelling that is worth a suggestion (0 to 100: twice the matched letters by those of both)."""
SHORTEST_WITHIN = 3
"""Letters from which on a text is looked for within names, and not at their begin alone."""
_BREAK = "\n"
_SYNONYM, _NAME = "synonym", "name"


class Suggestion(NamedTuple):
    """A node that a text may mean.

    Attributes
    ----------
    node_type, key, name
        The node; its name, symbol, first identifier or key.
    matched
        The name of it that fits.
    how
        What that is: ``name``, ``synonym``, ``symbol``, or the namespace of an identifier.
    score
        1 the very text, .9 its begin, .8 the begin of a word of it, .7 within it; less: the similarity of the spelling,
        halved.
    """

    node_type: NodeType
    key: Key
    name: str
    matched: str
    how: str
    score: float


class Entry(NamedTuple):
    """One name of a node."""

    text: str
    how: str
    node: int


class NameIndex:
    """All names, synonyms, symbols and identifiers of molecules and genes.

    Parameters
    ----------
    nodes
        Type, key and display name of each node.
    entries
        Their names: text, what kind of name it is, number of the node.
    """

    def __init__(self, nodes: Sequence[tuple[NodeType, Key, str]], entries: Sequence[Entry]) -> None:
        self.nodes = nodes
        self.entries = entries
        self._lower = [" ".join(entry.text.lower().split()) for entry in entries]
        # What rapidfuzz passes over is None.
        self._spelt = [
            None if entry.how in IDENTIFIER_PROPERTIES else text
            for entry, text in zip(entries, self._lower, strict=True)
        ]
        self._starts = list(accumulate((len(text) + 1 for text in self._lower), initial=1))
        self._identified: dict[tuple[str, str], list[Key]] = {}
        for entry in entries:
            if entry.how in IDENTIFIER_PROPERTIES:
                self._identified.setdefault((entry.how, entry.text), []).append(nodes[entry.node][1])
        # One long text: str.find looks through five megabytes in milliseconds.
        self._joined = _BREAK + _BREAK.join(self._lower)

    def identified(self, namespace: str, identifier: str) -> list[Key]:
        """Return the keys of the molecules that have an identifier, ascending."""
        return sorted(self._identified.get((namespace, identifier), ()), key=str)

    def suggest(self, text: str, limit: int = 10) -> list[Suggestion]:
        """Return the nodes that a text may mean, each once, the best first; of equally good ones the shorter name.

        Misspelt names are looked for where no name is the text itself and fewer than `limit` contain it. Identifiers
        are not: those one letter away belong to something else.
        """
        wanted = " ".join(text.lower().split())
        if not wanted or limit < 1:
            return []
        scores = dict(self._containing(wanted))
        if 1.0 not in scores.values() and len({self.entries[entry].node for entry in scores}) < limit:
            close = process.extract(wanted, self._spelt, scorer=fuzz.ratio, score_cutoff=SIMILAR, limit=4 * limit)
            for _, similarity, entry in close:
                scores.setdefault(entry, similarity / 200)
        best: dict[int, tuple[float, int, str, int]] = {}
        for entry, score in scores.items():
            rank = (-score, len(self._lower[entry]), self._lower[entry], entry)
            node = self.entries[entry].node
            if node not in best or rank < best[node]:
                best[node] = rank
        chosen = sorted(best.items(), key=lambda item: item[1])[:limit]
        return [self._suggestion(entry, -negative) for _, (negative, _, _, entry) in chosen]

    def _containing(self, wanted: str) -> Iterator[tuple[int, float]]:
        # Two letters stand within everything: there only what begins with them is meant.
        looked_for = wanted if len(wanted) >= SHORTEST_WITHIN else _BREAK + wanted
        skipped = len(looked_for) - len(wanted)
        place = self._joined.find(looked_for)
        while place >= 0:
            entry = bisect_right(self._starts, place + skipped) - 1
            begin, text = place + skipped - self._starts[entry], self._lower[entry]
            if begin == 0:
                yield entry, 1.0 if len(text) == len(wanted) else 0.9
            else:
                yield entry, 0.7 if text[begin - 1].isalnum() else 0.8
            # A name counts by its first match: the next search begins at the break before the next name.
            place = self._joined.find(looked_for, self._starts[entry + 1] - 1)

    def _suggestion(self, entry: int, score: float) -> Suggestion:
        found = self.entries[entry]
        return Suggestion(*self.nodes[found.node], found.text, found.how, score)


def read(store: GraphStore) -> NameIndex:
    """Read all names of a graph."""
    nodes: list[tuple[NodeType, Key, str]] = []
    entries: list[Entry] = []
    listed = {_SYNONYM: "synonyms", **IDENTIFIER_PROPERTIES}
    columns = ", ".join(f"collect(coalesce(n.{name}, []))" for name in listed.values())
    key = NODES[NodeType.MOLECULE].key
    keys, names, *lists = store.read_one(
        f"MATCH (n:{NodeType.MOLECULE}) WHERE n.{key} IS NOT NULL "
        f"RETURN [collect(n.{key}), collect(coalesce(n.name, '')), {columns}]"
    )
    for inchikey, name, *more in zip(keys, names, *lists, strict=True):
        properties = {"inchikey": inchikey, "name": name, **dict(zip(listed.values(), more, strict=True))}
        entries += [Entry(name, _NAME, len(nodes))] if name else []
        entries += [Entry(text, how, len(nodes)) for how, texts in zip(listed, more, strict=True) for text in texts]
        nodes.append((NodeType.MOLECULE, inchikey, display_name(NodeType.MOLECULE, properties)))
    key = NODES[NodeType.GENE].key
    ids, symbols, names = store.read_one(
        f"MATCH (n:{NodeType.GENE}) WHERE n.{key} IS NOT NULL "
        f"RETURN [collect(n.{key}), collect(coalesce(n.symbol, '')), collect(coalesce(n.name, ''))]"
    )
    for ncbi_id, symbol, name in zip(ids, symbols, names, strict=True):
        entries += [Entry(text, how, len(nodes)) for how, text in (("symbol", symbol), (_NAME, name)) if text]
        nodes.append((NodeType.GENE, ncbi_id, display_name(NodeType.GENE, {"ncbi_id": ncbi_id, "symbol": symbol})))
    return NameIndex(nodes, entries)


_NAMES = OfGraph(read)
names_of = _NAMES.of
"""Return the names of a graph, read once in a process and again when the graph has changed."""
kept_names = _NAMES.kept
"""Return the names if they are there for this very graph, else None."""
forget = _NAMES.forget
