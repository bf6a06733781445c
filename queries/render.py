"""Rows for people and for programs: a table in the terminal, JSON, CSV."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPE_WIDTH = 200
"""Characters of a line where the output goes to a file or another program."""
LONG_LIST = 20
"""A list with more items than this (an embedding has 300) is only counted in a table."""
WIDEST = 60
"""Characters of a line of a cell where a table has several columns; longer texts (systematic names) take more lines."""


def print_table(title: str, table: pd.DataFrame, *, limit: int | None = None) -> None:
    """Print a table on stdout, at most `limit` rows of it; numbers are right-aligned.

    Integers have no thousands separators, since many are NCBI gene ids, and cells are no rich markup, since SMILES
    have brackets.
    """
    shown = Table(title=title, title_justify="left", title_style="bold")
    rows = [
        [plain(cell) for cell in row]
        for row in table.head(len(table) if limit is None else limit).itertuples(index=False)
    ]
    for position, column in enumerate(table.columns):
        cells = [row[position] for row in rows if row[position] is not None]
        numeric = bool(cells) and all(isinstance(cell, int | float) and not isinstance(cell, bool) for cell in cells)
        justify: Literal["left", "right"] = "right" if numeric else "left"
        widest = WIDEST if len(table.columns) > 1 else None
        shown.add_column(Text(str(column)), justify=justify, overflow="fold", max_width=widest)
    for row in rows:
        shown.add_row(*(Text(cell_text(cell)) for cell in row))
    Console(width=None if sys.stdout.isatty() else PIPE_WIDTH).print(shown)


def cell_text(value: Any) -> str:
    """Return a plain value as the text of one cell of a table."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return f"[{len(value)} items]" if len(value) > LONG_LIST else ", ".join(_nested(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_nested(item)}" for name, item in value.items())
    return str(value)


def _nested(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + cell_text(value) + "}"
    return f"[{cell_text(value)}]" if isinstance(value, list) and len(value) <= LONG_LIST else cell_text(value)


def plain(value: Any) -> Any:
    """Return a value as JSON has it: None, bool, int, float, str, and lists and maps of these.

    What is missing (NaN, NaT, NA) becomes None; what JSON does not know (dates, points, infinity) becomes text.
    """
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset | np.ndarray):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, float) and math.isinf(value):
        return str(value)
    if isinstance(value, str):
        return str(value)
    return value if isinstance(value, bool | int | float) else str(value)


def counted(count: int, noun: str) -> str:
    """Return e.g. ``1 row`` or ``2,000 rows``."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table as maps of plain values."""
    columns = [str(column) for column in table.columns]
    return [
        {name: plain(cell) for name, cell in zip(columns, row, strict=True)} for row in table.itertuples(index=False)
    ]


def json_text(value: Any) -> str:
    """Return indented JSON."""
    return json.dumps(plain(value), indent=2, ensure_ascii=False)


def csv_text(table: pd.DataFrame) -> str:
    """Return a table as CSV without the last line end; lists and maps are JSON within their cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([str(column) for column in table.columns])
    for row in table.itertuples(index=False):
        cells = (plain(cell) for cell in row)
        writer.writerow([json.dumps(cell) if isinstance(cell, list | dict) else cell for cell in cells])
    return text.getvalue().rstrip("\n")
