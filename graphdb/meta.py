"""What the graph says of itself: one node that names its sources, its content hash, and whether a load is under way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from graphdb.errors import ArtefactError, GraphError
from graphdb.schema import META_LABEL, SCHEMA_VERSION
from graphdb.store import GraphStore

State = Literal["loading", "complete"]
NAME = "context graph"


@dataclass(frozen=True)
class GraphMeta:
    """The description of a loaded graph.

    Attributes
    ----------
    sources
        Names of the sources, sorted.
    state
        ``loading`` from the first write of a load to its end; a graph left in it needs the same command again.
    content_hash
        Of the graph when it was complete; "" while it is loading.
    version
        Raised by everything that changes the graph, at the begin and at the end of a load; never lowered. Two
        descriptions that differ in it alone are equal: they describe the same graph.
    target
        While it is loading, the content hash that it will have.
    edited
        Whether somebody has written to it since (see `touch`): the content hash may no longer be right.
    """

    sources: tuple[str, ...]
    state: State
    content_hash: str = ""
    version: int = field(default=0, compare=False)
    target: str = field(default="", compare=False)
    edited: bool = field(default=False, compare=False)


def stored_version(store: GraphStore) -> int | None:
    """Return the schema version of the graph, or None for a graph that was never loaded."""
    rows = store.read(f"MATCH (m:{META_LABEL}) RETURN m.schema_version AS version")
    return int(rows[0]["version"]) if rows else None


def read_meta(store: GraphStore, *, any_version: bool = False) -> GraphMeta | None:
    """Return the graph's description, or None for a graph that was never loaded.

    Parameters
    ----------
    store
        The graph.
    any_version
        Whether to take a graph of another schema version as well.

    Raises
    ------
    ArtefactError
        If another version of this platform, with another schema, has written the graph.
    """
    rows = store.read(
        f"MATCH (m:{META_LABEL}) RETURN m.sources AS sources, m.state AS state, m.content_hash AS content_hash, "
        "m.schema_version AS schema_version, m.version AS version, m.target AS target, "
        "m.edited AS edited"
    )
    if not rows:
        return None
    row = rows[0]
    if row["schema_version"] != SCHEMA_VERSION and not any_version:
        older = row["schema_version"] < SCHEMA_VERSION
        raise ArtefactError(
            f"the graph at {store.uri} has schema version {row['schema_version']}, this platform has {SCHEMA_VERSION}; "
            + ("bring it there with: python -m graphdb.migrate" if older else "load it into an empty graph")
        )
    return GraphMeta(
        tuple(row["sources"] or ()),
        row["state"],
        row["content_hash"] or "",
        version=row["version"] or 0,
        target=row["target"] or "",
        edited=bool(row["edited"]),
    )


def require_complete(store: GraphStore) -> GraphMeta:
    """Return the description of a graph that is wholly loaded.

    Raises
    ------
    GraphError
        If it is empty or half loaded.
    """
    meta = read_meta(store)
    if meta is None or meta.state != "complete":
        state = "empty" if meta is None else "half loaded"
        raise GraphError(f"{store.uri}: the graph is {state}; load it with: python -m ingest.all")
    return meta


def properties_of(meta: GraphMeta) -> dict[str, Any]:
    """Return the properties of the node that describes the graph, as a load without a server writes them."""
    return {"name": NAME, "version": meta.version, **_described(meta)}


def write_meta(store: GraphStore, meta: GraphMeta) -> None:
    """Write the graph's description over the one it has, and raise its version by one (`meta.version` is not read)."""
    store.write(
        f"MERGE (m:{META_LABEL} {{name: $name}}) SET m += $properties, m.version = coalesce(m.version, 0) + 1",
        name=NAME,
        properties=_described(meta),
    )


def touch(store: GraphStore) -> None:
    """Say that the graph was changed by another hand than a load's: raise its version, and mark it as edited.

    A graph that was never loaded has no description, and gets none.
    """
    store.write(f"MATCH (m:{META_LABEL}) SET m.version = coalesce(m.version, 0) + 1, m.edited = true")


def changed_since(store: GraphStore, graph_hash: str) -> bool:
    """Return whether the graph is no longer the one with this content hash, as far as it says itself.

    So it is after another load, during a load, and after `touch`. What somebody writes over Bolt with tools of their
    own is not noticed here: ``graphdb.snapshot --verify`` reads everything and compares.
    """
    meta = read_meta(store)
    return meta is None or meta.state != "complete" or meta.edited or meta.content_hash != graph_hash


def _described(meta: GraphMeta) -> Mapping[str, Any]:
    return {
        "sources": list(meta.sources),
        "state": meta.state,
        "content_hash": meta.content_hash,
        "target": meta.target,
        "edited": meta.edited,
        "schema_version": SCHEMA_VERSION,
        "updated": datetime.now(UTC).isoformat(timespec="seconds"),
    }
