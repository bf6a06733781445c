"""Hetionet: genes, protein interactions, co-variation, regulation, and what compounds do to genes.

Files
- ``hetionet-v1.0-nodes.tsv`` (https://github.com/hetio/hetionet; Himmelstein et al. 2017, eLife 6:e26726): id
  (``Gene::9021``, ``Compound::DB00091``), name, kind. Needed.
- ``hetionet-v1.0-edges.sif`` (all) or ``hetionet-edges-sample.sif`` (a sample): source, metaedge, target. Needed.
- ``ppi-hetio-ind.tsv`` (https://github.com/dhimmel/ppi): protein interactions as pairs of NCBI gene ids. If there.
- ``CbG-binding.tsv`` (https://github.com/dhimmel/integrate): bindings, DrugBank id to NCBI gene id. If there.

Of the metaedges, the six of the paper's context graph (section 3: interacts, covaries, regulates; binds, up- and
down-regulates) become links; the others become rejects, and so do self-loops. The same interaction in two files is
merged at assembly.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from graphdb.errors import InputError
from graphdb.schema import EdgeType
from ingest.records import GeneTable, LinkTable, Ref, SourceRecords, StructureTable, rejects_table
from ingest.sources._genes import NCBI_ID
from ingest.sources._read import find_file, find_optional, read_table, shown, text_column
from ingest.sources._source import Source

NAME = "hetionet"

METAEDGES = {
    "GiG": EdgeType.INTERACTS,
    "GcG": EdgeType.COVARIES,
    "Gr>G": EdgeType.REGULATES,
    "CbG": EdgeType.BINDS,
    "CuG": EdgeType.UPREGULATES,
    "CdG": EdgeType.DOWNREGULATES,
}
"""Hetionet's abbreviation of a metaedge → edge type."""

NAMESPACES = {"Gene": "ncbi", "Compound": "drugbank"}
"""Hetionet's kind of a node → namespace of its identifier."""


def read(path: Path) -> SourceRecords:
    """Read the folder `path`."""
    nodes_file = find_file(path, "hetionet-v1.0-nodes.tsv")
    edges_file = find_file(path, "hetionet-v1.0-edges.sif", "hetionet-edges-sample.sif")
    interactions_file = find_optional(path, "ppi-hetio-ind.tsv")
    bindings_file = find_optional(path, "CbG-binding.tsv")

    nodes = _take_apart(read_table(nodes_file, ["id", "name", "kind"]), "id", nodes_file)
    links, rejects = _edges(edges_file)
    if interactions_file is not None:
        table, loops = _interactions(interactions_file)
        links.append(LinkTable(NAME, interactions_file, EdgeType.INTERACTS, table))
        rejects.append(loops)
    if bindings_file is not None:
        links.append(LinkTable(NAME, bindings_file, EdgeType.BINDS, _bindings(bindings_file)))
    return SourceRecords(
        structures=(_compounds(nodes, nodes_file),),
        genes=(_genes(nodes, nodes_file),),
        links=tuple(links),
        rejects=pd.concat(rejects, ignore_index=True),
        files=tuple(file for file in (nodes_file, edges_file, interactions_file, bindings_file) if file is not None),
    )


def _take_apart(table: pd.DataFrame, column: str, path: Path) -> pd.DataFrame:
    """Add ``<column>_kind`` and ``<column>_key``, the two parts of ``Gene::9021``.

    Older versions of the edges write ``gene::9021``.
    """
    # By hand: of an empty column (no metaedge is used) pandas' partition has no parts.
    parts = [text.partition("::") for text in table[column]]
    kind = pd.Series([part[0].capitalize() for part in parts], index=table.index, dtype=object)
    key = pd.Series([part[2] for part in parts], index=table.index, dtype=object)
    table[f"{column}_kind"], table[f"{column}_key"] = kind, key
    bad = (key == "") | ((kind == "Gene") & ~key.str.fullmatch(NCBI_ID))
    if bad.any():
        line = int(table.index[bad][0])
        raise InputError(
            f"expected Kind::identifier (of a gene, its NCBI id), found {shown(table.at[line, column])}",
            path=path,
            line=line,
        )
    return table


