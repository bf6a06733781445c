"""Open the graph for a command that looks something up: read-only, and not empty."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from graphdb import connect, engines
from graphdb.console import note
from graphdb.errors import GraphError
from graphdb.meta import read_meta
from graphdb.schema import NodeType
from graphdb.settings import Settings
from graphdb.store import GraphStore
from graphdb.workspace import Workspace

QUERY_SECONDS = 300.0
EMPTY = "the graph is empty: python -m ingest.all"


@contextmanager
def opened(*, allow_empty: bool = False, timeout: float | None = QUERY_SECONDS) -> Iterator[GraphStore]:
    """Yield a read-only connection to the graph that the environment names.

    Parameters
    ----------
    allow_empty
        Whether a graph without nodes is worth a query.
    timeout
        Seconds that a query may take; None: any.

    Raises
    ------
    GraphError
        If the graph is empty, or this workspace has none (then no server is started for nothing).
    """
    workspace = Workspace.default()
    if Settings.load().uri is None and not engines.folder_of(workspace, engines.chosen(workspace)).exists():
        raise GraphError(f"there is no graph in {workspace.root}: python -m ingest.all")
    with connect(read_only=True) as store:
        store.timeout = timeout
        if not allow_empty and is_empty(store):
            raise GraphError(EMPTY)
        meta = read_meta(store)
        if meta is not None and meta.state == "loading":
            note("the graph is being loaded, or its load was interrupted; to finish it: python -m ingest.all")
        yield store


def is_empty(store: GraphStore) -> bool:
    """Return whether the graph has no node of the schema."""
    return not any(store.read(f"MATCH (n:{node_type}) RETURN 1 AS one LIMIT 1") for node_type in NodeType)
