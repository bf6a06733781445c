"""The context graph as tables: what ingest makes, what a load writes, what an export reads back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import pandas as pd

from graphdb.schema import EdgeType, NodeType

Key = TypeVar("Key")


class EdgeKind(NamedTuple):
    """An edge type between two node types, e.g. (HAS_MORPHOLOGY, Molecule, Morphology)."""

    edge_type: EdgeType
    source: NodeType
    target: NodeType


@dataclass(frozen=True)
class GraphTables:
    """A whole context graph.

    Attributes
    ----------
    nodes
        Per node type a table with a row a node: the key property and the other properties of `schema.NODES`. A
        missing value is None/NaN/absent column. Lists are Python lists of str, sorted.
    edges
        Per edge kind a table with a row an edge: ``src`` and ``dst`` (keys of the end points), ``weight``, and the
        other properties of `schema.EDGES`.
    """

    nodes: Mapping[NodeType, pd.DataFrame] = field(default_factory=dict)
    edges: Mapping[EdgeKind, pd.DataFrame] = field(default_factory=dict)

    def node_counts(self) -> dict[NodeType, int]:
        """Return the number of nodes of every node type, zero included."""
        return {node_type: len(self.nodes.get(node_type, ())) for node_type in NodeType}

    def edge_counts(self) -> dict[EdgeType, int]:
        """Return the number of edges of every edge type, zero included."""
        return {
            edge_type: sum(len(table) for kind, table in self.edges.items() if kind.edge_type == edge_type)
            for edge_type in EdgeType
        }


class TablesWhenAsked(Mapping[Key, pd.DataFrame]):
    """Tables by a key, none of which is kept."""

    def __init__(self, keys: Sequence[Key], read: Callable[[Key], pd.DataFrame]) -> None:
        self._keys = keys
        self._read = read

    def __getitem__(self, key: Key) -> pd.DataFrame:
        if key not in self._keys:
            raise KeyError(key)
        return self._read(key)

    def __iter__(self) -> Iterator[Key]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)
