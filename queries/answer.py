"""What every query returns: tables with a title, in one shape for a terminal, a program, a notebook and a browser.

A query's own class keeps its tables as attributes (data frames with documented columns) and says in `Answer.sections`
how they are shown.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from queries import render

ROWS_IN_A_NOTEBOOK = 20


@dataclass(frozen=True)
class Section:
    """One part of an answer.

    Attributes
    ----------
    name
        A word for programs: the key in JSON.
    title
        A line for people.
    table
        Its rows; None where the section is a picture or a sentence alone.
    picture
        SVG or HTML that was made by this package with everything from the data escaped; shown on pages only.
    note
        A sentence: what the table says, what was left out, or why it is empty.
    """

    name: str
    title: str
    table: pd.DataFrame | None = None
    picture: Markup | None = None
    note: str = ""


class Answer(ABC):
    """What a query found. Shows itself in a notebook."""

    @property
    @abstractmethod
    def title(self) -> str:
        """One line that says what was asked."""

    @abstractmethod
    def sections(self) -> Sequence[Section]:
        """Return the parts, the most important first."""

    def warnings(self) -> Sequence[str]:
        """Return what a reader must know before anything else: simulated profiles, embeddings of another model."""
        return ()

    def as_json(self) -> dict[str, Any]:
        """Return plain lists and maps: the title, the warnings, and each section's rows by its name."""
        return {
            "title": self.title,
            "warnings": list(self.warnings()),
            **{section.name: _json_of(section) for section in self.sections()},
        }

    def as_table(self) -> pd.DataFrame | None:
        """Return what ``--csv`` prints: the first table."""
        return next((section.table for section in self.sections() if section.table is not None), None)

    def _repr_html_(self) -> str:
        return fragment(self, limit=ROWS_IN_A_NOTEBOOK)


def _json_of(section: Section) -> Any:
    return section.note if section.table is None else render.records(section.table)


def fragment(answer: Answer, *, limit: int | None = None) -> str:
    """Return an answer as HTML to put into a page, at most `limit` rows of each table."""
    return _template("answer.html.j2").render(answer=answer, limit=limit, cell=_cell, is_number=_is_number)


def page(answer: Answer) -> str:
    """Return an answer as a whole HTML page that opens offline: no script, nothing fetched from anywhere."""
    return _template("page.html.j2").render(title=answer.title, body=Markup(fragment(answer)))  # noqa: S704 - escaped there


def picture_page(picture: Markup) -> str:
    """Return a picture of a section as a page of its own, for a frame."""
    return str(
        Markup('<!DOCTYPE html><html lang="en"><title>picture</title><body style="margin:0">{}</body></html>').format(
            picture
        )
    )


def _template(name: str) -> jinja2.Template:
    return _ENVIRONMENT.get_template(name)


_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.PackageLoader("queries", "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _cell(value: Any) -> str:
    return render.cell_text(render.plain(value))


def _is_number(value: Any) -> bool:
    plain = render.plain(value)
    return isinstance(plain, int | float) and not isinstance(plain, bool)
