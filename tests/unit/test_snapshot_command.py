"""``python -m graphdb.snapshot`` over a graph that is stood in for: what it refuses, what it writes, what it says."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

import graphdb.snapshot.__main__ as command
from graphdb.errors import GraphError
from graphdb.meta import GraphMeta
from graphdb.schema import EdgeType, NodeType
from graphdb.snapshot import Snapshot
from graphdb.snapshot.__main__ import build_parser, main
from graphdb.tables import EdgeKind, GraphTables
from graphdb.workspace import Workspace

M, G = NodeType.MOLECULE, NodeType.GENE
TABLES = GraphTables(
    nodes={M: pd.DataFrame({"inchikey": ["A", "B"]}), G: pd.DataFrame({"ncbi_id": [9, 10]})},
    edges={
        EdgeKind(EdgeType.BINDS, M, G): pd.DataFrame({"src": ["A"], "dst": [9], "weight": [1.0]}),
        EdgeKind(EdgeType.TARGETS, M, G): pd.DataFrame({"src": ["B"], "dst": [9], "weight": [1.0]}),
    },
)


def stand_in(monkeypatch: pytest.MonkeyPatch, meta: object) -> None:
    """Let the graph hold `TABLES` and this `meta`."""

    def connect(uri: str | None = None, *, read_only: bool = False) -> object:
        assert read_only
        return nullcontext(SimpleNamespace(uri=uri or "bolt://here"))

    monkeypatch.setattr(command, "connect", connect)
    monkeypatch.setattr("graphdb.meta.read_meta", lambda _: meta)
    monkeypatch.setattr(
        command,
        "read_snapshot",
        lambda _, edge_types, graph_hash: Snapshot.from_tables(TABLES, graph_hash, edge_types),
    )


def call(*arguments: object) -> None:
    main(build_parser().parse_args([str(argument) for argument in arguments]))


def test_the_snapshot_of_the_graph_goes_to_the_workspace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in(monkeypatch, GraphMeta(("demo",), "complete", "hash of these"))
    call()
    written = Snapshot.load(Workspace.default().snapshot)
    assert (written.id, written.graph_hash) == (Snapshot.from_tables(TABLES).id, "hash of these")
    said = capsys.readouterr().out
    assert "2 edges after merging" in said
    assert written.id[:16] in said
    assert str(Workspace.default().snapshot) in said


def test_an_edge_type_can_be_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stand_in(monkeypatch, GraphMeta(("demo",), "complete", "hash of these"))
    call("--without", "TARGETS", "--out", tmp_path / "here")
    assert Snapshot.load(tmp_path / "here").id == Snapshot.from_tables(TABLES, edge_types=[EdgeType.BINDS]).id


@pytest.mark.parametrize(
    ("meta", "state"),
    [(None, "is empty"), (SimpleNamespace(state="loading"), "is half loaded")],
    ids=["none", "loading"],
)
def test_a_graph_that_is_not_complete_is_refused(monkeypatch: pytest.MonkeyPatch, meta: object, state: str) -> None:
    stand_in(monkeypatch, meta)
    with pytest.raises(GraphError, match=rf"bolt://there: the graph {state}; load it with: python -m ingest\.all"):
        call("--uri", "bolt://there")
    assert not Workspace.default().snapshot.exists()


def test_an_unknown_edge_type_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        build_parser().parse_args(["--without", "LIKES"])
    assert "LIKES" in capsys.readouterr().err
