"""The context graph as a folder of Parquet tables: a file a node type and a file an edge kind, with a manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from graphdb.archive import read_folder, write_folder
from graphdb.arrays import check_schema_version
from graphdb.content import content_hash
from graphdb.errors import ArtefactError
from graphdb.files import read_manifest, replacing_folder, sha256, write_manifest
from graphdb.schema import SCHEMA_VERSION
from graphdb.tables import GraphTables

KIND = "graph tables"
MADE_BY = "python -m graphdb.formats parquet"


def write_parquet(tables: GraphTables, folder: Path, **about: Any) -> str:
    """Write ``nodes-Gene.parquet``, ``edges-BINDS-Molecule-Gene.parquet`` …, all or nothing.

    Columns are the properties of the schema, ``src`` and ``dst`` the keys of an edge's ends. `about` is added to the
    manifest. Returns the content hash, which is that of the graph.
    """
    with replacing_folder(folder) as temporary:
        write_folder(temporary, tables)
        written = content_hash(read_folder(temporary))
        files = {path.name: sha256(path) for path in sorted(temporary.glob("*.parquet"))}
        content = {"schema_version": SCHEMA_VERSION, "content_hash": written, "files": files}
        write_manifest(temporary, KIND, {**content, **about})
    return written


def read_parquet(folder: Path) -> GraphTables:
    """Return the graph that `write_parquet` wrote.

    Raises
    ------
    ArtefactError
        If it is missing, damaged, of another kind or made for another schema.
    """
    manifest = read_manifest(folder, KIND, made_by=MADE_BY)
    check_schema_version(folder, manifest, made_by=MADE_BY)
    for name, expected in manifest.get("files", {}).items():
        if not (folder / name).is_file() or sha256(folder / name) != expected:
            raise ArtefactError(f"{folder / name}: missing or damaged; make it again with: {MADE_BY}")
    return read_folder(folder)
