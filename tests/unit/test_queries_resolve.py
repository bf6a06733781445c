"""Every kind of key, the order of interpretation, ambiguity and misses."""

from __future__ import annotations

from pathlib import Path

import pytest
from _queries_graph import ASPIRIN, BENZENE, BUTANE, ETHANOL, PROPANE, SALICYLIC_ACID, TOLUENE

from graphdb import connect
from graphdb.errors import GraphError, InputError
from graphdb.schema import NodeType
from queries import name_index
from queries.graph import opened
from queries.resolve import UnknownMoleculeError, close_names, resolve

pytestmark = pytest.mark.graph


@pytest.fixture(params=["names not read", "names in memory"], autouse=True)
def _names(request: pytest.FixtureRequest):
    """What a text means does not depend on whether a process has read the names."""
    name_index.forget()
    if request.param == "names in memory" and "store" in request.fixturenames:
        name_index.names_of(request.getfixturevalue("store"))
    yield
    name_index.forget()


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (ASPIRIN, ASPIRIN),
        (ASPIRIN.lower(), ASPIRIN),
        ("Aspirin", ASPIRIN),
        ("aspirin", ASPIRIN),
        ("ASPIRIN", ASPIRIN),
        ("aSPIRin", ASPIRIN),
        ("  aspirin ", ASPIRIN),
        ("ASA", ASPIRIN),
        ("acetylsalicylic ACID", ASPIRIN),
        ("CHEMBL25", ASPIRIN),
        ("chembl25", ASPIRIN),
        ("DB00945", ASPIRIN),
        ("JCP2022_000025", ASPIRIN),
        ("BRD-K11433652", ASPIRIN),
        ("BRD-K11433652-001-05-3", ASPIRIN),
        ("BRD-K93632104", SALICYLIC_ACID),
        ("BRD-K93632104-001-01-1", SALICYLIC_ACID),
        ("BRD-K93632104-300-09-9", SALICYLIC_ACID),
        ("OC(=O)c1ccccc1OC(C)=O", ASPIRIN),
        ("CC(=O)Oc1ccccc1C(=O)[O-].[Na+]", ASPIRIN),
        ("InChI=1S/C2H6O/c1-2-3/h3H,2H2,1H3", ETHANOL),
        ("O=C(O)C1C=CC=CC1=O", SALICYLIC_ACID),  # another tautomer of it
        ("EGFR", 1956),
        ("egfr", 1956),
        ("1956", 1956),
        ("ncbi:1956", 1956),
        ("NCBI: 1956", 1956),
        ("00000000000000a1", "00000000000000a1"),
        ("00000000000000A3", "00000000000000a3"),
        ("1234567890123456", "1234567890123456"),
        # Written as in the graph, one wins over the other that differs in case.
        ("Twin", PROPANE),
        ("twin", BUTANE),
        # A name wins over a synonym.
        ("kat", TOLUENE),
        ("toluol [old]", TOLUENE),
    ],
)
def test_every_kind_of_key(store, text: str, key: str | int) -> None:
    assert resolve(store, text).key == key


def test_names_of_nodes(store) -> None:
    assert resolve(store, ASPIRIN).name == "Aspirin"
    assert resolve(store, "CCO").name == "JCP2022_000007"
    assert resolve(store, "1956").name == "EGFR"
    assert resolve(store, "1234567890123456").name == "profile of Aspirin"
    of_a_gene = resolve(store, "00000000000000a4")
    assert (of_a_gene.node_type, of_a_gene.name, of_a_gene.simulated) == (
        NodeType.MORPHOLOGY,
        "profile of KIT",
        False,
    )
    simulated = resolve(store, "00000000000000a3")
    assert (simulated.simulated, simulated.feature_space) == (True, "plate-3-simulated")


def test_several_nodes_are_listed_with_keys_that_resolve(store) -> None:
    with pytest.raises(InputError, match="'KIT' is ambiguous") as error:
        resolve(store, "KIT")
    assert f"KIT (Molecule {BENZENE})" in str(error.value)
    assert "KIT (Gene ncbi:3815)" in str(error.value)
    assert resolve(store, "ncbi:3815").name == "KIT"
    with pytest.raises(InputError, match="'TWIN' is ambiguous") as error:
        resolve(store, "TWIN")
    assert PROPANE in str(error.value)
    assert BUTANE in str(error.value)


@pytest.mark.parametrize("text", ["DB99999", "CHEMBL999", "999999", "BRD-K00000000", "ffffffffffffffff"])
def test_identifiers_that_are_not_there(store, text: str) -> None:
    with pytest.raises(InputError, match=f"'{text}' is not in the graph"):
        resolve(store, text)


def test_similar_names_are_offered(store) -> None:
    with pytest.raises(InputError, match="'asprin' is not in the graph; similar names: Aspirin"):
        resolve(store, "asprin")
    assert "acetylsalicylic acid" in [name.lower() for name in close_names(store, "acetylsalicilic acid")]
    with pytest.raises(InputError, match=r"^'qqqqq' is not in the graph$"):
        resolve(store, "qqqqq")


def test_a_structure_outside_the_graph_says_what_it_is(store) -> None:
    with pytest.raises(UnknownMoleculeError, match="which is not in the graph") as error:
        resolve(store, "C1CCCCC1[NH3+].[Cl-]")
    assert error.value.inchikey == "PAFZNILMFXTMIY-UHFFFAOYSA-N"
    assert error.value.smiles == "NC1CCCCC1"


@pytest.mark.parametrize(
    ("text", "reason"),
    [("C1CC(=O", "unparsable SMILES"), ("c1ccccc1CC.CCCCCN(C)C", "mixture of 2 organic"), ("", "empty")],
)
def test_what_cannot_be_read_says_why(store, text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        resolve(store, text)


def test_an_empty_graph_says_how_to_fill_it(tmp_path: Path) -> None:
    """And no server is started for a workspace without a graph."""
    from graphdb import process

    with pytest.raises(GraphError, match=r"no graph in .*: python -m ingest.all"), opened():
        pass
    assert not (tmp_path / "workspace").exists()
    with connect() as store:
        try:
            with pytest.raises(GraphError, match=r"the graph is empty: python -m ingest\.all"):
                resolve(store, "aspirin")
            with pytest.raises(GraphError, match="the graph is empty"), opened():
                pass
        finally:
            process.stop(tmp_path / "workspace" / "graph")
