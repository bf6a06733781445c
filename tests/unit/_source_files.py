"""Small folders in the layout of every source that reads files, for the tests of the sources."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from ingest.sources.comas import DESCRIPTION as COMAS_DESCRIPTION
from ingest.sources.cpjump1 import DESCRIPTION, PHENOTYPES

SMILES = {"m1": "CCO", "m2": "CCN", "m3": "c1ccccc1", "m4": "CCCC", "m5": "CC(=O)O"}
WIDTHS = {"CP-Bray": 7, "CP-JUMP": 5, "GE": 3, "G-CRISPR": 6, "G-ORF": 4}
KEY = "LFQSCWFLJHTTHZ-UHFFFAOYSA-N"
"""InChIKey of ethanol."""


def well(treatment: str, kind: str, values: float, *, place: str, hours: str = "24") -> str:
    """Return a row of CPJUMP1's wells."""
    return "\t".join(["P1", treatment, kind, "U2OS", hours, place, "100", *[str(values)] * 15])


def cpjump1(folder: Path) -> Path:
    """Compounds with a control and a missing structure; wells with every reason for a reject."""
    (folder / "JUMP-Target-1_compound_metadata.tsv").write_text(
        "broad_sample\tInChIKey\tpert_iname\ttarget_list\tcontrol_type\tsmiles\n"
        "BRD-K00000001-001-01-1\tNA\tone\tTP53|BRCA1\tNA\tCCO\n"
        "BRD-K00000002-001-01-1\tNA\ttwo\tNA\tposcon_cp\tNA\n"
        "NA\tNA\tDMSO\tNA\tnegcon\tCS(C)=O\n"
    )
    wells = [
        well("one", "compound", 1, place="A01"),
        well("one", "compound", 5, place="A02"),
        well("one", "compound", 2, place="A03"),
        well("one", "compound", 7, place="A04", hours="48"),
        well("one", "compound", float("inf"), place="A05"),
        well("two", "compound", 3, place="B01"),
        well("DMSO", "compound", 3, place="C01"),
        well("three", "compound", 3, place="D01"),
        well("TP53", "orf", 3, place="E01"),
        well("TP53", "orf", 3, place="E02"),
        well("NA", "crispr", 3, place="F01"),
        well("one", "heat", 3, place="G01"),
    ]
    header = "\t".join([*DESCRIPTION, *PHENOTYPES])
    (folder / "jump_phenotype_profiles.tsv").write_text("\n".join([header, *wells]) + "\n")
    return folder


HETIONET_EDGES = (
    "Gene::1\tGiG\tGene::2\nCompound::DB1\tCbG\tGene::2\nGene::1\tGr>G\tGene::1\nCompound::DB1\tCtD\tDisease::D\n"
)


def hetionet(folder: Path, edges: str = HETIONET_EDGES) -> Path:
    """Two genes, a compound, a disease, and `edges`."""
    (folder / "hetionet-v1.0-nodes.tsv").write_text(
        "id\tname\tkind\nGene::1\tA1BG\tGene\nGene::2\tA2M\tGene\nCompound::DB1\tOne\tCompound\nDisease::D\tD\tDisease\n"
    )
    (folder / "hetionet-v1.0-edges.sif").write_text("source\tmetaedge\ttarget\n" + edges)
    return folder


def whole_hetionet(folder: Path) -> Path:
    """The same with the two files that may be absent."""
    (folder / "ppi-hetio-ind.tsv").write_text("gene_0\tgene_1\tsources\n1\t2\tx\n2\t2\ty\n")
    (folder / "CbG-binding.tsv").write_text("drugbank_id\tentrez_gene_id\tlicense\nDB1\t1\tCC0\n")
    return hetionet(folder)


CONSENSI = "perturbagen\t1\t2\nDB1\t0.5\t1\nDB2\t-1.5\t2\n"


def lincs(folder: Path, consensi: str = CONSENSI, genes: str = "1\tA1BG\tmeasured") -> Path:
    """Two signatures, one gene, one structure."""
    (folder / "consensi-drugbank.tsv").write_text(consensi)
    (folder / "genes.tsv").write_text(f"entrez_gene_id\tsymbol\tdescription\n{genes}\n")
    (folder / "pertinfo.tsv").write_text(
        "pert_id\tpert_iname\tpert_type\tcanonical_smiles\tinchi_key\n"
        "BRD-1\t-666\ttrt_cp\tCCO\tInChIKey=LFQSCWFLJHTTHZ-UHFFFAOYSA-N\n"
        "BRD-2\ttwo\ttrt_cp\t-666\t-666\n"
        "BRD-3\tgene\ttrt_sh\t\t\n"
    )
    return folder


def cmea(folder: Path) -> Path:
    """Two compounds, three features, two landmarks."""
    (folder / "cell_morphology_profile.csv").write_text("pert_id,a,b,c\nBRD-1,1,2,3\nBRD-2,3,2,1\n")
    (folder / "transcriptomic_profile.csv").write_text("pert_id,TP53,HLA.DMA\nBRD-1,0.5,1\nBRD-2,1,0.5\n")
    return folder


def drugbank(folder: Path) -> Path:
    """A drug with a structure, one without, and a line break in a description."""
    (folder / "drugbank.tsv").write_text(
        "drugbank_id\tname\tdescription\tinchi\tinchikey\n"
        f'DB1\tethanol\t"of\nwine"\tInChI=1S/C2H6O/c1-2-3/h3H,2H2,1H3\tInChIKey={KEY}\n'
        "DB2\tlepirudin\tbiotech\t\t\n"
    )
    return folder


