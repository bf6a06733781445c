"""The tab "Map": all molecules in the plane, and those that the lasso chose."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from dash import dcc, html

from graphdb.schema import NodeType
from graphdb.store import GraphStore
from queries.embeddings import embeddings_of
from queries.explorer import answers
from queries.explorer.answers import aria
from queries.explorer.links import molecule_links
from queries.explorer.predicted import labels
from queries.explorer.projection import COLOURS, METHODS, OTHER, Method, groups_of, map_of, names_on
from queries.explorer.state import View, to_search

# Okabe and Ito's colours: colour-blind readers can tell them apart.
_GROUP_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#F0E442", "#000000")
_GREY = "#b8b8b8"
# Plotly's "Share chart…" would upload what is drawn to its makers' servers.
_CONFIG: Any = {
    "displaylogo": False,
    "scrollZoom": True,
    "modeBarButtonsToRemove": ["autoScale2d", "sendChartToCloud"],
    "plotlyServerURL": "",
}


def map_page(store: GraphStore, view: View) -> Any:
    """Return all molecules in the plane, and a place for the ones that are chosen with the lasso."""
    method: Method = "umap" if view.arguments.get("method") == "umap" else "pca"
    colour = view.arguments.get("colour", COLOURS[0])
    found = map_of(store, method)
    matrix = embeddings_of(store)
    groups = groups_of(store, matrix, colour)
    remark = "Predictions are shown also where the predictor is outside its domain. " if colour not in COLOURS else ""
    kept = f", {found.explained:.0%} of the variance" if np.isfinite(found.explained) else ""
    return html.Div(
        [
            html.Nav(
                [
                    html.Span("Coloured by: "),
                    *[
                        dcc.Link(
                            name,
                            href=to_search(view.with_(arguments={**view.arguments, "colour": name})),
                            className="now" if name == colour else "",
                        )
                        for name in (*COLOURS, *labels())
                    ],
                    html.Span("Placed by: "),
                    *[
                        dcc.Link(
                            name.upper(),
                            href=to_search(view.with_(arguments={**view.arguments, "method": name})),
                            className="now" if name == method else "",
                        )
                        for name in METHODS
                    ],
                ],
                className="links",
                **aria(label="the map"),
            ),
            html.P(
                f"{len(found.keys):,} molecules with a published embedding, by {found.method.upper()}{kept}. {remark}"
                "Choose with the lasso; a click on a point looks at its molecule."
            ),
            dcc.Graph(
                id="map",
                figure=map_figure(found.keys, found.places, groups, names_on(store, matrix), view.key),
                config=_CONFIG,
                className="canvas",
                style={"height": "65vh"},
            ),
            html.Div(id="lassoed", **aria(live="polite")),
        ]
    )


def map_figure(keys: Any, places: Any, groups: Any, names: Any, marked: str) -> go.Figure:
    """Return the scatter plot, drawn with WebGL; the molecule `marked` has a ring.

    Parameters
    ----------
    keys, places
        (n,) InChIKeys, and (n, 2) where they stand.
    groups
        (n,) what colours them: names of groups, or numbers, NaN for none.
    names
        (n,) what a point is called.
    marked
        InChIKey of what is looked at, or "".
    """
    figure = go.Figure()
    # Plotly takes a few tags for markup.
    names = np.array([escape(name) for name in names.tolist()])

    def points(here: Any, label: str, marker: dict[str, Any]) -> None:
        figure.add_trace(
            go.Scattergl(
                x=places[here, 0],
                y=places[here, 1],
                customdata=keys[here],
                text=names[here],
                mode="markers",
                name=label,
                hovertemplate="%{text}<br>%{customdata}<extra></extra>",
                marker={"size": 4, **marker},
            )
        )

    if np.issubdtype(groups.dtype, np.floating):
        there = np.isfinite(groups)
        if not there.all():
            points(~there, f"nothing said ({(~there).sum():,})", {"color": _GREY, "opacity": 0.4})
        scale = {"color": groups[there], "colorscale": "Viridis", "showscale": True, "opacity": 0.7}
        points(there, f"by colour ({there.sum():,})", scale)
    else:
        largest = [name for name in dict.fromkeys(sorted(groups.tolist())) if name != OTHER]
        colours = {OTHER: _GREY, **dict(zip(largest, _GROUP_COLOURS, strict=False))}
        for name in ([OTHER] if OTHER in groups else []) + largest:
            here = groups == name
            opacity = 0.4 if name == OTHER else 0.8
            points(here, f"{escape(name)} ({here.sum():,})", {"color": colours[name], "opacity": opacity})
    here = keys == marked
    if here.any():
        figure.add_trace(
            go.Scattergl(
                x=places[here, 0],
                y=places[here, 1],
                mode="markers",
                name="looked at",
                hoverinfo="skip",
                marker={"size": 16, "color": "rgba(0,0,0,0)", "line": {"width": 3, "color": "#b00020"}},
            )
        )
    figure.update_layout(
        dragmode="lasso",
        margin={"l": 30, "r": 10, "t": 10, "b": 60},
        legend={"itemsizing": "constant", "orientation": "h", "y": -0.02, "yanchor": "top"},
        uirevision="map",
        plot_bgcolor="#fff",
        paper_bgcolor="#fff",
    )
    figure.update_xaxes(showgrid=False, zeroline=False, showticklabels=False)
    figure.update_yaxes(showgrid=False, zeroline=False, showticklabels=False)
    return figure


def chosen_table(store: GraphStore, keys: list[str]) -> Any:
    """Return the molecules that the lasso chose, with a button that saves them."""
    rows = chosen_rows(store, keys[: answers.MOST_ROWS])
    cut = f"The first {len(rows):,} are listed; the file has all." if len(keys) > answers.MOST_ROWS else ""
    return html.Div(
        [
            html.H3(f"{len(keys):,} molecules chosen"),
            html.Button("These as CSV", id={"download": "lasso"}, type="button"),
            html.P(cut) if cut else None,
            answers.table(rows, "molecules chosen", molecule_links),
        ]
    )


def chosen_rows(store: GraphStore, keys: list[str]) -> pd.DataFrame:
    """Return key, name, SMILES and sources of molecules."""
    return pd.DataFrame(
        store.read(
            f"UNWIND $keys AS key MATCH (m:{NodeType.MOLECULE} {{inchikey: key}}) "
            "RETURN m.inchikey AS inchikey, m.name AS name, m.smiles AS smiles, m.sources AS sources",
            keys=keys,
        ),
        columns=["inchikey", "name", "smiles", "sources"],
    )
