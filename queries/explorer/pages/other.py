"""The tabs "Cypher" and "Reports", the first page, and what a text may mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from dash import dcc, html

from graphdb.errors import GraphError, InfoAlignError, InputError
from graphdb.schema import NodeType
from graphdb.store import GraphStore
from graphdb.workspace import Workspace
from queries import render
from queries.audit import audit
from queries.cypher import as_table
from queries.explorer import answers
from queries.explorer.answers import aria
from queries.explorer.cypher_box import rows_of
from queries.explorer.elements import key_of
from queries.explorer.links import molecule_links
from queries.explorer.state import View, to_search
from queries.find import find

REPORTS: Mapping[str, Callable[[Workspace], Path]] = {
    "ingest": lambda workspace: workspace.ingest_page,
    "evaluation": lambda workspace: workspace.evaluation_page,
}
"""Name in the address → file of the workspace, of the reports that are shown. No other file is ever served."""
REPORT_COMMANDS: Mapping[str, str] = {"ingest": "python -m ingest.all", "evaluation": "python -m learn.evaluate"}
AUDIT = "audit"
CYPHER = "cypher"
"""Argument of the address that holds the query."""
MOST_ROWS = 500
"""Rows of a Cypher query that are shown."""
EXAMPLE_QUERY = """MATCH (m:Molecule)-[:TARGETS]->(g:Gene)
RETURN g.symbol AS gene, count(DISTINCT m) AS drugs
ORDER BY drugs DESC LIMIT 20"""


def cypher_page(store: GraphStore, view: View) -> Any:
    """Return the box for queries, and the answer to the one that the address holds."""
    asked = view.arguments.get(CYPHER)
    return html.Div(
        [
            html.Label("A query that reads"),
            dcc.Textarea(
                id={"query": "cypher"},
                value=asked or EXAMPLE_QUERY,
                className="query",
                spellCheck=False,
            ),
            html.Div(
                [
                    html.Button("Run", id="run", type="button"),
                    html.Button("Rows as CSV", id={"download": "cypher"}, type="button"),
                ],
                className="buttons",
            ),
            dcc.Download(id="saved"),
            html.Div(cypher_rows(store, asked) if asked else None, id="rows", **aria(live="polite")),
        ]
    )


def cypher_rows(store: GraphStore, query: str) -> Any:
    """Return the answer to a query as a table, or the sentence that says what is wrong with it."""
    try:
        rows = rows_of(store, query, MOST_ROWS + 1)
    except InfoAlignError as error:
        return html.P(str(error), role="alert", className="error")
    count = f"the first {MOST_ROWS} rows" if len(rows) > MOST_ROWS else render.counted(len(rows), "row")
    return [html.P(count), answers.table(as_table(rows[:MOST_ROWS]), "rows", most=MOST_ROWS)]


def reports_page(store: GraphStore, view: View) -> Any:
    """Return the reports that the workspace has, one of them in a frame, or the audit of the graph as it is now."""
    there = [name for name, file in REPORTS.items() if file(Workspace.default()).is_file()]
    names = [*there, AUDIT]
    now = view.arguments.get("report", names[0])
    if now not in names:
        raise InputError(f"there is no report {now!r} in this workspace; there are: {', '.join(names)}")
    links = [
        dcc.Link(name, href=to_search(view.with_(arguments={"report": name})), className="now" if name == now else "")
        for name in names
    ]
    missing = [f"no report of the {name}: {REPORT_COMMANDS[name]} writes it" for name in REPORTS if name not in there]
    shown = (
        answers.shown(audit(store), molecule_links)
        if now == AUDIT
        else html.Iframe(src=f"/report/{now}", title=f"report of the {now}", className="report", sandbox="")
    )
    return html.Div(
        [
            html.Nav(links, className="links", **aria(label="reports")),
            *[html.P(f"There is {one}.", className="note") for one in missing],
            shown,
        ]
    )


def candidates_page(store: GraphStore, text: str) -> Any:
    """Return what a text may mean, each as a link."""
    found = find(store, text, 15)

    def link(column: str, value: Any) -> str | None:
        return to_search(View(key=str(value))) if column == "key" else None

    shown = found.nodes.assign(
        key=[key_of(kind, key) for kind, key in zip(found.nodes["node_type"], found.nodes["key"], strict=True)]
    )
    parts: list[Any] = [html.H2(found.title)]
    if found.inchikey:
        parts.append(
            html.P(["This molecule is not in the graph. ", dcc.Link("Its card", href=to_search(View("card", text)))])
        )
        parts.append(answers.section_of(found.sections()[0], molecule_links))
    if len(shown):
        parts.append(answers.table(shown, "candidates", link))
    elif not found.inchikey:
        parts.append(
            html.P(f"Nothing in the graph is called like {text!r}. Try a part of the name, an identifier or a SMILES.")
        )
    return html.Div(parts)


def welcome(store: GraphStore) -> Any:
    """Return what is in the graph, and where to begin."""
    rows = [(str(kind), store.read_one(f"MATCH (n:{kind}) RETURN count(n)")) for kind in NodeType]
    if not any(count for _, count in rows):
        raise GraphError("the graph is empty: python -m ingest.all")
    return html.Div(
        [
            html.P(
                "Type a drug, a gene, an identifier or a SMILES above. "
                "What you look at is in the address: send it to a colleague."
            ),
            answers.table(pd.DataFrame(rows, columns=["node type", "nodes"]), "what is in the graph"),
        ]
    )
