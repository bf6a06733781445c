"""What each source reads from the real files, against counts made with the csv module alone."""

from __future__ import annotations

import csv
import gzip
import zipfile
from collections import Counter
from pathlib import Path
from statistics import median
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from graphdb.schema import EdgeType, NodeType
from ingest.records import REJECT_COLUMNS, ProfileTable, Ref, SourceRecords
from ingest.sources import SOURCES
from ingest.standardise.genes import GeneIndex

pytestmark = pytest.mark.data


def rows(path: Path, delimiter: str = "\t") -> list[dict[str, str]]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def sheet(path: Path) -> list[list[str]]:
    """Return the cells of the first sheet of a workbook (ECMA-376); the project needs no package for that otherwise."""
    tag = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    with zipfile.ZipFile(path) as book:
        strings = ElementTree.fromstring(book.read("xl/sharedStrings.xml")).iter(f"{tag}si")
        shared = ["".join(part.text or "" for part in item.iter(f"{tag}t")) for item in strings]
        lines = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml")).iter(f"{tag}row")
        return [
            [
                shared[int(cell.findtext(f"{tag}v", ""))] if cell.get("t") == "s" else cell.findtext(f"{tag}v", "")
                for cell in line
            ]
            for line in lines
        ]


def links(records: SourceRecords, edge_type: EdgeType) -> set[tuple[str, str]]:
    return {
        pair
        for table in records.links
        if table.edge_type == edge_type
        for pair in zip(table.table["src_value"], table.table["dst_value"], strict=True)
    }


@pytest.fixture(scope="module")
def lincs(shared_data: Path) -> SourceRecords:
    return SOURCES["lincs"].records(shared_data / "lincs")


@pytest.fixture(scope="module")
def hetionet(shared_data: Path) -> SourceRecords:
    return SOURCES["hetionet"].records(shared_data / "hetionet")


def test_lincs_profiles_are_the_cells_of_the_file(lincs: SourceRecords, shared_data: Path) -> None:
    (profiles,) = lincs.profiles
    wanted = rows(shared_data / "lincs" / "consensi-drugbank.tsv.gz")
    assert profiles.node_type == NodeType.EXPRESSION
    assert profiles.feature_space == "lincs-consensus-978"
    assert profiles.column_genes == tuple(Ref("ncbi", name) for name in list(wanted[0])[1:])
    assert list(profiles.table["value"]) == [row["perturbagen"] for row in wanted]
    assert list(profiles.table["line"]) == list(range(2, 1172))
    assert set(profiles.table["namespace"]) == {"drugbank"}
    assert profiles.values.shape == (1170, 978)
    for index in (0, 500, 1169):
        cells = np.array(list(wanted[index].values())[1:], dtype=np.float32)
        np.testing.assert_array_equal(profiles.values[index], cells)


def test_lincs_rows_belong_to_their_drugs(lincs: SourceRecords) -> None:
    """Expected: the data's README. Drugs of one mechanism correlate, random pairs do not; a shuffle would show."""
    (profiles,) = lincs.profiles
    row = {drug: index for index, drug in enumerate(profiles.table["value"])}

    def correlation(a: str, b: str) -> float:
        return float(np.corrcoef(profiles.values[row[a]], profiles.values[row[b]])[0, 1])

    assert correlation("DB00877", "DB06287") == pytest.approx(0.87, abs=0.005)  # sirolimus, temsirolimus
    assert correlation("DB00641", "DB00227") == pytest.approx(0.86, abs=0.005)  # simvastatin, lovastatin
    pairs = np.random.default_rng(0).integers(0, 1170, (2000, 2))
    random = [np.corrcoef(profiles.values[i], profiles.values[j])[0, 1] for i, j in pairs if i != j]
    assert np.mean(random) == pytest.approx(0.09, abs=0.03)


def test_lincs_look_ups(lincs: SourceRecords, shared_data: Path) -> None:
    (structures,) = lincs.structures
    wanted = [
        row
        for row in rows(shared_data / "lincs" / "pertinfo.tsv.gz")
        if row["pert_type"] == "trt_cp" and row["canonical_smiles"] not in {"", "-666"}
    ]
    table = structures.table.set_index("value")
    assert not structures.is_node
    assert len(table) == len(wanted) == 20_330
    assert list(table["smiles"]) == [row["canonical_smiles"] for row in wanted]
    assert table["inchikey"].dropna().str.fullmatch("[A-Z]{14}-[A-Z]{10}-[A-Z]").all()
    assert not table["name"].isin(["-666", ""]).any()
    (genes,) = lincs.genes
    assert len(genes.table) == 7_467
    assert genes.table.loc[genes.table["ncbi_id"] == 1000, "symbol"].item() == "CDH2"
    measured = {
        row["entrez_gene_id"] for row in rows(shared_data / "lincs" / "genes.tsv.gz") if row["status"] == "measured"
    }
    assert {ref.value for ref in lincs.profiles[0].column_genes or ()} == measured


