from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pandas as pd
import pytest

from graphdb.errors import InfoAlignError, InputError
from ingest import parallel
from ingest.standardise import molecules
from ingest.standardise.molecules import Rejected, standardise, standardise_table

# InChIKeys of well-known parents, as public databases list them.
KNOWN = {
    "aspirin, sodium salt": ("CC(=O)Oc1ccccc1C(=O)[O-].[Na+]", "BSYNRYMUTXBXSQ-UHFFFAOYSA-N"),
    "aspirin, salt drawn with a line": ("CC(=O)Oc1ccccc1C(=O)O[Na]", "BSYNRYMUTXBXSQ-UHFFFAOYSA-N"),
    "aspirin, Kekulé, other order": ("OC(=O)C1=CC=CC=C1OC(C)=O", "BSYNRYMUTXBXSQ-UHFFFAOYSA-N"),
    "metformin hydrochloride": ("CN(C)C(=N)NC(N)=N.Cl", "XZWYZXLIPXDOLR-UHFFFAOYSA-N"),
    "imatinib mesylate": (
        "Cc1ccc(NC(=O)c2ccc(CN3CC[NH+](C)CC3)cc2)cc1Nc1nccc(n1)-c1cccnc1.CS(=O)(=O)[O-]",
        "KTUFNOKKBVMGRW-UHFFFAOYSA-N",
    ),
    "amlodipine besylate": (
        "CCOC(=O)C1=C(COCCN)NC(C)=C(C(=O)OC)C1c1ccccc1Cl.OS(=O)(=O)c1ccccc1",
        "HTIQEAQVCYTUBX-UHFFFAOYSA-N",
    ),
    "sildenafil citrate": (
        "CCCc1nn(C)c2c1NC(=NC2=O)c1cc(ccc1OCC)S(=O)(=O)N1CCN(C)CC1.OC(=O)CC(O)(CC(O)=O)C(O)=O",
        "BNRNXUUZRGQAQC-UHFFFAOYSA-N",
    ),
    "atorvastatin calcium, 2:1": (
        "[Ca+2]."
        + ".".join(["CC(C)c1n(CC[C@@H](O)C[C@@H](O)CC([O-])=O)c(-c2ccc(F)cc2)c(-c2ccccc2)c1C(=O)Nc1ccccc1"] * 2),
        "XUKUURHRXDUEBC-KAYWLYCHSA-N",
    ),
    "theophylline with ethylenediamine": ("Cn1c2nc[nH]c2c(=O)n(C)c1=O.NCCN", "ZFXYFBGIUFBOJW-UHFFFAOYSA-N"),
    "caffeine in DMSO": ("Cn1cnc2c1c(=O)n(C)c(=O)n2C.CS(C)=O", "RYYVLZVUVIJVGH-UHFFFAOYSA-N"),
    "caffeine in ethanol and water": ("Cn1cnc2c1c(=O)n(C)c(=O)n2C.CCO.O", "RYYVLZVUVIJVGH-UHFFFAOYSA-N"),
    "L-alanine, zwitterion": ("C[C@H]([NH3+])C(=O)[O-]", "QNAYBMKLOCPYGJ-REOHCLBHSA-N"),
    "citric acid, sodium salt": (
        "OC(CC([O-])=O)(CC([O-])=O)C([O-])=O.[Na+].[Na+].[Na+]",
        "KRKNYBCHXYNGOX-UHFFFAOYSA-N",
    ),
    "choline stays charged": ("C[N+](C)(C)CCO.[Cl-]", "OEYIOHPDSNJKLS-UHFFFAOYSA-N"),
    "benzene-d6": ("[2H]c1c([2H])c([2H])c([2H])c([2H])c1[2H]", "UHOVQNZJYSORNB-UHFFFAOYSA-N"),
    "ethanol, stereo by an isotope only": ("C[C@]([2H])(O)[H]", "LFQSCWFLJHTTHZ-UHFFFAOYSA-N"),
    "nitrobenzene, five-valent": ("O=N(=O)c1ccccc1", "LQNUZADURLCDLV-UHFFFAOYSA-N"),
}


