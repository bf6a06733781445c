from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pandas as pd
import pytest

from ingest.records import GeneTable
from ingest.standardise.genes import GeneIndex


def table(source: str, *genes: tuple[int, str, list[str]], ensembl: list[str | None] | None = None) -> GeneTable:
    rows = pd.DataFrame(
        {
            "line": range(2, len(genes) + 2),
            "ncbi_id": pd.Series([gene for gene, _, _ in genes], dtype="int64"),
            "symbol": [symbol for _, symbol, _ in genes],
            "name": [None] * len(genes),
            "synonyms": [others for _, _, others in genes],
        }
    )
    if ensembl is not None:
        rows["ensembl"] = pd.Series(ensembl, dtype=object)
    return GeneTable(source, Path(f"{source}.tsv"), rows)


LARGE = table("large", (7157, "TP53", ["p53"]), (203068, "TUBB", ["TUBB5"]), (81027, "TUBB1", []), (5, "OLD", ["TUBB"]))
SMALL = table("small", (7157, "TRP53", ["LFS1"]), (6, "TUBB5", []))


def resolve(namespace: str, *values: str, tables: tuple[GeneTable, ...] = (LARGE, SMALL)) -> pd.DataFrame:
    return GeneIndex.from_tables(tables).resolve(namespace, pd.Series(values, index=range(10, 10 + len(values))))


def test_symbols_in_any_case_and_by_synonym() -> None:
    found = resolve("symbol", "TP53", "tp53", "P53", "TRP53", " LFS1 ")
    assert found["ncbi_id"].tolist() == [7157] * 5
    assert found["symbol"].tolist() == ["TP53"] * 5  # of the larger table
    assert found["reason"].tolist() == [None] * 5
    assert found["ncbi_id"].dtype == "Int64"
    assert list(found.index) == [10, 11, 12, 13, 14]


def test_official_symbol_goes_before_synonym() -> None:
    assert resolve("symbol", "TUBB", "TUBB5")["ncbi_id"].tolist() == [203068, 6]


def test_unknown_and_ambiguous_are_answered_with_a_reason() -> None:
    genes = table("x", (1, "A", ["X"]), (2, "B", ["x"]), (3, "C", []), (4, "c", []))
    found = resolve("symbol", "X", "C", "Z", tables=(genes,))
    assert found["ncbi_id"].isna().all()
    assert found["symbol"].tolist() == [None] * 3
    assert found["reason"].tolist() == [
        "ambiguous gene: symbol 'X' may be 1 (A), 2 (B)",
        "ambiguous gene: symbol 'C' may be 3 (C), 4 (c)",
        "unknown gene: symbol 'Z' is in none of the gene tables",
    ]


def test_a_second_table_decides_between_two_genes_of_one_symbol() -> None:
    genes = table("x", (2867, "FFAR2", []), (105372382, "FFAR2", []))
    assert resolve("symbol", "FFAR2", tables=(genes,))["ncbi_id"].isna().all()
    assert resolve("symbol", "FFAR2", tables=(genes, table("y", (2867, "FFAR2", []))))["ncbi_id"].tolist() == [2867]


def test_the_order_of_the_tables_does_not_matter() -> None:
    tables = (LARGE, SMALL, table("same", (7157, "XP53", []), (8, "TUBB5", [])))
    names = ["TP53", "TRP53", "XP53", "TUBB", "TUBB5", "OLD", "nothing"]
    first, *others = [resolve("symbol", *names, tables=order) for order in permutations(tables)]
    for other in others:
        pd.testing.assert_frame_equal(first, other)


def test_ncbi_ids() -> None:
    found = resolve("ncbi", "7157", "99", "TP53", "-1", "7157.0", "٣")
    assert found["ncbi_id"].tolist() == [7157, *[pd.NA] * 5]
    assert found["reason"][11] == "unknown gene: NCBI id 99 is in none of the gene tables"
    assert found["reason"][12] == "not an NCBI gene id: 'TP53'"
    assert found["reason"][13:].str.startswith("not an NCBI gene id").all()
    assert GeneIndex.from_tables([LARGE]).resolve("ncbi", pd.Series([7157]))["ncbi_id"].tolist() == [7157]


def test_ensembl_ids_with_and_without_version() -> None:
    genes = table("e", (7157, "TP53", []), (1, "A", []), ensembl=["ENSG00000141510.17", None])
    found = resolve("ensembl", "ENSG00000141510", "ENSG00000141510.2", "ENSG0", tables=(genes,))
    assert found["ncbi_id"].tolist() == [7157, 7157, pd.NA]
    assert "Ensembl id 'ENSG0'" in found["reason"][12]


def test_describe_and_nothing() -> None:
    described = GeneIndex.from_tables([LARGE]).describe([81027, 99])
    assert described["symbol"].tolist() == ["TUBB1", None]
    empty = GeneIndex.from_tables([])
    assert empty.resolve("symbol", pd.Series(["TP53"]))["ncbi_id"].isna().all()
    assert len(empty.resolve("symbol", pd.Series([], dtype=object))) == 0
    with pytest.raises(ValueError, match="no namespace of genes"):
        empty.resolve("brd", pd.Series(["x"]))
