"""A headless Chromium, and the tables of a page that it has drawn."""

from __future__ import annotations

import os
import subprocess
from html.parser import HTMLParser
from pathlib import Path

QUIET = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Tables(HTMLParser):
    """Rows of texts of each table that has an id."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[str, list[list[str]]] = {}
        self._table: str | None = None
        self._cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self._table = dict(attrs).get("id")
        elif self._table and tag == "tr":
            self.rows.setdefault(self._table, []).append([])
        elif self._table and tag in ("td", "th"):
            self.rows[self._table][-1].append("")
            self._cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self._table = None
        elif tag in ("td", "th"):
            self._cell = False

    def handle_data(self, data: str) -> None:
        if self._table and self._cell:
            self.rows[self._table][-1][-1] += data.strip()


def open_page(browser: str, page: Path, profile: Path, *more: str) -> str:
    # A sandbox needs rights that root in a container does not have.
    sandbox = ("--no-sandbox",) if os.getuid() == 0 else ()
    command = [browser, *QUIET, *sandbox, f"--user-data-dir={profile}", *more, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
