"""One way to resolve a reference of a record, be it to a molecule or to a gene."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ingest.identity import MoleculeIndex
from ingest.records import GENE_NAMESPACES
from ingest.standardise.genes import GeneIndex


@dataclass(frozen=True)
class Resolver:
    """Molecules and genes by reference.

    Attributes
    ----------
    molecules, genes
        The indexes of either.
    """

    molecules: MoleculeIndex
    genes: GeneIndex

    def resolve(self, namespace: pd.Series, value: pd.Series) -> pd.DataFrame:
        """Resolve references row by row.

        Returns
        -------
        pandas.DataFrame
            Index as `value`. ``key``: InChIKey (str) or NCBI gene id (int), None where unknown; ``reason``: None where
            known.
        """
        result = pd.DataFrame({"key": None, "reason": None}, index=value.index, dtype=object)
        is_gene = namespace.isin(GENE_NAMESPACES)
        if (~is_gene).any():
            found = self.molecules.resolve(namespace[~is_gene], value[~is_gene])
            result.loc[~is_gene, "key"] = found["inchikey"].to_numpy(object)
            result.loc[~is_gene, "reason"] = found["reason"].to_numpy(object)
        for name in namespace[is_gene].unique():
            rows = (namespace == name).to_numpy()
            found = self.genes.resolve(name, value[rows])
            ids = found["ncbi_id"]
            result.loc[rows, "key"] = [None if missing else int(i) for i, missing in zip(ids, ids.isna(), strict=True)]
            result.loc[rows, "reason"] = found["reason"].astype(object).to_numpy(object)
        result["reason"] = result["reason"].astype(object).where(result["reason"].notna(), None)
        return result
