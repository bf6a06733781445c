"""What the graph says of itself: one node that names its sources, its content hash, and whether a load is under way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from graphdb.errors import ArtefactError
from graphdb.schema import META_LABEL, SCHEMA_VERSION
from graphdb.store import GraphStore

State = Literal["loading", "complete"]


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
    """

    sources: tuple[str, ...]
    state: State
    content_hash: str = ""


def read_meta(store: GraphStore) -> GraphMeta | None:
    """Return the graph's description, or None for a graph that was never loaded.

    Raises
    ------
    ArtefactError
        If another version of this platform, with another schema, has written the graph.
    """
    rows = store.read(
        f"MATCH (m:{META_LABEL}) RETURN m.sources AS sources, m.state AS state, m.content_hash AS content_hash, "
        "m.schema_version AS schema_version"
    )
    if not rows:
        return None
    row = rows[0]
    if row["schema_version"] != SCHEMA_VERSION:
        raise ArtefactError(
            f"the graph at {store.uri} has schema version {row['schema_version']}, "
            f"this platform writes {SCHEMA_VERSION}; load it into an empty graph"
        )
    return GraphMeta(tuple(row["sources"] or ()), row["state"], row["content_hash"] or "")


def write_meta(store: GraphStore, meta: GraphMeta) -> None:
    """Write the graph's description over the one it has."""
    store.write(
        f"MERGE (m:{META_LABEL} {{name: 'context graph'}}) SET m.sources = $sources, m.state = $state, "
        "m.content_hash = $content_hash, m.schema_version = $version, m.updated = $updated",
        sources=list(meta.sources),
        state=meta.state,
        content_hash=meta.content_hash,
        version=SCHEMA_VERSION,
        updated=datetime.now(UTC).isoformat(timespec="seconds"),
    )
