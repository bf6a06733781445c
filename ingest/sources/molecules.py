"""A list of molecules: any CSV, TSV (plain or ``.gz``) or Parquet file with a column ``smiles``.

Further columns that are used where they are there, in any case and order: ``name``, ``inchikey`` and the identifiers
``chembl``, ``drugbank``, ``brd``, ``jcp`` (also as ``chembl_id`` and so on, and as JUMP and the Broad institute call
them). An ``id`` column is kept as a synonym, for it is not known what its values are unique in.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from graphdb.errors import InputError
from graphdb.schema import IDENTIFIER_PROPERTIES
from ingest.records import SourceRecords, StructureTable, rejects_table
from ingest.sources._read import listing, read_table, text_column
from ingest.sources._source import Source

NAME = "molecules"
MISSING = ("", "NA", "NaN", "nan", "None", "null")

FURTHER_NAMES = {"jcp": ("metadata_jcp2022", "jcp2022"), "brd": ("broad_id", "pert_id")}
"""What the published lists of JUMP and of the Broad institute call their identifiers."""


def read(path: Path) -> SourceRecords:
    """Read the file `path`."""
    if path.is_dir():
        raise InputError("expected one CSV, TSV or Parquet file with a column smiles, found a folder", path=path)
    listed = read_table(path, [])
    listed.columns = pd.Index([str(name).strip().lower() for name in listed.columns])
    if "smiles" not in listed.columns:
        raise InputError(f"missing column smiles; there are {listing(list(listed.columns))}", path=path, line=1)
    if listed.columns.has_duplicates:
        raise InputError("two columns differ only in upper and lower case", path=path, line=1)
    listed["smiles"] = listed["smiles"].str.strip()
    blank = listed["smiles"].isin(MISSING)
    kept = listed[~blank]
    columns: dict[str, object] = {
        "line": kept.index.to_numpy(),
        "namespace": "smiles",
        "value": kept["smiles"].to_numpy(),
        "smiles": kept["smiles"].to_numpy(dtype=object),
        "name": next((text_column(kept[name], MISSING) for name in ("name", "pert_iname") if name in kept), None),
    }
    if "inchikey" in kept:
        columns["inchikey"] = text_column(kept["inchikey"], MISSING)
    if "id" in kept:
        columns["synonyms"] = pd.Series([[] if value in MISSING else [value] for value in kept["id"]], dtype=object)
    for namespace in IDENTIFIER_PROPERTIES:
        for name in (namespace, f"{namespace}_id", *FURTHER_NAMES.get(namespace, ())):
            if name in kept:
                columns[namespace] = text_column(kept[name], MISSING)
                break
    return SourceRecords(
        structures=(StructureTable(NAME, path, pd.DataFrame(columns), is_node=True),),
        rejects=rejects_table(NAME, path, listed.index[blank].to_numpy(), "", "no SMILES"),
        files=(path,),
    )


SOURCE = Source(
    name=NAME,
    title="a list of molecules: any CSV, TSV or Parquet file with a column smiles",
    origin="the user's",
    licence="the user's",
    files=("*.csv | *.tsv | *.parquet",),
    read=read,
)
