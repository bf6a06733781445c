"""Where the nodes of a neighbourhood stand in its picture: the start in the middle, a ring for each hop."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

Edge = tuple[int, int]
"""Positions of two nodes in a table."""

SPACE = 34.0
"""Points between neighbours on a ring; a line of text needs about 14."""
FIRST_RADIUS = 190.0
RING = 200.0


class Place(NamedTuple):
    """Where a node stands.

    Attributes
    ----------
    x, y
        Points from the middle, y downwards.
    angle
        Radians clockwise from the right; 0 for the start.
    """

    x: float
    y: float
    angle: float


def rings(hops: Sequence[int], edges: Sequence[Edge], groups: Sequence[str]) -> list[Place]:
    """Place each node on the ring of its hop, near the node that leads to it.

    Every node has a share of the circle as large as the number of nodes that hang on it, within the share of its parent
    (the first neighbour that is one hop nearer); nodes of one group stand side by side.

    Parameters
    ----------
    hops
        (n,) the ring of each node; one node has 0.
    edges
        Pairs of positions in `hops`.
    groups
        (n,) what sorts nodes with the same parent.
    """
    children = _tree(hops, edges)
    size: dict[int, int] = {}
    for node in sorted(range(len(hops)), key=lambda node: -hops[node]):
        size[node] = max(1, sum(size[child] for child in children.get(node, ())))
    angles: dict[int, float] = {}
    root = list(hops).index(0)
    shares = [(root, 0.0, 2 * math.pi)]
    while shares:
        node, begin, end = shares.pop()
        angles[node] = (begin + end) / 2
        part = (end - begin) / size[node]
        for child in sorted(children.get(node, ()), key=lambda child: (groups[child], child)):
            shares.append((child, begin, begin + part * size[child]))
            begin += part * size[child]
    spread = _evenly(angles, hops)
    radii = _radii(hops)
    return [
        Place(0.0, 0.0, 0.0)
        if node == root
        else Place(radii[hops[node]] * math.cos(spread[node]), radii[hops[node]] * math.sin(spread[node]), spread[node])
        for node in range(len(hops))
    ]


def _tree(hops: Sequence[int], edges: Sequence[Edge]) -> dict[int, list[int]]:
    """Return the children of each node; a node that nothing nearer leads to hangs on the start."""
    parent: dict[int, int] = {}
    for one, other in sorted([*edges, *((b, a) for a, b in edges)]):
        if hops[other] == hops[one] + 1:
            parent.setdefault(other, one)
    root = list(hops).index(0)
    children: dict[int, list[int]] = {}
    for node in range(len(hops)):
        if node != root:
            children.setdefault(parent.get(node, root), []).append(node)
    return children


def _evenly(angles: Mapping[int, float], hops: Sequence[int]) -> dict[int, float]:
    """Keep the order of the nodes on each ring and make the gaps equal where shares would crowd them."""
    spread: dict[int, float] = {}
    for ring in set(hops):
        members = sorted((node for node in angles if hops[node] == ring), key=lambda node: (angles[node], node))
        gap = 2 * math.pi / max(1, len(members))
        tight = (
            len(members) > 1
            and min(
                (angles[b] - angles[a]) % (2 * math.pi)
                for a, b in zip(members, [*members[1:], members[0]], strict=True)
            )
            < gap * 0.6
        )
        first = angles[members[0]]
        for place, node in enumerate(members):
            spread[node] = first + gap * place if tight else angles[node]
    return spread


def _radii(hops: Sequence[int]) -> dict[int, float]:
    """Return the radius of each ring: wide enough for its nodes, and clear of the ring inside it."""
    radii = {0: 0.0}
    for ring in range(1, max(hops) + 1):
        needed = SPACE * list(hops).count(ring) / (2 * math.pi)
        inner = radii[ring - 1]
        radii[ring] = max(FIRST_RADIUS if ring == 1 else inner + RING, needed)
    return radii
