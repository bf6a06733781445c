"""What is shown, as a file."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import networkx as nx
import pandas as pd

from graphdb.errors import InputError
from queries import picture, render
from queries.explorer.elements import key_of


class Saved(NamedTuple):
    """A file to save: its name, and its text."""

    name: str
    content: str


class _Shown(Protocol):
    @property
    def nodes(self) -> pd.DataFrame: ...

    @property
    def edges(self) -> pd.DataFrame: ...


def save_graph(shown: _Shown, form: str) -> Saved:
    """Return nodes (``csv``), edges (``edges``), both (``graphml``), or the picture (``svg``)."""
    if form == "csv":
        return Saved("nodes.csv", render.csv_text(shown.nodes) + "\n")
    if form == "edges":
        return Saved("edges.csv", render.csv_text(shown.edges) + "\n")
    if form == "graphml":
        return Saved("graph.graphml", graphml(shown.nodes, shown.edges))
    if form == "svg":
        drawn = picture.drawing(shown.nodes, shown.edges)
        return Saved("graph.svg", drawn.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1))
    raise InputError(f"expected csv, edges, graphml or svg, got {form!r}")


def graphml(nodes: pd.DataFrame, edges: pd.DataFrame) -> str:
    """Return nodes and edges as GraphML, with their columns as attributes; lists are texts."""
    graph = nx.MultiDiGraph()
    for node in nodes.to_dict("records"):
        key = key_of(str(node["node_type"]), node["key"])
        graph.add_node(key, **{str(name): _attribute(value) for name, value in node.items() if not _missing(value)})
    for edge in edges.to_dict("records"):
        graph.add_edge(
            key_of(str(edge["src_type"]), edge["src"]),
            key_of(str(edge["dst_type"]), edge["dst"]),
            **{str(name): _attribute(value) for name, value in edge.items() if not _missing(value)},
        )
    return "\n".join(nx.generate_graphml(graph)) + "\n"


def _missing(value: object) -> bool:
    return render.plain(value) is None


def _attribute(value: object) -> str | int | float | bool:
    plain = render.plain(value)
    return plain if isinstance(plain, str | int | float | bool) else render.cell_text(plain)