@pytest.mark.parametrize("name", KNOWN)
def test_known_molecules(name: str) -> None:
    smiles, inchikey = KNOWN[name]
    assert standardise(smiles).inchikey == inchikey


def test_inchi_and_smiles_of_a_molecule_are_one() -> None:
    aspirin = standardise("CC(=O)Oc1ccccc1C(=O)O")
    text = "InChI=1S/C9H8O4/c1-6(10)13-8-5-3-2-4-7(8)9(11)12/h2-5H,1H3,(H,11,12)"
    assert standardise(text, "inchi") == aspirin
    assert aspirin.smiles == "CC(=O)Oc1ccccc1C(=O)O"


def test_enantiomers_stay_apart_and_tautomers_as_they_are() -> None:
    assert standardise("C[C@H](N)C(=O)O") != standardise("C[C@@H](N)C(=O)O")
    assert standardise("CC(=O)CC").smiles != standardise("CC(O)=CC").smiles


REJECTED = {
    "": "no atoms",
    "not a molecule": "unparsable SMILES",
    "C1CC": "unparsable SMILES",
    "CC>>CO": "unparsable SMILES",
    "CC O": "unparsable SMILES",
    "CC(C)(C)(C)C": "impossible structure: Explicit valence for atom # 1 C, 5",
    "c1cccc1": "impossible structure: ",
    "*CC": "undefined atoms",
    "[R1]CC": "unparsable SMILES",
    "[H][H]": "no organic part",
    "[Na+].[Cl-]": "no organic part",
    "[Li+].[Li+].[O-]C([O-])=O": "no organic part",
    "N[Pt](N)(Cl)Cl": "metal complex (Pt)",
    "[Gd+3].OC(=O)CN(CCN(CC([O-])=O)CC([O-])=O)CC([O-])=O": "metal complex (Gd)",
    "C[CH]C": "unpaired electrons",
    "C[Hg]C": "organometallic (Hg bound to carbon)",
    "CC(=O)Oc1ccccc1C(=O)O.Cn1cnc2c1c(=O)n(C)c(=O)n2C": "mixture of 2 organic molecules: CC(=O)Oc1ccccc1C(=O)O and ",
    "C[C@H](O)CC.C[C@@H](O)CC": "mixture of 2 organic molecules",
    "C" * 2001: "too long: 2,001 characters",
    "C" * 251: "too large: 251 heavy atoms",
    "(" * 1500: "unparsable SMILES",
}


@pytest.mark.parametrize("smiles", REJECTED, ids=lambda text: text[:20])
def test_what_cannot_be_a_molecule_is_answered_with_the_reason(smiles: str) -> None:
    with pytest.raises(Rejected) as reason:
        standardise(smiles)
    assert str(reason.value).startswith(REJECTED[smiles])
    assert len(str(reason.value)) <= 320


def test_bad_inchi() -> None:
    with pytest.raises(Rejected, match="unparsable InChI"):
        standardise("InChI=1S/C9H8O4/c1-", "inchi")


def test_symmetric_cages_do_not_hang() -> None:
    for smiles in ("C12C3C4C1C5C2C3C45", "C1C2CC3CC1CC(C2)C3"):
        assert standardise(smiles).smiles


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    standardise_table([("smiles", text) for text in REJECTED] + [("inchi", "InChI=1S/")])
    assert capfd.readouterr() == ("", "")


TEXTS = (
    [("smiles", smiles) for smiles, _ in KNOWN.values()] + [("smiles", text) for text in REJECTED] + [("inchi", "x")]
)


