"""The commands of `queries` on the demo graph, as a user calls them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.graph, pytest.mark.slow]


@pytest.fixture
def ask(demo_workspace: Path, _own_workspace: None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("INFOALIGN_WORKSPACE", str(demo_workspace))

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", *arguments], capture_output=True, text=True, check=False)

    return run


@pytest.mark.parametrize(
    "key", ["aspirin", "ASPIRIN", "CHEMBL25", "BSYNRYMUTXBXSQ-UHFFFAOYSA-N", "CC(=O)Oc1ccccc1C(=O)O"]
)
def test_the_neighbourhood_of_aspirin(ask, key: str) -> None:
    answer = json.loads(ask("queries.neighbourhood", key, "--json").stdout)
    nodes = {node["name"]: node for node in answer["nodes"] if node["node_type"] in {"Molecule", "Gene"}}
    assert answer["nodes"][0]["name"] == "aspirin"
    assert {"PTGS1", "PTGS2", "ibuprofen", "indomethacin"} <= set(nodes)
    assert nodes["PTGS1"]["hops"] == 1
    assert nodes["ibuprofen"]["hops"] == 2
    profiles = [node for node in answer["nodes"] if node["node_type"] in {"Morphology", "Expression"}]
    assert {node["name"] for node in profiles} >= {"profile of aspirin", "profile of ibuprofen"}
    assert all(node["simulated"] for node in profiles), "the demo has no measured profile"
    computed = [edge for edge in answer["edges"] if edge["edge_type"].startswith(("SIMILAR_M", "SIMILAR_E", "CHANGES"))]
    assert computed
    assert all(edge["simulated"] for edge in computed)


def test_the_neighbourhood_of_a_gene_and_its_picture(ask, tmp_path: Path) -> None:
    page = tmp_path / "egfr.html"
    done = ask("queries.neighbourhood", "EGFR", "--html", str(page))
    assert done.returncode == 0, done.stderr
    assert "erlotinib" in done.stdout
    assert "Morphology SIMULATED" in done.stdout
    assert "http" not in page.read_text()
    assert "erlotinib" in page.read_text()


def test_similar_molecules_by_fingerprint(ask) -> None:
    """Without pretraining the command shows fingerprints, and says how to get embeddings."""
    done = ask("queries.similar", "simvastatin")
    assert done.returncode == 0, done.stderr
    assert "lovastatin" in done.stdout
    assert "python -m learn.pretrain" in done.stderr
    only = ask("queries.similar", "simvastatin", "--by", "embedding")
    assert only.returncode == 1
    assert only.stderr.startswith("error: the graph has no embeddings: python -m learn.pretrain")
    found = json.loads(ask("queries.similar", "simvastatin", "--by", "fingerprint", "-k", "1", "--json").stdout)
    assert found["fingerprint"][0]["name"] == "lovastatin"
    # Tanimoto of Morgan radius 4, 1,024 bits, computed by RDKit alone from the SMILES of the two drugs.
    assert found["fingerprint"][0]["similarity"] == pytest.approx(0.71154, abs=1e-5)


def test_cypher(ask) -> None:
    query = "MATCH (m:Molecule {name: $name})-[:TARGETS]->(g:Gene) RETURN g.symbol AS gene ORDER BY gene"
    assert ask("queries.cypher", query, "--param", "name=aspirin", "--csv").stdout == "gene\nPTGS1\nPTGS2\n"
