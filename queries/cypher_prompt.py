"""The prompt of ``python -m queries.cypher``: history, completion of the schema's words, tables.

A query ends with ``;`` or an empty line, so that it may have several lines. ``:help`` lists the commands of the prompt.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from graphdb.console import note, say
from graphdb.errors import GraphUnavailableError, InfoAlignError
from graphdb.schema import EDGES, META_LABEL, NODES, PUBLISHED_PROPERTIES, EdgeType, NodeType
from graphdb.store import GraphStore

HELP = """:help            this
:schema          node types, edge types and properties
:param a=1 b=x   set parameters ($a, $b); :param alone shows them
:quit            leave (or Ctrl-D)
A query ends with ; or an empty line. Tab completes node types after (:, edge types after [:, properties after a dot."""
# fmt: off
KEYWORDS = (
    "MATCH", "OPTIONAL", "WHERE", "RETURN", "DISTINCT", "WITH", "UNWIND", "AS", "ORDER BY", "LIMIT", "SKIP",
    "DESC", "AND", "OR", "NOT", "IN", "CONTAINS", "STARTS WITH", "ENDS WITH", "CASE", "WHEN", "THEN", "ELSE",
    "END", "UNION", "CALL", "YIELD", "EXISTS", "IS NULL", "IS NOT NULL", "count", "collect", "avg", "sum",
    "min", "max", "size", "type", "labels", "nodes", "relationships", "coalesce", "toLower", "shortestPath",
)
# fmt: on
# What stands before the word that is being written says what it may be.
_NODE_TYPE = re.compile(r"\(\s*\w*\s*:\s*(\w*)$")
_EDGE_TYPE = re.compile(r"\[\s*\w*\s*:\s*(?:\w+\s*\|\s*)*(\w*)$")
_PROPERTY = re.compile(r"\b[A-Za-z_]\w*\.(\w*)$")
_WORD = re.compile(r"(\w+)$")


def properties() -> list[str]:
    """Return the names of all properties of nodes and edges, sorted."""
    of_nodes = {name for schema in NODES.values() for name in schema.properties}
    of_edges = {name for schema in EDGES.values() for name in schema.properties}
    return sorted(of_nodes | of_edges | set(PUBLISHED_PROPERTIES))


class CypherCompleter(Completer):
    """Completes by what stands before the cursor: node type, edge type, property or keyword."""

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        """Yield what may stand at the cursor."""
        del complete_event
        before = document.text_before_cursor
        for form, words in (
            (_NODE_TYPE, [*map(str, NodeType), META_LABEL]),
            (_EDGE_TYPE, list(map(str, EdgeType))),
            (_PROPERTY, properties()),
            (_WORD, KEYWORDS),
        ):
            if begun := form.search(before):
                yield from _beginning(words, begun[1])
                return


def _beginning(words: Iterable[str], begun: str) -> Iterator[Completion]:
    for word in words:
        if word.lower().startswith(begun.lower()):
            yield Completion(word, start_position=-len(begun))


def schema_text() -> str:
    """Return the schema as text."""
    lines = [f"{name} ({', '.join(schema.properties)})" for name, schema in NODES.items()]
    lines += [
        f"[:{name}] {' or '.join(f'{source} to {target}' for source, target in schema.endpoints)} "
        f"({', '.join(schema.properties)})"
        for name, schema in EDGES.items()
    ]
    return "\n".join(lines)


class Prompt:
    """Reads queries and prompt commands, and runs them on a read-only store.

    Parameters
    ----------
    store
        The graph.
    show
        Prints the rows of an answer: rows, seconds.
    parse
        Returns query parameters of ``name=value`` texts.
    parameters
        The parameters to begin with.
    """

    def __init__(self, store: GraphStore, show: Any, parse: Any, parameters: dict[str, Any]) -> None:
        self.store = store
        self.show = show
        self.parse = parse
        self.parameters = parameters

    def take(self, text: str) -> bool:
        """Do what a text asks for; return whether to go on."""
        text = text.strip().rstrip(";").strip()
        command, _, rest = text.partition(" ")
        if not text:
            return True
        if command in {":quit", ":exit", ":q"}:
            return False
        if command == ":help":
            say(HELP)
        elif command == ":schema":
            say(schema_text())
        elif command == ":param":
            self._set(rest)
        elif command.startswith(":"):
            note(f"{command}: no such command; :help lists them")
        else:
            self._ask(text)
        return True

    def _set(self, text: str) -> None:
        try:
            self.parameters |= self.parse(text.split())
        except InfoAlignError as error:
            note(str(error))
            return
        say(", ".join(f"${name} = {value!r}" for name, value in self.parameters.items()) or "no parameters")

    def _ask(self, query: str) -> None:
        started = time.perf_counter()
        try:
            rows = self.store.read(query, **self.parameters)
        except GraphUnavailableError:
            raise
        except InfoAlignError as error:
            # A mistake in a query is no reason to leave.
            note(str(error))
            return
        self.show(rows, time.perf_counter() - started)

    def loop(self, session: PromptSession[str]) -> None:
        """Read and do until ``:quit``, Ctrl-D, or the server is lost."""
        say(f"{self.store.uri}, read-only. :help for help, Ctrl-D to leave")
        while True:
            try:
                text = session.prompt("cypher> ")
            except KeyboardInterrupt:
                continue  # Ctrl-C drops what was written, as in a shell
            except EOFError:
                return
            if not self.take(text):
                return


def is_complete(text: str) -> bool:
    """Return whether a text is to be run at Enter: a command, an end by ``;``, an empty last line, or nothing."""
    stripped = text.strip()
    return not stripped or stripped.startswith(":") or stripped.endswith(";") or text.endswith("\n")


def new_session(history: Path, **options: Any) -> PromptSession[str]:
    """Return a prompt that keeps its history in a file; `options` go to `prompt_toolkit.PromptSession`."""
    bindings = KeyBindings()

    @bindings.add("enter")
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if is_complete(buffer.text):
            buffer.validate_and_handle()
        else:
            buffer.insert_text("\n")

    history.parent.mkdir(parents=True, exist_ok=True)
    return PromptSession(
        history=FileHistory(str(history)),
        completer=CypherCompleter(),
        auto_suggest=AutoSuggestFromHistory(),
        multiline=True,
        key_bindings=bindings,
        prompt_continuation="      … ",
        **options,
    )