def _genes(nodes: pd.DataFrame, path: Path) -> GeneTable:
    genes = nodes[nodes["id_kind"] == "Gene"]
    return GeneTable(
        source=NAME,
        path=path,
        table=pd.DataFrame(
            {
                "line": genes.index.to_numpy(),
                "ncbi_id": genes["id_key"].astype(np.int64).to_numpy(),
                "symbol": text_column(genes["name"]),
                "name": pd.Series([None] * len(genes), dtype=object),
                "synonyms": [[] for _ in range(len(genes))],
            }
        ),
    )


def _compounds(nodes: pd.DataFrame, path: Path) -> StructureTable:
    """Names of the compounds; Hetionet itself has no structures (the source ``drugbank`` has)."""
    compounds = nodes[nodes["id_kind"] == "Compound"]
    return StructureTable(
        source=NAME,
        path=path,
        is_node=False,
        table=pd.DataFrame(
            {
                "line": compounds.index.to_numpy(),
                "namespace": "drugbank",
                "value": compounds["id_key"].to_numpy(),
                "smiles": pd.Series([None] * len(compounds), dtype=object),
                "name": text_column(compounds["name"]),
            }
        ),
    )


def _edges(path: Path) -> tuple[list[LinkTable], list[pd.DataFrame]]:
    edges = read_table(path, ["source", "metaedge", "target"])
    used = edges["metaedge"].isin(list(METAEDGES))
    others = edges[~used]
    rejects = [
        rejects_table(
            NAME,
            path,
            others.index.to_numpy(),
            (others["source"] + " " + others["target"]).to_numpy(),
            ("metaedge " + others["metaedge"] + " is not part of the context graph").to_numpy(),
        )
    ]
    edges = _take_apart(_take_apart(edges[used].copy(), "source", path), "target", path)
    links = []
    for metaedge, edge_type in METAEDGES.items():
        found: pd.DataFrame = edges[edges["metaedge"] == metaedge]
        kinds = ("Compound" if metaedge.startswith("C") else "Gene", "Gene")
        wrong = (found["source_kind"] != kinds[0]) | (found["target_kind"] != kinds[1])
        if wrong.any():
            line = int(found.index[wrong][0])
            ends = f"{shown(found['source'][line])} and {shown(found['target'][line])}"
            raise InputError(f"{metaedge} joins a {kinds[0]} and a {kinds[1]}, found {ends}", path=path, line=line)
        table, loops = _links(found, Ref(NAMESPACES[kinds[0]], "source_key"), Ref("ncbi", "target_key"), path)
        rejects.append(loops)
        if len(table):
            links.append(LinkTable(NAME, path, edge_type, table))
    return links, rejects


def _interactions(path: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    pairs = read_table(path, ["gene_0", "gene_1"])
    return _links(pairs, Ref("ncbi", "gene_0"), Ref("ncbi", "gene_1"), path)


def _bindings(path: Path) -> pd.DataFrame:
    pairs = read_table(path, ["drugbank_id", "entrez_gene_id"])
    return _links(pairs, Ref("drugbank", "drugbank_id"), Ref("ncbi", "entrez_gene_id"), path)[0]


def _links(pairs: pd.DataFrame, src: Ref, dst: Ref, path: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the links and a reject for each that joins a gene to itself.

    `src` and `dst` are a namespace and the column of `pairs` that holds its identifiers.
    """
    table = pd.DataFrame(
        {
            "line": pairs.index.to_numpy(),
            "src_namespace": src.namespace,
            "src_value": pairs[src.value].to_numpy(),
            "dst_namespace": dst.namespace,
            "dst_value": pairs[dst.value].to_numpy(),
        }
    )
    loops = (table["src_namespace"] == table["dst_namespace"]) & (table["src_value"] == table["dst_value"])
    found = table[loops]
    rejects = rejects_table(NAME, path, found["line"].to_numpy(), found["src_value"].to_numpy(), "self-loop")
    return table[~loops].reset_index(drop=True), rejects


SOURCE = Source(
    name=NAME,
    title="Hetionet v1.0: genes, relations of genes with genes and of compounds with genes",
    origin="https://github.com/hetio/hetionet, https://github.com/dhimmel/ppi, https://github.com/dhimmel/integrate",
    licence="CC0 (nodes, interactions); per row in the edges and bindings (18,380 bindings are CC BY-NC 4.0)",
    files=(
        "hetionet-v1.0-nodes.tsv",
        "hetionet-v1.0-edges.sif or hetionet-edges-sample.sif",
        "ppi-hetio-ind.tsv (if there)",
        "CbG-binding.tsv (if there)",
    ),
    read=read,
)
