"""Structures of the compounds of the Broad institute's Cell Painting data set (Bray et al. 2017, GigaScience 6:giw014).

Files, of which one is needed:

- ``chemical_annotations.csv`` of the data set itself (http://gigadb.org/dataset/100351): ``BROAD_ID``, ``CPD_SMILES``,
  ``CPD_NAME``.
- ``structure.csv`` of InfoAlign's Broad6K (https://github.com/liugangcode/InfoAlign, ``raw_data/broad6k/raw``; 27,019
  structures): ``pert_id``, ``smiles``, ``pert_iname``, ``mol_id``. Two stereoisomers share a ``mol_id`` there, so that
  is no identifier here.

Each becomes a molecule, under its BRD id where it has one (half of those of Broad6K have none).
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from graphdb.errors import InputError
from ingest.records import SourceRecords, StructureTable, rejects_table
from ingest.sources._read import find_optional, read_table, text_column
from ingest.sources._source import Source

NAME = "bray"
LAYOUTS = {
    "chemical_annotations.csv": ("BROAD_ID", "CPD_SMILES", "CPD_NAME"),
    "structure.csv": ("pert_id", "smiles", "pert_iname"),
}
"""File → the columns of identifier, structure and name."""
MISSING = ("", "NA", "NaN", "nan")
_BRD = re.compile(r"BRD-[A-Z][0-9]{8}")


def read(path: Path) -> SourceRecords:
    """Read the folder `path`."""
    for name, columns in LAYOUTS.items():
        file = find_optional(path, name)
        if file is not None:
            return _read(file, *columns)
    raise InputError(f"none of {', '.join(LAYOUTS)} (or .gz) in this folder", path=path)


def _read(path: Path, identifier: str, structure: str, name: str) -> SourceRecords:
    listed = read_table(path, [identifier, structure, name])
    # The digits behind the compound's own ones are those of the sample.
    brd = listed[identifier].map(lambda text: found[0] if (found := _BRD.match(text)) else "")
    smiles = listed[structure].str.strip()
    good = ~smiles.isin(MISSING).to_numpy(dtype=bool)
    named = (brd != "")[good]
    names = listed[name].where(~listed[name].str.match(_BRD), "")
    table = pd.DataFrame(
        {
            "line": listed.index[good],
            "namespace": np.where(named, "brd", "smiles"),
            "value": np.where(named, brd[good], smiles[good]),
            "smiles": text_column(smiles[good]),
            "name": text_column(names[good], MISSING),
        }
    )
    bad = listed[~good]
    return SourceRecords(
        structures=(StructureTable(NAME, path, table, is_node=True),),
        rejects=rejects_table(NAME, path, bad.index.to_numpy(), bad[identifier].to_numpy(), "no SMILES"),
        files=(path,),
    )


SOURCE = Source(
    name=NAME,
    title="compounds of the Broad institute's Cell Painting data set: structures of up to 30,000",
    origin="http://gigadb.org/dataset/100351 or https://github.com/liugangcode/InfoAlign (raw_data/broad6k/raw)",
    licence="CC0 (GigaDB); none stated (InfoAlign)",
    files=("chemical_annotations.csv or structure.csv",),
    read=read,
)
