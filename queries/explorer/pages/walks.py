"""The tab "Walks": walks from what is looked at, one of them drawn step by step."""

from __future__ import annotations

from typing import Any

import dash_cytoscape as cyto
import pandas as pd
from dash import dcc, html

from graphdb.errors import InputError
from graphdb.store import GraphStore
from queries.explorer import answers
from queries.explorer.answers import aria
from queries.explorer.elements import stylesheet
from queries.explorer.state import View, to_search
from queries.explorer.walks import sampled, walk_elements


def walks_page(store: GraphStore, view: View) -> Any:
    """Return walks from what is looked at, one of them drawn step by step."""
    found = sampled(store, view.key)
    number = min(_whole(view.arguments.get("walk", "1")), len(found))
    step = _whole(view.arguments.get("step", "99"))
    walk = found[number - 1]
    steps = min(step, len(walk) - 1)

    def link(text: str, walk_number: int, to: int) -> dcc.Link:
        arguments = {"walk": str(walk_number), "step": str(to)}
        return dcc.Link(
            text,
            href=to_search(view.with_(arguments=arguments)),
            className="now" if walk_number == number and text.isdecimal() else "",
        )

    rows = pd.DataFrame(
        [
            {
                "step": place,
                "by": ", ".join(str(edge) for edge in position.edges[:1]),
                "node type": str(position.node_type),
                "node": position.name,
                "path weight": position.path_weight,
                "rebuilt features": ", ".join(position.targets),
            }
            for place, position in enumerate(walk[: steps + 1])
        ]
    )
    return html.Div(
        [
            html.P(
                f"{len(found)} walks of at most 4 steps, as pretraining makes them. The features of each node on "
                "a walk are rebuilt from the embedding of its start, weighted by the path weight."
            ),
            html.Nav(
                ["Walk: ", *[link(str(one), one, 99) for one in range(1, len(found) + 1)]],
                className="links",
                **aria(label="walks"),
            ),
            html.Nav(
                [
                    f"Step {steps} of {len(walk) - 1}: ",
                    *([link("a step back", number, steps - 1)] if steps > 0 else []),
                    *([link("a step on", number, steps + 1)] if steps < len(walk) - 1 else []),
                ],
                className="links",
                **aria(label="steps"),
            ),
            cyto.Cytoscape(
                id="walk",
                elements=walk_elements(walk, steps),
                stylesheet=stylesheet(),
                layout={"name": "preset", "fit": True, "padding": 40},
                className="canvas",
                style={"width": "100%", "height": "30vh", "minHeight": "220px"},
                userZoomingEnabled=False,
            ),
            answers.table(rows, "steps of the walk"),
        ]
    )


def _whole(text: str) -> int:
    if not text.isdecimal() or len(text) > 6:
        raise InputError(f"expected a whole number, got {text!r}")
    return max(int(text), 0)
