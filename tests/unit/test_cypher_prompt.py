"""The prompt: what it completes, when a query is complete, what it does with mistakes; driven through a pipe."""

from __future__ import annotations

from pathlib import Path

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from graphdb.errors import GraphError, GraphUnavailableError
from queries.cypher import parse_parameters
from queries.cypher_prompt import CypherCompleter, Prompt, is_complete, new_session, schema_text


def completions(text: str) -> list[str]:
    return [found.text for found in CypherCompleter().get_completions(Document(text), CompleteEvent())]


class FakeStore:
    uri = "bolt://nowhere"

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict]] = []

    def read(self, query: str, **parameters):
        self.asked.append((query, parameters))
        if "mistake" in query:
            raise GraphError("a mistake in the query")
        if "lost" in query:
            raise GraphUnavailableError("the server is gone")
        return [{"one": 1}]


def prompt(store: FakeStore, shown: list) -> Prompt:
    return Prompt(store, lambda rows, took: shown.append(rows), parse_parameters, {})


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("MATCH (m:Mol", "Molecule"),
        ("MATCH (:ge", "Gene"),
        ("MATCH ()-[r:TAR", "TARGETS"),
        ("MATCH ()-[:TARGETS|BIN", "BINDS"),
        ("RETURN m.inch", "inchikey"),
        ("mat", "MATCH"),
    ],
)
def test_words_are_completed_by_their_place(text: str, first: str) -> None:
    assert completions(text)[0] == first


def test_nothing_is_completed_after_a_blank() -> None:
    assert completions("MATCH ") == []


def test_a_query_is_complete_with_a_semicolon_or_an_empty_line() -> None:
    assert not is_complete("MATCH (n)")
    assert all(is_complete(text) for text in ("MATCH (n) RETURN n;", "MATCH (n)\nRETURN n\n", ":help", ""))


def test_queries_parameters_and_mistakes(capsys) -> None:
    store, shown = FakeStore(), []
    reader = prompt(store, shown)
    assert reader.take(":param name=aspirin limit=3")
    assert reader.take("RETURN $name AS one;")
    assert reader.take("mistake")
    assert reader.take(":nonsense")
    assert reader.take("  ")
    assert not reader.take(":quit")
    assert store.asked[0] == ("RETURN $name AS one", {"name": "aspirin", "limit": 3})
    assert shown == [[{"one": 1}]]
    told = capsys.readouterr()
    assert "$name = 'aspirin'" in told.out
    assert "a mistake in the query" in told.err
    assert ":nonsense" in told.err
    with pytest.raises(GraphUnavailableError):
        reader.take("lost")


def test_the_schema_names_every_edge_type(capsys) -> None:
    assert "[:TARGETS] Molecule to Gene (weight, criterion, sources)" in schema_text()


def test_a_session_reads_several_lines_and_keeps_its_history(tmp_path: Path) -> None:
    store, shown = FakeStore(), []
    history = tmp_path / "folder" / "history"
    with create_pipe_input() as keys:
        keys.send_text("RETURN 1\rAS one;\r:quit\r")
        prompt(store, shown).loop(new_session(history, input=keys, output=DummyOutput()))
    assert store.asked == [("RETURN 1\nAS one", {})]
    assert "+RETURN 1" in history.read_text()
