"""COMAS: Cell Painting of 244 pseudo-natural products at one to five concentrations each.

File ``comas_pnp_cell_painting_data.tsv`` (Grigalunas et al. 2021, Nature Communications 12:1883; the repository's
``Input Data/cell_painting_data.tsv``): a row a compound batch and concentration, 579 features (``Median_…``), robust
z-scores against the plate's negative controls. Each row is a profile with its dose and plate.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from graphdb.errors import InputError
from graphdb.schema import NodeType
from ingest.records import Perturbation, ProfileTable, SourceRecords, StructureTable
from ingest.sources._read import find_file, finite_numbers, read_matrix, text_column
from ingest.sources._source import Source

NAME = "comas"
FILE = "comas_pnp_cell_painting_data.tsv"
FEATURE = "Median_"
DESCRIPTION = (
    "Compound_Id",
    "Container_Id",
    "Well_Id",
    "Producer",
    "Conc_uM",
    "Is_Ref",
    "Induction",
    "Toxic",
    "Pure_Flag",
    "Rel_Cell_Count",
    "Metadata_Well",
    "Plate",
    "Smiles",
    "OverAct",
)


def read(path: Path) -> SourceRecords:
    """Read the folder `path`."""
    file = find_file(path, FILE)
    matrix = read_matrix(file, text=DESCRIPTION)
    places = [place for place, name in enumerate(matrix.columns) if name.startswith(FEATURE)]
    if not places:
        raise InputError(f"no column begins with {FEATURE}", path=file, line=1)
    wells = matrix.text
    dose = finite_numbers(wells["Conc_uM"], "column Conc_uM: expected µM", file)
    compounds = wells.drop_duplicates(["Compound_Id", "Smiles"])
    structures = pd.DataFrame(
        {
            "line": compounds.index.to_numpy(),
            "namespace": NAME,
            "value": compounds["Compound_Id"].to_numpy(),
            "smiles": text_column(compounds["Smiles"]),
            "synonyms": pd.Series([[f"COMAS {name}"] for name in compounds["Compound_Id"]], dtype=object),
        }
    )
    table = pd.DataFrame(
        {
            "line": wells.index.to_numpy(),
            "record": wells["Well_Id"].to_numpy(),
            "namespace": NAME,
            "value": wells["Compound_Id"].to_numpy(),
            "perturbation": Perturbation.COMPOUND.value,
            "dose_um": dose,
            "plate": wells["Plate"].to_numpy(),
        }
    )
    return SourceRecords(
        structures=(StructureTable(NAME, file, structures, is_node=False),),
        profiles=(
            ProfileTable(
                source=NAME,
                path=file,
                node_type=NodeType.MORPHOLOGY,
                feature_space=f"{NAME}-{len(places)}",
                columns=tuple(matrix.columns[place] for place in places),
                column_genes=None,
                values=matrix.values[:, places],
                table=table,
            ),
        ),
        files=(file,),
    )


SOURCE = Source(
    name=NAME,
    title="COMAS: Cell Painting (579 features) of 244 pseudo-natural products, 863 profiles",
    origin="https://github.com/mpimp-comas/2021_grigalunas_burhop_zinken",
    licence="MIT",
    files=(FILE,),
    read=read,
)
