"""The report of the demo in a real browser: it opens offline, shows the counts of ``ingest.json``, and runs nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from _browser import Tables, open_page

from graphdb.files import read_json

pytestmark = [pytest.mark.slow, pytest.mark.graph]


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
