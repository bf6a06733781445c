"""Identifiers of genes by NCBI's and HGNC's files: what resolves, and what is said of a withdrawn one."""

from __future__ import annotations

import gzip
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphdb.errors import InputError
from graphdb.schema import EdgeType, NodeType
from graphdb.tables import EdgeKind
from ingest.assemble import IngestOptions, assemble
from ingest.edges.rules import EdgeRules
from ingest.records import GeneTable, LinkTable, Ref, SourceRecords
from ingest.sources import SOURCES
from ingest.sources._genes import gene_table
from ingest.sources.profiles import Description, read_profiles
from ingest.standardise.genes import GeneIndex
from ingest.write import reason_kind

INFO = (
    "#tax_id\tGeneID\tSymbol\tLocusTag\tSynonyms\tdbXrefs\tchromosome\tmap_location\tdescription\ttype_of_gene\t"
    "Symbol_from_nomenclature_authority"
)
HISTORY = "#tax_id\tGeneID\tDiscontinued_GeneID\tDiscontinued_Symbol\tDiscontinue_Date"
HGNC = "HGNC_ID\tSTATUS\tWITHDRAWN_SYMBOL\tMERGED_INTO_REPORT(S) (i.e HGNC_ID|SYMBOL|STATUS)"


def gene(number: str, symbol: str, synonyms: str, references: str, name: str, species: str = "9606") -> str:
    return "\t".join([species, number, symbol, "-", synonyms, references, "1", "1p1", name, "protein-coding", symbol])


GENES = [
    gene("1", "A1BG", "A1B|ABG", "MIM:138670|HGNC:HGNC:5|Ensembl:ENSG00000121410", "alpha-1-B glycoprotein"),
    gene("10", "NAT2", "AAC2|PNAT", "MIM:612182|HGNC:HGNC:7646|Ensembl:ENSG00000156006", 'a "quoted" name, 5\' end'),
    gene("12", "SERPINA3", "AACT|PNAT", "HGNC:HGNC:16|Ensembl:ENSG00000196136|Ensembl:ENSG00000273259", "serpin"),
    gene("13", "AADAC", "-", "HGNC:HGNC:17|Ensembl:ENSG00000114771", "-"),
    gene("14", "TWIN", "OLD14", "Ensembl:ENSG00000114771", "of the same Ensembl gene"),
    gene("20", "NEWENTRY", "-", "-", "Record to support submission of GeneRIFs"),
    gene("99", "Nat2", "Nothing", "-", "of the mouse", species="10090"),
]
WITHDRAWN = [
    "9606\t10\t9\tNAT9OLD\t20080101",
    "9606\t-\t8\tGONE\t20080101",
    "9606\t9\t7\tCHAINED\t20080101",
    "9606\t77\t6\tLOST\t20080101",
    "9606\t10\t5\tAADAC\t20080101",  # a living gene has this symbol today
    "9606\t12\t4\tNAT9OLD\t20080101",  # two withdrawn genes of one symbol
    "9606\t3\t2\tRING\t20080101",
    "9606\t2\t3\tRING\t20080101",
    "9606\t13\t1\tSELF\t20080101",  # gene_info has it as living
    "10090\t99\t55\tMOUSE\t20080101",
]
SYMBOLS = [
    "HGNC:100\tMerged/Split\tXYZ\tHGNC:7646|OLDNAT|Approved",
    "HGNC:101\tEntry Withdrawn\tVANISHED",
    "HGNC:102\tMerged/Split\tSPLIT\tHGNC:5|A1BG|Approved, HGNC:9999|AADAC|Approved",
    "HGNC:103\tMerged/Split\tTWICE~withdrawn\tHGNC:100|XYZ|Entry Withdrawn",
    "HGNC:104\tMerged/Split\tNOWHERE\tHGNC:8888|ELSEWHERE|Approved",
    "HGNC:105\tMerged/Split\tABG\tHGNC:7646|NAT2|Approved",
    "HGNC:106\tSymbol Reserved\tODD\t",
]


def write(path: Path, header: str, rows: list[str]) -> Path:
    text = "\n".join([header, *rows]) + "\n"
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "Homo_sapiens.gene_info.gz", INFO, GENES)
    write(tmp_path / "gene_history.gz", HISTORY, WITHDRAWN)
    write(tmp_path / "withdrawn.txt", HGNC, SYMBOLS)
    return tmp_path


