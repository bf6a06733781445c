"""GCT and GCTX, the formats of L1000: a matrix of genes and signatures, and what describes either.

GCT (https://clue.io/connectopedia/gct_format) is text, plain or ``.gz``, fields separated by tabs, quotes mean nothing:

- line 1: ``#1.2`` or ``#1.3``;
- line 2: number of genes, of signatures and, in 1.3, of fields that describe a gene and a signature;
- line 3: ``id``, the names of the fields of genes, the ids of the signatures;
- in 1.3, a line a field of signatures: its name, a filler a field of genes, a value a signature;
- a line a gene: its id, its fields, a number a signature.

GCTX (https://clue.io/connectopedia/gctx_format) is HDF5: ``/0/DATA/0/matrix`` (signatures, genes), ``/0/META/ROW/id``
and further fields of genes, ``/0/META/COL/id`` and further fields of signatures, the attribute ``version`` at the root.

The formats' own library, cmapPy, does not run with NumPy 2.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from graphdb.errors import InputError
from ingest.sources._read import MISSING_NUMBERS
from ingest.sources._text import text_lines

MAX_CELLS = 4_000_000_000
"""16 GB of float32. What states more is damaged, or needs another machine than one that this would run on."""

MISSING = (*MISSING_NUMBERS, "-666", "-666.0", "-666.000000", "na")
"""What a field that describes a gene or a signature holds where it has nothing."""

MATRIX, GENES, SIGNATURES = "/0/DATA/0/matrix", "/0/META/ROW", "/0/META/COL"
PROBE_SECONDS = 300
"""How long the descriptions of a GCTX file may take; those of half a million signatures take seconds."""

_PROBE = f"""
import sys, h5py
with h5py.File(sys.argv[1], "r") as file:
    matrix = file[{MATRIX!r}]
    file.attrs.get("version")
    for group in ({GENES!r}, {SIGNATURES!r}):
        for name in file[group]:
            found = file[group].get(name)
            if isinstance(found, h5py.Dataset) and found.size in matrix.shape:
                found[()]
    matrix[:1], matrix[-1:]
"""
_COUNT = re.compile(r"[0-9]{1,12}")
_BLOCK = 2**24

Choice = Callable[[pd.DataFrame], npt.NDArray[np.bool_]]
"""The fields of d genes → (d,) which of them are wanted."""


class Gct(NamedTuple):
    """Signatures as rows, whichever way the file has them.

    Attributes
    ----------
    values
        (n, d) float32, n signatures and d genes; NaN where the file has none, ±inf as found.
    genes
        d rows of str: the fields of the genes, "" where missing, without the id.
    signatures
        n rows of str: the fields of the signatures, likewise.
    gene_ids, signature_ids
        The ids (d,) and (n,), distinct within either.
    gene_places
        (d,) int64: the line of each gene; in GCTX, which has no lines, its number in the matrix, from 1.
    signature_places
        (n,) int64: the column of each signature in the file, from 1; in GCTX its number in the matrix, from 1.
    """

    values: npt.NDArray[np.float32]
    genes: pd.DataFrame
    signatures: pd.DataFrame
    gene_ids: tuple[str, ...]
    signature_ids: tuple[str, ...]
    gene_places: npt.NDArray[np.int64]
    signature_places: npt.NDArray[np.int64]


class _Counts(NamedTuple):
    """What line 2 of a GCT file says."""

    genes: int
    signatures: int
    gene_fields: int
    signature_fields: int


def every_gene(genes: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Choose all genes."""
    return np.ones(len(genes), dtype=bool)


def read_gct(path: Path, choose: Choice = every_gene) -> Gct:
    """Read the genes of a GCT file that `choose` wants.

    Raises
    ------
    InputError
        With file and line: no GCT, another version, counts that do not fit, a row of another length, no number where
        one should be, an id that is missing or stands twice, more than `MAX_CELLS` cells, truncated gzip, no UTF-8.
    """
    lines = _rows(path)
    counts = _counts(path, lines)
    number, header = _next(path, lines, "the ids of the signatures")
    first = 1 + counts.gene_fields
    width = first + counts.signatures
    _check_length(path, number, header, width)
    signature_ids = _ids(path, header[first:], "signature", [number] * counts.signatures)
    described: dict[str, list[str]] = {}
    for _ in range(counts.signature_fields):
        number, fields = _next(path, lines, f"{counts.signature_fields} fields of signatures")
        _check_length(path, number, fields, width)
        described[_unused(path, number, fields[0], described)] = [_text(cell) for cell in fields[first:]]
    gene_ids, gene_fields, places = [], [], []
    values: list[npt.NDArray[np.float32]] = []
    for _ in range(counts.genes):
        number, fields = _next(path, lines, f"{counts.genes} genes")
        _check_length(path, number, fields, width)
        gene_ids.append(fields[0])
        gene_fields.append([_text(cell) for cell in fields[1:first]])
        places.append(number)
        values.append(_numbers(path, number, fields[first:], signature_ids))
    for number, _ in lines:
        raise InputError(f"more lines than the {counts.genes} genes that line 2 states", path=path, line=number)
    names: dict[str, object] = {}
    for name in header[1:first]:
        names[_unused(path, 3, name, names)] = None
    genes = pd.DataFrame(gene_fields, columns=list(names), index=range(counts.genes), dtype=object)
    ids = _ids(path, gene_ids, "gene", places)
    wanted = choose(genes)
    return Gct(
        values=np.array([row for row, chosen in zip(values, wanted, strict=True) if chosen], np.float32).T.copy(),
        genes=genes[wanted].reset_index(drop=True),
        signatures=pd.DataFrame(described, index=range(counts.signatures), dtype=object),
        gene_ids=tuple(np.array(ids, dtype=object)[wanted]),
        signature_ids=signature_ids,
        gene_places=np.array(places, dtype=np.int64)[wanted],
        signature_places=np.arange(first + 1, width + 1, dtype=np.int64),
    )


