"""NCBI Gene: the identifiers of human genes (symbol, synonyms, Ensembl id), and those that were withdrawn.

Files, plain or ``.gz``, tab-separated, of https://ftp.ncbi.nlm.nih.gov/gene/DATA/ and of HGNC:

- ``Homo_sapiens.gene_info`` (GENE_INFO/Mammalia), or ``gene_info`` of all species: ``#tax_id``, ``GeneID``, ``Symbol``,
  ``Synonyms`` (by ``|``), ``dbXrefs`` (``MIM:138670|HGNC:HGNC:5|Ensembl:ENSG00000121410``), ``description``; others are
  left unread, ``-`` is missing. Needed.
- ``gene_history``: ``#tax_id``, ``GeneID`` (what replaced it; ``-``: nothing), ``Discontinued_GeneID``,
  ``Discontinued_Symbol``. If there.
- HGNC's ``withdrawn.txt`` (https://www.genenames.org/download/archive/): ``HGNC_ID``, ``STATUS`` (``Entry Withdrawn``
  or ``Merged/Split``), ``WITHDRAWN_SYMBOL``, ``MERGED_INTO_REPORT(S) (i.e HGNC_ID|SYMBOL|STATUS)``. If there.

Human rows alone (tax_id 9606) are read. A look-up: a gene becomes a node when another source refers to it. Where the
withdrawals are there, a record of any source that names a withdrawn gene is rejected with what replaced the gene, and
is never moved to the replacement: whether a measurement of the one is one of the other only its maker can say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from graphdb.errors import InputError
from ingest.records import GeneTable, Ref, SourceRecords, rejects_table
from ingest.sources._genes import gene_table, ncbi_ids
from ingest.sources._read import find_file, find_optional, header, read_plain, text_column
from ingest.sources._source import Source

NAME = "ncbigene"
HUMAN = ("tax_id", "9606")
MISSING = ("-", "")
NO_SYMBOL = (*MISSING, "NEWENTRY")
"""``NEWENTRY`` stands for every gene that has no symbol yet."""

MERGED, WITHDRAWN = "Merged/Split", "Entry Withdrawn"
REPLACEMENTS = "MERGED_INTO_REPORT"
"""How the column begins; what HGNC writes behind it has changed (``/`` for ``|``)."""

_PARTS = re.compile(r"[|/]")
NO_GENES = (np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), ())


def read(path: Path) -> SourceRecords:
    """Read the folder `path`."""
    genes_file = find_file(path, "Homo_sapiens.gene_info", "gene_info")
    history_file = find_optional(path, "gene_history")
    hgnc_file = find_optional(path, "withdrawn.txt")
    genes, by_hgnc = _genes(genes_file)
    tables, rejects = [genes], rejects_table(NAME, genes_file, [], [], [])
    if history_file is not None:
        tables.append(_history(history_file))
    if hgnc_file is not None:
        table, rejects = _withdrawn_symbols(hgnc_file, by_hgnc)
        tables.append(table)
    return SourceRecords(
        genes=tuple(tables),
        rejects=rejects,
        files=tuple(file for file in (genes_file, history_file, hgnc_file) if file is not None),
    )


def _genes(path: Path) -> tuple[GeneTable, dict[str, str]]:
    """Return the living genes, and HGNC id → NCBI id."""
    columns = ["tax_id", "GeneID", "Symbol", "Synonyms", "dbXrefs", "description"]
    rows = read_plain(path, columns, where=HUMAN)
    if rows.empty:
        raise InputError(f"no gene of tax_id {HUMAN[1]} (human) in this file", path=path)
    references = [_items(cell) for cell in rows["dbXrefs"]]
    ids = ncbi_ids(rows["GeneID"], path)
    repeated = pd.Series(ids).duplicated().to_numpy()
    if repeated.any():
        place = int(np.argmax(repeated))
        raise InputError(f"GeneID {ids[place]} occurs more than once", path=path, line=int(rows.index[place]))
    table = gene_table(
        NAME,
        path,
        rows.index.to_numpy(),
        ids,
        text_column(rows["Symbol"], NO_SYMBOL).tolist(),
        names=text_column(rows["description"], MISSING).tolist(),
        synonyms=[_items(cell) for cell in rows["Synonyms"]],
        ensembl=[_stated(found, "Ensembl:") for found in references],
    )
    # HGNC's own ids begin with "HGNC:" as well.
    by_hgnc = {
        stated: gene
        for gene, found in zip(rows["GeneID"], references, strict=True)
        for stated in _stated(found, "HGNC:")
    }
    return table, by_hgnc


def _history(path: Path) -> GeneTable:
    columns = ["tax_id", "GeneID", "Discontinued_GeneID", "Discontinued_Symbol"]
    rows = read_plain(path, columns, where=HUMAN)
    replaced = rows["GeneID"][~rows["GeneID"].isin(MISSING)]
    ncbi_ids(replaced, path)
    return _withdrawals(
        path,
        pd.DataFrame(
            {
                "line": rows.index.to_numpy(),
                "ncbi_id": pd.Series(ncbi_ids(rows["Discontinued_GeneID"], path), dtype="Int64"),
                "symbol": text_column(rows["Discontinued_Symbol"], NO_SYMBOL),
                "replaced_by": _lists([] if gene in MISSING else [Ref("ncbi", gene)] for gene in rows["GeneID"]),
            }
        ),
    )


def _withdrawn_symbols(path: Path, by_hgnc: dict[str, str]) -> tuple[GeneTable, pd.DataFrame]:
    """Return the symbols that HGNC withdrew, and a reject for each row of a status that is not known."""
    # The last field of an entry without replacement may be left out.
    column = next((name for name in header(path) if name.startswith(REPLACEMENTS)), REPLACEMENTS)
    rows = read_plain(path, ["HGNC_ID", "STATUS", "WITHDRAWN_SYMBOL", column], may_lack=1)
    known = rows["STATUS"].isin([MERGED, WITHDRAWN]).to_numpy(dtype=bool)
    others = rows[~known]
    rejects = rejects_table(
        NAME,
        path,
        others.index.to_numpy(),
        others["WITHDRAWN_SYMBOL"].to_numpy(),
        [f"unknown status of a withdrawn symbol: {status}" for status in others["STATUS"]],
    )
    rows = rows[known]
    replaced_by: list[list[Ref]] = []
    for line, status, cell in zip(rows.index, rows["STATUS"], rows[column], strict=True):
        found = [_PARTS.split(part, maxsplit=2) for part in cell.split(", ")] if status == MERGED and cell else []
        if any(len(parts) < 3 for parts in found):
            raise InputError(f"expected HGNC_ID|SYMBOL|STATUS, found {cell!r}", path=path, line=int(line))
        # A gene keeps its number where its symbol changes.
        replaced_by.append(
            [
                Ref("ncbi", by_hgnc[number]) if number in by_hgnc else Ref("symbol", symbol)
                for number, symbol, *_ in found
            ]
        )
    table = pd.DataFrame(
        {
            "line": rows.index.to_numpy(),
            "ncbi_id": pd.Series([pd.NA] * len(rows), dtype="Int64"),
            "symbol": text_column(rows["WITHDRAWN_SYMBOL"].str.removesuffix("~withdrawn"), MISSING),
            "replaced_by": _lists(replaced_by),
        }
    )
    return _withdrawals(path, table), rejects


def _withdrawals(path: Path, table: pd.DataFrame) -> GeneTable:
    return gene_table(NAME, path, *NO_GENES, withdrawn=table)


def _items(cell: str) -> list[str]:
    return [] if cell in MISSING else [item.strip() for item in cell.split("|")]


def _stated(references: list[str], database: str) -> list[str]:
    """Return the identifiers of one database; ``dbXrefs`` writes each behind the name of its database."""
    return [text.removeprefix(database) for text in references if text.startswith(database)]


def _lists(lists: Iterable[list[Ref]]) -> pd.Series:
    # Object dtype on purpose: pandas would take lists of equal length for a table.
    return pd.Series(list(lists), dtype=object)


SOURCE = Source(
    name=NAME,
    title="NCBI Gene: symbols, synonyms, Ensembl ids and withdrawn ids of human genes",
    origin="https://ftp.ncbi.nlm.nih.gov/gene/DATA/ (withdrawn symbols: https://www.genenames.org/download/archive/)",
    licence="public domain (NCBI), CC0 (HGNC)",
    files=("Homo_sapiens.gene_info", "gene_history (if there)", "withdrawn.txt (if there)"),
    read=read,
)