def read(folder: Path) -> SourceRecords:
    return SOURCES["ncbigene"].records(folder)


def resolve(folder: Path, namespace: str, *values: str, others: tuple[GeneTable, ...] = ()) -> dict[str, object]:
    """Return value → NCBI id, or the reason why there is none."""
    found = GeneIndex.from_tables([*read(folder).genes, *others]).resolve(namespace, pd.Series(values))
    return {
        value: int(gene) if reason is None else reason
        for value, gene, reason in zip(values, found["ncbi_id"], found["reason"], strict=True)
    }


def test_the_genes_are_the_human_rows_of_the_file(folder: Path) -> None:
    records = read(folder)
    table = records.genes[0].table
    assert table[["line", "ncbi_id", "symbol", "name"]].to_numpy().tolist() == [
        [2, 1, "A1BG", "alpha-1-B glycoprotein"],
        [3, 10, "NAT2", 'a "quoted" name, 5\' end'],
        [4, 12, "SERPINA3", "serpin"],
        [5, 13, "AADAC", None],
        [6, 14, "TWIN", "of the same Ensembl gene"],
        [7, 20, None, "Record to support submission of GeneRIFs"],
    ]
    assert table["line"].dtype == table["ncbi_id"].dtype == np.int64
    assert table["synonyms"].tolist() == [["A1B", "ABG"], ["AAC2", "PNAT"], ["AACT", "PNAT"], [], ["OLD14"], []]
    assert table["ensembl"].tolist()[2:6] == [
        ["ENSG00000196136", "ENSG00000273259"],
        ["ENSG00000114771"],
        ["ENSG00000114771"],
        [],
    ]
    assert [path.name for path in records.files] == ["Homo_sapiens.gene_info.gz", "gene_history.gz", "withdrawn.txt"]
    assert [part.path for part in records.genes] == list(records.files)
    assert records.rejects[["line", "key", "reason", "kept"]].to_numpy().tolist() == [
        [8, "ODD", "unknown status of a withdrawn symbol: Symbol Reserved", False]
    ]


def test_withdrawals_as_read(folder: Path) -> None:
    _, history, hgnc = read(folder).genes
    assert history.withdrawn is not None
    assert hgnc.withdrawn is not None
    assert history.table.empty
    assert len(history.withdrawn) == 9  # the mouse is left out
    assert history.withdrawn.iloc[:3].to_numpy().tolist() == [
        [2, 9, "NAT9OLD", [Ref("ncbi", "10")]],
        [3, 8, "GONE", []],
        [4, 7, "CHAINED", [Ref("ncbi", "9")]],
    ]
    assert hgnc.withdrawn["ncbi_id"].isna().all()
    assert hgnc.withdrawn[["line", "symbol", "replaced_by"]].to_numpy().tolist()[:4] == [
        [2, "XYZ", [Ref("ncbi", "10")]],  # by the number of HGNC, whose symbol has changed since
        [3, "VANISHED", []],
        [4, "SPLIT", [Ref("ncbi", "1"), Ref("symbol", "AADAC")]],
        [5, "TWICE", [Ref("symbol", "XYZ")]],
    ]


def test_withdrawn_ids_are_never_mapped(folder: Path) -> None:
    assert resolve(folder, "ncbi", "10", "9", "8", "7", "6", "5", "3", "1", "99", "55", "009") == {
        "10": 10,
        "9": "withdrawn gene: NCBI id 9 was replaced by 10 (NAT2)",
        "8": "withdrawn gene: NCBI id 8 was withdrawn without a replacement",
        "7": "withdrawn gene: NCBI id 7 was replaced by 10 (NAT2)",
        "6": "withdrawn gene: NCBI id 6 was replaced by 77",
        "5": "withdrawn gene: NCBI id 5 was replaced by 10 (NAT2)",
        "3": "withdrawn gene: NCBI id 3 was withdrawn without a replacement",
        "1": 1,
        "99": "unknown gene: NCBI id 99 is in none of the gene tables",
        "55": "unknown gene: NCBI id 55 is in none of the gene tables",
        "009": "withdrawn gene: NCBI id 009 was replaced by 10 (NAT2)",
    }


