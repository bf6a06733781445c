"""Neo4j's own client of its Graph Data Science library, with the context graph projected: see ``docs/gds.md``."""

from __future__ import annotations

import importlib.util
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from graphdb.errors import GraphError, MissingExtraError
from graphdb.schema import EdgeType, NodeType
from graphdb.store import GraphStore

if TYPE_CHECKING:
    from graphdatascience import GraphDataScience


@contextmanager
def context_graph(
    store: GraphStore, edge_types: Iterable[EdgeType] | None = None
) -> Iterator[tuple[GraphDataScience, Any]]:
    """Open a client and project the context graph; the projection is dropped at the end.

    Parameters
    ----------
    store
        The graph, on a Neo4j with GDS.
    edge_types
        Only edges of these types. Default: all.

    Yields
    ------
    tuple
        ``(gds, G)``: the client, and the projection: all nodes with their labels, undirected edges of type ``EDGE``
        with ``weight``; of parallel edges the heaviest, self-loops left out. It is what walks see.

    Raises
    ------
    GraphError
        If the server has no GDS.
    MissingExtraError
        If the package ``graphdatascience`` is not installed.
    """
    require_gds(store)
    if importlib.util.find_spec("graphdatascience") is None:
        raise MissingExtraError("graphdatascience", "gds")
    from graphdatascience import GraphDataScience

    name = f"context-{secrets.token_hex(8)}"
    # OpenGDS has no Arrow server.
    user, password = store.auth
    gds = GraphDataScience(
        store.uri, auth=(user, str(password)), database=store.database, arrow=False, show_progress=False
    )
    try:
        types = list(EdgeType) if edge_types is None else list(edge_types)
        store.read(_projection(types), name=name)
        yield gds, gds.graph.get(name)
    finally:
        store.read("CALL gds.graph.drop($name, false) YIELD graphName RETURN graphName", name=name)
        gds.close()


def require_gds(store: GraphStore) -> None:
    """Raise `GraphError` unless the server has the Graph Data Science library."""
    if store.engine != "neo4j":
        raise GraphError(f"{store.uri}: the embedded graph has no Graph Data Science library; Neo4j has")
    try:
        store.read("RETURN gds.version() AS version")
    except GraphError as error:
        raise GraphError(f"{store.uri}: this Neo4j has no Graph Data Science library ({error})") from error


def _projection(edge_types: list[EdgeType]) -> str:
    ours = {end: "(" + " OR ".join(f"{end}:{name}" for name in NodeType) + ")" for end in ("a", "b")}
    walked = "|".join(edge_types)
    return (
        "CALL { "
        f"MATCH (a)-[r:{walked}]->(b) WHERE a <> b AND {ours['a']} AND {ours['b']} "
        "WITH CASE WHEN id(a) < id(b) THEN a ELSE b END AS source, "
        "CASE WHEN id(a) < id(b) THEN b ELSE a END AS target, max(r.weight) AS weight RETURN source, target, weight "
        f"UNION ALL MATCH (a) WHERE {ours['a']} AND NOT EXISTS {{ (a)-[:{walked}]-(b) WHERE a <> b }} "
        "RETURN a AS source, null AS target, null AS weight } "
        "WITH gds.graph.project($name, source, target, CASE WHEN target IS NULL "
        "THEN {sourceNodeLabels: labels(source), targetNodeLabels: null} "
        "ELSE {sourceNodeLabels: labels(source), targetNodeLabels: labels(target), relationshipType: 'EDGE', "
        "relationshipProperties: {weight: weight}} END, {undirectedRelationshipTypes: ['*']}) AS graph "
        "RETURN graph.nodeCount AS nodes, graph.relationshipCount AS edges"
    )
