"""Gene identifiers → NCBI gene ids, by the gene tables of the sources."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ingest.records import GeneTable

MOST_DIGITS = 18
"""Digits of an NCBI gene id: more do not fit into 64 bits."""


@dataclass(frozen=True)
class GeneIndex:
    """Genes by their identifiers.

    Attributes
    ----------
    genes
        Index ``ncbi_id`` (int), columns ``symbol``, ``name`` (str or None).
    official
        Symbol in small letters → NCBI ids of the genes that bear it; more than one where that is ambiguous.
    synonyms
        Former or other symbol in small letters → NCBI ids.
    ensembl
        Ensembl gene id without version → NCBI ids.
    """

    genes: pd.DataFrame
    official: dict[str, tuple[int, ...]]
    synonyms: dict[str, tuple[int, ...]]
    ensembl: dict[str, tuple[int, ...]]

    @classmethod
    def from_tables(cls, tables: Sequence[GeneTable]) -> GeneIndex:
        """Index the genes of all tables.

        Where two tables give one gene different symbols, that of the larger table is official (a whole annotation
        before a list of exceptions; equal sizes: by name of the source and file) and the other a synonym. Where one
        table gives a symbol to two genes, it is that of the gene to which more tables give it. So the order in which
        sources were named does not matter. A table may have a column ``ensembl`` (str or None).
        """
        ranked = sorted(tables, key=lambda table: (-len(table.table), table.source, table.path.name))
        symbols: dict[int, str] = {}
        without_symbol: set[int] = set()
        votes: Counter[tuple[str, int]] = Counter()
        names: dict[int, str | None] = {}
        synonyms: list[tuple[str, int]] = []
        ensembl: list[tuple[str, int]] = []
        for table in ranked:
            rows = table.table
            for gene, symbol, name, others in zip(
                rows["ncbi_id"].astype(int), rows["symbol"], rows["name"], rows["synonyms"], strict=True
            ):
                if symbol is None:
                    without_symbol.add(gene)
                else:
                    votes[symbol.strip().casefold(), gene] += 1
                    if symbols.setdefault(gene, symbol) != symbol:
                        synonyms.append((symbol, gene))
                if names.get(gene) is None:
                    names[gene] = name if isinstance(name, str) else None
                synonyms.extend((other, gene) for other in others)
            if "ensembl" in rows:
                stated = rows[rows["ensembl"].notna()]
                ensembl.extend(zip(stated["ensembl"], stated["ncbi_id"].astype(int), strict=True))
        ids = sorted(without_symbol | set(symbols))
        described = pd.DataFrame(
            {
                "symbol": pd.Series([symbols.get(gene) for gene in ids], dtype=object),
                "name": pd.Series([names[gene] for gene in ids], dtype=object),
            }
        ).set_index(pd.Index(np.asarray(ids, dtype=np.int64), name="ncbi_id"))
        return cls(
            genes=described,
            official={
                symbol: tuple(gene for gene in found if votes[symbol, gene] == max(votes[symbol, g] for g in found))
                for symbol, found in _candidates((symbol, gene) for gene, symbol in symbols.items()).items()
            },
            synonyms=_candidates(synonyms),
            ensembl=_candidates((value.partition(".")[0], gene) for value, gene in ensembl),
        )

    def describe(self, ids: Sequence[int]) -> pd.DataFrame:
        """Return ``symbol`` and ``name`` of these genes (None where unknown), a row a gene, indexed by ``ncbi_id``."""
        found = self.genes.reindex(pd.Index(np.asarray(ids, dtype=np.int64), name="ncbi_id"))
        return found.astype(object).where(found.notna(), None)

    def resolve(self, namespace: str, values: pd.Series) -> pd.DataFrame:
        """Find the genes that `values` name.

        Parameters
        ----------
        namespace
            ``ncbi``, ``symbol`` (official symbols go before synonyms; case does not matter) or ``ensembl`` (a version
            behind a dot does not matter).
        values
            n identifiers.

        Returns
        -------
        pandas.DataFrame
            Index as `values`. ``ncbi_id`` (Int64, NA where there is no answer), ``symbol`` (str or None), ``reason``
            (None where there is an answer): unknown, or ambiguous with the candidates.
        """
        find = {"ncbi": self._by_ncbi, "symbol": self._by_symbol, "ensembl": self._by_ensembl}.get(namespace)
        if find is None:
            raise ValueError(f"{namespace!r} is no namespace of genes; expected ncbi, symbol or ensembl")
        # Links name the same gene over and over.
        answers = {value: find(str(value).strip()) for value in pd.unique(values)}
        described = self.genes["symbol"].to_dict()
        found = [answers[value] for value in values]
        symbols = [None if gene is None else described[gene] for gene, _ in found]
        # Series of objects, since pandas would turn lists of str with None into its string type with NaN.
        return pd.DataFrame(
            {
                "ncbi_id": pd.Series([gene for gene, _ in found], dtype="Int64", index=values.index),
                "symbol": pd.Series(symbols, dtype=object, index=values.index),
                "reason": pd.Series([reason for _, reason in found], dtype=object, index=values.index),
            }
        )

    def _by_ncbi(self, value: str) -> tuple[int | None, str | None]:
        if not (value.isascii() and value.isdecimal() and len(value) <= MOST_DIGITS):
            return None, f"not an NCBI gene id: {value!r}"
        gene = int(value)
        if gene not in self.genes.index:
            return None, f"unknown gene: NCBI id {value} is in none of the gene tables"
        return gene, None

    def _by_symbol(self, value: str) -> tuple[int | None, str | None]:
        key = value.casefold()
        return self._only(self.official.get(key) or self.synonyms.get(key, ()), "symbol", value)

    def _by_ensembl(self, value: str) -> tuple[int | None, str | None]:
        return self._only(self.ensembl.get(value.partition(".")[0].casefold(), ()), "Ensembl id", value)

    def _only(self, candidates: tuple[int, ...], kind: str, value: str) -> tuple[int | None, str | None]:
        if not candidates:
            return None, f"unknown gene: {kind} {value!r} is in none of the gene tables"
        if len(candidates) > 1:
            listed = ", ".join(f"{gene} ({self.genes['symbol'][gene]})" for gene in candidates)
            return None, f"ambiguous gene: {kind} {value!r} may be {listed}"
        return candidates[0], None


def _candidates(pairs: Iterable[tuple[str, int]]) -> dict[str, tuple[int, ...]]:
    found: dict[str, set[int]] = {}
    for text, gene in pairs:
        found.setdefault(text.strip().casefold(), set()).add(gene)
    return {text: tuple(sorted(genes)) for text, genes in found.items() if text}
