"""Run a Cypher query: ``python -m queries.cypher "MATCH (g:Gene) RETURN g.symbol LIMIT 5"``.

It serves Neo4j and the embedded graph alike; ``docs/cypher.md`` has examples. Only queries that read are run, unless
``--write`` is given. Without a query it asks for queries: `queries.cypher_prompt`.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
import time
from collections.abc import Sequence
from typing import Any

import pandas as pd

from graphdb import connect
from graphdb.console import note, run, say
from graphdb.errors import GraphError, InputError
from graphdb.meta import touch
from graphdb.store import READS_ONLY
from graphdb.workspace import Workspace
from queries import render
from queries.graph import EMPTY, QUERY_SECONDS, is_empty, opened

ROWS = 50
HISTORY = "cypher-history"
_PARAMETER = re.compile(r"[A-Za-z_]\w*")
_OF_THE_STORE = frozenset({"cypher", "batch_size", "advance"})


def parse_parameters(texts: Sequence[str]) -> dict[str, Any]:
    """Return query parameters of ``name=value`` texts; a value that is JSON is taken as such, any other as text.

    Raises
    ------
    InputError
        If a text has no name, or a name comes twice.
    """
    parameters: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not _PARAMETER.fullmatch(name):
            raise InputError(f"--param: expected name=value, got {text!r}")
        if name in parameters:
            raise InputError(f"--param: {name} is given twice")
        try:
            parameters[name] = json.loads(value)
        except json.JSONDecodeError:
            parameters[name] = value
    return parameters


def as_table(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return the rows of an answer as a table with the database's own values (an integer with gaps stays one)."""
    columns = list(rows[0]) if rows else []
    return pd.DataFrame([list(row.values()) for row in rows], columns=columns, dtype=object)


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    parser = argparse.ArgumentParser(prog="python -m queries.cypher", description=__doc__)
    parser.add_argument("query", nargs="?", help="the query; - reads it from standard input; none: a prompt")
    parser.add_argument(
        "--param",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter ($NAME); a number, true, a list or a quoted text as in JSON, anything else is text",
    )
    parser.add_argument("--limit", type=int, default=ROWS, help=f"show at most this many rows (default {ROWS})")
    parser.add_argument(
        "--timeout",
        type=float,
        default=QUERY_SECONDS,
        metavar="SECONDS",
        help=f"end the query after this time; 0: never (default {QUERY_SECONDS:g})",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print all rows as JSON")
    form.add_argument("--csv", action="store_true", help="print all rows as CSV")
    form.add_argument("--write", action="store_true", help="run a query that writes, as one transaction; shows no rows")
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Run the query and print its rows."""
    parameters = parse_parameters(arguments.param)
    if not 0 <= arguments.timeout < math.inf:
        raise InputError(f"--timeout: expected seconds, got {arguments.timeout:g}")
    timeout = arguments.timeout or None
    if arguments.query is None:
        _prompt(arguments, parameters, timeout)
        return
    query = sys.stdin.read() if arguments.query == "-" else arguments.query
    if not query.strip():
        raise InputError("the query is empty")
    started = time.perf_counter()
    if arguments.write:
        if taken := _OF_THE_STORE & set(parameters):
            raise InputError(f"--param: with --write a parameter cannot be named {min(taken)!r}")
        with connect() as store:
            store.timeout = timeout
            store.write(query, **parameters)
            touch(store)
        say(f"written ({time.perf_counter() - started:.2f} s)")
        return
    with opened(allow_empty=True, timeout=timeout) as store:
        try:
            rows = store.read(query, **parameters)
        except GraphError as error:
            if str(error) == READS_ONLY:
                raise GraphError(f"{error}; --write allows it") from error
            raise
        took = time.perf_counter() - started
        if not rows and is_empty(store):
            note(EMPTY)
    _show(rows, took, arguments)


def _show(rows: Sequence[dict[str, Any]], took: float, arguments: argparse.Namespace) -> None:
    if arguments.json:
        say(render.json_text(rows))
    elif arguments.csv:
        say(render.csv_text(as_table(rows)))
    else:
        if rows:
            render.print_table("", as_table(rows), limit=arguments.limit)
        more = (
            f", {len(rows) - arguments.limit:,} more not shown (--limit, --csv)" if len(rows) > arguments.limit else ""
        )
        say(f"{render.counted(len(rows), 'row')}{more}; {took:.2f} s")


def _prompt(arguments: argparse.Namespace, parameters: dict[str, Any], timeout: float | None) -> None:
    from queries.cypher_prompt import Prompt, new_session

    if arguments.write or not sys.stdin.isatty():
        raise InputError(
            "expected a query, or - to read it from standard input; the prompt needs a terminal, and reads"
        )
    with opened(allow_empty=True, timeout=timeout) as store:

        def show(rows: Sequence[dict[str, Any]], took: float) -> None:
            _show(rows, took, arguments)

        Prompt(store, show, parse_parameters, parameters).loop(new_session(Workspace.default().root / HISTORY))


if __name__ == "__main__":
    run(main, build_parser())
