"""Embeddings as a Parquet file: one row a molecule, the hash of the model in the file's metadata."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from graphdb.errors import ArtefactError
from graphdb.files import replacing_file
from learn.config import WIDTH

MODEL_KEY = b"infoalign_model_hash"
EMBEDDING = "embedding"

Floats = npt.NDArray[np.float32]


class EmbeddingWriter:
    """Writes rows of embeddings to a file that is open; see `writing_embeddings`."""

    def __init__(self, file: pq.ParquetWriter, schema: pa.Schema) -> None:
        self._file = file
        self._schema = schema

    def write(self, columns: Mapping[str, Sequence[Any]], vectors: Floats) -> None:
        """Write n rows: the other columns (n,) and embeddings (n, d); a row of NaN becomes null."""
        arrays = {name: pa.array(list(values), self._schema.field(name).type) for name, values in columns.items()}
        there = ~np.isnan(vectors).all(axis=1)
        # Lists of any size: PyArrow writes nulls among lists of a fixed size to Parquet, but does not read them again.
        offsets = np.concatenate([[0], np.cumsum(there * vectors.shape[1])]).astype(np.int32)
        flat = pa.array(vectors[there].ravel(), pa.float32())
        arrays[EMBEDDING] = pa.ListArray.from_arrays(pa.array(offsets), flat, mask=pa.array(~there))
        self._file.write_table(pa.table([arrays[name] for name in self._schema.names], schema=self._schema))


@contextmanager
def writing_embeddings(path: Path, model: str, columns: Mapping[str, pa.DataType]) -> Iterator[EmbeddingWriter]:
    """Yield a writer; the file is there when the block ends, and not at all if it fails.

    Parameters
    ----------
    path
        The file.
    model
        Hash of the model.
    columns
        All columns in order, by name, with their types but for ``embedding`` (a list of float32, or null),
        whose type is not looked at.
    """
    types = {name: pa.list_(pa.float32()) if name == EMBEDDING else kind for name, kind in columns.items()}
    schema = pa.schema(list(types.items()), metadata={MODEL_KEY: model.encode()})
    with replacing_file(path) as temporary, pq.ParquetWriter(temporary, schema) as file:
        yield EmbeddingWriter(file, schema)


def write_embeddings(
    path: Path,
    inchikeys: Sequence[str | None],
    vectors: Floats,
    model: str,
    smiles: Sequence[str | None] | None = None,
) -> None:
    """Write n embeddings (n, d) as Parquet, with the hash of their model in the file's metadata.

    Columns: ``inchikey`` (None for a structure that cannot be used), ``smiles`` where they are given, ``embedding``.
    """
    columns: dict[str, Sequence[str | None]] = {"inchikey": inchikeys}
    if smiles is not None:
        columns["smiles"] = smiles
    types = {**dict.fromkeys(columns, pa.string()), EMBEDDING: pa.null()}
    with writing_embeddings(path, model, types) as file:
        file.write(columns, np.asarray(vectors, dtype=np.float32))


def read_embeddings(path: Path) -> tuple[npt.NDArray[np.object_], Floats, str]:
    """Return InChIKeys (n,), embeddings (n, d) float32 and the model's hash; NaN rows where there is no embedding."""
    if not path.is_file():
        raise ArtefactError(f"{path}: no embeddings here; make them with: python -m learn.encode --graph")
    try:
        table = pq.read_table(path, columns=["inchikey", EMBEDDING])
        column = table[EMBEDDING].combine_chunks()
        there = column.is_valid().to_numpy(zero_copy_only=False)
        found = column.drop_null()
        width = len(found[0]) if len(found) else WIDTH
        vectors = np.full((len(column), width), np.nan, dtype=np.float32)
        vectors[there] = found.flatten().to_numpy().reshape(-1, width)
        keys = table["inchikey"].to_numpy()
    except (pa.ArrowInvalid, KeyError, ValueError) as error:
        raise ArtefactError(f"{path}: no embeddings in the expected form ({error})") from None
    return keys, vectors, model_of(path)


def model_of(path: Path) -> str:
    """Return the hash of the model that made the embeddings of a file; "" where it does not say."""
    try:
        metadata = pq.read_schema(path).metadata or {}
    except (pa.ArrowInvalid, OSError) as error:
        raise ArtefactError(f"{path}: no embeddings in the expected form ({error})") from None
    return str(metadata.get(MODEL_KEY, b"").decode())
