"""CPJUMP1: phenotypes of compounds, of CRISPR knock-outs and of ORF over-expressions in one feature space.

Files
- ``jump_phenotype_profiles.tsv`` (https://github.com/WayScience/phenotypic_profiling): a row a well, the probabilities
  of 15 nuclear phenotypes, averaged over the cells of the well.
- ``JUMP-Target-1_compound_metadata.tsv`` (https://github.com/jump-cellpainting/JUMP-Target; Chandrasekaran et al. 2024,
  Nature Methods 21:1114): structures, names and annotated targets of the compounds.

A profile is the median of the wells that agree in treatment, kind of treatment, cell line and time;
docs/decisions/0004-standardise.md says why. ``JUMP-Target-1_crispr_metadata.tsv`` (guides) is not needed: the wells
name the genes themselves.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from graphdb.schema import EdgeType, NodeType
from ingest.records import (
    GeneTable,
    LinkTable,
    Perturbation,
    ProfileTable,
    SourceRecords,
    StructureTable,
    rejects_table,
)
from ingest.sources._genes import gene_table
from ingest.sources._read import find_file, finite_numbers, read_matrix, read_table, text_column
from ingest.sources._source import Source
from ingest.standardise.profiles import aggregate, clean

NAME = "cpjump1"
MISSING = ("", "NA")
BRD_DIGITS = len("BRD-K12345678")
"""A broad sample is the compound's BRD id, then salt, batch and plate: ``BRD-K12345678-001-01-1``."""

DESCRIPTION = ("Metadata_Plate", "treatment", "treatment_type", "Cell_type", "Time", "Metadata_Well", "cell_count")
PHENOTYPES = (
    "ADCCM",
    "Anaphase",
    "Apoptosis",
    "Binuclear",
    "Elongated",
    "Grape",
    "Hole",
    "Interphase",
    "Large",
    "Metaphase",
    "MetaphaseAlignment",
    "OutOfFocus",
    "Polylobed",
    "Prometaphase",
    "SmallIrregular",
)
"""The feature space ``cpjump1-15``, in this order; other columns of the file are not part of it."""

GENES = {"ATP5F1D": 513, "FFAR2": 2867, "GUCY1B1": 2983}
"""Perturbed genes that Hetionet's symbols do not tell, with their NCBI gene ids (from JUMP's list of ORF reagents).

Two symbols are newer than Hetionet; FFAR2 is there the symbol of two genes.
"""


def read(path: Path) -> SourceRecords:
    """Read the folder `path`."""
    wells_file = find_file(path, "jump_phenotype_profiles.tsv")
    compounds_file = find_file(path, "JUMP-Target-1_compound_metadata.tsv")
    compounds = _compounds(compounds_file)
    controls = compounds["control_type"] == "negcon"
    used = compounds[~controls]
    wells, unusable = _wells(wells_file, compounds)
    cleaned, unclean = clean(wells)
    return SourceRecords(
        structures=(_structures(used, compounds_file),),
        genes=(_genes(cleaned, wells_file),),
        profiles=(aggregate(cleaned, by=["perturbation", "namespace", "value", "cell_line", "hours"]),),
        links=(_targets(used, compounds_file),),
        rejects=pd.concat(
            [
                rejects_table(
                    NAME,
                    compounds_file,
                    compounds.index[controls].to_numpy(),
                    compounds.loc[controls, "pert_iname"].to_numpy(),
                    "negative control",
                ),
                unusable,
                unclean,
            ],
            ignore_index=True,
        ),
        files=(wells_file, compounds_file),
    )


def _compounds(path: Path) -> pd.DataFrame:
    columns = ["broad_sample", "InChIKey", "pert_iname", "target_list", "control_type", "smiles"]
    compounds = read_table(path, columns)
    compounds["brd"] = compounds["broad_sample"].str[:BRD_DIGITS]
    return compounds


def _structures(compounds: pd.DataFrame, path: Path) -> StructureTable:
    table = pd.DataFrame(
        {
            "line": compounds.index.to_numpy(),
            "namespace": "brd",
            "value": compounds["brd"].to_numpy(),
            "smiles": text_column(compounds["smiles"], MISSING),
            "inchikey": text_column(compounds["InChIKey"], MISSING),
            "name": text_column(compounds["pert_iname"], MISSING),
            "brd": compounds["brd"].to_numpy(),
        }
    )
    return StructureTable(NAME, path, table, is_node=True)


