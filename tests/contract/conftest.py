"""Every engine passes the same suite: the embedded graph, and a real Neo4j with GDS and APOC, started by the tests.

Where Neo4j cannot be had (no Java, no network), its half is skipped, and the end of the test run says so; with
``INFOALIGN_REQUIRE_NEO4J=1``, as in continuous integration, that is an error. ``INFOALIGN_TEST_NEO4J_URI``,
``INFOALIGN_TEST_NEO4J_USERNAME`` (default neo4j) and ``INFOALIGN_TEST_NEO4J_PASSWORD`` name another server to run it
on: an empty graph, which the tests fill and empty. A known gap of an engine is marked
``@pytest.mark.gap(engine, reason)``: a strict expected failure, so that it is noticed when it closes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import graphdb
from graphdb import engines, process
from graphdb.errors import GraphUnavailableError
from graphdb.process import free_ports
from graphdb.schema import EdgeType, NodeType
from graphdb.store import GraphStore
from graphdb.tables import EdgeKind, GraphTables
from graphdb.workspace import Workspace

ENGINES = ("arcadedb", "neo4j")
SERVER = "INFOALIGN_TEST_NEO4J_URI"
REQUIRED = "INFOALIGN_REQUIRE_NEO4J"
# Small, since the embedded graph's Java runs beside it.
NEO4J_ENVIRONMENT = {"INFOALIGN_HEAP": "1g", "INFOALIGN_PAGECACHE": "256m"}
# Why there is no Neo4j, for the end of the test run.
MISSING: list[str] = []

OpenStore = Callable[..., GraphStore]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "gap(engine, reason): what this engine is known not to do")


@pytest.fixture(scope="session")
def embedded_workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A workspace whose embedded graph serves all tests of this session."""
    workspace = tmp_path_factory.mktemp("contract") / "workspace"
    yield workspace
    process.stop(workspace / "graph")


@pytest.fixture(scope="session")
def neo4j_workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A workspace whose Neo4j serves all tests of this session."""
    workspace = Workspace(tmp_path_factory.mktemp("contract-neo4j") / "workspace")
    with pytest.MonkeyPatch.context() as environment:
        for name, value in NEO4J_ENVIRONMENT.items():
            environment.setenv(name, value)
        try:
            engines.start(workspace, "neo4j", port=free_ports(1)[0])
        except GraphUnavailableError as error:
            if os.environ.get(REQUIRED):
                raise
            MISSING.append(str(error))
            pytest.skip(f"no Neo4j: {error}")
    yield workspace.root
    process.stop(workspace.neo4j)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say it loudly where a half of the suite did not run."""
    if MISSING:
        terminalreporter.section("Neo4j was NOT tested", red=True, bold=True)
        terminalreporter.line(f"{MISSING[0]}")


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    for mark in request.node.iter_markers("gap"):
        if mark.args[0] == request.param:
            request.applymarker(pytest.mark.xfail(strict=True, reason=mark.args[1]))
    return str(request.param)


@pytest.fixture
def open_store(engine: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenStore]:
    """Open a store on the engine, as a command would: what to connect to is said by the environment."""
    if engine == "neo4j" and SERVER not in os.environ:
        monkeypatch.setenv("INFOALIGN_WORKSPACE", str(request.getfixturevalue("neo4j_workspace")))
        monkeypatch.setenv("INFOALIGN_ENGINE", "neo4j")
    elif engine == "neo4j":
        monkeypatch.setenv("NEO4J_URI", os.environ[SERVER])
        monkeypatch.setenv("NEO4J_USERNAME", os.environ.get("INFOALIGN_TEST_NEO4J_USERNAME", "neo4j"))
        monkeypatch.setenv("NEO4J_PASSWORD", os.environ["INFOALIGN_TEST_NEO4J_PASSWORD"])
    else:
        monkeypatch.setenv("INFOALIGN_HEAP", "1g")
        workspace = request.getfixturevalue("embedded_workspace")
        monkeypatch.setenv("INFOALIGN_WORKSPACE", str(workspace))
    opened: list[GraphStore] = []

    def open_store(*, read_only: bool = False) -> GraphStore:
        opened.append(graphdb.connect(read_only=read_only))
        return opened[-1]

    yield open_store
    for store in opened:
        store.close()


_known_empty: set[str] = set()


@pytest.fixture
def store(open_store: OpenStore) -> Iterator[GraphStore]:
    """An empty graph with its schema."""
    store = open_store()
    if store.uri not in _known_empty:
        count = store.read("MATCH (n) RETURN count(n) AS count")[0]["count"]
        assert count == 0, f"the graph at {store.uri} is not empty; these tests would delete it"
        _known_empty.add(store.uri)
    store.ensure_schema()
    yield store
    store.write("MATCH (n) DETACH DELETE n")


