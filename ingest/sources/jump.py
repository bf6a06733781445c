"""JUMP Cell Painting: structures of its 116,753 compounds, and which gene each CRISPR and ORF reagent perturbs.

Files, any of which may be absent:

- ``JUMPCP_compounds.csv`` (columns ``Metadata_JCP2022``, ``smiles``) or JUMP's own ``compound.csv``
  (``Metadata_JCP2022``, ``Metadata_SMILES``; https://github.com/jump-cellpainting/datasets, metadata).
- ``crispr.csv`` and ``orf.csv`` of the same repository: a reagent's JCP2022 id, its gene's NCBI id and symbol.

The compounds become molecules. The reagents are a look-up: their JCP2022 ids are synonyms of the gene, so that a
profile table that names them is understood.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from graphdb.errors import InputError
from ingest.records import REJECT_COLUMNS, GeneTable, SourceRecords, StructureTable, rejects_table
from ingest.sources._genes import NCBI_ID, gene_table
from ingest.sources._read import find_optional, read_table, text_column
from ingest.sources._source import Source

NAME = "jump"
ID, GENE, SYMBOL = "Metadata_JCP2022", "Metadata_NCBI_Gene_ID", "Metadata_Symbol"
DESCRIPTION = "Metadata_Gene_Description"
COMPOUND_FILES = ("JUMPCP_compounds.csv", "compound.csv")
REAGENT_FILES = ("crispr.csv", "orf.csv")


def read(path: Path) -> SourceRecords:
    """Read the folder `path`."""
    compounds = find_optional(path, *COMPOUND_FILES)
    reagents = [file for name in REAGENT_FILES if (file := find_optional(path, name)) is not None]
    if compounds is None and not reagents:
        raise InputError(f"none of {', '.join((*COMPOUND_FILES, *REAGENT_FILES))} (or .gz) in this folder", path=path)
    structures, rejects = ([], []) if compounds is None else _compounds(compounds)
    genes = []
    for file in reagents:
        table, unknown = _reagents(file)
        genes.append(table)
        rejects.append(unknown)
    return SourceRecords(
        structures=tuple(structures),
        genes=tuple(genes),
        rejects=pd.concat([part for part in rejects if len(part)] or [pd.DataFrame(columns=list(REJECT_COLUMNS))]),
        files=tuple(file for file in (compounds, *reagents) if file is not None),
    )


def _compounds(path: Path) -> tuple[list[StructureTable], list[pd.DataFrame]]:
    listed = read_table(path, [ID])
    column = next((name for name in ("smiles", "Metadata_SMILES") if name in listed), None)
    if column is None:
        raise InputError("missing column smiles (or Metadata_SMILES)", path=path, line=1)
    smiles = listed[column].str.strip()
    blank = (smiles == "").to_numpy(dtype=bool)
    kept = listed[~blank]
    table = pd.DataFrame(
        {
            "line": kept.index.to_numpy(),
            "namespace": "jcp",
            "value": kept[ID].to_numpy(),
            "smiles": text_column(smiles[~blank]),
        }
    )
    lost = rejects_table(NAME, path, listed.index[blank].to_numpy(), listed[ID].to_numpy()[blank], "no SMILES")
    return [StructureTable(NAME, path, table, is_node=True)], [lost]


def _reagents(path: Path) -> tuple[GeneTable, pd.DataFrame]:
    listed = read_table(path, [ID, GENE, SYMBOL])
    known = listed[GENE].str.fullmatch(NCBI_ID) & (listed[SYMBOL] != "")
    used = listed[known]
    names = used[DESCRIPTION] if DESCRIPTION in used else pd.Series("", index=used.index)
    by_gene = pd.DataFrame(
        {"line": used.index, "gene": used[GENE].astype("int64"), "symbol": used[SYMBOL], "id": used[ID], "name": names}
    ).groupby(["gene", "symbol"], sort=False)
    first = by_gene.first().reset_index()
    table = gene_table(
        NAME,
        path,
        first["line"].to_numpy(),
        first["gene"].to_numpy(),
        first["symbol"].tolist(),
        names=[name or None for name in first["name"]],
        synonyms=by_gene["id"].agg(list).tolist(),
    )
    unknown = listed[~known]
    reasons = [
        f"this reagent names no gene with an NCBI id: {symbol or 'no symbol'}" for symbol in unknown[SYMBOL].tolist()
    ]
    return table, rejects_table(NAME, path, unknown.index.to_numpy(), unknown[ID].to_numpy(), reasons)


SOURCE = Source(
    name=NAME,
    title="JUMP Cell Painting: structures of 116,753 compounds; genes of its CRISPR and ORF reagents",
    origin="https://github.com/srijitseal/JUMPCP_Exploration and https://github.com/jump-cellpainting/datasets",
    licence="MIT (compounds), BSD-3-Clause (reagents)",
    files=("JUMPCP_compounds.csv", "crispr.csv", "orf.csv"),
    read=read,
)
