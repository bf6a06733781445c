"""The forms in which a command gives its answer: for people, ``--json``, ``--csv``, ``--html FILE``."""

from __future__ import annotations

import argparse
from pathlib import Path

from graphdb.console import note, say
from graphdb.files import replacing_file
from queries import render
from queries.answer import Answer, page


def add_form_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``, ``--csv`` and ``--html``."""
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print everything as JSON")
    form.add_argument("--csv", action="store_true", help="print the main table as CSV")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page that opens offline")


def emit(answer: Answer, arguments: argparse.Namespace, took: float | None = None) -> None:
    """Print an answer in the form that was asked for, and write its page if asked to.

    Parameters
    ----------
    answer
        What was found.
    arguments
        With those of `add_form_arguments`.
    took
        Seconds, told to people.
    """
    if not arguments.json and not arguments.csv:
        _print(answer, took)
    emit_for_programs(answer, arguments)


def emit_for_programs(answer: Answer, arguments: argparse.Namespace) -> None:
    """Print an answer as JSON or CSV, or write its page, as far as that was asked for."""
    if arguments.json:
        say(render.json_text(answer.as_json()))
    elif arguments.csv:
        table = answer.as_table()
        if table is not None:
            say(render.csv_text(table))
    if arguments.html:
        with replacing_file(arguments.html) as temporary:
            temporary.write_text(page(answer), encoding="utf-8")
        note(f"page: {arguments.html}")


def _print(answer: Answer, took: float | None) -> None:
    say(answer.title + (f" ({took:.2f} s)" if took is not None else ""))
    for warning in answer.warnings():
        note(warning)
    for section in answer.sections():
        if section.table is not None and len(section.table):
            render.print_table(section.title, section.table)
        elif section.table is not None:
            say(f"{section.title}: nothing found")
        if section.note:
            say(section.note)