def test_what_is_too_long_for_an_id_is_none(folder: Path) -> None:
    assert str(resolve(folder, "ncbi", "9" * 18)["9" * 18]).startswith("unknown gene")
    assert str(resolve(folder, "ncbi", "9" * 5000)["9" * 5000]).startswith("not an NCBI gene id")


def test_withdrawn_symbols(folder: Path) -> None:
    found = resolve(
        folder, "symbol", "XYZ", "xyz", "VANISHED", "SPLIT", "TWICE", "NOWHERE", "NAT9OLD", "GONE", "ODD", "MOUSE"
    )
    assert found == {
        "XYZ": "withdrawn gene: symbol 'XYZ' was merged into 10 (NAT2)",
        "xyz": "withdrawn gene: symbol 'xyz' was merged into 10 (NAT2)",
        "VANISHED": "withdrawn gene: symbol 'VANISHED' was withdrawn without a replacement",
        "SPLIT": "withdrawn gene: symbol 'SPLIT' was merged into 1 (A1BG), 13 (AADAC)",
        "TWICE": "withdrawn gene: symbol 'TWICE' was merged into 10 (NAT2)",
        "NOWHERE": "withdrawn gene: symbol 'NOWHERE' was merged into ELSEWHERE",
        "NAT9OLD": "withdrawn gene: symbol 'NAT9OLD' was merged into 10 (NAT2), 12 (SERPINA3)",
        "GONE": "withdrawn gene: symbol 'GONE' was withdrawn without a replacement",
        "ODD": "unknown gene: symbol 'ODD' is in none of the gene tables",
        "MOUSE": "unknown gene: symbol 'MOUSE' is in none of the gene tables",
    }
    assert {reason_kind(str(reason)) for reason in found.values()} == {"withdrawn gene", "unknown gene"}


def test_a_living_gene_goes_before_a_withdrawn_one_and_ambiguous_ones_are_rejected(folder: Path) -> None:
    assert resolve(folder, "symbol", "AADAC", "ABG", "nat2", "PNAT", "NEWENTRY") == {
        "AADAC": 13,  # the symbol of withdrawn 5 as well
        "ABG": 1,  # a synonym, and withdrawn by HGNC
        "nat2": 10,
        "PNAT": "ambiguous gene: symbol 'PNAT' may be 10 (NAT2), 12 (SERPINA3)",
        "NEWENTRY": "unknown gene: symbol 'NEWENTRY' is in none of the gene tables",
    }


def test_ensembl_ids_with_and_without_version(folder: Path) -> None:
    ids = ["ENSG00000121410", "ENSG00000121410.5", "ensg00000273259", "ENSG00000114771.3", "ENSG00000000001.1"]
    assert resolve(folder, "ensembl", *ids) == {
        "ENSG00000121410": 1,
        "ENSG00000121410.5": 1,
        "ensg00000273259": 12,
        "ENSG00000114771.3": "ambiguous gene: Ensembl id 'ENSG00000114771.3' may be 13 (AADAC), 14 (TWIN)",
        "ENSG00000000001.1": "unknown gene: Ensembl id 'ENSG00000000001.1' is in none of the gene tables",
    }


def test_an_older_table_does_not_bring_a_withdrawn_gene_back(folder: Path) -> None:
    old = gene_table(
        "old",
        Path("old.tsv"),
        [2, 3, 4],
        np.array([9, 500, 10]),
        ["NAT9", "ONLYHERE", "NAT2"],
        synonyms=[["J9"], [], []],
    )
    ids = resolve(folder, "ncbi", "9", "500", "10", others=(old,))
    assert ids == {"9": "withdrawn gene: NCBI id 9 was replaced by 10 (NAT2)", "500": 500, "10": 10}
    assert resolve(folder, "symbol", "NAT9", "J9", "ONLYHERE", others=(old,)) == {
        "NAT9": "withdrawn gene: symbol 'NAT9' was merged into 10 (NAT2)",
        "J9": "withdrawn gene: symbol 'J9' was merged into 10 (NAT2)",
        "ONLYHERE": 500,
    }
    # Without the list of withdrawals there is nothing that says so.
    assert GeneIndex.from_tables([old]).resolve("ncbi", pd.Series(["9"]))["ncbi_id"].tolist() == [9]


