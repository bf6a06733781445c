"""The context graph as a NetworkX graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphdb.content import columns_of, edge_columns
from graphdb.schema import EDGES, NODES
from graphdb.tables import GraphTables

if TYPE_CHECKING:
    import networkx as nx


def to_networkx(tables: GraphTables) -> nx.MultiDiGraph[Any]:
    """Return the whole graph.

    A node is the tuple (node type, key), e.g. ``("Gene", 5742)``, with the properties that it has, and ``node_type``.
    An edge has its properties and ``edge_type``; its key is the tuple of its type and of what else tells it from
    another between the same nodes, e.g. ``("SIMILAR_MORPHOLOGY", "cpjump1-orf")``. Directions are the database's.

    Raises
    ------
    GraphError
        If a value is of another type than the schema says.
    """
    import networkx as nx

    graph: nx.MultiDiGraph[Any] = nx.MultiDiGraph()
    for node_type, schema in NODES.items():
        for properties in _rows(columns_of(tables.nodes.get(node_type), schema.properties)):
            graph.add_node((str(node_type), properties[schema.key]), node_type=str(node_type), **properties)
    for kind in sorted(tables.edges):
        for properties in _rows(columns_of(tables.edges[kind], edge_columns(kind))):
            source, target = (str(kind.source), properties.pop("src")), (str(kind.target), properties.pop("dst"))
            name = str(kind.edge_type)
            key = (name, *(properties.get(part) for part in EDGES[kind.edge_type].identity))
            graph.add_edge(source, target, key=key, edge_type=name, **properties)
    return graph


def _rows(columns: dict[str, list[Any]]) -> list[dict[str, Any]]:
    names = list(columns)
    return [
        {name: value for name, value in zip(names, values, strict=True) if value is not None}
        for values in zip(*columns.values(), strict=True)
    ]
