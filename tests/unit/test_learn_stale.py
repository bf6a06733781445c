"""What is said about embeddings that are out of date."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphdb.files import write_json
from graphdb.vectors import Published
from graphdb.workspace import Workspace
from learn import publish as publishing
from learn.runs import recorded_model
from learn.stale import note_of, say_status, staleness

OLD, NEW = "a" * 64, "b" * 64
RENEW = "python -m learn.encode --graph --publish"


class Graph:
    """Answers as a store does that holds these models and numbers."""

    uri = "bolt://here"

    def __init__(self, models: list[str], molecules: int = 10, embedded: int = 10) -> None:
        self._models = models
        self._counts = {"molecules": molecules, "embedded": embedded}

    def read(self, cypher: str, **parameters: Any) -> list[dict[str, Any]]:
        if "DISTINCT" in cypher:
            return [{"model": model} for model in self._models]
        return [self._counts]

    def __enter__(self) -> Graph:
        return self

    def __exit__(self, *error: object) -> None:
        pass


@pytest.mark.parametrize(
    ("state", "model", "said"),
    [
        (Published((OLD,), 10, 10), OLD, None),
        (Published((OLD,), 10, 10), None, None),
        (Published((OLD,), 10, 10), NEW, f"of model {OLD[:16]}, the newest model is {NEW[:16]}; renew them with: "),
        (Published((OLD,), 1200, 1000), OLD, "200 of 1,200 molecules have no embedding"),
        (Published((OLD,), 12, 10), NEW, f"the newest model is {NEW[:16]}; 2 of 12 molecules have no embedding"),
        (Published((OLD, NEW), 10, 10), NEW, f"of 2 models ({OLD[:16]}, {NEW[:16]})"),
        (Published((), 10, 0), NEW, "the graph has no embeddings; renew"),
        (Published((), 10, 0), None, "python -m learn.pretrain, then"),
    ],
)
def test_one_line_says_who_is_stale_and_how_to_renew(state: Published, model: str | None, said: str | None) -> None:
    found = staleness(state, model)
    if said is None:
        assert found is None
    else:
        assert found is not None
        assert said in found
        assert RENEW in found
        assert "\n" not in found


@pytest.fixture
def checkpoint() -> Path:
    """A run that has recorded its model; its checkpoint cannot be loaded, so that whoever tries is found out."""
    folder = Workspace.default().runs / "run"
    folder.mkdir(parents=True)
    (folder / "checkpoint.pt").write_bytes(b"not to be read")
    write_json(folder / "run.json", {"model_hash": NEW})
    return folder / "checkpoint.pt"


def test_the_newest_model_is_known_without_pytorch(checkpoint: Path) -> None:
    assert recorded_model(checkpoint) == NEW
    assert note_of(Graph([NEW]), Workspace.default()) is None  # type: ignore[arg-type]
    line = note_of(Graph([OLD]), Workspace.default())  # type: ignore[arg-type]
    assert line is not None
    assert f"the newest model is {NEW[:16]}" in line
    later = checkpoint.stat().st_mtime + 100
    os.utime(checkpoint, (later, later))
    assert recorded_model(checkpoint) is None
    assert note_of(Graph([OLD]), Workspace.default()) is None  # type: ignore[arg-type]


def test_status_is_one_line(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    say_status(Graph([NEW]), Workspace.default())  # type: ignore[arg-type]
    say_status(Graph([NEW], molecules=11), Workspace.default())  # type: ignore[arg-type]
    up_to_date, stale = capsys.readouterr().out.splitlines()
    assert up_to_date == f"up to date: 10 molecules, each with an embedding of the newest model ({NEW[:16]})"
    assert stale.startswith("1 of 11 molecules have no embedding")


def test_without_a_run_the_graph_is_judged_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    say_status(Graph([OLD]), Workspace.default())  # type: ignore[arg-type]
    assert "of a model whose checkpoint is not here" in capsys.readouterr().out


def test_publishing_says_what_it_replaces_and_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(publishing, "connect", lambda: Graph([OLD], molecules=5, embedded=2))
    monkeypatch.setattr(publishing, "publish_vectors", lambda store, keys, vectors, model: len(keys))
    assert publishing.publish(["x", "y"], np.zeros((2, 300), np.float32), NEW) == 2
    said = capsys.readouterr()
    assert f"2 embeddings published to bolt://here, model {NEW[:16]}, in place of {OLD[:16]}" in said.out
    assert "3 of 5 molecules of the graph have no embedding" in said.err
    assert "python -m ingest.all" in said.err
