"""LINCS L1000 consensus signatures of DrugBank compounds, with the gene table and the perturbagens' structures.

Files, of https://github.com/dhimmel/lincs (Himmelstein et al. 2017, "Systematic integration of biomedical knowledge
prioritizes drugs for repurposing", eLife 6:e26726; data of the LINCS L1000 project, Subramanian et al. 2017):

- ``consensi-drugbank.tsv``: a row a DrugBank compound, a column a landmark gene (NCBI gene id), consensus z-scores over
  cell lines, doses and times. Expression profiles.
- ``genes.tsv``: the genes that L1000 measures or imputes; look-up of symbols.
- ``pertinfo.tsv``: the perturbagens (BRD ids); look-up of the structures of the compounds among them.

``dysreg-overexpression.tsv`` of the same folder is left unread here: it holds only the significant effects of 2,088
over-expressed genes (a sparse gene → gene table, no profiles), and belongs with the over-expression signatures.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from graphdb.errors import InputError
from graphdb.schema import NodeType
from ingest.records import GeneTable, Perturbation, ProfileTable, Ref, SourceRecords, StructureTable
from ingest.sources._genes import gene_table, ncbi_ids
from ingest.sources._read import find_file, read_matrix, read_table, shown, text_column
from ingest.sources._source import Source

NAME = "lincs"
MISSING = ("", "-666", "-666.0", "restricted")
"""What the L1000 metadata writes where it has nothing."""


def read(path: Path) -> SourceRecords:
    """Read the folder `path`."""
    profiles = find_file(path, "consensi-drugbank.tsv")
    genes = find_file(path, "genes.tsv")
    perturbagens = find_file(path, "pertinfo.tsv")
    return SourceRecords(
        structures=(_structures(perturbagens),),
        genes=(_genes(genes),),
        profiles=(_profiles(profiles),),
        files=(profiles, genes, perturbagens),
    )


def _profiles(path: Path) -> ProfileTable:
    matrix = read_matrix(path, text=["perturbagen"])
    strange = [name for name in matrix.columns if not name.isdecimal()]
    if strange:
        raise InputError(f"columns should be NCBI gene ids; found {shown(strange[0])}", path=path, line=1)
    table = pd.DataFrame(
        {
            "line": matrix.text.index.to_numpy(),
            "record": matrix.text["perturbagen"].to_numpy(),
            "namespace": "drugbank",
            "value": matrix.text["perturbagen"].to_numpy(),
            "perturbation": Perturbation.COMPOUND.value,
        }
    )
    return ProfileTable(
        source=NAME,
        path=path,
        node_type=NodeType.EXPRESSION,
        feature_space=f"lincs-consensus-{len(matrix.columns)}",
        columns=matrix.columns,
        column_genes=tuple(Ref("ncbi", name) for name in matrix.columns),
        values=matrix.values,
        table=table,
    )


def _genes(path: Path) -> GeneTable:
    genes = read_table(path, ["entrez_gene_id", "symbol", "description"])
    return gene_table(
        NAME,
        path,
        genes.index.to_numpy(),
        ncbi_ids(genes["entrez_gene_id"], path),
        text_column(genes["symbol"]).tolist(),
        names=text_column(genes["description"]).tolist(),
    )


def _structures(path: Path) -> StructureTable:
    columns = ["pert_id", "pert_iname", "pert_type", "canonical_smiles", "inchi_key"]
    found = read_table(path, columns)
    # The other types are short hairpins, over-expressed genes, ligands and controls: no structure.
    found = found[(found["pert_type"] == "trt_cp") & ~found["canonical_smiles"].isin(MISSING)]
    return StructureTable(
        source=NAME,
        path=path,
        is_node=False,
        table=pd.DataFrame(
            {
                "line": found.index.to_numpy(),
                "namespace": "brd",
                "value": found["pert_id"].to_numpy(),
                "smiles": text_column(found["canonical_smiles"], MISSING),
                "inchikey": text_column(found["inchi_key"].str.removeprefix("InChIKey="), MISSING),
                "name": text_column(found["pert_iname"], MISSING),
            }
        ),
    )


SOURCE = Source(
    name=NAME,
    title="LINCS L1000 consensus signatures of 1,170 DrugBank compounds, 978 landmark genes",
    origin="https://github.com/dhimmel/lincs",
    licence="CC BY 4.0",
    files=("consensi-drugbank.tsv", "genes.tsv", "pertinfo.tsv"),
    read=read,
)
