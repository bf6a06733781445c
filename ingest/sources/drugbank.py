"""DrugBank: names and structures of drugs; a look-up that profiles and links of other sources refer to.

File ``drugbank.tsv``, of https://github.com/dhimmel/drugbank: DrugBank id, name, InChI, InChIKey (with the prefix
``InChIKey=``); biotech drugs have no structure and are kept without one, so that a reference to such a drug is
answered with "no structure" and not with "unknown". Descriptions hold line breaks inside quotes.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ingest.records import SourceRecords, StructureTable
from ingest.sources._read import find_file, read_table, text_column
from ingest.sources._source import Source

NAME = "drugbank"


def read(path: Path) -> SourceRecords:
    """Read the folder `path`."""
    file = find_file(path, "drugbank.tsv")
    drugs = read_table(file, ["drugbank_id", "name", "inchi", "inchikey"])
    table = pd.DataFrame(
        {
            "line": drugs.index.to_numpy(),
            "namespace": "drugbank",
            "value": drugs["drugbank_id"].to_numpy(),
            "inchi": text_column(drugs["inchi"]),
            "inchikey": text_column(drugs["inchikey"].str.removeprefix("InChIKey=")),
            "name": text_column(drugs["name"]),
        }
    )
    return SourceRecords(structures=(StructureTable(NAME, file, table, is_node=False),), files=(file,))


SOURCE = Source(
    name=NAME,
    title="DrugBank: names and structures of 7,759 drugs (look-up for LINCS and Hetionet)",
    origin="https://github.com/dhimmel/drugbank",
    licence="CC BY-NC 4.0 (non-commercial)",
    files=("drugbank.tsv",),
    read=read,
)
