"""The context graph: schema, store, snapshot, feature store and walks.

Importing this package imports no database driver: a training machine reads snapshots, features and shards without one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graphdb.store import GraphStore


def connect(uri: str | None = None, *, read_only: bool = False) -> GraphStore:
    """Connect to the graph.

    Parameters
    ----------
    uri
        Bolt address. Default: ``NEO4J_URI`` (environment or ``.env``); where there is none, the embedded graph of the
        workspace, which is started if it is not running.
    read_only
        Refuse writes.

    Raises
    ------
    graphdb.errors.GraphUnavailableError
        If no server answers.
    graphdb.errors.GraphAuthError
        If the user name or the password is wrong.
    """
    from graphdb.store import connect as connect_store

    return connect_store(uri, read_only=read_only)
