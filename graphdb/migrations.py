"""Graphs of an older schema version, brought to today's: an ordered list of steps, each one version further.

A step is Cypher that both engines run, sent over Bolt, and such that running it twice is as running it once: whoever is
killed in the middle runs the same command again. A step that would need data that the graph does not have is none: then
the graph is loaded anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graphdb.content import content_hash
from graphdb.errors import ArtefactError, GraphError
from graphdb.export import stored_tables
from graphdb.meta import GraphMeta, read_meta, stored_version, write_meta
from graphdb.schema import META_LABEL, SCHEMA_VERSION
from graphdb.store import GraphStore


@dataclass(frozen=True)
class Migration:
    """One step.

    Attributes
    ----------
    from_version
        The schema version that it takes; it makes the next one.
    what
        What it changes, for the person who runs it.
    statements
        Cypher, in this order, each idempotent.
    """

    from_version: int
    what: str
    statements: tuple[str, ...]


MIGRATIONS: tuple[Migration, ...] = ()
"""None yet: schema version 1 is the first. The version counter, the indexes and the full-text search need none."""


def pending(
    found: int, migrations: Sequence[Migration] = MIGRATIONS, wanted: int = SCHEMA_VERSION
) -> tuple[Migration, ...]:
    """Return the steps from a schema version to `wanted`, in order.

    Raises
    ------
    ArtefactError
        If the graph is of a later version, or a step is missing.
    """
    if found > wanted:
        raise ArtefactError(
            f"the graph has schema version {found}, this platform {wanted}; use the platform that wrote the graph"
        )
    by_version = {migration.from_version: migration for migration in migrations}
    missing = [version for version in range(found, wanted) if version not in by_version]
    if missing:
        raise ArtefactError(
            f"the graph has schema version {found}, this platform {wanted}, and no migration leads on from version "
            f"{missing[0]}; load it into an empty graph"
        )
    return tuple(by_version[version] for version in range(found, wanted))


def migrate(
    store: GraphStore, migrations: Sequence[Migration] = MIGRATIONS, wanted: int = SCHEMA_VERSION
) -> tuple[Migration, ...]:
    """Bring the graph to schema version `wanted`; return the steps that were taken.

    Killed at any moment and run again it ends the same: the graph has a step's new version only after all of the step.

    Raises
    ------
    GraphError
        If the graph is empty or half loaded: there is nothing to keep, or the load must be finished before.
    ArtefactError
        If there is no way to that version.
    """
    found = stored_version(store)
    if found is None:
        raise GraphError(f"{store.uri}: the graph is empty; load it with: python -m ingest.all")
    steps = pending(found, migrations, wanted)
    if not steps:
        return ()
    meta = read_meta(store, any_version=True)
    if meta is None or meta.state != "complete":
        raise GraphError(
            f"{store.uri}: the graph is half loaded; finish that with the platform that began it, then migrate"
        )
    for step in steps:
        for statement in step.statements:
            store.write(statement)
        store.write(
            f"MATCH (m:{META_LABEL}) SET m.schema_version = $version, m.version = coalesce(m.version, 0) + 1",
            version=step.from_version + 1,
        )
    store.ensure_schema()
    # Another schema, another content hash.
    write_meta(store, GraphMeta(meta.sources, "complete", content_hash(stored_tables(store))))
    return steps
