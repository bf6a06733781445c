"""Any answer of `queries` as parts of a page."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pandas as pd
from dash import dcc, html
from markupsafe import Markup

from queries import render
from queries.answer import Answer, Section, picture_page

MOST_ROWS = 200

LinkOf = Callable[[str, Any], str | None]
"""Column name and cell → where a cell leads to, or None."""


def aria(**names: str) -> dict[str, Any]:
    """Return attributes for people who listen to a page: ``aria(label="tabs")`` is ``aria-label``."""
    return {f"aria-{name}": value for name, value in names.items()}


def data(**names: str) -> dict[str, Any]:
    """Return attributes for scripts: ``data(key="ncbi:1")`` is ``data-key``."""
    return {f"data-{name}": value for name, value in names.items()}


def shown(answer: Answer, link_of: LinkOf = lambda *_: None, *, heading: bool = True) -> html.Article:
    """Return an answer with all its sections."""
    parts: list[Any] = [html.H2(answer.title)] if heading else []
    parts += [html.P(warning, className="warning", role="note") for warning in answer.warnings()]
    parts += [section_of(section, link_of) for section in answer.sections()]
    return html.Article(parts, className="answer")


def section_of(section: Section, link_of: LinkOf = lambda *_: None) -> html.Section:
    """Return one section: its sentence, its picture, its table."""
    parts: list[Any] = [html.H3(section.title)]
    if section.note:
        parts.append(html.P(section.note))
    if section.picture is not None:
        parts.append(picture(section.picture, section.title))
    if section.table is not None and len(section.table):
        parts.append(table(section.table, section.title, link_of))
    elif section.table is not None and not section.note:
        parts.append(html.P("Nothing found."))
    return html.Section(parts)


def table(rows: pd.DataFrame, title: str, link_of: LinkOf = lambda *_: None, most: int = MOST_ROWS) -> html.Div:
    """Return a table, at most `most` rows of it; numbers are right-aligned, cells may be links."""
    columns = [str(column) for column in rows.columns]
    body = []
    for row in rows.head(most).itertuples(index=False, name=None):
        cells = []
        for column, value in zip(columns, row, strict=True):
            plain = render.plain(value)
            text = render.cell_text(plain)
            href = link_of(column, value)
            number = isinstance(plain, int | float) and not isinstance(plain, bool)
            content = dcc.Link(text, href=href) if href else text
            cells.append(html.Td(content, className="number" if number else ""))
        body.append(html.Tr(cells))
    head = html.Thead(html.Tr([html.Th(column, scope="col") for column in columns]))
    parts: list[Any] = [html.Table([head, html.Tbody(body)])]
    if len(rows) > most:
        parts.append(html.P(f"{most:,} of {len(rows):,} rows"))
    # A region that scrolls must be reachable by the keyboard.
    return html.Div(parts, className="scroll", tabIndex="0", role="region", **aria(label=title))


def picture(drawn: Markup, title: str, class_name: str = "picture") -> Any:
    """Return a picture as an image, in which no script can run.

    One SVG becomes an ``<img>``; anything else that `queries` drew becomes a frame without any right.
    """
    text = str(drawn)
    if text.startswith("<svg") and text.rstrip().endswith("</svg>") and text.count("<svg") == 1:
        return html.Img(src=data_uri(drawn), alt=title, className=class_name)
    return html.Iframe(srcDoc=picture_page(drawn), sandbox="", title=title, className=f"{class_name} frame")


def data_uri(svg: Markup) -> str:
    """Return an SVG as the address of an image."""
    text = str(svg)
    if "xmlns=" not in text.split(">", 1)[0]:
        text = text.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
    return "data:image/svg+xml;base64," + b64encode(text.encode()).decode()
