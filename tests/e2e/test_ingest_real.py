"""The real sources: Cypher counts what pandas counts in the files; second and killed runs change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from _commands import Commands

from graphdb.content import content_hash
from graphdb.export import read_tables
from graphdb.files import read_json
from graphdb.meta import read_meta
from graphdb.schema import EdgeType, NodeType
from graphdb.snapshot import Snapshot
from graphdb.store import GraphStore, connect
from ingest.standardise.molecules import standardise_table

pytestmark = [pytest.mark.slow, pytest.mark.graph, pytest.mark.data]


@pytest.fixture
def store(real_commands: Commands, monkeypatch: pytest.MonkeyPatch) -> Iterator[GraphStore]:
    monkeypatch.setenv("INFOALIGN_WORKSPACE", str(real_commands.workspace))
    with connect(read_only=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def drugbank(shared_data: Path) -> dict[str, str]:
    """DrugBank id → InChIKey of the standardised structure, for every drug whose structure can be used."""
    table = pd.read_csv(shared_data / "drugbank" / "drugbank.tsv.gz", sep="\t", dtype=str)
    table = table[table["inchi"].notna()]
    standard = standardise_table([("inchi", text) for text in table["inchi"]])
    keys = dict(zip(table["drugbank_id"], standard["inchikey"], strict=True))
    return {drug: key for drug, key in keys.items() if key is not None}


@pytest.fixture(scope="module")
def sif(shared_data: Path) -> pd.DataFrame:
    edges = pd.read_csv(shared_data / "hetionet" / "hetionet-edges-sample.sif.gz", sep="\t", dtype=str)
    for end in ("source", "target"):
        edges[[f"{end}_kind", f"{end}_id"]] = edges[end].str.split("::", n=1, expand=True)
    return edges


@pytest.fixture(scope="module")
def known_genes(shared_data: Path) -> set[str]:
    nodes = pd.read_csv(shared_data / "hetionet" / "hetionet-v1.0-nodes.tsv.gz", sep="\t", dtype=str)
    hetionet = nodes.loc[nodes["kind"] == "Gene", "id"].str.removeprefix("Gene::")
    lincs = pd.read_csv(shared_data / "lincs" / "genes.tsv.gz", sep="\t", dtype=str)["entrez_gene_id"]
    return set(hetionet) | set(lincs)


def gene_pairs(pairs: pd.DataFrame, known: set[str], *, ordered: bool) -> set[tuple[str, str]]:
    """Return the distinct pairs of known, different genes; with `ordered` False (a, b) is (b, a)."""
    found = set()
    for a, b in pairs.itertuples(index=False):
        if a != b and a in known and b in known:
            found.add((a, b) if ordered else (min(a, b), max(a, b)))
    return found


def test_gene_networks_agree_with_the_files(
    store: GraphStore, shared_data: Path, sif: pd.DataFrame, known_genes: set[str]
) -> None:
    ppi = pd.read_csv(shared_data / "hetionet" / "ppi-hetio-ind.tsv.gz", sep="\t", dtype=str)[["gene_0", "gene_1"]]
    counts = store.edge_counts()
    for metaedge, edge_type, ordered in (
        ("GiG", EdgeType.INTERACTS, False),
        ("GcG", EdgeType.COVARIES, False),
        ("Gr>G", EdgeType.REGULATES, True),
    ):
        rows = sif.loc[sif["metaedge"] == metaedge, ["source_id", "target_id"]]
        expected = gene_pairs(rows, known_genes, ordered=ordered)
        if edge_type == EdgeType.INTERACTS:
            expected |= gene_pairs(ppi, known_genes, ordered=False)
        assert counts[edge_type] == len(expected), edge_type


def test_molecule_gene_networks_agree_with_the_files(
    store: GraphStore, shared_data: Path, sif: pd.DataFrame, known_genes: set[str], drugbank: dict[str, str]
) -> None:
    binding = pd.read_csv(shared_data / "hetionet" / "CbG-binding.tsv.gz", sep="\t", dtype=str)
    counts = store.edge_counts()
    for metaedge, edge_type in (
        ("CbG", EdgeType.BINDS),
        ("CuG", EdgeType.UPREGULATES),
        ("CdG", EdgeType.DOWNREGULATES),
    ):
        pairs = list(sif.loc[sif["metaedge"] == metaedge, ["source_id", "target_id"]].itertuples(index=False))
        if edge_type == EdgeType.BINDS:
            pairs += list(binding[["drugbank_id", "entrez_gene_id"]].itertuples(index=False))
        expected = {(drugbank[drug], gene) for drug, gene in pairs if drug in drugbank and gene in known_genes}
        assert counts[edge_type] == len(expected), edge_type


def test_profiles_agree_with_the_files(
    store: GraphStore, real_commands: Commands, shared_data: Path, drugbank: dict[str, str]
) -> None:
    lincs = pd.read_csv(shared_data / "lincs" / "consensi-drugbank.tsv.gz", sep="\t", usecols=["perturbagen"])
    pertinfo = pd.read_csv(shared_data / "lincs" / "pertinfo.tsv.gz", sep="\t", dtype=str).drop_duplicates("pert_id")
    cmea = pd.read_csv(shared_data / "cmea" / "cell_morphology_profile.csv.gz", usecols=["pert_id"])["pert_id"]
    smiles = pertinfo.set_index("pert_id")["canonical_smiles"].reindex(cmea)
    in_cmea = int(standardise_table([("smiles", text) for text in smiles.dropna()])["inchikey"].notna().sum())
    wells = pd.read_csv(shared_data / "cpjump1" / "jump_phenotype_profiles.tsv.gz", sep="\t")
    treatments = wells[wells["treatment_type"] == "compound"].drop_duplicates(["treatment", "Cell_type", "Time"])
    spaces = {
        (row["type"], row["space"]): row["count"]
        for row in store.read(
            "MATCH (n) WHERE n.feature_space IS NOT NULL "
            "RETURN labels(n)[0] AS type, n.feature_space AS space, count(n) AS count"
        )
    }
    assert spaces["Expression", "lincs-consensus-978"] == sum(drug in drugbank for drug in lincs["perturbagen"])
    assert spaces["Morphology", "cmea-812"] == spaces["Expression", "cmea-978"] == in_cmea
    rejects = pd.read_parquet(real_commands.workspace / "rejects.parquet")
    lost = rejects[(rejects["source"] == "cpjump1") & rejects["key"].str.startswith("compound ")]
    named = treatments["treatment"] != "DMSO"
    assert spaces["Morphology", "cpjump1-15"] == int(named.sum()) - len(lost)
    assert store.edge_counts()[EdgeType.HAS_MORPHOLOGY] == store.node_counts()[NodeType.MORPHOLOGY]
    assert store.edge_counts()[EdgeType.HAS_EXPRESSION] == store.node_counts()[NodeType.EXPRESSION]


def test_the_top_percent_of_the_lincs_cells(store: GraphStore, shared_data: Path, drugbank: dict[str, str]) -> None:
    values = pd.read_csv(shared_data / "lincs" / "consensi-drugbank.tsv.gz", sep="\t", index_col=0)
    values = values[values.index.isin(list(drugbank))]
    cells = values.abs().stack()
    chosen = cells.sort_values(ascending=False).iloc[: int(cells.size * 0.01)]
    pairs = {(drugbank[drug], gene) for drug, gene in chosen.index}
    found = store.read(
        "MATCH (:Molecule)-[r:CHANGES_EXPRESSION {feature_space: 'lincs-consensus-978'}]->(:Gene) "
        "RETURN count(r) AS count, max(r.weight) AS largest"
    )[0]
    assert found["count"] == len(pairs)
    assert found["largest"] == 1.0


def test_the_killed_and_repeated_load_is_whole(store: GraphStore, real_commands: Commands) -> None:
    meta = read_meta(store)
    report = read_json(real_commands.workspace / "ingest.json")
    assert meta is not None
    assert meta.state == "complete"
    assert content_hash(read_tables(store)) == meta.content_hash == report["graph_hash"]
    assert Snapshot.load(real_commands.workspace / "snapshot").graph_hash == meta.content_hash


def test_loading_again_changes_nothing(real_commands: Commands, real_sources: list[str]) -> None:
    before = read_json(real_commands.workspace / "ingest.json")
    result = real_commands.run("ingest.all", *real_sources)
    assert "no change" in result.stdout
    after = read_json(real_commands.workspace / "ingest.json")
    for name in ("graph_hash", "snapshot", "nodes", "edges", "rejects"):
        assert after[name] == before[name]
    assert after["changes"] == {"added": 0, "updated": 0, "deleted": 0}


def test_other_sources_are_not_mixed_in_by_accident(real_commands: Commands) -> None:
    result = real_commands.run("ingest.all", status=1)
    assert "the graph holds" in result.stderr
    assert "--add" in result.stderr
    assert result.stderr.strip().count("\n") == 0 or "error:" in result.stderr.strip().splitlines()[-1]
