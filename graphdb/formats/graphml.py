"""The context graph as GraphML, for Gephi, Cytoscape, igraph and yEd.

GraphML (http://graphml.graphdrawing.org/specification.html) has no lists and no missing values: a list is written as
JSON, what is missing is left out. XML 1.0 has no control characters; a text that holds one is written without it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from graphdb.files import replacing_file
from graphdb.formats.networkx import to_networkx
from graphdb.tables import GraphTables

# https://www.w3.org/TR/xml/#charsets
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_graphml(tables: GraphTables, file: Path) -> None:
    """Write the graph to a file, all or nothing.

    A node's id is ``Gene 5742``: its type and key. ``networkx.read_graphml(file, force_multigraph=True)`` reads it.
    """
    import networkx as nx

    graph = to_networkx(tables)
    plain: nx.MultiDiGraph[Any] = nx.MultiDiGraph()
    for (node_type, key), properties in graph.nodes(data=True):
        plain.add_node(_id(node_type, key), **_plain(properties))
    for index, (source, target, properties) in enumerate(graph.edges(data=True)):
        plain.add_edge(_id(*source), _id(*target), key=index, **_plain(properties))
    with replacing_file(file) as temporary:
        nx.write_graphml(plain, temporary, infer_numeric_types=False)


def _id(node_type: str, key: object) -> str:
    return _clean(f"{node_type} {key}")


def _plain(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        name: json.dumps([_clean(part) for part in value], ensure_ascii=False)
        if isinstance(value, list)
        else _clean(value)
        if isinstance(value, str)
        else value
        for name, value in properties.items()
    }


def _clean(text: str) -> str:
    return _NO_XML.sub("", text)