@pytest.fixture
def small_graph() -> GraphTables:
    """A graph by hand: every node type, directed and symmetric edges, identity properties, missing values."""
    molecules = pd.DataFrame(
        {
            "inchikey": ["BSYNRYMUTXBXSQ-UHFFFAOYSA-N", "RZVAJINKPMORJF-UHFFFAOYSA-N", "RYYVLZVUVIJVGH-UHFFFAOYSA-N"],
            "smiles": ["CC(=O)Oc1ccccc1C(=O)O", "CC(=O)Nc1ccc(O)cc1", "Cn1c(=O)c2c(ncn2C)n(C)c1=O"],
            "name": ["aspirin", None, "caffeine"],
            "synonyms": [["2-acetoxybenzoic acid", "ASA"], [], None],
            "sources": [["demo", "lincs"], ["demo"], ["demo"]],
        }
    )
    genes = pd.DataFrame(
        {"ncbi_id": [5742, 5743], "symbol": ["PTGS1", "PTGS2"], "sources": [["hetionet"], ["hetionet"]]}
    )
    morphology = pd.DataFrame(
        {
            "profile_id": ["demo|m|1", "demo|m|2"],
            "feature_space": ["demo-m", "demo-m"],
            "dose_um": [10.0, None],
            "hours": [48.0, 0.1 + 0.2],
            "replicates": pd.array([4, None], dtype="Int64"),
            "simulated": [True, False],
        }
    )
    expression = pd.DataFrame({"profile_id": ["demo|x|1"], "feature_space": ["l1000-978"], "simulated": [True]})
    keys = molecules["inchikey"]
    M, G, P, X = NodeType.MOLECULE, NodeType.GENE, NodeType.MORPHOLOGY, NodeType.EXPRESSION
    return GraphTables(
        {M: molecules, G: genes, P: morphology, X: expression},
        {
            EdgeKind(EdgeType.HAS_MORPHOLOGY, M, P): pd.DataFrame(
                {"src": [keys[0], keys[1]], "dst": ["demo|m|1", "demo|m|2"], "weight": 1.0, "sources": [["demo"]] * 2}
            ),
            EdgeKind(EdgeType.HAS_EXPRESSION, M, X): pd.DataFrame(
                {"src": [keys[0]], "dst": ["demo|x|1"], "weight": [1.0]}
            ),
            EdgeKind(EdgeType.TARGETS, M, G): pd.DataFrame(
                {"src": [keys[0], keys[0]], "dst": [5742, 5743], "weight": 1.0, "sources": [["demo"], ["demo", "x"]]}
            ),
            EdgeKind(EdgeType.INTERACTS, G, G): pd.DataFrame({"src": [5742], "dst": [5743], "weight": [1.0]}),
            # Two edges between the same nodes, told apart by the feature space.
            EdgeKind(EdgeType.SIMILAR_MORPHOLOGY, G, G): pd.DataFrame(
                {
                    "src": [5742, 5742],
                    "dst": [5743, 5743],
                    "weight": [0.9, 1 / 3],
                    "feature_space": ["cpjump1-crispr", "cpjump1-orf"],
                }
            ),
            EdgeKind(EdgeType.CHANGES_EXPRESSION, M, G): pd.DataFrame(
                {"src": [keys[2]], "dst": [5742], "weight": [0.5], "value": [-3.25], "feature_space": ["l1000-978"]}
            ),
        },
    )


@pytest.fixture
def random_graph() -> Callable[[int, int], GraphTables]:
    """Make a graph of that many molecules and similarity edges."""

    def make(molecules: int, edges: int) -> GraphTables:
        rng = np.random.default_rng(7)
        keys = np.array([f"KEY{index:011d}-UHFFFAOYSA-N" for index in range(molecules)], dtype=object)
        pairs = rng.choice(molecules * molecules, size=2 * edges, replace=False)
        source, target = np.divmod(pairs, molecules)
        upper = np.flatnonzero(source < target)[:edges]
        nodes = pd.DataFrame(
            {"inchikey": keys, "smiles": "C", "name": [f"molecule {index}" for index in range(molecules)]}
        )
        table = pd.DataFrame(
            {
                "src": keys[source[upper]],
                "dst": keys[target[upper]],
                "weight": rng.random(len(upper)),
                "feature_space": "morgan-r4-1024",
            }
        )
        kind = EdgeKind(EdgeType.SIMILAR_STRUCTURE, NodeType.MOLECULE, NodeType.MOLECULE)
        return GraphTables({NodeType.MOLECULE: nodes}, {kind: table})

    return make