def test_the_order_of_the_tables_does_not_matter(folder: Path) -> None:
    old = gene_table("old", Path("old.tsv"), [2, 3], np.array([9, 8]), ["NAT9", "NAT2"])
    values = pd.Series(["NAT9", "NAT2", "GONE", "NAT9OLD", "SPLIT", "PNAT"])
    answers = [
        GeneIndex.from_tables(order).resolve("symbol", values) for order in permutations([*read(folder).genes, old])
    ]
    for answer in answers[1:]:
        pd.testing.assert_frame_equal(answer, answers[0])


def test_the_other_files_need_not_be_there(folder: Path) -> None:
    for name in ("gene_history.gz", "withdrawn.txt"):
        (folder / name).unlink()
    records = read(folder)
    assert len(records.genes) == 1
    assert records.rejects.empty
    assert resolve(folder, "ncbi", "9")["9"] == "unknown gene: NCBI id 9 is in none of the gene tables"
    (folder / "Homo_sapiens.gene_info.gz").rename(folder / "gene_info.gz")
    assert len(read(folder).genes[0].table) == 6


def test_links_and_columns_by_ensembl_end_to_end(folder: Path, tmp_path: Path) -> None:
    rows = pd.DataFrame(
        {
            "line": [2, 3, 4],
            "src_namespace": ["ensembl", "ensembl", "ncbi"],
            "src_value": ["ENSG00000121410.5", "ENSG00000114771", "9"],
            "dst_namespace": "ensembl",
            "dst_value": "ENSG00000156006",
        }
    )
    wells = tmp_path / "wells.csv"
    wells.write_text(
        "Metadata_Ensembl_Gene_ID,Metadata_Well,ENSG00000121410.7,NAT2,12,ENSG00000999999\n"
        "ENSG00000156006.2,A1,9,1,2,4\n"
        "ENSG00000196136,A2,1,2,3,8\n"
    )
    described = Description(wells, "mine", modality="expression", perturbation="crispr")
    profiles = read_profiles(described)
    assert [tuple(ref) for ref in profiles.profiles[0].column_genes or ()] == [
        ("ensembl", "ENSG00000121410.7"),
        ("symbol", "NAT2"),
        ("ncbi", "12"),
        ("ensembl", "ENSG00000999999"),
    ]
    assert set(profiles.profiles[0].table["namespace"]) == {"ensembl"}
    links = LinkTable("net", Path("net.tsv"), EdgeType.INTERACTS, rows)
    result = assemble(
        {"ncbigene": read(folder), "net": SourceRecords(links=(links,)), "profiles": profiles},
        IngestOptions(gene_profiles="nodes", rules=EdgeRules(expression_share=0.5)),
    )
    edges = result.tables.edges
    interactions = edges[EdgeKind(EdgeType.INTERACTS, NodeType.GENE, NodeType.GENE)]
    assert interactions[["src", "dst"]].to_numpy().tolist() == [[1, 10]]
    perturbed = edges[EdgeKind(EdgeType.HAS_EXPRESSION, NodeType.GENE, NodeType.EXPRESSION)]
    assert sorted(perturbed["src"]) == [10, 12]
    changed = edges[EdgeKind(EdgeType.CHANGES_EXPRESSION, NodeType.GENE, NodeType.GENE)]
    assert changed[["src", "dst", "value"]].to_numpy().tolist() == [[10, 1, 9.0]]
    genes = result.tables.nodes[NodeType.GENE]
    assert genes[["ncbi_id", "symbol"]].to_numpy().tolist() == [[1, "A1BG"], [10, "NAT2"], [12, "SERPINA3"]]
    reasons = result.rejects[result.rejects["source"] != "ncbigene"]["reason"].tolist()
    assert reasons == [
        "ambiguous gene: Ensembl id 'ENSG00000114771' may be 13 (AADAC), 14 (TWIN)",
        "withdrawn gene: NCBI id 9 was replaced by 10 (NAT2)",
        "unknown gene: Ensembl id 'ENSG00000999999' is in none of the gene tables",
    ]


