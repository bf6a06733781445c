"""Walks from a molecule, for the eye."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphdb.feature_store import FeatureStore
from graphdb.schema import EdgeType
from graphdb.snapshot import Snapshot
from graphdb.store import GraphStore
from graphdb.walks import WalkConfig, sample
from graphdb.walks.explain import Position, explain
from graphdb.workspace import Workspace
from queries.explain import walk_start
from queries.explorer.elements import kind_of
from queries.molecule_query import find_query

MOST_WALKS = 10
_APART = 170


def sampled(store: GraphStore, key: str) -> list[list[Position]]:
    """Return ten walks from a molecule as pretraining makes them, with names, edges and path weights.

    Raises
    ------
    InputError
        If `key` is no molecule of the snapshot.
    ArtefactError
        If the workspace has no snapshot or feature store, or they are of another graph.
    """
    query = find_query(store, key)
    workspace = Workspace.default()
    snapshot = Snapshot.load(workspace.snapshot)
    walks = sample(snapshot, walk_start(snapshot, query), WalkConfig(walks_per_node=MOST_WALKS))
    return explain(store, snapshot, walks, FeatureStore.open(workspace.features).spaces(), list(EdgeType))


def walk_elements(walk: Sequence[Position], steps: int) -> list[dict[str, Any]]:
    """Return a walk up to a step as elements of Cytoscape, from left to right; later steps are left out."""
    drawn: list[dict[str, Any]] = []
    for place, position in enumerate(walk[: steps + 1]):
        name = position.name if len(position.name) <= 26 else position.name[:25] + "…"
        classes = f"{position.node_type} start" if place == 0 else str(position.node_type)
        drawn.append(
            {
                "data": {"id": str(place), "label": name},
                "position": {"x": place * _APART, "y": 40 * (place % 2)},
                "classes": classes,
            }
        )
        if place:
            edge = position.edges[0]
            drawn.append(
                {
                    "data": {
                        "id": f"e{place}",
                        "source": str(place - 1),
                        "target": str(place),
                        "width": 1 + 3 * edge.weight,
                    },
                    "classes": kind_of(str(edge.edge_type)),
                }
            )
    return drawn
