"""The tab "Graph": the interactive neighbourhood, its controls, its table, and the panel of the node in focus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import dash_cytoscape as cyto
import pandas as pd
from dash import dcc, html

from graphdb.schema import NODES, EdgeType, NodeType
from graphdb.store import GraphStore
from queries.explorer import answers
from queries.explorer.answers import aria, data
from queries.explorer.elements import counted_anew, elements, key_of, stylesheet, together
from queries.explorer.state import LIMITS, View, collapse, expand, to_search
from queries.names import Node
from queries.neighbourhood import Neighbourhood, edges_between, neighbourhood
from queries.picture import COLOUR, SHAPE
from queries.relaxation import NodeId
from queries.resolve import key_text, resolve
from queries.structure import drawing

HOPS = 1


@dataclass(frozen=True)
class Shown:
    """Part of the graph that a view shows: nodes as `elements.counted_anew` returns them, and remarks."""

    start: Node
    nodes: pd.DataFrame
    edges: pd.DataFrame
    remarks: tuple[str, ...]


def around(store: GraphStore, view: View) -> Shown:
    """Return the neighbourhood of what is looked at, with what was expanded merged into it."""
    edge_types = view.edge_types or None
    parts: list[Neighbourhood] = [
        neighbourhood(store, key, HOPS, view.limit, edge_types=edge_types, min_weight=view.min_weight)
        for key in (view.key, *view.expanded)
    ]
    nodes = together(parts)
    ids = [NodeId(NodeType(kind), key) for kind, key in zip(nodes["node_type"], nodes["key"], strict=True)]
    edges = edges_between(store, ids, edge_types=edge_types, min_weight=view.min_weight)
    nodes = counted_anew(nodes, edges)
    remarks = dict.fromkeys(remark for part in parts for remark in part.warnings())
    cut = [part for part in parts if part.found > len(part.nodes)]
    if cut:
        remarks[
            f"Of the neighbours of {', '.join(part.start.name for part in cut)} the {view.limit} heaviest are shown, "
            "each kind of edge in turn"
        ] = None
    return Shown(parts[0].start, nodes, edges, tuple(remarks))


def changed_parts(store: GraphStore, before: View, after: View) -> dict[str, dict[str, Any]]:
    """Return the properties of the parts of the page that change, by their ids; see `same_picture`.

    What is looked at stays where it is when only these change: the picture keeps its place and scale, and a reader's
    keyboard its link.
    """
    parts = _parts(store, after)
    if _filtered(before) == _filtered(after):
        del parts["filters"]
    return parts


def _filtered(view: View) -> tuple[Any, ...]:
    return view.edge_types, view.min_weight, view.limit


def _parts(store: GraphStore, view: View) -> dict[str, dict[str, Any]]:
    shown = around(store, view)
    present = sorted(set(shown.edges["edge_type"]) | {str(kind) for kind in view.edge_types})
    remarks = [
        html.P(remark, className="warning" if remark.startswith("SIMULATED") else "note") for remark in shown.remarks
    ]
    return {
        "remarks": {"children": remarks},
        "filters": {"children": filters(view, present)},
        "graph": {
            "elements": elements(shown.nodes, shown.edges, view.focus),
            "stylesheet": stylesheet(len(shown.nodes)),
        },
        "node-table": {"children": node_table(view, shown)},
        "panel": {"children": panel(store, view)},
    }


def graph_page(store: GraphStore, view: View) -> Any:
    """Return the interactive neighbourhood with its controls, its table, and the panel of the node in focus."""
    parts = _parts(store, view)
    return html.Div(
        [
            html.Div(
                [
                    html.Div(id="remarks", **parts["remarks"]),
                    html.Div(id="filters", **parts["filters"]),
                    cyto.Cytoscape(
                        id="graph",
                        **parts["graph"],
                        layout={"name": "preset", "fit": True, "padding": 30},
                        className="canvas",
                        style={"width": "100%", "height": "62vh", "minHeight": "360px"},
                        minZoom=0.1,
                        maxZoom=4,
                        boxSelectionEnabled=False,
                    ),
                    legend(),
                    downloads(),
                    html.Div(id="node-table", **parts["node-table"]),
                ],
                className="main",
            ),
            html.Aside(id="panel", **parts["panel"], className="panel", **aria(label="the node in focus")),
        ],
        className="columns",
    )


def same_picture(before: View, after: View) -> bool:
    """Return whether one page of the graph becomes the other by `changed_parts`: both are about the same thing."""
    return before.tab == after.tab == "graph" and before.key == after.key != ""


def filters(view: View, present: list[str]) -> html.Details:
    """Return the controls of what is shown."""
    kinds = [str(kind) for kind in EdgeType]
    return html.Details(
        [
            html.Summary("What is shown"),
            html.Div(
                [
                    html.Fieldset(
                        [
                            html.Legend("Edge types (none chosen: all)"),
                            dcc.Checklist(
                                id="edge-types",
                                options=[
                                    {"label": kind.replace("_", " ").lower(), "value": kind}
                                    for kind in sorted(kinds, key=lambda kind: (kind not in present, kind))
                                ],
                                value=[str(kind) for kind in view.edge_types],
                                className="choices",
                            ),
                        ]
                    ),
                    html.Label(
                        [
                            "Smallest weight ",
                            dcc.Input(id="min-weight", type="number", min=0, max=1, step=0.05, value=view.min_weight),
                        ]
                    ),
                    html.Label(
                        [
                            "Nodes around each ",
                            dcc.RadioItems(
                                id="limit",
                                options=[{"label": str(limit), "value": limit} for limit in LIMITS],
                                value=view.limit,
                                inline=True,
                            ),
                        ]
                    ),
                    html.Button("Apply", id="apply", type="button"),
                ],
                className="controls",
            ),
        ],
        open=bool(view.edge_types or view.min_weight),
    )


def legend() -> html.Ul:
    """Return what shapes, colours and dashes mean."""
    nodes = [
        html.Li(
            [
                html.Span(className=f"mark {SHAPE[kind]}", style={"--mark": COLOUR[kind]}, **aria(hidden="true")),
                str(kind),
            ]
        )
        for kind in NodeType
    ]
    lines = [
        html.Li([html.Span(className=f"stroke {name}", **aria(hidden="true")), f"{name} edge"])
        for name in ("perturbation", "curated", "computed")
    ]
    return html.Ul([*nodes, *lines, html.Li("dashed outline: simulated, not measured")], className="legend")


def downloads() -> html.Div:
    """Return the buttons that save what is shown."""
    names = (("csv", "Nodes as CSV"), ("edges", "Edges as CSV"), ("graphml", "GraphML"), ("svg", "SVG"), ("png", "PNG"))
    buttons = [html.Button(label, id={"download": name}, type="button") for name, label in names]
    return html.Div([*buttons, dcc.Download(id="saved")], className="buttons")


def node_table(view: View, shown: Shown) -> html.Section:
    """Return the nodes as a table that does with the keyboard what the picture does with the mouse."""
    rows = []
    for row, node in enumerate(shown.nodes.to_dict("records")):
        key = key_of(str(node["node_type"]), node["key"])
        links = [dcc.Link("centre", href=to_search(View(key=key, limit=view.limit)))]
        if key in view.expanded:
            links.append(dcc.Link("collapse", href=to_search(collapse(view, key))))
        elif row > 0:
            links.append(dcc.Link("expand", href=to_search(expand(view, key))))
        simulated = ", simulated" if node["simulated"] else ""
        rows.append(
            html.Tr(
                [
                    html.Td(int(node["hops"]), className="number"),
                    html.Td(f"{node['node_type']}{simulated}"),
                    html.Td(dcc.Link(str(node["name"]), href=to_search(view.with_(selected=key)))),
                    html.Td(f"{float(node['path_weight']):.3g}", className="number"),
                    html.Td(" > ".join(node["via"])),
                    html.Td(links, className="do"),
                ],
                **data(key=key),
            )
        )
    head = html.Tr([html.Th(name, scope="col") for name in ("hops", "type", "name", "path weight", "via", "do")])
    return html.Section(
        [
            html.H3(f"{len(shown.nodes)} nodes, {len(shown.edges)} edges"),
            html.Div(
                html.Table([html.Thead(head), html.Tbody(rows)], id="nodes"),
                className="scroll",
                tabIndex="0",
                role="region",
                **aria(label="nodes"),
            ),
        ]
    )


def panel(store: GraphStore, view: View) -> list[Any]:
    """Return what is known of the node in focus, and what to do with it."""
    node = resolve(store, view.focus)
    key = key_text(node)
    links = [
        dcc.Link("Centre", href=to_search(View(key=key, limit=view.limit))),
        dcc.Link("Collapse", href=to_search(collapse(view, key)))
        if key in view.expanded
        else dcc.Link("Expand", href=to_search(expand(view, key))),
    ]
    parts: list[Any] = [html.H2(node.name), html.P(str(node.node_type), className="kind")]
    if node.simulated:
        parts.append(html.P("SIMULATED, not measured", className="warning"))
    if node.node_type is NodeType.MOLECULE:
        smiles = str(node.properties.get("smiles", ""))
        parts.append(answers.picture(drawing(smiles, 300, 210), f"structure of {node.name}", "structure"))
        links += [
            dcc.Link("Card", href=to_search(View("card", key))),
            dcc.Link("Similar", href=to_search(View("ask", key, question="similar"))),
            dcc.Link("Walks", href=to_search(View("walks", key))),
        ]
    parts.append(html.Nav(links, className="links", **aria(label="what to do with it")))
    facts = [
        (name, ", ".join(map(str, value)) if isinstance(value, list) else str(value))
        for name in NODES[node.node_type].properties
        if (value := node.properties.get(name)) not in (None, "", [])
    ]
    parts.append(html.Dl([part for name, value in facts for part in (html.Dt(name), html.Dd(value))]))
    return parts
