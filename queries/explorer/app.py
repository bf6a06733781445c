"""The Dash application: one layout, and callbacks that are thin over `queries.explorer.pages`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flask
from dash import ALL, Dash, Input, Output, State, ctx, dcc, html, no_update, set_props

from graphdb.errors import InfoAlignError
from graphdb.schema import EdgeType
from graphdb.store import GraphStore
from graphdb.workspace import Workspace
from queries import render
from queries.cypher import as_table
from queries.explorer import pages
from queries.explorer.answers import aria
from queries.explorer.cypher_box import rows_of
from queries.explorer.pages.graph import around, changed_parts, same_picture
from queries.explorer.pages.map import chosen_rows, chosen_table
from queries.explorer.pages.other import CYPHER, REPORTS, candidates_page, cypher_rows, welcome
from queries.explorer.saved import Saved, save_graph
from queries.explorer.security import protect
from queries.explorer.state import LONGEST, TABS, View, from_search, to_search
from queries.name_index import names_of
from queries.resolve import AmbiguousError, UnknownMoleculeError, key_text, resolve

TITLE = "InfoAlign explorer"
SUGGESTIONS = 12
MOST_SAVED = 100_000
"""Rows of a Cypher query that are saved."""
SHOWN = "data-shown"
"""Attribute of the tabs: the address that the page shows, "" where another one cannot come of it by parts."""
REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"


def make_app(store: GraphStore, *, token: str | None = None, loopback: bool = True) -> Dash:
    """Make the application over a read-only connection, which all requests share.

    Parameters
    ----------
    store
        The graph; its driver serves many threads at once.
    token, loopback
        See `queries.explorer.security.protect`.
    """
    app = Dash(
        __name__,
        title=TITLE,
        update_title="",
        serve_locally=True,
        suppress_callback_exceptions=True,
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
    )
    app.layout = layout()
    _serve_reports(app.server)
    _pages(app, store)
    _search(app, store)
    _graph(app, store)
    _map(app, store)
    _cypher(app, store)
    protect(
        app.server,
        token=token,
        loopback=loopback,
        script_hashes=[f"'{one}'" if not one.startswith("'") else one for one in app.csp_hashes()],
    )
    return app


def layout() -> html.Div:
    """Return what every view has: the search box, the tabs, a place for errors, and one for the page."""
    return html.Div(
        [
            dcc.Location(id="url", refresh=False),
            html.Header(
                [
                    html.H1(dcc.Link(TITLE, href="/")),
                    html.Div(
                        [
                            html.Label("Look for", htmlFor="search"),
                            dcc.Input(
                                id="search",
                                type="search",
                                placeholder="drug, gene, identifier, SMILES",
                                list="suggestions",
                                autoComplete="off",
                                spellCheck=False,
                                autoFocus=True,
                            ),
                            html.Datalist(id="suggestions"),
                            html.Button("Look", id="look", type="button"),
                        ],
                        role="search",
                    ),
                ]
            ),
            html.Nav(id="tabs", **aria(label="tabs")),
            html.Div(id="alert", role="alert"),
            dcc.Loading(
                html.Main(id="page"),
                type="dot",
                delay_show=300,
                overlay_style={"visibility": "visible", "opacity": 0.6},
            ),
        ]
    )


def tabs(view: View) -> list[Any]:
    """Return the tabs as links to the same thing."""
    links = []
    for tab in TABS:
        now = tab == view.tab
        href = to_search(view.with_(tab=tab, question="", arguments={}) if not now else view)
        links.append(dcc.Link(pages.TAB_LABELS[tab], href=href, className="view-tab now" if now else "view-tab"))
    return links


def _pages(app: Dash, store: GraphStore) -> None:
    @app.callback(
        Output("page", "children"),
        Output("tabs", "children"),
        Output("tabs", SHOWN),
        Output("alert", "children"),
        Input("url", "search"),
        State("tabs", SHOWN),
        State("alert", "children"),
    )
    def show(search: str | None, shown: str | None, alert: str | None) -> tuple[Any, Any, str, Any]:
        page, view, now, said = _page(store, search or "", shown or "")
        # All that is on a page hears of each change of it: what does not change is not sent.
        return page, tabs(view), now, no_update if said == (alert or "") else said


def _page(store: GraphStore, search: str, shown: str) -> tuple[Any, View, str, str]:
    """Return the page of an address, its view, the address that is shown now, and what is wrong."""
    view = View()
    try:
        view = from_search(search)
        if view.tab in pages.NEEDS_KEY and not view.key:
            return welcome(store), view, "", ""
        try:
            before = from_search(shown) if shown else View()
            if same_picture(before, view):
                for part, properties in changed_parts(store, before, view).items():
                    set_props(part, properties)
                return no_update, view, to_search(view), ""
            return pages.PAGES[view.tab](store, view), view, to_search(view), ""
        except (AmbiguousError, UnknownMoleculeError) as error:
            # It may be another text of the address that is not clear: what a molecule is compared with.
            about_key = error.text == view.key.strip()
            return candidates_page(store, error.text), view, "", "" if about_key else str(error)
    except InfoAlignError as error:
        return None, view, "", str(error)


def _search(app: Dash, store: GraphStore) -> None:
    @app.callback(Output("suggestions", "children"), Input("search", "value"), prevent_initial_call=True)
    def suggest(text: str | None) -> Any:
        if not text or len(text) > 200:
            return []
        try:
            found = names_of(store).suggest(text, SUGGESTIONS)
        except InfoAlignError:
            return []  # the page says what is wrong
        return [
            html.Option(
                value=one.matched,
                label=f"{one.name}, {one.node_type}" + ("" if one.how in {"name", "symbol"} else f", {one.how}"),
            )
            for one in found
        ]

    @app.callback(
        Output("url", "search", allow_duplicate=True),
        Output("alert", "children", allow_duplicate=True),
        Output("page", "children", allow_duplicate=True),
        Output("tabs", SHOWN, allow_duplicate=True),
        Input("search", "n_submit"),
        Input("look", "n_clicks"),
        State("search", "value"),
        State("url", "search"),
        prevent_initial_call=True,
    )
    def look(_submitted: Any, _clicked: Any, text: str | None, search: str | None) -> tuple[Any, Any, Any, Any]:
        if not text or not text.strip():
            return no_update, "Type what to look for.", no_update, no_update
        try:
            view = from_search(search or "")
        except InfoAlignError:
            view = View()
        try:
            tab = view.tab if view.tab in pages.NEEDS_KEY else "graph"
            key = key_text(resolve(store, text))
            return to_search(View(tab, key, limit=view.limit, question=view.question)), "", no_update, no_update
        except UnknownMoleculeError:
            return to_search(View("graph", text.strip())), "", no_update, no_update
        except InfoAlignError as error:
            try:
                return no_update, "", candidates_page(store, text.strip()), ""
            except InfoAlignError:
                return no_update, str(error), None, ""


def _graph(app: Dash, store: GraphStore) -> None:
    @app.callback(
        Output("url", "search", allow_duplicate=True),
        Input("apply", "n_clicks"),
        State("edge-types", "value"),
        State("min-weight", "value"),
        State("limit", "value"),
        State("url", "search"),
        prevent_initial_call=True,
    )
    def restrict(clicks: int | None, kinds: Sequence[str] | None, weight: float | None, limit: int, search: str) -> Any:
        if not clicks:
            return no_update
        edge_types = tuple(EdgeType(kind) for kind in kinds or ())
        return to_search(from_search(search).with_(edge_types=edge_types, min_weight=float(weight or 0), limit=limit))

    @app.callback(
        Output("url", "search", allow_duplicate=True),
        Input("graph", "tapNodeData"),
        State("url", "search"),
        prevent_initial_call=True,
    )
    def select(node: dict[str, Any] | None, search: str) -> Any:
        view = from_search(search)
        if not node or node["id"] == view.focus:
            return no_update
        return to_search(view.with_(selected=node["id"]))

    @app.callback(
        Output("saved", "data"),
        Output("alert", "children", allow_duplicate=True),
        Input({"download": ALL}, "n_clicks"),
        State("url", "search"),
        State({"chosen": ALL}, "data"),
        State({"query": ALL}, "value"),
        prevent_initial_call=True,
    )
    def save(
        clicks: Sequence[int | None], search: str, chosen: Sequence[Any], queries: Sequence[Any]
    ) -> tuple[Any, Any]:
        # The buttons of a new page come without a click.
        if not any(clicks) or not isinstance(ctx.triggered_id, dict):
            return no_update, no_update
        form = str(ctx.triggered_id["download"])
        saved: Saved | None = None
        try:
            if form == "lasso" and chosen:
                saved = Saved("molecules.csv", render.csv_text(chosen_rows(store, list(chosen[0] or []))))
            elif form == "cypher" and queries:
                rows = rows_of(store, str(queries[0] or ""), MOST_SAVED)
                name = "rows.csv" if len(rows) < MOST_SAVED else f"first-{MOST_SAVED}-rows.csv"
                saved = Saved(name, render.csv_text(as_table(rows)))
            elif form in {"csv", "edges", "graphml", "svg"}:
                saved = save_graph(around(store, from_search(search)), form)
        except InfoAlignError as error:
            return no_update, str(error)
        return no_update if saved is None else {"filename": saved.name, "content": saved.content}, ""

    @app.callback(Output("graph", "generateImage"), Input({"download": "png"}, "n_clicks"), prevent_initial_call=True)
    def picture(clicks: int | None) -> Any:
        return (
            {"type": "png", "action": "download", "filename": "graph", "options": {"scale": 2, "bg": "#fff"}}
            if clicks
            else no_update
        )

    @app.callback(
        Output("url", "search", allow_duplicate=True),
        Input("ask", "n_clicks"),
        State({"argument": ALL}, "value"),
        State({"argument": ALL}, "id"),
        State("url", "search"),
        prevent_initial_call=True,
    )
    def ask(clicks: int | None, values: Sequence[Any], names: Sequence[dict[str, str]], search: str) -> Any:
        if not clicks:
            return no_update
        given = {name["argument"]: str(value or "") for name, value in zip(names, values, strict=True)}
        return to_search(from_search(search).with_(arguments=given))


def _map(app: Dash, store: GraphStore) -> None:
    @app.callback(Output("lassoed", "children"), Input("map", "selectedData"), prevent_initial_call=True)
    def lasso(selected: dict[str, Any] | None) -> Any:
        keys = [str(point["customdata"]) for point in (selected or {}).get("points", []) if "customdata" in point]
        if not keys:
            return []
        return [chosen_table(store, keys), dcc.Store(id={"chosen": "lasso"}, data=keys), dcc.Download(id="saved")]

    @app.callback(
        Output("url", "search", allow_duplicate=True),
        Input("map", "clickData"),
        State("url", "search"),
        prevent_initial_call=True,
    )
    def look_at(clicked: dict[str, Any] | None, search: str) -> Any:
        points = (clicked or {}).get("points", [])
        if not points or "customdata" not in points[0]:
            return no_update
        return to_search(from_search(search).with_(key=str(points[0]["customdata"])))


def _cypher(app: Dash, store: GraphStore) -> None:
    @app.callback(
        Output("rows", "children"),
        Output("url", "search", allow_duplicate=True),
        Input("run", "n_clicks"),
        State({"query": "cypher"}, "value"),
        State("url", "search"),
        prevent_initial_call=True,
    )
    def answer(clicks: int | None, query: str | None, search: str) -> tuple[Any, Any]:
        if not clicks:
            return no_update, no_update
        view = from_search(search)
        if query and len(query) <= LONGEST and query != view.arguments.get(CYPHER):
            return no_update, to_search(view.with_(arguments={CYPHER: query}))
        # The same query once more, or one that no address can hold.
        return cypher_rows(store, query or ""), no_update


def _serve_reports(server: flask.Flask) -> None:
    def report(name: str) -> flask.Response:
        file = REPORTS.get(name)
        path = file(Workspace.default()) if file else None
        if path is None or not path.is_file():
            return flask.make_response("no such report\n", 404)
        response = flask.make_response(path.read_text(encoding="utf-8"))
        # A report is a page of its own: nothing in it runs, and it can ask this server for nothing.
        response.headers["Content-Security-Policy"] = REPORT_POLICY
        return response

    server.add_url_rule("/report/<name>", "report", report)
