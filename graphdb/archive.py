"""A context graph as one file, for every engine: a ZIP archive of Parquet tables with a manifest.

It holds what the schema names: nodes, edges and their properties, the published embeddings, and what the graph says of
itself. Nodes, edges and properties that other people have added are not in it.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from graphdb.content import columns_of, content_hash, edge_columns
from graphdb.diff import check, edge_identity
from graphdb.errors import ArtefactError
from graphdb.files import MANIFEST, sha256, versions
from graphdb.schema import EDGES, EMBEDDING_DIMENSION, NODES, SCHEMA_VERSION, NodeType, PropertyType
from graphdb.tables import EdgeKind, GraphTables, TablesWhenAsked

KIND = "graph backup"
EMBEDDINGS = "embeddings.parquet"
_BYTES = 1 << 20
_ARROW: Mapping[PropertyType, pa.DataType] = {
    "string": pa.string(),
    "integer": pa.int64(),
    "float": pa.float64(),
    "boolean": pa.bool_(),
    "strings": pa.list_(pa.string()),
}
_EMBEDDING = pa.schema([("inchikey", pa.string()), ("embedding", pa.list_(pa.float32(), EMBEDDING_DIMENSION))])

EmbeddingPage = tuple[list[str], npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Archive:
    """A verified archive, unpacked.

    Attributes
    ----------
    tables
        The graph; a table is read when it is asked for, each time anew.
    content_hash
        Of `tables`.
    sources
        Names of the sources, sorted.
    embedding_model
        Hash of the model that made the embeddings; "" where there are none.
    created
        When it was made, as ISO 8601.
    folder
        Where it is unpacked.
    """

    tables: GraphTables
    content_hash: str
    sources: tuple[str, ...]
    embedding_model: str
    created: str
    folder: Path

    def embeddings(self) -> EmbeddingPage:
        """Return the InChIKeys (n) and embeddings (n, 300)."""
        if not self.embedding_model:
            return [], np.empty((0, EMBEDDING_DIMENSION), dtype=np.float32)
        table = pq.read_table(self.folder / EMBEDDINGS, schema=_EMBEDDING)
        vectors = table["embedding"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        return table["inchikey"].to_pylist(), vectors.reshape(-1, EMBEDDING_DIMENSION)


def write_archive(
    file: Path,
    tables: GraphTables,
    sources: tuple[str, ...],
    *,
    embeddings: Iterable[EmbeddingPage] = (),
    embedding_model: str = "",
) -> dict[str, Any]:
    """Write a graph to one file, and return its manifest.

    It is for the caller to make that all or nothing (`graphdb.files.replacing_file`).

    Parameters
    ----------
    file
        Where it goes.
    tables
        The whole graph; each table is asked for once.
    sources
        Names of the sources.
    embeddings
        InChIKeys (n) and embeddings (n, 300), page by page; not asked for without `embedding_model`.
    embedding_model
        Hash of the model that made them; "" for none.

    Raises
    ------
    GraphError
        If it is no graph (see `graphdb.diff.check`), or a value is of another type than the schema says.
    """
    with tempfile.TemporaryDirectory(prefix="infoalign-backup-") as unpacked:
        folder = Path(unpacked)
        write_folder(folder, tables)
        count = _write_embeddings(folder / EMBEDDINGS, embeddings) if embedding_model else 0
        # Over what was written, not over what was to be written.
        written = read_folder(folder)
        check(written)
        files = {path.name: {"sha256": sha256(path), "bytes": path.stat().st_size} for path in sorted(folder.iterdir())}
        manifest = {
            "kind": KIND,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": versions(),
            "schema_version": SCHEMA_VERSION,
            "content_hash": content_hash(written),
            "sources": list(sources),
            "nodes": {str(name): _count(folder / _node_file(name)) for name in written.nodes},
            "edges": {" ".join(kind): _count(folder / _edge_file(kind)) for kind in written.edges},
            "embedding_model": embedding_model,
            "embeddings": count,
            "files": files,
        }
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:  # Parquet is compressed by itself
            archive.writestr(MANIFEST, json.dumps(manifest, indent=2, sort_keys=True))
            for name in files:
                archive.write(folder / name, name)
    return manifest


@contextmanager
def opened_archive(file: Path) -> Iterator[Archive]:
    """Unpack an archive to a temporary folder, verify it, and yield it.

    Raises
    ------
    ArtefactError
        If it is damaged, of another kind or schema version, or holds another graph than its manifest says.
    """
    with tempfile.TemporaryDirectory(prefix="infoalign-restore-") as unpacked:
        folder = Path(unpacked)
        manifest = _unpacked(file, folder)
        try:
            tables = read_folder(folder)
            found = content_hash(tables)
            embeddings = _count(folder / EMBEDDINGS) if manifest["embedding_model"] else 0
            if embeddings != manifest["embeddings"]:
                raise ValueError(f"{embeddings:,} embeddings, its manifest says {manifest['embeddings']:,}")
            archive = Archive(
                tables,
                str(manifest["content_hash"]),
                tuple(manifest["sources"]),
                str(manifest["embedding_model"]),
                str(manifest["created"]),
                folder,
            )
        except (KeyError, ValueError, TypeError, pa.ArrowException) as error:
            raise ArtefactError(f"{file}: not a whole {KIND} ({' '.join(str(error).split())})") from error
        if found != archive.content_hash:
            raise ArtefactError(
                f"{file}: the graph in it has content hash {found[:16]}, its manifest says {archive.content_hash[:16]}"
            )
        yield archive


def _unpacked(file: Path, folder: Path) -> dict[str, Any]:
    """Unpack what the manifest names, each file checked, and return the manifest."""
    try:
        with zipfile.ZipFile(file) as archive:
            manifest: dict[str, Any] = json.loads(archive.read(MANIFEST))
            if manifest.get("kind") != KIND:
                raise ArtefactError(f"{file}: expected a {KIND}, found a {manifest.get('kind')!r}")
            if manifest.get("schema_version") != SCHEMA_VERSION:
                raise ArtefactError(
                    f"{file}: made of a graph of schema version {manifest.get('schema_version')}, this platform has "
                    f"{SCHEMA_VERSION}; restore it with the platform that made it, then: python -m graphdb.migrate"
                )
            for name, about in manifest["files"].items():
                # No name of a folder: nothing is written beside `folder`.
                if name not in _known_files() or archive.getinfo(name).file_size != about["bytes"]:
                    raise ArtefactError(f"{file}: {name} is not what the manifest says")
                with archive.open(name) as source, (folder / name).open("wb") as target:
                    shutil.copyfileobj(source, target, _BYTES)
                if sha256(folder / name) != about["sha256"]:
                    raise ArtefactError(f"{file}: {name} is damaged (another SHA-256 than in the manifest)")
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ArtefactError(f"{file}: not a {KIND}, or damaged ({error})") from error
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise ArtefactError(f"{file}: not a {KIND}: its {MANIFEST} lacks something ({error})") from error
    return manifest


def write_folder(folder: Path, tables: GraphTables) -> None:
    """Write a Parquet file a node type and a file an edge kind; each table is asked for once."""
    for node_type, schema in NODES.items():
        if node_type in tables.nodes:
            _write_table(folder / _node_file(node_type), tables.nodes[node_type], schema.properties, (schema.key,))
    for kind in _kinds():
        if kind in tables.edges:
            _write_table(folder / _edge_file(kind), tables.edges[kind], edge_columns(kind), edge_identity(kind))


def read_folder(folder: Path) -> GraphTables:
    """Return the tables that `write_folder` wrote; each is read when it is asked for."""
    node_types = [node_type for node_type in NODES if (folder / _node_file(node_type)).exists()]
    kinds = [kind for kind in _kinds() if (folder / _edge_file(kind)).exists()]
    return GraphTables(
        TablesWhenAsked(node_types, lambda node_type: _read_table(folder / _node_file(node_type))),
        TablesWhenAsked(kinds, lambda kind: _read_table(folder / _edge_file(kind))),
    )


def _write_table(
    path: Path, table: pd.DataFrame, properties: Mapping[str, PropertyType], identity: tuple[str, ...]
) -> None:
    """Write a table, sorted by its identity: equal graphs make equal files."""
    columns = columns_of(table, properties)
    if columns:
        arrays = pa.table({name: pa.array(values, _ARROW[properties[name]]) for name, values in columns.items()})
        pq.write_table(arrays.sort_by([(name, "ascending") for name in identity]), path, compression="zstd")


def _read_table(path: Path) -> pd.DataFrame:
    """Return a table with Python's own values: an integer column with gaps stays integer."""
    table = pq.read_table(path)
    return pd.DataFrame({name: pd.Series(table[name].to_pylist(), dtype=object) for name in table.column_names})


def _write_embeddings(path: Path, pages: Iterable[EmbeddingPage]) -> int:
    count = 0
    with pq.ParquetWriter(path, _EMBEDDING, compression="zstd") as writer:
        for keys, vectors in pages:
            flat = pa.array(np.ascontiguousarray(vectors, dtype=np.float32).ravel())
            column = pa.FixedSizeListArray.from_arrays(flat, EMBEDDING_DIMENSION)
            writer.write_table(pa.table([pa.array(keys, pa.string()), column], schema=_EMBEDDING))
            count += len(keys)
    return count


def _count(path: Path) -> int:
    return int(pq.read_metadata(path).num_rows) if path.exists() else 0


def _kinds() -> list[EdgeKind]:
    return [EdgeKind(edge_type, *ends) for edge_type, schema in EDGES.items() for ends in schema.endpoints]


def _node_file(node_type: NodeType) -> str:
    return f"nodes-{node_type}.parquet"


def _edge_file(kind: EdgeKind) -> str:
    return f"edges-{'-'.join(kind)}.parquet"


def _known_files() -> set[str]:
    return {EMBEDDINGS, *map(_node_file, NODES), *map(_edge_file, _kinds())}
