"""What the over-expression of 2,088 genes does to the expression of others (LINCS L1000 consensus, significant ones).

File ``dysreg-overexpression.tsv`` (https://github.com/dhimmel/lincs): a row a pair of genes whose consensus z-score is
significant after Bonferroni's correction. Hetionet's "regulates" edges (Gr>G) were made from files of this kind, so
these are edges of the same type, `REGULATES`, weight 1, whichever the direction of the change.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from graphdb.schema import EdgeType
from ingest.records import LinkTable, SourceRecords, rejects_table
from ingest.sources._genes import gene_table, ncbi_ids
from ingest.sources._read import find_file, read_table
from ingest.sources._source import Source

NAME = "overexpression"
FILE = "dysreg-overexpression.tsv"


def read(path: Path) -> SourceRecords:
    """Read the folder `path`."""
    file = find_file(path, FILE)
    pairs = read_table(file, ["perturbagen", "entrez_gene_id", "symbol"])
    sources, targets = (ncbi_ids(pairs[name], file) for name in ("perturbagen", "entrez_gene_id"))
    symbols = dict(zip(targets.tolist(), pairs["symbol"], strict=True))
    ids, first = np.unique(np.concatenate([sources, targets]), return_index=True)
    lines = np.concatenate([pairs.index.to_numpy()] * 2)[first]
    own = sources == targets
    links = pd.DataFrame(
        {
            "line": pairs.index.to_numpy(),
            "src_namespace": "ncbi",
            "src_value": pairs["perturbagen"].to_numpy(),
            "dst_namespace": "ncbi",
            "dst_value": pairs["entrez_gene_id"].to_numpy(),
        }
    )
    return SourceRecords(
        # The symbols of the perturbed genes are not in this file.
        genes=(gene_table(NAME, file, lines, ids, [symbols.get(gene) or None for gene in ids.tolist()]),),
        links=(LinkTable(NAME, file, EdgeType.REGULATES, links[~own].reset_index(drop=True)),),
        rejects=rejects_table(
            NAME, file, pairs.index.to_numpy()[own], pairs["perturbagen"].to_numpy()[own], "self-loop"
        ),
        files=(file,),
    )


SOURCE = Source(
    name=NAME,
    title="LINCS: significant effects of 2,088 over-expressed genes on the expression of others",
    origin="https://github.com/dhimmel/lincs",
    licence="CC BY 4.0",
    files=(FILE,),
    read=read,
)