def _targets(compounds: pd.DataFrame, path: Path) -> LinkTable:
    listed = compounds[~compounds["target_list"].isin(MISSING)]
    pairs = listed.assign(target=listed["target_list"].str.split("|")).explode("target")
    table = pd.DataFrame(
        {
            "line": pairs.index.to_numpy(),
            "src_namespace": "brd",
            "src_value": pairs["brd"].to_numpy(),
            "dst_namespace": "symbol",
            "dst_value": pairs["target"].str.strip().to_numpy(),
        }
    )
    return LinkTable(NAME, path, EdgeType.TARGETS, table)


def _wells(path: Path, compounds: pd.DataFrame) -> tuple[ProfileTable, pd.DataFrame]:
    """Return the wells that can be used and rejects for the others."""
    matrix = read_matrix(path, text=DESCRIPTION, required=PHENOTYPES)
    wells = matrix.text
    kind, treatment = wells["treatment_type"], wells["treatment"]
    # The first sample of a name stands for it: where a name has two samples, the file gives both the same structure.
    named = compounds.drop_duplicates("pert_iname").set_index("pert_iname")
    is_compound = kind == Perturbation.COMPOUND
    is_gene = kind.isin([Perturbation.CRISPR, Perturbation.ORF])

    negative = set(compounds.loc[compounds["control_type"] == "negcon", "pert_iname"])
    reason = np.select(
        [
            (~is_compound & ~is_gene).to_numpy(),
            (is_compound & treatment.isin(negative)).to_numpy(),
            (is_compound & ~treatment.isin(named.index)).to_numpy(),
            (is_gene & treatment.isin(MISSING)).to_numpy(),
        ],
        [
            "unknown kind of treatment",
            "negative control",
            "no structure for this compound",
            "negative control (no gene)",
        ],
        default="",
    )
    rejected = reason != ""

    hours = finite_numbers(wells["Time"], "column Time: expected hours", path)
    values = np.where(is_compound, named["brd"].reindex(treatment).to_numpy(), treatment)
    table = pd.DataFrame(
        {
            "line": wells.index.to_numpy(),
            "record": (wells["Metadata_Plate"] + " " + wells["Metadata_Well"]).to_numpy(),
            "namespace": np.where(is_compound, "brd", "symbol"),
            "value": values,
            "perturbation": kind.to_numpy(),
            "cell_line": wells["Cell_type"].to_numpy(),
            "hours": hours,
        }
    )
    positions = [matrix.columns.index(name) for name in PHENOTYPES]
    profiles = ProfileTable(
        source=NAME,
        path=path,
        node_type=NodeType.MORPHOLOGY,
        feature_space=f"cpjump1-{len(PHENOTYPES)}",
        columns=PHENOTYPES,
        column_genes=None,
        values=matrix.values[~rejected][:, positions],
        table=table[~rejected].reset_index(drop=True),
    )
    names = (kind + " " + treatment).to_numpy()
    return profiles, rejects_table(NAME, path, wells.index.to_numpy()[rejected], names[rejected], reason[rejected])


def _genes(wells: ProfileTable, path: Path) -> GeneTable:
    perturbed = wells.table[wells.table["namespace"] == "symbol"].drop_duplicates("value")
    stated = perturbed[perturbed["value"].isin(list(GENES))]
    ids = np.array([GENES[symbol] for symbol in stated["value"]], dtype=np.int64)
    return gene_table(NAME, path, stated["line"].to_numpy(), ids, stated["value"].tolist())


SOURCE = Source(
    name=NAME,
    title="CPJUMP1: 15 phenotypes of 302 compounds and of 160 genes by CRISPR and ORF; targets of the compounds",
    origin="https://github.com/WayScience/phenotypic_profiling and https://github.com/jump-cellpainting/JUMP-Target",
    licence="CC BY 4.0 (profiles), MIT (compounds)",
    files=("jump_phenotype_profiles.tsv", "JUMP-Target-1_compound_metadata.tsv"),
    read=read,
)
