"""What the browser's script asks the explorer for."""

from __future__ import annotations

import json
from typing import Any

from dash import Dash

from queries.explorer.app import SHOWN


def answered(app: Dash, body: dict[str, Any]) -> dict[str, Any]:
    """Return the answer of a callback."""
    response = app.server.test_client().post("/_dash-update-component", json=body)
    assert response.status_code == 200, response.data[:500]
    return json.loads(response.data)


def page_of(app: Dash, search: str, shown: str = "") -> dict[str, Any]:
    """Ask for the page of an address, after another one was shown.

    Returns the children of ``page`` (None where it stays), ``tabs`` and ``alert``, the properties of those ``parts`` of
    the page that change, and the address that is ``shown`` now.
    """
    outputs = [("page", "children"), ("tabs", "children"), ("tabs", SHOWN), ("alert", "children")]
    answer = answered(
        app,
        {
            "output": "..{}..".format("...".join(f"{name}.{prop}" for name, prop in outputs)),
            "outputs": [{"id": name, "property": prop} for name, prop in outputs],
            "inputs": [{"id": "url", "property": "search", "value": search}],
            "state": [
                {"id": "tabs", "property": SHOWN, "value": shown},
                {"id": "alert", "property": "children", "value": "what was wrong before"},
            ],
            "changedPropIds": ["url.search"],
        },
    )
    found = answer["response"]
    return {
        **{name: found.get(name, {}).get("children") for name in ("page", "tabs", "alert")},
        "shown": found["tabs"][SHOWN],
        "parts": answer.get("sideUpdate", {}),
    }


def run_query(app: Dash, query: str, search: str) -> dict[str, Any]:
    """Press "Run" at the Cypher box of the page of an address; return the new address, or the rows."""
    # Dash marks an output that several callbacks share.
    (name,) = [one for one in app.callback_map if one.startswith("..rows.children...url.search")]
    body = {
        "output": name,
        "outputs": [
            {"id": "rows", "property": "children"},
            {"id": "url", "property": name.removeprefix("..rows.children...url.").removesuffix("..")},
        ],
        "inputs": [{"id": "run", "property": "n_clicks", "value": 1}],
        "state": [
            {"id": {"query": "cypher"}, "property": "value", "value": query},
            {"id": "url", "property": "search", "value": search},
        ],
        "changedPropIds": ["run.n_clicks"],
    }
    found: dict[str, Any] = answered(app, body)["response"]
    return {"rows": found.get("rows", {}).get("children"), "search": found.get("url", {}).get("search")}