def test_table_keeps_the_order_whatever_the_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = TEXTS + TEXTS[:5]
    whole = standardise_table(texts)
    assert len(whole) == len(texts)
    assert whole["inchikey"][: len(KNOWN)].tolist() == [key for _, key in KNOWN.values()]
    assert (whole["reason"].isna() == whole["inchikey"].notna()).all()
    assert whole["reason"].tolist()[:1] == [None]
    monkeypatch.setattr(molecules, "BATCH", 3)
    assert standardise_table(texts).equals(whole)
    assert standardise_table(texts[::-1])[::-1].reset_index(drop=True).equals(whole)
    assert list(standardise_table([]).columns) == ["inchikey", "smiles", "reason"]


def test_processes_and_a_cluster_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    from distributed import LocalCluster

    here = standardise_table(TEXTS)
    monkeypatch.setattr(molecules, "BATCH", 7)
    monkeypatch.setattr(molecules, "IN_PROCESS", 0)
    assert standardise_table(TEXTS, processes=2).equals(here)
    with LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, protocol="tcp", host="127.0.0.1", dashboard_address=None
    ) as cluster:
        assert cluster.scheduler_address.startswith("tcp://")
        assert standardise_table(TEXTS, scheduler=cluster.scheduler_address).equals(here)


def test_no_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "CONNECT_SECONDS", 0.3)
    with pytest.raises(InputError, match=r"no Dask scheduler answers at tcp://127.0.0.1:1 "):
        standardise_table(TEXTS, scheduler="tcp://127.0.0.1:1")
    with pytest.raises(InputError, match="no Dask scheduler answers at nonsense://x"):
        standardise_table(TEXTS, scheduler="nonsense://x")


def die(_: object) -> None:
    import os

    os._exit(9)


def test_a_dead_worker_is_one_clear_line() -> None:
    with pytest.raises(InfoAlignError, match="a worker process died"):
        parallel.map_batches(die, [1, 2, 3], batch=1, in_process=0, processes=2)


@pytest.mark.data
@pytest.mark.parametrize("source", ["lincs", "drugbank"])
def test_keys_agree_with_what_the_sources_state(source: str, shared_data: Path) -> None:
    """An independent check: both files state InChIKeys that others computed, of the salt or charge as drawn there."""
    file, structure, key, kind = {
        "lincs": ("lincs/pertinfo.tsv.gz", "canonical_smiles", "inchi_key", "smiles"),
        "drugbank": ("drugbank/drugbank.tsv.gz", "inchi", "inchikey", "inchi"),
    }[source]
    with gzip.open(shared_data / file, "rt", encoding="utf-8", newline="") as opened:
        rows = [row for row in csv.DictReader(opened, delimiter="\t") if len(row[structure]) > 6][::23][:400]
    found = standardise_table([(kind, row[structure]) for row in rows])
    stated = pd.Series([row[key].removeprefix("InChIKey=") for row in rows])
    usable = found["inchikey"].notna()
    assert usable.mean() >= 0.97
    # The first block is the skeleton, the same for every charge; the salts and fragments that are left out change it.
    assert (found["inchikey"].str[:14] == stated.str[:14])[usable].mean() >= 0.96
    assert (found["inchikey"] == stated)[usable].mean() >= 0.92


@pytest.mark.parametrize(
    "smiles",
    [
        "CC(=O)Nc1ccc(O)cc1",  # paracetamol: an amide
        "NC(=O)N",  # a urea
        "O=C1CN=C(c2ccccc2)c2cc(Cl)ccc2N1",  # nordazepam: a lactam beside an imine
        "O=C(O)CCCC[C@@H]1SC[C@@H]2NC(=O)N[C@@H]21",  # biotin: a cyclic urea, with stereo
    ],
)
def test_an_inchi_gives_the_same_amide_as_the_smiles(smiles: str) -> None:
    from rdkit.Chem import MolFromSmiles, MolToInchi

    inchi = MolToInchi(MolFromSmiles(smiles))
    assert standardise(inchi, "inchi") == standardise(smiles)
