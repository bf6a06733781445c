"""The report of the demo in a real browser: it opens offline, shows the counts of ``ingest.json``, and runs nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from graphdb.files import read_json

pytestmark = [pytest.mark.slow, pytest.mark.graph]

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

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self._table = dict(attrs).get("id")
        elif self._table and tag == "tr":
            self.rows.setdefault(self._table, []).append([])
        elif self._table and tag in ("td", "th"):
            self.rows[self._table][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self._table = None

    def handle_data(self, data: str) -> None:
        if self._table and self.rows.get(self._table) and self.rows[self._table][-1]:
            self.rows[self._table][-1][-1] += data.strip()


@pytest.fixture(scope="module")
def browser() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium on this machine (Debian's package: chromium)")
    return found


def open_page(browser: str, page: Path, profile: Path, *more: str) -> str:
    # A sandbox needs rights that root in a container does not have.
    sandbox = ("--no-sandbox",) if os.getuid() == 0 else ()
    command = [browser, *QUIET, *sandbox, f"--user-data-dir={profile}", *more, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def test_the_report_shows_what_was_loaded(browser: str, demo_workspace: Path, tmp_path: Path) -> None:
    report = read_json(demo_workspace / "ingest.json")
    shown = Tables()
    shown.feed(open_page(browser, demo_workspace / "ingest-report.html", tmp_path, "--dump-dom"))
    for name in ("nodes", "edges"):
        expected = [[key, f"{count:,}"] for key, count in report[name].items() if count]
        assert sorted(shown.rows[f"{name.removesuffix('s')}-counts"][1:]) == sorted(expected)
    rejects = {(row[0], row[1]): row[3] for row in shown.rows["reject-counts"][1:]}
    assert rejects == {(row["source"], row["reason"]): f"{row['count']:,}" for row in report["rejects"]}
    spaces = [row[1] for row in shown.rows["space-counts"][1:]]
    assert sorted(spaces) == sorted(f"{space['name']}SIMULATED" for space in report["feature_spaces"])


def test_it_can_be_drawn(browser: str, demo_workspace: Path, tmp_path: Path) -> None:
    picture = tmp_path / "report.png"
    page = demo_workspace / "ingest-report.html"
    open_page(browser, page, tmp_path / "profile", f"--screenshot={picture}", "--window-size=1200,2400")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 50_000  # a blank page of this size has a few kB