def rephub(folder: Path) -> Path:
    """One drug with two targets, one that no sample has, two samples."""
    (folder / "compound_rephub_annot_full.csv").write_text("pert_iname,target,moa\none,TP53|BRCA1,x\nother,TP53,y\n")
    (folder / "repurposing_samples_20200324_standardized.csv").write_text(
        f"broad_id,pert_iname,SMILES_original,InChIKey,vendor\nBRD-K00000001-001-01-1,one,CCO |t:1|,{KEY},v\n"
        "BRD-K00000002-001-01-1,two,CCN,,v\n"
    )
    return folder


def jump(folder: Path) -> Path:
    """Compounds, one without a structure; reagents, one without a gene."""
    (folder / "JUMPCP_compounds.csv").write_text("Metadata_JCP2022,smiles\nJCP2022_1,CCO\nJCP2022_2,\n")
    header = "Metadata_JCP2022,Metadata_NCBI_Gene_ID,Metadata_Symbol,Metadata_Gene_Description\n"
    (folder / "crispr.csv").write_text(header + "JCP2022_800001,9,NAT1,transferase\nJCP2022_800002,,no-guide,\n")
    (folder / "orf.csv").write_text(header + "JCP2022_900001,10,NAT2,transferase\n")
    return folder


def comas(folder: Path) -> Path:
    """Two wells of one compound, two features and a column that is none."""
    features = ("Median_a", "Median_b", "Other")
    rows = [
        dict.fromkeys(COMAS_DESCRIPTION, "x")
        | {"Compound_Id": "1", "Well_Id": f"w{place}", "Conc_uM": str(place), "Smiles": "CCO"}
        | dict.fromkeys(features, f"{place}.5")
        for place in (1, 10)
    ]
    table = pd.DataFrame(rows)[[*COMAS_DESCRIPTION, *features]]
    table.to_csv(folder / "comas_pnp_cell_painting_data.tsv", sep="\t", index=False)
    return folder


def overexpression(folder: Path) -> Path:
    """Two effects, one of a gene on itself."""
    (folder / "dysreg-overexpression.tsv").write_text(
        "perturbagen\tentrez_gene_id\tsymbol\tzscore\n1\t2\tA2M\t5\n2\t2\tA2M\t-6\n"
    )
    return folder


def molecules(folder: Path) -> Path:
    """A list of three molecules, one without a structure."""
    (folder / "list.csv").write_text("ID,Name,SMILES,chembl_id\nx1,ethanol,CCO,CHEMBL545\n,, ,\nx3,NA,CC,\n")
    return folder / "list.csv"


def profiles(folder: Path) -> Path:
    """Wells of a plate with a control."""
    (folder / "mylab.csv").write_text(
        "Metadata_Plate,Metadata_Well,Metadata_broad_sample,Metadata_SMILES,Metadata_pert_type,Metadata_Time,a,b\n"
        "P1,A01,BRD-K00000001-001-01-1,CCO,trt,24,1,10\n"
        "P1,A02,BRD-K00000001-001-01-1,CCO,trt,24,3,30\n"
        "P1,A03,BRD-K00000002-001-01-1,CCN,trt,48,2,20\n"
        "P1,A04,,CS(C)=O,negcon,24,0,0\n"
    )
    return folder / "mylab.csv"


def infoalign(folder: Path) -> Path:
    """A folder with every file of the release."""
    rng = np.random.default_rng(3)
    pd.DataFrame({"mol_id": SMILES.keys(), "smiles": SMILES.values()}).to_csv(folder / "structure.csv.gz", index=False)
    for name, column, values in (
        ("CP-Bray", "cell_bid", ["m1", "m2", "m2"]),
        ("CP-JUMP", "cell_jid", ["m3", "m4"]),
        ("GE", "express_id", ["m1", "m3"]),
    ):
        ids = [f"{name}{place}" for place in range(len(values))]
        pd.DataFrame({column: ids, "mol_id": values}).to_csv(folder / f"{name}.csv.gz", index=False)
        save_matrix(folder, name, rng.normal(size=(len(values), WIDTHS[name])))
    for name in ("G-CRISPR", "G-ORF"):
        pd.DataFrame({"ncbi_gene_id": [9, 10], "mol_id": ["", ""]}).to_csv(folder / f"{name}.csv.gz", index=False)
        save_matrix(folder, name, rng.normal(size=(2, WIDTHS[name])))
    pd.DataFrame({"ncbi_gene_id": [9, 10, 12]}).to_csv(folder / "L1k_idmaps.csv", index=False)
    pd.DataFrame({"source_id": [9, 12, 9], "target_id": [10, 9, 9]}).to_csv(folder / "G-G.csv.gz", index=False)
    return folder


def save_matrix(folder: Path, name: str, values: np.ndarray, **more: np.ndarray) -> None:
    """Write the matrix of a part of InfoAlign's release."""
    np.savez(folder / f"{name}_feature.npz", data=values.astype(np.float32), **more)


def bray(folder: Path) -> Path:
    """Write compounds of the Broad institute."""
    (folder / "structure.csv").write_text(
        "mol_id,smiles,inchikey,pert_id,pert_iname\nm1,CCO,X,BRD-K00000001,one\nm2,CCN,Y,,\n"
    )
    return folder


MAKERS: dict[str, Callable[[Path], Path]] = {
    "bray": bray,
    "cmea": cmea,
    "comas": comas,
    "cpjump1": cpjump1,
    "drugbank": drugbank,
    "hetionet": whole_hetionet,
    "infoalign": infoalign,
    "jump": jump,
    "lincs": lincs,
    "molecules": molecules,
    "overexpression": overexpression,
    "profiles": profiles,
    "rephub": rephub,
}
"""Name of a source → writes its files into an empty folder and returns the path that the source is given."""