def test_cmea(lincs: SourceRecords, shared_data: Path) -> None:
    records = SOURCES["cmea"].records(shared_data / "cmea")
    morphology, expression = records.profiles
    assert (morphology.feature_space, morphology.values.shape) == ("cmea-812", (162, 812))
    assert (expression.feature_space, expression.values.shape) == ("cmea-978", (162, 978))
    assert morphology.node_type == NodeType.MORPHOLOGY
    for profiles, name in ((morphology, "cell_morphology_profile"), (expression, "transcriptomic_profile")):
        wanted = rows(shared_data / "cmea" / f"{name}.csv.gz", ",")
        assert list(profiles.table["value"]) == [row["pert_id"] for row in wanted]
        cells = np.array([list(row.values())[1:] for row in wanted], dtype=np.float32)
        np.testing.assert_array_equal(profiles.values, cells)
    assert {"HLA-DMA", "HLA-DRA"} <= set(expression.columns)
    assert not any("." in name for name in expression.columns)
    # Every compound has a structure among the perturbagens of LINCS.
    assert set(morphology.table["value"]) <= set(lincs.structures[0].table["value"])


def test_landmarks_of_cmea_are_those_of_lincs(lincs: SourceRecords, hetionet: SourceRecords, shared_data: Path) -> None:
    """Two independent names of the same 978 genes: symbols in one file, NCBI ids in the other."""
    records = SOURCES["cmea"].records(shared_data / "cmea")
    genes = GeneIndex.from_tables([*records.genes, *lincs.genes, *hetionet.genes])
    found = genes.resolve("symbol", pd.Series(records.profiles[1].columns))
    assert found["reason"].isna().all()
    assert set(found["ncbi_id"]) == {int(ref.value) for ref in lincs.profiles[0].column_genes or ()}


def test_cpjump1_profiles_are_medians_of_wells(shared_data: Path) -> None:
    records = SOURCES["cpjump1"].records(shared_data / "cpjump1")
    (profiles,) = records.profiles
    wells = rows(shared_data / "cpjump1" / "jump_phenotype_profiles.tsv.gz")
    compounds = rows(shared_data / "cpjump1" / "JUMP-Target-1_compound_metadata.tsv")
    brd = {row["pert_iname"]: row["broad_sample"][:13] for row in reversed(compounds)}
    groups: dict[tuple[str, str, str, float], list[dict[str, str]]] = {}
    for well in wells:
        kind = well["treatment_type"]
        value = brd[well["treatment"]] if kind == "compound" else well["treatment"]
        groups.setdefault((kind, value, well["Cell_type"], float(well["Time"])), []).append(well)
    keys = [tuple(key) for key in profiles.table[["perturbation", "value", "cell_line", "hours"]].to_numpy()]
    assert len(keys) == len(groups) == 2_486
    assert set(keys) == set(groups)
    assert profiles.table["replicates"].sum() == len(wells) == 16_179
    assert profiles.table["record"].is_unique
    for index in range(0, len(keys), 311):
        group = groups[keys[index]]
        assert profiles.table["replicates"][index] == len(group)
        expected = [median(float(well[name]) for well in group) for name in profiles.columns]
        np.testing.assert_allclose(profiles.values[index], expected, rtol=1e-6)
    kinds = Counter((kind, value) for kind, value, _, _ in groups)
    assert Counter(kind for kind, _ in kinds) == {"compound": 302, "crispr": 160, "orf": 160}
    assert set(profiles.table.loc[profiles.table["perturbation"] != "compound", "namespace"]) == {"symbol"}


def test_cpjump1_compounds_and_targets(shared_data: Path) -> None:
    records = SOURCES["cpjump1"].records(shared_data / "cpjump1")
    compounds = rows(shared_data / "cpjump1" / "JUMP-Target-1_compound_metadata.tsv")
    (structures,) = records.structures
    assert structures.is_node
    assert list(structures.table["smiles"]) == [row["smiles"] for row in compounds if row["pert_iname"] != "DMSO"]
    wanted = {
        (row["broad_sample"][:13], target)
        for row in compounds
        if row["target_list"] != "NA"
        for target in row["target_list"].split("|")
    }
    assert links(records, EdgeType.TARGETS) == wanted
    assert sum(len(table.table) for table in records.links) == 1_590
    assert records.rejects[["key", "reason"]].to_numpy().tolist() == [["DMSO", "negative control"]]
    assert records.rejects["line"].tolist() == [308]


