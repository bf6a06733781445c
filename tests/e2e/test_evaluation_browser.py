"""The page of an evaluation in a real browser: it opens offline, shows the summary's numbers, asks for nothing."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
from _browser import Tables, open_page
from _checkpoints import tiny_checkpoint
from _commands import Commands
from _evaluation_summary import SUMMARY
from sklearn.metrics import roc_auc_score

from learn.checkpoint import save
from learn.evaluation.numbers import score
from learn.evaluation.page import html
from learn.tasks import load
from learn.tasks.split import split

pytestmark = pytest.mark.slow


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """Address of a server on this machine, and the paths that it is asked for."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", paths
        server.shutdown()
        thread.join()


def test_the_page_shows_the_summary(browser: str, tmp_path: Path) -> None:
    page = tmp_path / "evaluation.html"
    page.write_text(html(SUMMARY), encoding="utf-8")
    shown = Tables()
    shown.feed(open_page(browser, page, tmp_path / "profile", "--dump-dom"))
    for card in SUMMARY.tasks:
        rows = [row for row in SUMMARY.rows if row.task == card.name]
        if not rows:
            assert f"scores-{card.name}" not in shown.rows
            continue
        header, *cells = shown.rows[f"scores-{card.name}"]
        assert len(cells) == len(rows)
        for row, found in zip(rows, cells, strict=True):
            assert found[0].startswith(row.system)  # the name as it is, whatever signs it has
            by_name = dict(zip(header, found, strict=True))
            assert by_name["mean AUC" if row.metric == "auc" else "MAE"] == score(row.score)
            assert by_name["molecules"] == f"{row.molecules} of {row.of}"
            assert by_name["group"] == row.group
            assert ("LEAKAGE" in found[0]) == (row.leakage is not None)
            assert row.leakage is None or row.leakage in found[0]
            if row.against is not None:
                assert by_name["tasks better"] == f"{row.against.tasks_better} of {row.against.tasks}"
    by_task = {row[0]: row for row in shown.rows["tasks-chembl2k"][1:]}
    assert set(by_task) == {task for row in SUMMARY.rows if row.task == "chembl2k" for task in row.by_task}
    assert [row[3] for row in shown.rows["certificates"][1:] if len(row) == 4] == ["5" * 64]


@pytest.mark.data
def test_the_tables_of_a_real_evaluation_are_what_its_store_says(
    browser: str, commands: Commands, shared_data: Path, tmp_path: Path
) -> None:
    """From the command to the browser; the scores are computed again from the kept predictions, by scikit-learn."""
    checkpoint, report = tmp_path / "checkpoint.pt", tmp_path / "report.html"
    save(checkpoint, tiny_checkpoint())
    systems = "InfoAlign;InfoAlign, linear probe;untrained encoder, linear probe"
    folder = shared_data / "infoalign"
    words = ["--data", str(folder), "--checkpoint", str(checkpoint), "--tasks", "chembl2k", "--systems", systems]
    commands.run("learn.evaluate", *words, "--seeds", "2", "--no-refit", "--report", str(report))
    data = load("chembl2k", folder)
    labels = data.labels[split(data).test]
    stored: dict[str, list[float]] = {}
    for path in (commands.workspace / "evaluation").rglob("*.npz"):
        with np.load(path) as cell:
            name = json.loads(str(cell["about"]))["cell"]["system"]
            stored.setdefault(name, []).append(_mean_auc(labels, cell["test"]))
    assert set(stored) == set(systems.split(";"))
    assert len(stored["InfoAlign"]) == 2
    shown = Tables()
    shown.feed(open_page(browser, report, tmp_path / "profile", "--dump-dom"))
    header, *rows = shown.rows["scores-chembl2k"]
    by_name = {row[0]: dict(zip(header, row, strict=True))["mean AUC"] for row in rows}
    for name, aucs in stored.items():
        (found,) = [text for system, text in by_name.items() if re.split("best|LEAKAGE", system)[0] == name]
        assert found.split()[0] == f"{np.mean(aucs):.3f}", name


def _mean_auc(labels: np.ndarray, predictions: np.ndarray) -> float:
    known = ~np.isnan(labels) & ~np.isnan(predictions)
    columns = [(labels[rows, task], predictions[rows, task]) for task, rows in enumerate(known.T)]
    return float(np.mean([roc_auc_score(*pair) for pair in columns if len(set(pair[0])) == 2]))


def test_it_runs_nothing_and_asks_for_nothing(browser: str, tmp_path: Path, asked: tuple[str, list[str]]) -> None:
    """Even a script, a picture and a style that got into the page would do nothing: its own policy forbids them."""
    address, paths = asked
    inside = (
        f'<p id="mark">as it was</p><script>document.getElementById("mark").textContent = "changed"</script>'
        f'<img src="{address}/picture" alt=""><link rel="stylesheet" href="{address}/style">'
    )
    page, free = tmp_path / "page.html", tmp_path / "free.html"
    page.write_text(html(SUMMARY).replace("</body>", f"{inside}</body>"), encoding="utf-8")
    free.write_text(f"<!doctype html><body>{inside}</body>", encoding="utf-8")
    dom = open_page(browser, page, tmp_path / "profile", "--dump-dom")
    assert '<p id="mark">as it was</p>' in dom
    assert paths == []
    # The same without the policy: script, picture and style would have been noticed.
    assert '<p id="mark">changed</p>' in open_page(browser, free, tmp_path / "profile", "--dump-dom")
    assert set(paths) == {"/picture", "/style"}


def test_it_can_be_drawn(browser: str, tmp_path: Path) -> None:
    page, picture = tmp_path / "page.html", tmp_path / "page.png"
    page.write_text(html(SUMMARY), encoding="utf-8")
    open_page(browser, page, tmp_path / "profile", f"--screenshot={picture}", "--window-size=1400,4000")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 150_000  # a blank page of this size has some 20 kB
