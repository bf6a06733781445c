"""Gene columns of tables, as sources yield them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from graphdb.errors import InputError
from ingest.records import GeneTable, Ref
from ingest.sources._read import shown

ENSEMBL_ID = re.compile(r"ENSG[0-9]{11}(\.[0-9]+)?")
"""An Ensembl id of a human gene, with its version or without."""

NCBI_ID = r"[0-9]{1,18}"
"""An NCBI gene id: a number that 64 bits hold."""


def gene_ref(name: str) -> Ref:
    """Return what a gene's name means by its looks: digits an NCBI id, ``ENSG…`` an Ensembl id, else a symbol."""
    if re.fullmatch(NCBI_ID, name):
        return Ref("ncbi", name)
    return Ref("ensembl" if ENSEMBL_ID.fullmatch(name) else "symbol", name)


def ncbi_ids(ids: pd.Series, path: Path) -> npt.NDArray[np.int64]:
    """Return NCBI gene ids (n,) of a column of text that is indexed by line.

    Raises
    ------
    InputError
        With the line, where a cell is no number.
    """
    strange = ~ids.str.fullmatch(NCBI_ID).to_numpy(dtype=bool)
    if strange.any():
        first = int(np.argmax(strange))
        raise InputError(
            f"expected an NCBI gene id, found {shown(ids.iloc[first])}", path=path, line=int(ids.index[first])
        )
    return np.asarray(ids, dtype=str).astype(np.int64)


def gene_table(
    source: str,
    path: Path,
    lines: Sequence[int] | npt.NDArray[np.int64],
    ids: npt.NDArray[np.int64],
    symbols: Sequence[str | None],
    *,
    names: Sequence[str | None] | None = None,
    synonyms: Sequence[Sequence[str]] | None = None,
    ensembl: Sequence[Sequence[str]] | None = None,
    withdrawn: pd.DataFrame | None = None,
) -> GeneTable:
    """Return a gene table of columns of equal length."""
    n = len(ids)
    table = pd.DataFrame(
        {
            "line": np.asarray(lines, dtype=np.int64),
            "ncbi_id": ids,
            "symbol": pd.Series(list(symbols), dtype=object),
            "name": pd.Series([None] * n if names is None else list(names), dtype=object),
            "synonyms": pd.Series([[]] * n if synonyms is None else [list(s) for s in synonyms], dtype=object),
        }
    )
    if ensembl is not None:
        table["ensembl"] = pd.Series([list(found) for found in ensembl], dtype=object)
    return GeneTable(source, path, table, withdrawn)
