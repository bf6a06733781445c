"""The tabs "Card" and "Ask": answers of `queries` about what is looked at."""

from __future__ import annotations

from typing import Any

from dash import dcc, html

from graphdb.errors import InputError
from graphdb.store import GraphStore
from queries.card import card
from queries.explorer import answers
from queries.explorer.answers import aria
from queries.explorer.links import molecule_links
from queries.explorer.questions import QUESTIONS
from queries.explorer.state import View, to_search
from queries.resolve import resolve


def card_page(store: GraphStore, view: View) -> Any:
    """Return the card of what is looked at; the models, which take seconds, are asked when somebody wants them."""
    predictions = view.arguments.get("predictions") == "yes"
    parts: list[Any] = [answers.shown(card(store, view.key, predictions=predictions), molecule_links)]
    if not predictions:
        href = to_search(view.with_(arguments={"predictions": "yes"}))
        parts.insert(0, html.Nav(dcc.Link("with predictions", href=href), className="links", **aria(label="card")))
    return html.Div(parts)


def ask_page(store: GraphStore, view: View) -> Any:
    """Return the questions, and the answer to the one that is asked."""
    choices = [
        html.Li(
            dcc.Link(question.label, href=to_search(View("ask", view.key, question=name))),
            className="now" if name == view.question else "",
        )
        for name, question in QUESTIONS.items()
    ]
    parts: list[Any] = [html.Nav(html.Ul(choices, className="questions"), **aria(label="questions"))]
    question = QUESTIONS.get(view.question)
    if question is None:
        if view.question:
            raise InputError(f"there is no question {view.question!r}; choose one of the list")
        return html.Div([*parts, html.P(f"Choose what to ask about {_called(store, view.key)}.")])
    if question.arguments:
        parts.append(_argument_form(view))
    given = question.given(view.arguments)
    if any(
        not value and not argument.choices and argument.name == "other"
        for argument, value in zip(question.arguments, given.values(), strict=True)
    ):
        return html.Div([*parts, html.P("Say with what.")])
    return html.Div([*parts, answers.shown(question.ask(store, view.key, given), molecule_links)])


def _called(store: GraphStore, key: str) -> str:
    """Return the name of what is looked at; a structure that is not in the graph as it was given."""
    try:
        return resolve(store, key).name
    except InputError:
        return key


def _argument_form(view: View) -> html.Div:
    question = QUESTIONS[view.question]
    inputs = []
    for argument in question.arguments:
        value = view.arguments.get(argument.name) or argument.default
        name = {"argument": argument.name}
        control = (
            dcc.RadioItems(id=name, options=list(argument.choices), value=value, inline=True)
            if argument.choices
            else dcc.Input(id=name, type="text", value=value, debounce=True)
        )
        inputs.append(html.Label([f"{argument.label} ", control]))
    return html.Div([*inputs, html.Button("Ask", id="ask", type="button")], className="controls")
