"""Sources of the paper beyond the first five, against counts made by pandas from the files alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rdkit import Chem, rdBase

from graphdb.errors import InputError
from graphdb.schema import EdgeType
from ingest.sources import SOURCES
from ingest.standardise.genes import GeneIndex


@pytest.mark.data
def test_jump_compounds(shared_data: Path) -> None:
    records = SOURCES["jump"].records(shared_data / "jump")
    (table,) = records.structures
    listed = pd.read_csv(shared_data / "jump" / "JUMPCP_compounds.csv.gz")
    assert table.is_node
    assert table.table["value"].tolist() == listed["Metadata_JCP2022"].tolist()
    assert table.table["smiles"].tolist() == listed["smiles"].tolist()
    assert table.table["line"].tolist() == list(range(2, len(listed) + 2))


@pytest.mark.data
def test_jump_reagents_lead_to_their_genes(shared_data: Path) -> None:
    records = SOURCES["jump"].records(shared_data / "jump")
    genes = GeneIndex.from_tables(records.genes)
    unusable = 0
    for name in ("crispr.csv.gz", "orf.csv.gz"):
        listed = pd.read_csv(shared_data / "jump" / name, dtype=str)
        usable = listed["Metadata_NCBI_Gene_ID"].fillna("").str.isdecimal()
        unusable += int((~usable).sum())
        found = genes.resolve("symbol", listed.loc[usable, "Metadata_JCP2022"])
        assert found["reason"].isna().all()
        assert found["ncbi_id"].astype(str).tolist() == listed.loc[usable, "Metadata_NCBI_Gene_ID"].tolist()
    assert len(records.rejects) == unusable
    assert not records.rejects["kept"].any()


def test_jump_takes_any_of_its_files_and_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none of JUMPCP_compounds.csv, compound.csv, crispr.csv, orf.csv"):
        SOURCES["jump"].records(tmp_path)
    (tmp_path / "compound.csv").write_text("Metadata_JCP2022,Metadata_SMILES\nJCP1,CCO\nJCP2,\n")
    records = SOURCES["jump"].records(tmp_path)
    assert records.structures[0].table["smiles"].tolist() == ["CCO"]
    assert records.rejects[["line", "key", "reason"]].to_numpy().tolist() == [[3, "JCP2", "no SMILES"]]
    (tmp_path / "compound.csv").write_text("Metadata_JCP2022,structure\nJCP1,CCO\n")
    with pytest.raises(InputError, match=r"compound.csv:1: missing column smiles"):
        SOURCES["jump"].records(tmp_path)


@pytest.mark.data
def test_rephub_targets(shared_data: Path) -> None:
    records = SOURCES["rephub"].records(shared_data / "rephub")
    annotated = pd.read_csv(shared_data / "rephub" / "compound_rephub_annot_full.csv.gz", dtype=str)
    samples = pd.read_csv(
        shared_data / "rephub" / "repurposing_samples_20200324_standardized.csv.gz", dtype=str, keep_default_na=False
    )
    (links,) = records.links
    assert links.edge_type == EdgeType.TARGETS
    assert len(links.table) == annotated["target"].dropna().str.count(r"\|").add(1).sum()
    # The first drug by name: apomorphine, with the BRD id of its sample.
    brd = samples.loc[samples["pert_iname"] == "(R)-(-)-apomorphine", "broad_id"].iloc[0][:13]
    targets = set(links.table.loc[links.table["src_value"] == brd, "dst_value"])
    assert targets == set(annotated["target"].iloc[0].split("|"))
    assert set(records.structures[0].table["value"]) == set(samples["broad_id"].str[:13])


@pytest.mark.data
def test_comas_keeps_dose_and_plate(shared_data: Path) -> None:
    records = SOURCES["comas"].records(shared_data / "comas")
    listed = pd.read_csv(shared_data / "comas" / "comas_pnp_cell_painting_data.tsv.gz", sep="\t")
    (profiles,) = records.profiles
    features = [name for name in listed.columns if name.startswith("Median_")]
    assert profiles.feature_space == f"comas-{len(features)}"
    np.testing.assert_allclose(profiles.values, listed[features].to_numpy(), rtol=1e-6)
    assert profiles.table["dose_um"].tolist() == listed["Conc_uM"].tolist()
    assert profiles.table["plate"].tolist() == listed["Plate"].tolist()
    assert len(records.structures[0].table) == listed["Smiles"].nunique()


@pytest.mark.data
def test_overexpression_links(shared_data: Path) -> None:
    records = SOURCES["overexpression"].records(shared_data / "lincs")
    listed = pd.read_csv(shared_data / "lincs" / "dysreg-overexpression.tsv.gz", sep="\t", dtype=str)
    other = listed[listed["perturbagen"] != listed["entrez_gene_id"]]
    (links,) = records.links
    assert links.edge_type == EdgeType.REGULATES
    assert links.table["src_value"].tolist() == other["perturbagen"].tolist()
    assert links.table["dst_value"].tolist() == other["entrez_gene_id"].tolist()
    assert len(records.rejects) == len(listed) - len(other)
    genes = GeneIndex.from_tables(records.genes)
    assert set(genes.genes.index) == set(listed["perturbagen"].astype(int)) | set(listed["entrez_gene_id"].astype(int))
    # A gene that is only perturbed is known by its id, and has no symbol in this file.
    unnamed = sorted(set(listed["perturbagen"].astype(int)) - set(listed["entrez_gene_id"].astype(int)))
    assert unnamed
    assert genes.describe(unnamed)["symbol"].isna().all()
    assert genes.resolve("ncbi", pd.Series([str(unnamed[0])]))["ncbi_id"].tolist() == unnamed[:1]


def test_an_id_that_is_no_number_is_named(tmp_path: Path) -> None:
    (tmp_path / "dysreg-overexpression.tsv").write_text("perturbagen\tentrez_gene_id\tsymbol\n1\t2\tA\n1\tx\tB\n")
    with pytest.raises(InputError, match=r"overexpression.tsv:3: expected an NCBI gene id, found 'x'"):
        SOURCES["overexpression"].records(tmp_path)


@pytest.mark.data
def test_rephub_structures_can_be_parsed(shared_data: Path) -> None:
    """Some are written with ChemAxon's extensions, which RDKit refuses."""
    smiles = SOURCES["rephub"].records(shared_data / "rephub").structures[0].table["smiles"].dropna()
    with rdBase.BlockLogs():
        unparsable = sum(Chem.MolFromSmiles(text) is None for text in smiles)
    assert unparsable / len(smiles) < 0.001
