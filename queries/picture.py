"""A neighbourhood as one HTML page that opens offline: inline SVG, no script, nothing fetched from anywhere.

Node types differ in shape and in lightness as well as in colour, so the picture can be read in grey; what is simulated
is hatched and says so.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from html import escape
from typing import Any, NamedTuple

import pandas as pd

from graphdb.schema import EdgeType, NodeType
from queries.layout import Place, rings
from queries.render import cell_text, plain

RADIUS = 9.0
LABEL = 26
"""Characters of a label; the whole name is in the hover title and in the table."""
MARGIN = 210.0
"""Points around the outermost ring, for its labels."""

# Okabe and Ito's colours, which colour-blind readers can tell apart, from dark to light.
COLOUR = {
    NodeType.MOLECULE: "#0072B2",
    NodeType.GENE: "#D55E00",
    NodeType.MORPHOLOGY: "#56B4E9",
    NodeType.EXPRESSION: "#F0E442",
}
SHAPE = {
    NodeType.MOLECULE: "circle",
    NodeType.GENE: "square",
    NodeType.MORPHOLOGY: "diamond",
    NodeType.EXPRESSION: "triangle",
}


class _Stroke(NamedTuple):
    colour: str
    dashes: str
    meaning: str


_PERTURBATION = _Stroke("#222222", "", "perturbation")
_CURATED = _Stroke("#777777", "7 3", "curated")
_COMPUTED = _Stroke("#999999", "2 3", "computed")
_STROKE = {
    EdgeType.HAS_MORPHOLOGY: _PERTURBATION,
    EdgeType.HAS_EXPRESSION: _PERTURBATION,
    EdgeType.CHANGES_EXPRESSION: _COMPUTED,
    EdgeType.SIMILAR_STRUCTURE: _COMPUTED,
    EdgeType.SIMILAR_MORPHOLOGY: _COMPUTED,
    EdgeType.SIMILAR_EXPRESSION: _COMPUTED,
}

_STYLE = """
body { font-family: system-ui, sans-serif; margin: 1.5rem; color: #222; background: #fff }
svg { max-width: 100%; height: auto; max-height: 95vh }
svg text { font-size: 12px; paint-order: stroke; stroke: #fff; stroke-width: 3px }
svg .start { font-weight: bold; font-size: 14px }
line:hover { stroke: #000; stroke-opacity: 1; stroke-width: 4 } g.node:hover text { font-weight: bold }
table { border-collapse: collapse; font-size: .85rem } th, td { text-align: left; padding: .15rem .8rem .15rem 0 }
td { border-top: 1px solid #ddd } td.number { text-align: right; font-variant-numeric: tabular-nums }
.simulated { color: #a00000; font-weight: bold }
"""


def page(title: str, nodes: pd.DataFrame, edges: pd.DataFrame) -> str:
    """Return the whole page.

    Parameters
    ----------
    title
        What the neighbourhood is of.
    nodes, edges
        As in `queries.neighbourhood.Neighbourhood`.
    """
    simulated = int(nodes["simulated"].sum())
    warning = (
        f'<p class="simulated">SIMULATED, not measured: {simulated} of these profiles, and the edges computed from '
        "them.</p>"
        if simulated
        else ""
    )
    heading = f"Around {escape(title)}"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8">'
        f"<title>{heading}</title><style>{_STYLE}</style></head>\n<body>\n<h1>{heading}</h1>\n{warning}\n"
        f"<p>{len(nodes)} nodes, {len(edges)} edges. Rings: hops from the middle. Thick edges: heavy. Point at a node "
        f"or an edge to read it.</p>\n{drawing(nodes, edges)}\n{_node_table(nodes)}\n</body>\n</html>\n"
    )


def drawing(nodes: pd.DataFrame, edges: pd.DataFrame) -> str:
    """Return the SVG element: edges, nodes with labels, legend."""
    position = {key: row for row, key in enumerate(zip(nodes["node_type"], nodes["key"], strict=True))}
    sources = [position[key] for key in zip(edges["src_type"], edges["src"], strict=True)]
    targets = [position[key] for key in zip(edges["dst_type"], edges["dst"], strict=True)]
    places = rings(list(nodes["hops"]), list(zip(sources, targets, strict=True)), list(nodes["node_type"]))
    lines = [
        _line(edge, str(nodes["name"].iloc[source]), str(nodes["name"].iloc[target]), places[source], places[target])
        for edge, source, target in zip(edges.to_dict("records"), sources, targets, strict=True)
    ]
    drawn = [_node(node, place) for node, place in zip(nodes.to_dict("records"), places, strict=True)]
    reach = max((math.hypot(place.x, place.y) for place in places), default=0.0) + MARGIN
    return (
        f'<svg viewBox="{-reach:.0f} {-reach:.0f} {2 * reach:.0f} {2 * reach:.0f}" width="{2 * reach:.0f}" '
        f'role="img" aria-label="neighbourhood">\n{_HATCH}\n' + "\n".join([*lines, *drawn, _legend(reach)]) + "\n</svg>"
    )


_HATCH = (
    '<defs><pattern id="hatch" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<line x1="0" y1="0" x2="0" y2="5" stroke="#222" stroke-width="1.6" /></pattern></defs>'
)


def _line(edge: Mapping[Hashable, Any], source: str, target: str, begin: Place, end: Place) -> str:
    stroke = _STROKE.get(EdgeType(str(edge["edge_type"])), _CURATED)
    weight = float(edge["weight"])
    space = edge["feature_space"]
    remark = f" in {space}" if isinstance(space, str) else ""
    simulated = " (simulated)" if edge["simulated"] else ""
    title = f"{source} - {edge['edge_type']} {weight:.3g} - {target}{remark}{simulated}"
    dashes = f' stroke-dasharray="{stroke.dashes}"' if stroke.dashes else ""
    return (
        f'<line x1="{begin.x:.1f}" y1="{begin.y:.1f}" x2="{end.x:.1f}" y2="{end.y:.1f}" stroke="{stroke.colour}" '
        f'stroke-width="{0.6 + 2 * weight:.2f}" stroke-opacity=".65"{dashes}><title>{escape(title)}</title></line>'
    )


def _node(node: Mapping[Hashable, Any], place: Place) -> str:
    node_type, name, start = NodeType(str(node["node_type"])), str(node["name"]), node["hops"] == 0
    facts = [
        f"{node_type} {node['key']}",
        f"path weight {float(str(node['path_weight'])):.3g}, hops {node['hops']}",
        *([f"feature space {node['feature_space']}"] if isinstance(node["feature_space"], str) else []),
        *(["SIMULATED, not measured"] if node["simulated"] else []),
    ]
    size = RADIUS * (1.6 if start else 1)
    shape = _shape(SHAPE[node_type], size, COLOUR[node_type])
    if node["simulated"]:
        shape += _shape(SHAPE[node_type], size, "url(#hatch)")
    return (
        f'<g class="node" transform="translate({place.x:.1f} {place.y:.1f})">'
        f"<title>{escape(name)}&#10;{escape(chr(10).join(facts))}</title>{shape}{_label(name, place, start)}</g>"
    )


def _label(name: str, place: Place, start: bool) -> str:
    text = escape(name if len(name) <= LABEL else name[: LABEL - 1] + "…")
    if start:
        return f'<text class="start" y="{RADIUS * 3.4:.0f}" text-anchor="middle">{text}</text>'
    degrees = math.degrees(place.angle) % 360
    # Text on the left half would stand on its head.
    if 90 < degrees < 270:
        return f'<text x="-14" dy=".35em" text-anchor="end" transform="rotate({degrees - 180:.1f})">{text}</text>'
    return f'<text x="14" dy=".35em" transform="rotate({degrees:.1f})">{text}</text>'


def _shape(shape: str, size: float, fill: str) -> str:
    paint = f'fill="{fill}" stroke="#222" stroke-width="1"'
    if shape == "circle":
        return f'<circle r="{size:.1f}" {paint} />'
    corners = {
        "square": [(-0.88, -0.88), (0.88, -0.88), (0.88, 0.88), (-0.88, 0.88)],
        "diamond": [(0, -1.2), (1.2, 0), (0, 1.2), (-1.2, 0)],
        "triangle": [(0, -1.15), (1.1, 0.85), (-1.1, 0.85)],
    }[shape]
    points = " ".join(f"{x * size:.1f},{y * size:.1f}" for x, y in corners)
    return f'<polygon points="{points}" {paint} />'


def _legend(reach: float) -> str:
    rows = [
        f"{_shape(SHAPE[node_type], RADIUS, COLOUR[node_type])}<text x='18' dy='.35em'>{node_type}</text>"
        for node_type in NodeType
    ]
    rows.append(f"{_shape('diamond', RADIUS, 'url(#hatch)')}<text x='18' dy='.35em'>simulated, not measured</text>")
    for stroke in (_PERTURBATION, _CURATED, _COMPUTED):
        dashes = f' stroke-dasharray="{stroke.dashes}"' if stroke.dashes else ""
        rows.append(
            f'<line x1="-10" y1="0" x2="12" y2="0" stroke="{stroke.colour}" stroke-width="2.2"{dashes} />'
            f"<text x='18' dy='.35em'>{stroke.meaning} edge</text>"
        )
    return "\n".join(
        f'<g transform="translate({-reach + 24:.0f} {-reach + 24 + 24 * row:.0f})">{content}</g>'
        for row, content in enumerate(rows)
    )


def _node_table(nodes: pd.DataFrame) -> str:
    columns = ["hops", "path_weight", "node_type", "name", "key", "via", "feature_space", "simulated"]
    head = "".join(f"<th>{column}</th>" for column in columns)
    body = "\n".join(
        "<tr>"
        + "".join(
            f"<td{' class=number' if column in {'hops', 'path_weight'} else ''}>"
            f"{escape(cell_text(plain(row[column])))}</td>"
            for column in columns
        )
        + "</tr>"
        for row in nodes[columns].to_dict("records")
    )
    return f"<h2>Nodes</h2>\n<table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table>"
