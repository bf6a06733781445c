"""Gene identifiers → NCBI gene ids, by the gene tables of the sources."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ingest.records import GeneTable, Ref

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
    withdrawn
        Withdrawn identifier (its namespace and itself in small letters) → what became of it, in words. None of them is
        ever taken for the gene that replaced it.
    """

    genes: pd.DataFrame
    official: dict[str, tuple[int, ...]]
    synonyms: dict[str, tuple[int, ...]]
    ensembl: dict[str, tuple[int, ...]]
    withdrawn: dict[tuple[str, str], str]

    @classmethod
    def from_tables(cls, tables: Sequence[GeneTable]) -> GeneIndex:
        """Index the genes of all tables.

        Where two tables give one gene different symbols, that of the larger table is official (a whole annotation
        before a list of exceptions; equal sizes: by name of the source and file) and the other a synonym. Where one
        table gives a symbol to two genes, it is that of the gene to which more tables give it. So the order in which
        sources were named does not matter. Rows of genes that were withdrawn since are left out.
        """
        gone = _withdrawn_ids(tables)
        ranked = sorted(tables, key=lambda table: (-len(table.table), table.source, table.path.name))
        symbols: dict[int, str] = {}
        without_symbol: set[int] = set()
        votes: Counter[tuple[str, int]] = Counter()
        names: dict[int, str | None] = {}
        synonyms: list[tuple[str, int]] = []
        ensembl: list[tuple[str, int]] = []
        former: list[tuple[Ref, list[Ref]]] = []
        for table in ranked:
            rows = table.table
            dead = rows["ncbi_id"].isin(list(gone)).to_numpy(dtype=bool)
            former += _of_dead_rows(rows[dead])
            rows = rows[~dead]
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
                for found, gene in zip(stated["ensembl"], stated["ncbi_id"].astype(int), strict=True):
                    ensembl.extend((value, gene) for value in ([found] if isinstance(found, str) else found))
        ids = sorted(without_symbol | set(symbols))
        described = pd.DataFrame(
            {
                "symbol": pd.Series([symbols.get(gene) for gene in ids], dtype=object),
                "name": pd.Series([names[gene] for gene in ids], dtype=object),
            }
        ).set_index(pd.Index(np.asarray(ids, dtype=np.int64), name="ncbi_id"))
        index = cls(
            genes=described,
            official={
                symbol: tuple(gene for gene in found if votes[symbol, gene] == max(votes[symbol, g] for g in found))
                for symbol, found in _candidates((symbol, gene) for gene, symbol in symbols.items()).items()
            },
            synonyms=_candidates(synonyms),
            ensembl=_candidates((value.partition(".")[0], gene) for value, gene in ensembl),
            withdrawn={},
        )
        return replace(index, withdrawn=_fates(index, [*_stated(tables, gone), *former]))

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
            (None where there is an answer): unknown, ambiguous with the candidates, or withdrawn with what became of
            it.
        """
        # Links name the same gene over and over.
        answers = {value: self._find(namespace, str(value).strip()) for value in pd.unique(values)}
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

    def _find(self, namespace: str, value: str) -> tuple[int | None, str | None]:
        find = {"ncbi": self._by_ncbi, "symbol": self._by_symbol, "ensembl": self._by_ensembl}.get(namespace)
        if find is None:
            raise ValueError(f"{namespace!r} is no namespace of genes; expected ncbi, symbol or ensembl")
        return find(value)

    def _by_ncbi(self, value: str) -> tuple[int | None, str | None]:
        if not (value.isascii() and value.isdecimal() and len(value) <= MOST_DIGITS):
            return None, f"not an NCBI gene id: {value!r}"
        gene = int(value)
        if gene not in self.genes.index:
            return self._none("ncbi", str(gene), f"NCBI id {value}")
        return gene, None

    def _by_symbol(self, value: str) -> tuple[int | None, str | None]:
        key = value.casefold()
        return self._only(self.official.get(key) or self.synonyms.get(key, ()), "symbol", key, f"symbol {value!r}")

    def _by_ensembl(self, value: str) -> tuple[int | None, str | None]:
        key = value.partition(".")[0].casefold()
        return self._only(self.ensembl.get(key, ()), "ensembl", key, f"Ensembl id {value!r}")

    def _only(self, candidates: tuple[int, ...], namespace: str, key: str, named: str) -> tuple[int | None, str | None]:
        if not candidates:
            return self._none(namespace, key, named)
        if len(candidates) > 1:
            return None, f"ambiguous gene: {named} may be {self._listed(candidates)}"
        return candidates[0], None

    def _none(self, namespace: str, key: str, named: str) -> tuple[None, str]:
        """Say why no living gene is found."""
        fate = self.withdrawn.get((namespace, key))
        if fate is not None:
            return None, f"withdrawn gene: {named} {fate}"
        return None, f"unknown gene: {named} is in none of the gene tables"

    def _listed(self, genes: Iterable[int]) -> str:
        # A gene of which only the id is known has no symbol to show.
        symbols = [(gene, self.genes["symbol"][gene]) for gene in genes]
        return ", ".join(f"{gene}" if symbol is None else f"{gene} ({symbol})" for gene, symbol in symbols)


def _candidates(pairs: Iterable[tuple[str, int]]) -> dict[str, tuple[int, ...]]:
    found: dict[str, set[int]] = {}
    for text, gene in pairs:
        found.setdefault(text.strip().casefold(), set()).add(gene)
    return {text: tuple(sorted(genes)) for text, genes in found.items() if text}


def _withdrawn_ids(tables: Sequence[GeneTable]) -> dict[int, list[Ref]]:
    """Return NCBI id → what replaced it, of the ids that are withdrawn and not living.

    A source that states withdrawals knows which genes live; an older source that still lists a withdrawn one does not.
    """
    stating = {table.source for table in tables if table.withdrawn is not None}
    living: set[int] = set()
    for table in tables:
        if table.source in stating:
            living.update(table.table["ncbi_id"].astype(int))
    gone: dict[int, list[Ref]] = {}
    for table in tables:
        if table.withdrawn is None:
            continue
        stated = table.withdrawn[table.withdrawn["ncbi_id"].notna()]
        for gene, others in zip(stated["ncbi_id"].astype(int), stated["replaced_by"], strict=True):
            if gene not in living:
                gone.setdefault(gene, []).extend(others)
    return gone


def _stated(tables: Sequence[GeneTable], gone: dict[int, list[Ref]]) -> list[tuple[Ref, list[Ref]]]:
    """Return each withdrawn id and symbol with what replaced it."""
    found = [(Ref("ncbi", str(gene)), others) for gene, others in gone.items()]
    for table in tables:
        if table.withdrawn is not None:
            stated = table.withdrawn[table.withdrawn["symbol"].notna()]
            found += [
                (Ref("symbol", symbol), others)
                for symbol, others in zip(stated["symbol"], stated["replaced_by"], strict=True)
            ]
    return found


def _of_dead_rows(rows: pd.DataFrame) -> list[tuple[Ref, list[Ref]]]:
    """Return the symbols and synonyms that a table gives to withdrawn genes, each with the gene's own id."""
    return [
        (Ref("symbol", text), [Ref("ncbi", str(gene))])
        for gene, symbol, others in zip(rows["ncbi_id"], rows["symbol"], rows["synonyms"], strict=True)
        for text in (symbol, *others)
        if text is not None
    ]


def _fates(index: GeneIndex, withdrawn: Sequence[tuple[Ref, list[Ref]]]) -> dict[tuple[str, str], str]:
    """Return what became of each withdrawn identifier, in words; a chain of replacements is followed to its end."""
    followed: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for ref, replacements in withdrawn:
        followed.setdefault(_key(ref), set()).update(map(_key, replacements))
    fates = {}
    for key, others in followed.items():
        living: set[int] = set()
        lost: set[str] = set()
        seen, ahead = {key}, list(others)
        while ahead:
            step = ahead.pop()
            if step in seen:  # two that were merged into each other
                continue
            seen.add(step)
            gene, _ = index._find(*step)
            if gene is not None:
                living.add(gene)
            elif step in followed:
                ahead += followed[step]
            else:
                lost.add(step[1].upper())
        verb = "replaced by" if key[0] == "ncbi" else "merged into"
        if living:
            fates[key] = f"was {verb} {index._listed(sorted(living))}"
        elif lost:
            fates[key] = f"was {verb} {', '.join(sorted(lost))}"
        else:
            fates[key] = "was withdrawn without a replacement"
    return fates


def _key(ref: Ref) -> tuple[str, str]:
    return ref.namespace, ref.value.strip().casefold()