def test_genes_named_in_code_have_the_ids_of_published_lists(shared_data: Path) -> None:
    from ingest.sources.cmea import RENAMED_GENES as CMEA
    from ingest.sources.cpjump1 import GENES as CPJUMP1

    stated = {row[1]: int(row[2]) for row in sheet(shared_data / "lincs" / "Landmark_Genes_n978.xlsx")[1:]}
    assert len(stated) == 978
    assert {symbol: stated[symbol] for symbol in CMEA} == CMEA
    reagents = rows(shared_data / "jump" / "orf.csv.gz", ",")
    ids = {row["Metadata_Symbol"]: row["Metadata_NCBI_Gene_ID"] for row in reagents}
    assert {symbol: int(ids[symbol]) for symbol in CPJUMP1} == CPJUMP1


def test_hetionet(hetionet: SourceRecords, shared_data: Path) -> None:
    folder = shared_data / "hetionet"
    nodes = rows(folder / "hetionet-v1.0-nodes.tsv.gz")
    genes = {int(row["id"][6:]): row["name"] for row in nodes if row["kind"] == "Gene"}
    table = hetionet.genes[0].table
    assert dict(zip(table["ncbi_id"], table["symbol"], strict=True)) == genes
    assert len(genes) == 20_945
    assert len(hetionet.structures[0].table) == sum(row["kind"] == "Compound" for row in nodes) == 1_552

    edges = rows(folder / "hetionet-edges-sample.sif.gz")
    types = {
        "GcG": EdgeType.COVARIES,
        "Gr>G": EdgeType.REGULATES,
        "CuG": EdgeType.UPREGULATES,
        "CdG": EdgeType.DOWNREGULATES,
    }
    for metaedge, edge_type in types.items():
        wanted = {
            (row["source"].split("::")[1], row["target"].split("::")[1]) for row in edges if row["metaedge"] == metaedge
        }
        assert links(hetionet, edge_type) == {(a, b) for a, b in wanted if a != b}
    pairs = [(row["gene_0"], row["gene_1"]) for row in rows(folder / "ppi-hetio-ind.tsv.gz")]
    assert links(hetionet, EdgeType.INTERACTS) == {(a, b) for a, b in pairs if a != b}
    bindings = rows(folder / "CbG-binding.tsv.gz")
    assert links(hetionet, EdgeType.BINDS) == {(row["drugbank_id"], row["entrez_gene_id"]) for row in bindings}

    # Nothing is lost: every row of a file of edges is a link or a reject.
    assert tuple(hetionet.rejects.columns) == REJECT_COLUMNS
    reasons = Counter(hetionet.rejects["reason"])
    assert reasons["metaedge CrC is not part of the context graph"] == 11_391
    assert reasons["self-loop"] == sum(a == b for a, b in pairs) + sum(row["source"] == row["target"] for row in edges)
    total = sum(len(table.table) for table in hetionet.links) + len(hetionet.rejects)
    assert total == len(edges) + len(pairs) + len(bindings)


def test_drugbank_lines_are_right_though_descriptions_have_line_breaks(shared_data: Path) -> None:
    (structures,) = SOURCES["drugbank"].records(shared_data / "drugbank").structures
    table = structures.table
    wanted = rows(shared_data / "drugbank" / "drugbank.tsv.gz")
    assert list(table["value"]) == [row["drugbank_id"] for row in wanted]
    assert len(table) == 7_759
    assert table["inchi"].isna().sum() == sum(not row["inchi"] for row in wanted) == 949
    with gzip.open(shared_data / "drugbank" / "drugbank.tsv.gz", "rt", newline="\n") as file:
        physical = file.readlines()
    assert len(physical) == 8_259
    starts = [physical[line - 1].split("\t", 1)[0] for line in table["line"]]
    assert starts == list(table["value"])
    assert table["line"].iloc[-1] > len(table) + 1


def test_molecules_reads_the_list_of_jump(shared_data: Path) -> None:
    (structures,) = SOURCES["molecules"].records(shared_data / "jump" / "JUMPCP_compounds.csv.gz").structures
    assert structures.is_node
    assert len(structures.table) == 116_753
    first = structures.table.iloc[0]
    assert (first["line"], first["jcp"], first["smiles"]) == (
        2,
        "JCP2022_000001",
        "CCc1nccn1-c1cccc(C2CCCN2C(=O)c2ccc(OCCN(C)C)cc2)n1",
    )


@pytest.mark.parametrize("name", ["lincs", "cmea", "cpjump1", "hetionet", "drugbank"])
def test_every_record_says_its_file(name: str, shared_data: Path) -> None:
    records = SOURCES[name].records(shared_data / name)
    for table in (*records.structures, *records.genes, *records.profiles, *records.links):
        assert table.source == name
        assert table.path in records.files
        assert table.table["line"].dtype == np.int64
        if isinstance(table, ProfileTable):
            assert table.values.dtype == np.float32
            assert table.values.shape == (len(table.table), len(table.columns))
            assert not table.simulated
