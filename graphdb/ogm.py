"""The graph for people with py2neo notebooks: `as_py2neo` returns a ``py2neo.Graph`` on the same server.

py2neo is no longer maintained. Matching, running Cypher, merging and the object mapper work on both engines; its schema
helpers (``graph.schema.create_…``) use statements that servers have forgotten: `GraphStore.ensure_schema` is for that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphdb.errors import GraphError, GraphUnavailableError
from graphdb.store import GraphStore

if TYPE_CHECKING:
    import py2neo


def as_py2neo(store: GraphStore) -> py2neo.Graph:
    """Open a py2neo graph on the server of a store. It has connections of its own, and always may write.

    Raises
    ------
    GraphError
        If the store is read-only (py2neo cannot be), or py2neo cannot speak to the server.
    """
    if store.read_only:
        raise GraphError("py2neo cannot be kept from writing; open the graph without read_only")
    import py2neo
    from py2neo.errors import ConnectionUnavailable

    try:
        user, password = store.auth
        # py2neo packs a text that is exactly a str, and no other.
        graph = py2neo.Graph(store.uri, auth=(user, str(password)), name=store.database)
        graph.evaluate("RETURN 1")
    except (ConnectionUnavailable, OSError) as error:
        raise GraphUnavailableError(f"py2neo reaches no graph server at {store.uri}") from error
    except (py2neo.ClientError, ValueError) as error:
        raise GraphError(f"py2neo cannot use the graph server at {store.uri}: {error}") from error
    return graph
