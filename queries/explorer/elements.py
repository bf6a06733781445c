"""A part of the graph as elements and style of Cytoscape: what is expanded is merged into one picture. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from graphdb.schema import EdgeType, NodeType
from queries.layout import rings
from queries.neighbourhood import Neighbourhood
from queries.picture import COLOUR, SHAPE

LABEL = 22
SPREAD = 1.5
"""Labels stand below their nodes here, and need more room than beside them."""
_CYTOSCAPE_SHAPE = {"circle": "ellipse", "square": "rectangle", "diamond": "diamond", "triangle": "triangle"}
_DASH_PATTERN = [12, 6]
"""Lengths of dash and gap; Cytoscape's own are hardly told from dots where edges are thin."""
_DASHED = {"curated": "dashed", "computed": "dotted", "perturbation": "solid"}


def together(parts: Sequence[Neighbourhood]) -> pd.DataFrame:
    """Return the nodes of several neighbourhoods, each once, the first start first."""
    nodes = pd.concat([part.nodes for part in parts], ignore_index=True)
    return nodes.drop_duplicates(["node_type", "key"]).reset_index(drop=True)


def counted_anew(nodes: pd.DataFrame, edges: pd.DataFrame) -> pd.DataFrame:
    """Return the nodes with ``hops`` counted from the first of them over these edges, the nearest first.

    What hangs on nothing that leads there (an expanded node whose edges were filtered out) stands beyond the rest.
    """
    hops = _hops(nodes, edges)
    beyond = max(hops.values()) + 1
    found = nodes.assign(hops=[hops.get(place, beyond) for place in range(len(nodes))])
    return found.sort_values("hops", kind="stable").reset_index(drop=True)


def _hops(nodes: pd.DataFrame, edges: pd.DataFrame) -> dict[int, int]:
    place = {key: row for row, key in enumerate(zip(nodes["node_type"], nodes["key"], strict=True))}
    neighbours: dict[int, set[int]] = {}
    for source, target in _ends(edges):
        if source in place and target in place:
            neighbours.setdefault(place[source], set()).add(place[target])
            neighbours.setdefault(place[target], set()).add(place[source])
    hops, queue = {0: 0}, deque([0])
    while queue:
        node = queue.popleft()
        for other in sorted(neighbours.get(node, ())):
            if other not in hops:
                hops[other] = hops[node] + 1
                queue.append(other)
    return hops


def _ends(edges: pd.DataFrame) -> Iterable[tuple[tuple[Any, Any], tuple[Any, Any]]]:
    starts = zip(edges["src_type"], edges["src"], strict=True)
    return zip(starts, zip(edges["dst_type"], edges["dst"], strict=True), strict=True)


def key_of(node_type: str, key: Any) -> str:
    """Return the key of a node as `queries.resolve` takes it."""
    return f"ncbi:{key}" if node_type == NodeType.GENE else str(key)


def elements(nodes: pd.DataFrame, edges: pd.DataFrame, selected: str = "") -> list[dict[str, Any]]:
    """Return Cytoscape's elements.

    Parameters
    ----------
    nodes, edges
        As `counted_anew` returns them, and the edges among them.
    selected
        Key of the node that is marked.
    """
    place = {key: row for row, key in enumerate(zip(nodes["node_type"], nodes["key"], strict=True))}
    pairs = [(place[source], place[target]) for source, target in _ends(edges)]
    where = rings(nodes["hops"].tolist(), pairs, nodes["node_type"].tolist())
    drawn = []
    for row, node in enumerate(nodes.to_dict("records")):
        key = key_of(str(node["node_type"]), node["key"])
        name = str(node["name"])
        classes = [
            str(node["node_type"]),
            *(["start"] if row == 0 else []),
            *(["simulated"] if node["simulated"] else []),
            *(["chosen"] if key == selected else []),
        ]
        label = name if len(name) <= LABEL else name[: LABEL - 1] + "…"
        drawn.append(
            {
                "data": {"id": key, "label": label, "name": name, "type": str(node["node_type"])},
                "position": {"x": round(SPREAD * where[row].x, 1), "y": round(SPREAD * where[row].y, 1)},
                "classes": " ".join(classes),
            }
        )
    for edge in edges.to_dict("records"):
        source, target = key_of(edge["src_type"], edge["src"]), key_of(edge["dst_type"], edge["dst"])
        space = edge["feature_space"] if isinstance(edge["feature_space"], str) else ""
        drawn.append(
            {
                "data": {
                    "id": f"{edge['edge_type']}|{source}|{target}|{space}",
                    "source": source,
                    "target": target,
                    "type": str(edge["edge_type"]),
                    "weight": float(edge["weight"]),
                    "width": 1 + 3 * float(edge["weight"]),
                },
                "classes": " ".join([kind_of(str(edge["edge_type"])), *(["simulated"] if edge["simulated"] else [])]),
            }
        )
    return drawn


def kind_of(edge_type: str) -> str:
    """Return what an edge rests on: ``perturbation``, ``curated`` or ``computed``."""
    if edge_type in {EdgeType.HAS_MORPHOLOGY, EdgeType.HAS_EXPRESSION}:
        return "perturbation"
    return "computed" if edge_type.startswith("SIMILAR") or edge_type == EdgeType.CHANGES_EXPRESSION else "curated"


def stylesheet(nodes: int = 0) -> list[dict[str, Any]]:
    """Return Cytoscape's style: node types differ in shape, colour and lightness, edges in their dashes.

    A picture of many nodes is drawn smaller as a whole: its labels and marks are larger within it.
    """
    scale = min(2.4, max(1.25, (nodes / 20) ** 0.5))
    style: list[dict[str, Any]] = [
        {
            "selector": "node",
            "style": {
                "label": "data(label)",
                "font-size": round(13 * scale),
                "width": round(20 * scale),
                "height": round(20 * scale),
                "border-width": 1,
                "border-color": "#333",
                "color": "#111",
                "text-outline-color": "#fff",
                "text-outline-width": 2,
                "text-valign": "bottom",
                "text-margin-y": 3,
            },
        },
        {
            "selector": "edge",
            "style": {"width": "data(width)", "line-color": "#8a8a8a", "opacity": 0.6, "curve-style": "haystack"},
        },
    ]
    style += [
        {
            "selector": f".{node_type}",
            "style": {"background-color": COLOUR[node_type], "shape": _CYTOSCAPE_SHAPE[SHAPE[node_type]]},
        }
        for node_type in NodeType
    ]
    style += [
        {
            "selector": f"edge.{kind}",
            "style": {"line-style": dashes, "line-dash-pattern": _DASH_PATTERN, "curve-style": "bezier"},
        }
        for kind, dashes in _DASHED.items()
    ]
    return [
        *style,
        {
            "selector": "node.simulated",
            "style": {"border-style": "dashed", "border-width": 3, "background-opacity": 0.6},
        },
        {
            "selector": "node.start",
            "style": {
                "width": round(34 * scale),
                "height": round(34 * scale),
                "font-size": round(16 * scale),
                "font-weight": "bold",
            },
        },
        {"selector": "node.chosen", "style": {"border-width": 4, "border-color": "#b00020"}},
    ]
