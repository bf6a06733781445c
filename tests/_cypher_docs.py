"""The queries of docs/cypher.md, read out of the page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "cypher.md"
QUERY = re.compile(
    r"^### (?P<number>\d+)\. (?P<title>.+?)\n(?P<text>.*?)\nColumns: (?P<columns>.+?)\.\n\n"
    r"```cypher\n(?P<cypher>.*?)```",
    re.MULTILINE | re.DOTALL,
)


class Query(NamedTuple):
    """One section of the page."""

    number: int
    title: str
    text: str
    columns: list[str]
    cypher: str


def read_queries() -> list[Query]:
    found = QUERY.finditer(DOCUMENT.read_text())
    return [
        Query(int(m["number"]), m["title"], m["text"], re.findall(r"`(\w+)`", m["columns"]), m["cypher"]) for m in found
    ]
