"""What the samplers that walk in a database share: is it the snapshot's graph, and what of it may be walked."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from graphdb.errors import ArtefactError, InputError
from graphdb.meta import require_complete
from graphdb.schema import NODES, EdgeType, NodeType
from graphdb.snapshot import Snapshot
from graphdb.store import GraphStore
from graphdb.walks.config import WalkConfig


def require_same_graph(store: GraphStore, snapshot: Snapshot) -> None:
    """Raise `ArtefactError` unless the graph of the store is that which the snapshot was made of."""
    meta = require_complete(store)
    # Of a graph that was edited nobody knows the hash without reading all of it; a walk along an edge that the snapshot
    # does not have is noticed when it is made.
    if meta.content_hash != snapshot.graph_hash and not meta.edited:
        raise ArtefactError(
            f"the snapshot is of graph {snapshot.graph_hash[:16] or '(none)'}, {store.uri} holds "
            f"{meta.content_hash[:16]}; make the snapshot again: python -m graphdb.snapshot"
        )


def walked_types(snapshot: Snapshot, config: WalkConfig) -> list[EdgeType]:
    """Return the edge types to walk: those of the configuration that the snapshot has."""
    if snapshot.typed is None:
        raise InputError("walks: the snapshot does not know the types of its edges; make it again")
    present = set(np.unique(snapshot.typed.edge_type).tolist())
    wanted = tuple(EdgeType) if config.edge_types is None else config.edge_types
    return [edge_type for edge_type in wanted if edge_type.code in present]


def label_of(node: str) -> str:
    """Return a Cypher expression for the node type of a variable; null for a node that is none of ours."""
    # Not labels(n)[0]: people add labels of their own.
    return "CASE" + "".join(f" WHEN {node}:{name} THEN '{name}'" for name in NodeType) + " END"


def key_of(node: str) -> str:
    """Return a Cypher expression for the key of a variable's node."""
    return "CASE" + "".join(f" WHEN {node}:{name} THEN {node}.{NODES[name].key}" for name in NodeType) + " END"


def database_keys(snapshot: Snapshot, nodes: npt.NDArray[np.integer[Any]], node_type: NodeType) -> list[Any]:
    """Return the database's keys of those of the nodes that are of a type, in their order."""
    texts = snapshot.keys[nodes[snapshot.node_type[nodes] == node_type.code]].tolist()
    return [int(text) for text in texts] if NODES[node_type].key_type == "integer" else texts
