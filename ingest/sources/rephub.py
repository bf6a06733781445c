"""The Drug Repurposing Hub: annotated targets of drugs, and the structures of its samples.

Files, as standardised by https://github.com/jump-cellpainting/compound-annotator (Corsello et al. 2017, Nature Medicine
23:405):

- ``compound_rephub_annot_full.csv``: a drug by name, its targets as gene symbols between ``|``.
- ``repurposing_samples_20200324_standardized.csv``: a row a sample: ``broad_id``, name, ``SMILES_original``.

The annotation's own InChIKeys are of structures without stereochemistry, so its drugs are found by their names among
the samples. Samples are a look-up by BRD id, also for other sources; a drug becomes a molecule where it has a target.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from graphdb.schema import EdgeType
from ingest.records import LinkTable, SourceRecords, StructureTable, rejects_table
from ingest.sources._read import find_file, read_table, text_column
from ingest.sources._source import Source

NAME = "rephub"
ANNOTATIONS = "compound_rephub_annot_full.csv"
SAMPLES = "repurposing_samples_20200324_standardized.csv"
BRD_DIGITS = len("BRD-K12345678")
"""A sample's id goes on with salt, batch and plate: ``BRD-K12345678-001-01-1``."""


def read(path: Path) -> SourceRecords:
    """Read the folder `path`."""
    annotated_file, samples_file = find_file(path, ANNOTATIONS), find_file(path, SAMPLES)
    samples = read_table(samples_file, ["broad_id", "pert_iname", "SMILES_original", "InChIKey"])
    samples["brd"] = samples["broad_id"].str[:BRD_DIGITS]
    # ChemAxon's extensions (``|t:15|``) follow the SMILES after a blank; the structure is told without them.
    samples["SMILES_original"] = samples["SMILES_original"].str.partition(" ")[0]
    # Samples of one compound (vendors, batches) repeat its structure.
    distinct = samples.drop_duplicates(["brd", "SMILES_original"])
    structures = pd.DataFrame(
        {
            "line": distinct.index.to_numpy(),
            "namespace": "brd",
            "value": distinct["brd"].to_numpy(),
            "smiles": text_column(distinct["SMILES_original"]),
            "inchikey": text_column(distinct["InChIKey"]),
            "name": text_column(distinct["pert_iname"]),
        }
    )
    annotated = read_table(annotated_file, ["pert_iname", "target"])
    annotated = annotated[annotated["target"] != ""]
    # A name with two BRD ids is one compound under two ids: the first stands for it.
    brd = samples.drop_duplicates("pert_iname").set_index("pert_iname")["brd"]
    found = annotated["pert_iname"].map(brd)
    pairs = annotated.assign(brd=found, target=annotated["target"].str.split("|"))[found.notna()].explode("target")
    links = pd.DataFrame(
        {
            "line": pairs.index.to_numpy(),
            "src_namespace": "brd",
            "src_value": pairs["brd"].to_numpy(),
            "dst_namespace": "symbol",
            "dst_value": pairs["target"].str.strip().to_numpy(),
        }
    )
    lost = annotated[found.isna()]
    return SourceRecords(
        structures=(StructureTable(NAME, samples_file, structures, is_node=False),),
        links=(LinkTable(NAME, annotated_file, EdgeType.TARGETS, links),),
        rejects=rejects_table(
            NAME, annotated_file, lost.index.to_numpy(), lost["pert_iname"].to_numpy(), "no sample of this name"
        ),
        files=(annotated_file, samples_file),
    )


SOURCE = Source(
    name=NAME,
    title="Drug Repurposing Hub: targets of 4,366 drugs, structures of 13,521 samples",
    origin="https://github.com/jump-cellpainting/compound-annotator",
    licence="BSD-3-Clause (repository); the hub's own terms",
    files=(ANNOTATIONS, SAMPLES),
    read=read,
)