def test_genes_are_named_by_ensembl_id_in_either_column(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("Metadata_ensembl_id,Metadata_Symbol,f\nENSG00000121410.5,A1BG,1\n,NAT2,2\n")
    (profiles,) = read_profiles(Description(path, "mine", perturbation="orf")).profiles
    assert profiles.table[["namespace", "value"]].to_numpy().tolist() == [
        ["ensembl", "ENSG00000121410.5"],
        ["symbol", "NAT2"],
    ]


@pytest.mark.parametrize(
    ("name", "header", "rows", "message"),
    [
        (
            "Homo_sapiens.gene_info",
            INFO,
            [GENES[0], GENES[1].replace("\t10\t", "\tx\t")],
            r":3: expected an NCBI .* 'x'",
        ),
        ("Homo_sapiens.gene_info", INFO, [GENES[0], GENES[0]], r":3: GeneID 1 occurs more than once"),
        ("Homo_sapiens.gene_info", INFO, [GENES[0], GENES[1][:9]], r":3: 3 fields, expected 11"),
        ("Homo_sapiens.gene_info", INFO, [GENES[-1]], r"no gene of tax_id 9606 \(human\)"),
        (
            "Homo_sapiens.gene_info",
            INFO.replace("dbXrefs", "xrefs"),
            GENES,
            r":1: missing column dbXrefs; there are tax_id",
        ),
        ("Homo_sapiens.gene_info", "", [], "the file is empty"),
        ("gene_history", HISTORY, ["9606\t-\tx\tA\t1"], r":2: expected an NCBI gene id, found 'x'"),
        ("gene_history", HISTORY, ["9606\t-\t3\tA\t1", "9606\ty\t4\tA\t1"], r":3: expected an NCBI gene id, found 'y'"),
        ("gene_history", HISTORY, ["9606\t-\t3"], r":2: 3 fields, expected 5"),
        ("gene_history", HISTORY.replace("Disc", "Dis"), WITHDRAWN, r":1: missing column Discontinued_GeneID"),
        (
            "withdrawn.txt",
            HGNC,
            ["HGNC:1\tMerged/Split\tA\tHGNC:2"],
            r":2: expected HGNC_ID\|SYMBOL\|STATUS, found 'HGNC:2'",
        ),
        ("withdrawn.txt", "HGNC_ID\tSTATUS\tWITHDRAWN_SYMBOL", ["a\tb\tc"], r":1: missing column MERGED_INTO_REPORT"),
        ("withdrawn.txt", HGNC, ["HGNC:1\tMerged/Split"], r":2: 2 fields, expected 4"),
    ],
)
def test_damaged_files(folder: Path, name: str, header: str, rows: list[str], message: str) -> None:
    for suffix in ("", ".gz"):
        (folder / f"{name}{suffix}").unlink(missing_ok=True)
    write(folder / name, header, rows)
    with pytest.raises(InputError, match=f"{name}.*{message}"):
        read(folder)


def test_truncated_gzip_and_bytes_that_are_no_text(folder: Path) -> None:
    file = folder / "gene_history.gz"
    whole = file.read_bytes()
    file.write_bytes(whole[:-12])
    with pytest.raises(InputError, match=r"gene_history.gz:\d+: truncated or damaged gzip"):
        read(folder)
    file.unlink()
    (folder / "gene_history").write_bytes(HISTORY.encode() + b"\n\xff\xfe\n")
    with pytest.raises(InputError, match=r"gene_history:2: not UTF-8 text \(byte 0xff\)"):
        read(folder)
    (folder / "Homo_sapiens.gene_info.gz").unlink()
    with pytest.raises(InputError, match=r"no Homo_sapiens.gene_info or gene_info \(or .gz\) in this folder"):
        read(folder)
    with pytest.raises(InputError, match="expected a folder"):
        read(folder / "gene_history")


@pytest.mark.data
def test_nothing_changes_for_real_sources_without_this_one(shared_data: Path) -> None:
    tables = [table for name in ("lincs", "hetionet") for table in SOURCES[name].records(shared_data / name).genes]
    index = GeneIndex.from_tables(tables)
    assert index.withdrawn == {}
    numbers = sorted({int(gene) for table in tables for gene in table.table["ncbi_id"]})
    assert index.genes.index.tolist() == numbers
