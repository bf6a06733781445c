"""A file of structures → a file of their embeddings, record by record in the same order."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from graphdb.console import note, progress
from graphdb.files import replacing_file
from ingest.prepare import Structure
from ingest.structures import Record, read_structures
from learn.embedding_file import EMBEDDING, writing_embeddings
from learn.encode import Options, encode_stream

if TYPE_CHECKING:
    from learn.checkpoint import Checkpoint

SHOWN_REJECTS = 5

COLUMNS = {
    "line": pa.int64(),
    "name": pa.string(),
    "smiles": pa.string(),
    "inchikey": pa.string(),
    EMBEDDING: pa.null(),
    "reason": pa.string(),
}
"""Columns of the file: where the record begins, its name and SMILES as given, its InChIKey, its embedding (null where
it has none), and why it has none."""

REJECT_COLUMNS = ("line", "name", "smiles", "reason")


class Counts(NamedTuple):
    """How many records a file had, and how many of them have an embedding now."""

    records: int
    embedded: int


def encode_file(
    path: Path,
    out: Path,
    model: Checkpoint,
    options: Options | None = None,
    *,
    column: str | None = None,
    name_column: str | None = None,
    rejects: Path | None = None,
) -> Counts:
    """Encode the structures of a file.

    n records give n rows (`COLUMNS`) in the same order. Only a few chunks are in memory, whatever the file's length.

    Parameters
    ----------
    path, column, name_column
        See `ingest.structures.read_structures`.
    out
        The Parquet file that is written, all or nothing.
    model, options
        See `learn.encode.encode_stream`.
    rejects
        A CSV file to write, with a row for each structure that cannot be used; None: none. The first few are said
        anyway.

    Raises
    ------
    InputError
        If the file cannot be read to its end.
    """
    waiting: deque[list[Record]] = deque()
    records = embedded = 0
    with ExitStack() as stack:
        file = stack.enter_context(writing_embeddings(out, model.model_hash, COLUMNS))
        reject = _Rejects(path, stack, rejects)
        bar = stack.enter_context(progress())
        task = bar.add_task("encoding", total=None)
        chunks = read_structures(path, column=column, name_column=name_column)
        for prepared, vectors in encode_stream(_structures(chunks, waiting), model, options):
            read = waiting.popleft()
            file.write(
                {
                    "line": [record.line for record in read],
                    "name": [record.name for record in read],
                    "smiles": [record.structure.smiles for record in read],
                    "inchikey": prepared.inchikeys,
                    "reason": prepared.reasons,
                },
                vectors,
            )
            for record, reason in zip(read, prepared.reasons, strict=True):
                if reason is not None:
                    reject.add(record, reason)
            records += len(read)
            embedded += int((prepared.rows >= 0).sum())
            bar.advance(task, len(read))
    if embedded < records:
        note(f"{records - embedded:,} of {records:,} structures cannot be used: their embeddings are null")
    return Counts(records, embedded)


def _structures(chunks: Iterator[list[Record]], waiting: deque[list[Record]]) -> Iterator[list[Structure]]:
    """Yield what is to be encoded, and keep the records until it is."""
    for records in chunks:
        waiting.append(records)
        yield [record.structure for record in records]


class _Rejects:
    """Says the first few structures that cannot be used, and lists them all where a file is wanted."""

    def __init__(self, source: Path, stack: ExitStack, out: Path | None) -> None:
        self._source = source
        self._said = 0
        self._table = None
        if out is not None:
            temporary = stack.enter_context(replacing_file(out))
            self._table = csv.writer(stack.enter_context(temporary.open("w", newline="", encoding="utf-8")))
            self._table.writerow(REJECT_COLUMNS)

    def add(self, record: Record, reason: str) -> None:
        if self._said < SHOWN_REJECTS:
            note(f"{self._source}:{record.line}: {reason}")
            self._said += 1
        if self._table is not None:
            self._table.writerow((record.line, record.name, record.structure.smiles, reason))