def read_gctx(path: Path, choose: Choice = every_gene) -> Gct:
    """Read the genes of a GCTX file that `choose` wants; the others are never held in memory together.

    Raises
    ------
    InputError
        If it is no HDF5 file or a truncated one, lacks a data set, is of another version, has ids or fields that do not
        fit the matrix, an id that is missing or stands twice, or more than `MAX_CELLS` cells that are wanted.
    """
    import h5py

    _probe(path)
    try:
        with h5py.File(path, "r") as file:
            return _from_hdf5(path, file, choose)
    # What h5py raises on damaged files, which can break anywhere.
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, EOFError) as error:
        said = " ".join(str(error).split())
        raise InputError(f"not an HDF5 file, or a damaged one ({said})", path=path) from None
    except MemoryError:
        raise InputError("the matrix does not fit into memory", path=path) from None


def _probe(path: Path) -> None:
    """Read the descriptions in a process of its own first.

    On damaged headers the HDF5 library may loop for ever or crash, which nothing within the process can stop. Errors
    that it does tell are left to the reading itself.
    """
    command = [sys.executable, "-P", "-c", _PROBE, str(path)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=PROBE_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise InputError(f"a damaged HDF5 file: no end of reading after {PROBE_SECONDS} s", path=path) from None
    if done.returncode < 0:
        raise InputError(f"a damaged HDF5 file: its library dies of it (signal {-done.returncode})", path=path)


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the fields of every line that is not blank."""
    for number, line in enumerate(text_lines(path), start=1):
        text = line.rstrip("\r\n")
        if text.strip():
            yield number, text.split("\t")


def _next(path: Path, lines: Iterator[tuple[int, list[str]]], wanted: str) -> tuple[int, list[str]]:
    for found in lines:
        return found
    raise InputError(f"the file ends before what line 2 states: {wanted}", path=path, line=2)


def _counts(path: Path, lines: Iterator[tuple[int, list[str]]]) -> _Counts:
    number, version = next(lines, (1, [""]))
    if number != 1 or version[0].strip() not in {"#1.2", "#1.3"}:
        raise InputError(f"not a GCT file: expected #1.2 or #1.3, found {version[0][:40]!r}", path=path, line=1)
    number, fields = next(lines, (2, [""]))
    # Spreadsheets fill the line up with empty fields.
    while fields and not fields[-1].strip():
        fields = fields[:-1]
    size = 2 if version[0].strip() == "#1.2" else 4
    stated = [int(cell) for cell in fields if _COUNT.fullmatch(cell.strip())]
    if number != 2 or len(fields) != size or len(stated) != size:
        found = " ".join(fields)[:60]
        raise InputError(f"expected {size} numbers separated by tabs, found {found!r}", path=path, line=2)
    counts = _Counts._make(stated if size == 4 else [*stated, 1, 0])
    if not (counts.genes and counts.signatures):
        raise InputError("no genes or no signatures", path=path, line=2)
    _check_cells(path, counts.signatures, counts.genes, line=2)
    return counts


def _check_length(path: Path, line: int, fields: list[str], width: int) -> None:
    if len(fields) != width:
        raise InputError(f"{len(fields)} fields, but line 2 states {width}", path=path, line=line)


def _check_cells(path: Path, signatures: int, genes: int, line: int | None = None) -> None:
    if signatures * genes > MAX_CELLS:
        raise InputError(
            f"{signatures:,} signatures of {genes:,} genes are more than {MAX_CELLS:,} cells", path=path, line=line
        )


def _unused(path: Path, line: int, name: str, taken: dict[str, Any]) -> str:
    name = name.strip()
    if name in taken:
        raise InputError(f"field {name} occurs more than once", path=path, line=line)
    return name


def _ids(path: Path, cells: Sequence[str], kind: str, lines: Sequence[int] | None) -> tuple[str, ...]:
    """Return ids without blanks around them; each must be there once."""
    seen: set[str] = set()
    for place, cell in enumerate(cells):
        text = cell.strip()
        if not text or text in seen:
            wrong = f"{kind} id {text!r} occurs more than once" if text else f"{kind} {place + 1} has no id"
            raise InputError(wrong, path=path, line=None if lines is None else lines[place])
        seen.add(text)
    return tuple(cell.strip() for cell in cells)


def _numbers(path: Path, line: int, cells: list[str], signatures: Sequence[str]) -> npt.NDArray[np.float32]:
    texts = np.array(["" if cell.strip() in MISSING_NUMBERS else cell for cell in cells], dtype=object)
    try:
        found = np.asarray(pd.to_numeric(texts), dtype=np.float64)
    except OverflowError:  # digits beyond float64
        found = np.array([float(cell or "nan") for cell in texts])
    except (ValueError, TypeError):
        bad = pd.isna(pd.to_numeric(texts, errors="coerce")) & (texts != "")
        place = int(np.argmax(bad))
        raise InputError(
            f"signature {signatures[place]}: expected a number, found {cells[place][:40]!r}", path=path, line=line
        ) from None
    with np.errstate(over="ignore"):  # too large for float32 is infinite, which is told later
        return found.astype(np.float32)


def _text(cell: str) -> str:
    text = cell.strip()
    return "" if text in MISSING else text


def _from_hdf5(path: Path, file: Any, choose: Choice) -> Gct:
    _check_version(path, file)
    matrix = _dataset(path, file, MATRIX)
    if matrix.ndim != 2 or matrix.dtype.kind not in "fiu" or 0 in matrix.shape:
        raise InputError(
            f"{MATRIX}: expected a matrix of numbers, found {matrix.dtype} of shape {matrix.shape}", path=path
        )
    n, d = matrix.shape
    gene_ids, genes = _described(path, file, GENES, "gene", d)
    wanted = choose(genes)
    kept = int(wanted.sum())
    _check_cells(path, n, kept)
    signature_ids, signatures = _described(path, file, SIGNATURES, "signature", n)
    values = np.empty((n, kept), dtype=np.float32)
    block = max(1, _BLOCK // d)
    if matrix.chunks:  # so that no chunk is unpacked twice
        block = max(1, block // matrix.chunks[0]) * matrix.chunks[0]
    for start in range(0, n, block):
        part = matrix[start : start + block]
        with np.errstate(over="ignore"):
            values[start : start + block] = part if kept == d else part[:, wanted]
    return Gct(
        values=values,
        genes=genes[wanted].reset_index(drop=True),
        signatures=signatures,
        gene_ids=tuple(np.array(gene_ids, dtype=object)[wanted]),
        signature_ids=signature_ids,
        gene_places=np.flatnonzero(wanted).astype(np.int64) + 1,
        signature_places=np.arange(1, n + 1, dtype=np.int64),
    )


def _check_version(path: Path, file: Any) -> None:
    stated = file.attrs.get("version")
    if stated is None:  # nothing in the layout depends on it
        return
    first = np.asarray(stated).reshape(-1)[0]
    text = first.decode("ascii", "replace") if isinstance(first, bytes) else str(first)
    if text.strip().upper().removeprefix("GCTX").strip() not in {"1", "1.0"}:
        raise InputError(f"expected version GCTX1.0, found {text[:40]!r}", path=path)


def _dataset(path: Path, file: Any, name: str) -> Any:
    import h5py

    found = file.get(name)
    if not isinstance(found, h5py.Dataset):
        raise InputError(f"no data set {name}; is this a GCTX file?", path=path)
    return found


def _described(path: Path, file: Any, group: str, kind: str, n: int) -> tuple[tuple[str, ...], pd.DataFrame]:
    """Return the n ids and the other fields of genes or signatures."""
    import h5py

    cells = _cells(path, _dataset(path, file, f"{group}/id"), n)
    if cells is None:
        raise InputError(f"{group}/id: expected text", path=path)
    ids = _ids(path, cells, kind, None)
    fields: dict[str, list[str]] = {}
    for name in file[group]:
        dataset = file[group].get(name)
        if name != "id" and isinstance(dataset, h5py.Dataset):
            found = _cells(path, dataset, n)
            if found is not None:
                fields[name] = [_text(cell) for cell in found]
    return ids, pd.DataFrame(fields, index=range(n), dtype=object)


def _cells(path: Path, dataset: Any, n: int) -> list[str] | None:
    """Return a field as n texts, None where it holds neither texts nor numbers."""
    import h5py

    # Some writers make a column of one: (n, 1).
    if dataset.size != n:
        raise InputError(f"{dataset.name}: {dataset.size} entries, but {n} in the matrix", path=path)
    if dataset.dtype.kind == "O" and h5py.check_string_dtype(dataset.dtype) is None:
        return None
    if dataset.dtype.kind not in "SOiufb":
        return None
    cells = np.asarray(dataset[()]).reshape(-1)
    if cells.dtype.kind in "SO":
        return [cell.decode("utf-8") if isinstance(cell, bytes) else str(cell) for cell in cells]
    if cells.dtype.kind == "f":
        # 24.0 hours are written "24 h" elsewhere, and an id that was kept as a number has no point.
        return [str(int(cell)) if np.isfinite(cell) and cell == int(cell) else str(cell) for cell in cells]
    return [str(int(cell)) for cell in cells]
