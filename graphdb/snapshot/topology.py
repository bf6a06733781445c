"""The topology of the context graph at one moment, as compressed sparse rows with a content hash.

It is *the* topology that walks use: undirected, without self-loops, parallel edges merged to one with the largest
weight (InfoAlign, arXiv 2406.12056, section 3).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from graphdb.arrays import (
    Strings,
    as_strings,
    check_schema_version,
    frozen,
    positions,
    read_arrays,
    require_unique,
    write_arrays,
)
from graphdb.csr import Indices, checked_numbers, checked_types, checked_weights, compress, content_id
from graphdb.errors import ArtefactError, InputError
from graphdb.files import read_manifest, replacing_folder, write_manifest
from graphdb.schema import NODES, SCHEMA_VERSION, EdgeType, NodeType
from graphdb.snapshot.typed import TypedEdges
from graphdb.tables import EdgeKind, GraphTables

KIND = "snapshot"
MADE_BY = "python -m ingest.all (or, from a graph that is loaded already, python -m graphdb.snapshot)"

_DTYPES: Mapping[str, npt.DTypeLike] = {
    "indptr": np.int64,
    "indices": np.int32,
    "weights": np.float32,
    "node_type": np.uint8,
    "keys": np.str_,
}
_TYPED: Mapping[str, npt.DTypeLike] = {
    "edge_src": np.int32,
    "edge_dst": np.int32,
    "edge_type": np.uint8,
    "edge_weight": np.float32,
}


@dataclass(frozen=True, eq=False, repr=False)
class Snapshot:
    """Undirected weighted topology over n nodes with m stored directions (two an edge).

    Make one with `from_tables`, `from_edges` or `load`; the arrays are read-only.

    Attributes
    ----------
    indptr
        (n + 1,) int64; the neighbours of node v are ``indices[indptr[v]:indptr[v + 1]]``, in ascending order.
    indices
        (m,) int32, node numbers.
    weights
        (m,) float32 in [0, 1]; both directions of an edge have the same.
    node_type
        (n,) uint8, `NodeType.code`.
    keys
        (n,) str, unique within a node type; a gene's is its NCBI id in decimal digits.
    id
        Content hash (64 hex) of all the arrays above. The order of the input does not matter to it.
    graph_hash
        Content hash of the database graph it was made of; "" if there was none.
    typed
        The edges that were merged, with their types; None where they are not known (`from_edges`).
    """

    indptr: Indices
    indices: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]
    node_type: npt.NDArray[np.uint8]
    keys: Strings
    id: str
    graph_hash: str = ""
    typed: TypedEdges | None = None

    @classmethod
    def from_edges(
        cls,
        node_type: npt.ArrayLike,
        src: npt.ArrayLike,
        dst: npt.ArrayLike,
        weight: npt.ArrayLike,
        keys: npt.ArrayLike | None = None,
        *,
        graph_hash: str = "",
    ) -> Self:
        """Make a snapshot that keeps the caller's numbering of the nodes.

        Parameters
        ----------
        node_type
            (n,) codes of `NodeType`.
        src, dst
            (e,) node numbers in [0, n). Directions do not matter; self-loops are left out;
            of parallel edges the largest weight stays.
        weight
            (e,) in [0, 1].
        keys
            (n,) unique within a node type. Default: "0", "1", …
        graph_hash
            See `graph_hash`.

        Raises
        ------
        InputError
            If lengths differ, a node number is out of range, a weight is not a number in [0, 1],
            a code is unknown, or a key stands twice.
        """
        types = checked_types(node_type)
        texts = as_strings(np.arange(len(types)) if keys is None else keys)
        if len(texts) != len(types):
            raise InputError(f"snapshot: {len(types)} nodes but {len(texts)} keys")
        for name in NodeType:
            require_unique(texts[types == name.code], f"snapshot: {name}")
        first, second = checked_numbers(src, len(types)), checked_numbers(dst, len(types))
        weights = checked_weights(weight)
        if not len(first) == len(second) == len(weights):
            raise InputError(f"snapshot: {len(first)} sources, {len(second)} targets and {len(weights)} weights")
        indptr, indices, merged = compress(len(types), first, second, weights)
        return cls(
            indptr=frozen(indptr),
            indices=frozen(indices),
            weights=frozen(merged),
            node_type=frozen(types),
            keys=frozen(texts),
            id=content_id(types, texts, indptr, indices, merged),
            graph_hash=graph_hash,
        )

    @classmethod
    def from_tables(
        cls, tables: GraphTables, graph_hash: str = "", edge_types: Iterable[EdgeType] | None = None
    ) -> Self:
        """Make a snapshot of the whole context graph; nodes are numbered by (type code, key).

        Parameters
        ----------
        tables
            The graph.
        graph_hash
            Its content hash.
        edge_types
            Only edges of these types. Default: all.

        Raises
        ------
        InputError
            If a key is missing or stands twice, an edge names an unknown node, or a weight is not a number in [0, 1].
        """
        keys = {
            node_type: np.sort(_keys(tables.nodes[node_type], NODES[node_type].key, node_type))
            if node_type in tables.nodes
            else np.empty(0, dtype=np.str_)
            for node_type in NodeType
        }
        offsets = dict(
            zip(NodeType, np.cumsum([0, *(len(of_type) for of_type in keys.values())])[:-1].tolist(), strict=True)
        )
        wanted = set(EdgeType) if edge_types is None else set(edge_types)
        edges = [
            _edges(kind, table, keys, offsets)
            for kind, table in tables.edges.items()
            if kind.edge_type in wanted and len(table)
        ]
        src, dst, weight, codes = (
            (np.concatenate([edge[column] for edge in edges]) for column in range(4))
            if edges
            else (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float64), np.empty(0, np.uint8))
        )
        merged = cls.from_edges(
            np.repeat([node_type.code for node_type in NodeType], [len(keys[node_type]) for node_type in NodeType]),
            src,
            dst,
            weight,
            np.concatenate(list(keys.values())),
            graph_hash=graph_hash,
        )
        return replace(merged, typed=TypedEdges.of(src, dst, codes, checked_weights(weight)))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Map the snapshot in `folder` into memory, read-only.

        Raises
        ------
        ArtefactError
            If it is missing, damaged, of another kind or made for another schema.
        """
        folder = Path(folder)
        manifest = read_manifest(folder, KIND, made_by=MADE_BY)
        check_schema_version(folder, manifest, made_by=MADE_BY)
        arrays = read_arrays(folder, manifest.get("arrays"), _DTYPES)
        nodes, stored = len(arrays["node_type"]), len(arrays["indices"])
        lengths = (len(arrays["indptr"]), len(arrays["keys"]), len(arrays["weights"]))
        if lengths != (nodes + 1, nodes, stored) or arrays["indptr"][-1] != stored:
            raise ArtefactError(f"{folder}: damaged (its arrays are of lengths that do not fit each other)")
        if not isinstance(manifest.get("id"), str):
            raise ArtefactError(f"{folder}: its manifest states no id")
        typed = None
        if not _TYPED.keys().isdisjoint(manifest["arrays"]):
            typed = TypedEdges(**read_arrays(folder, manifest["arrays"], _TYPED))
        return cls(**arrays, id=manifest["id"], graph_hash=str(manifest.get("graph_hash", "")), typed=typed)

    def save(self, folder: Path, **about: Any) -> None:
        """Write the snapshot to `folder`, all or nothing; `about` is added to its manifest."""
        with replacing_folder(Path(folder)) as temporary:
            arrays = {name: getattr(self, name) for name in _DTYPES}
            if self.typed is not None:
                arrays |= {name: getattr(self.typed, name) for name in _TYPED}
            described = write_arrays(temporary, arrays)
            counts = {"nodes": self.number_of_nodes, "edges": self.number_of_edges}
            content = {"schema_version": SCHEMA_VERSION, "id": self.id, "graph_hash": self.graph_hash, **counts}
            write_manifest(temporary, KIND, {**content, "arrays": described, **about})

    def __repr__(self) -> str:
        return f"Snapshot({self.number_of_nodes} nodes, {self.number_of_edges} edges, id {self.id[:16]})"

    @property
    def number_of_nodes(self) -> int:
        """Number of nodes n."""
        return len(self.node_type)

    @property
    def number_of_edges(self) -> int:
        """Number of undirected edges, m / 2."""
        return len(self.indices) // 2

    @cached_property
    def degree(self) -> Indices:
        """(n,) int64 number of neighbours of every node."""
        return frozen(np.diff(self.indptr))

    def nodes(self, node_type: NodeType) -> npt.NDArray[np.int32]:
        """Return the numbers of the nodes of a type, ascending, (k,) int32."""
        return np.flatnonzero(self.node_type == node_type.code).astype(np.int32)

    def index_of(self, node_type: NodeType, keys: npt.ArrayLike) -> npt.NDArray[np.int32]:
        """Return the numbers of the nodes with these keys (str or int), -1 where there is none, (k,) int32."""
        nodes = self.nodes(node_type)
        found = positions(self.keys[nodes], keys)
        return np.where(found < 0, np.int32(-1), np.append(nodes, np.int32(-1))[found]).astype(np.int32)

    def without(self, nodes: npt.ArrayLike) -> Snapshot:
        """Return the same nodes in the same numbering, without the edges of `nodes` (their numbers); a new id."""
        removed = np.zeros(self.number_of_nodes, dtype=bool)
        removed[checked_numbers(nodes, self.number_of_nodes)] = True
        kept = ~(np.repeat(removed, self.degree) | removed[self.indices])
        # The number of kept entries before each row's first one.
        before = np.concatenate([[0], np.cumsum(kept)])
        indptr = before[self.indptr].astype(np.int64)
        indices, weights = self.indices[kept], self.weights[kept]
        return replace(
            self,
            indptr=frozen(indptr),
            indices=frozen(indices),
            weights=frozen(weights),
            id=content_id(self.node_type, self.keys, indptr, indices, weights),
            typed=None if self.typed is None else self.typed.without(removed),
        )

    def of_edge_types(self, edge_types: Sequence[EdgeType]) -> Snapshot:
        """Return the topology that edges of these types alone make, over the same nodes; a new id unless all edges are.

        Raises
        ------
        InputError
            If the types of the edges are not known.
        """
        if self.typed is None:
            raise InputError("snapshot: the types of its edges are not known; make it anew with: " + MADE_BY)
        kept = self.typed.of_types(edge_types)
        restricted = Snapshot.from_edges(
            self.node_type, kept.edge_src, kept.edge_dst, kept.edge_weight, self.keys, graph_hash=self.graph_hash
        )
        return replace(restricted, typed=kept)


def _keys(table: pd.DataFrame, column: str, what: str) -> Strings:
    """Return a column of keys (n,) as text; integers as decimal digits."""
    if column not in table:
        raise InputError(f"snapshot: the table of {what} has no column {column!r}")
    if table[column].isna().any():
        raise InputError(f"snapshot: the table of {what} has a row without {column!r}")
    values = table[column].to_numpy()
    # Integers that went through a table with missing values come back as floats.
    if values.dtype.kind == "f" and (values == np.trunc(values)).all():
        values = values.astype(np.int64)
    return as_strings(values)


def _edges(
    kind: EdgeKind, table: pd.DataFrame, keys: Mapping[NodeType, Strings], offsets: Mapping[NodeType, int]
) -> tuple[Indices, Indices, npt.NDArray[np.float64], npt.NDArray[np.uint8]]:
    ends = []
    for column, node_type in (("src", kind.source), ("dst", kind.target)):
        names = _keys(table, column, kind.edge_type)
        found = positions(keys[node_type], names).astype(np.int64)
        if (found < 0).any():
            key = str(names[np.flatnonzero(found < 0)[0]])
            raise InputError(f"snapshot: an edge {kind.edge_type} names the {node_type} {key!r}, which is not a node")
        ends.append(found + offsets[node_type])
    if "weight" not in table:
        raise InputError(f"snapshot: the table of {kind.edge_type} has no column 'weight'")
    weight = table["weight"].to_numpy(dtype=np.float64, na_value=np.nan)
    if not ((weight >= 0) & (weight <= 1)).all():
        raise InputError(f"snapshot: an edge {kind.edge_type} has a weight that is not a number in [0, 1]")
    return ends[0], ends[1], weight, np.full(len(weight), kind.edge_type.code, dtype=np.uint8)
