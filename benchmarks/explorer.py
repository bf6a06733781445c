"""How long somebody who explores waits: the first paint, an expansion, twenty users at once.

``python -m queries.explorer`` is started as a user starts it, over a random graph of the paper's size, on either
engine, or with ``--here`` over the graph that the environment names. A headless Chromium looks at it, on the same
machine.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np

from benchmarks.graphs import graphs, parser_of
from benchmarks.report import write_report
from graphdb.console import note, print_table, run, say
from graphdb.errors import InputError
from graphdb.schema import NodeType
from graphdb.store import GraphStore
from queries.explorer.app import SHOWN
from queries.explorer.state import View, expand, to_search

USERS = 20
PAGES_EACH = 10
VISITS = 7
EXPANSIONS = 20
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
# Without a screen, as the tests have it.
SWITCHES = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader")
OUTPUTS = [("page", "children"), ("tabs", "children"), ("tabs", SHOWN), ("alert", "children")]
WITH_EDGES = (
    f"MATCH (m:{NodeType.MOLECULE})--(g:{NodeType.GENE}) WHERE m.name IS NOT NULL RETURN DISTINCT m.name AS name"
)


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this benchmark."""
    return parser_of("explorer", __doc__)


def main(arguments: argparse.Namespace) -> None:
    """Measure, print, and write the report."""
    browser = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if browser is None:
        raise InputError(f"this benchmark needs a browser: one of {', '.join(CHROMIUM)}")
    rows: list[dict[str, Any]] = []
    for store in graphs(arguments):
        rows += measure(store, browser)
    print_table("Explorer", ["what", "engine", "value", "unit"], [_row(row) for row in rows])
    if arguments.json:
        write_report(arguments.json, "explorer", rows)
        say(f"written to {arguments.json}")


def _row(row: dict[str, Any]) -> list[Any]:
    return [row["name"], row["engine"], row["value"], row["unit"]]


def measure(store: GraphStore, browser: str) -> list[dict[str, Any]]:
    """Return the times of an explorer over this graph."""
    names = sorted(row["name"] for row in store.read(WITH_EDGES))
    chosen = np.random.default_rng(0).permutation(names)[: USERS * PAGES_EACH].tolist()
    about = {"engine": store.engine, "nodes": sum(store.node_counts().values())}
    with _explorer() as address:
        rows = [{"name": "read ahead", "value": _until_read(address, chosen[0]), "unit": "s"}]
        rows += _browsed(address, browser, chosen)
        rows += _crowd(address, chosen)
    return [row | about for row in rows]


@contextmanager
def _explorer() -> Iterator[str]:
    command = [sys.executable, "-m", "queries.explorer", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            found = re.search(r"http://127\.0\.0\.1:\d+/", server.stdout.readline() if server.stdout else "")
            if found is None:
                raise InputError("the explorer did not start")
            yield found[0]
        finally:
            server.terminate()


def _asked(address: str, search: str) -> tuple[float, dict[str, Any]]:
    """Ask for a page as the browser's script does; return seconds, and the answer."""
    body = {
        "output": "..{}..".format("...".join(f"{name}.{prop}" for name, prop in OUTPUTS)),
        "outputs": [{"id": name, "property": prop} for name, prop in OUTPUTS],
        "inputs": [{"id": "url", "property": "search", "value": search}],
        "state": [
            {"id": "tabs", "property": SHOWN, "value": ""},
            {"id": "alert", "property": "children", "value": "none yet"},
        ],
        "changedPropIds": ["url.search"],
    }
    request = urllib.request.Request(
        f"{address}_dash-update-component", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    started = time.perf_counter()
    with urllib.request.urlopen(request, timeout=120) as response:
        answer: dict[str, Any] = json.load(response)["response"]
    return time.perf_counter() - started, answer


def _until_read(address: str, name: str) -> float:
    """Return how long it takes until a page comes from memory: two answers, one after the other, in under 0.2 s."""
    started = time.perf_counter()
    quick = 0
    while quick < 2:
        seconds, _ = _asked(address, to_search(View(key=name)))
        quick = quick + 1 if seconds < 0.2 else 0
        if time.perf_counter() - started > 300:
            note("no page came in 0.2 s within 300 s")
            break
        time.sleep(0.2)
    return time.perf_counter() - started


def _browsed(address: str, browser: str, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return what a person at a browser waits for."""
    from playwright.sync_api import sync_playwright

    first: dict[str, list[float]] = {"first paint": [], "first page, all there": [], "a molecule, picture drawn": []}
    expansions = []
    sandbox = ["--no-sandbox"] if os.getuid() == 0 else []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=[*sandbox, *SWITCHES])
        for visit in range(VISITS):
            # A context of its own has no cache: each visit is a first one.
            page = chromium.new_context(viewport={"width": 1300, "height": 950}).new_page()
            started = time.perf_counter()
            page.goto(address)
            page.get_by_text("Type a drug").wait_for()
            first["first page, all there"].append(time.perf_counter() - started)
            paint = page.wait_for_function("performance.getEntriesByName('first-contentful-paint')[0]?.startTime")
            first["first paint"].append(paint.json_value() / 1000)
            started = time.perf_counter()
            page.goto(address + to_search(View(key=names[visit])))
            page.locator("#graph canvas").first.wait_for()
            first["a molecule, picture drawn"].append(time.perf_counter() - started)
            page.context.close()
        page = chromium.new_page(viewport={"width": 1300, "height": 950})
        for name in names[:EXPANSIONS]:
            page.goto(address + to_search(View(key=name)))
            page.locator("#nodes tbody tr").first.wait_for()
            page.wait_for_timeout(500)
            # Timed within the page, from the click to the frame after both the table and the picture have grown.
            expansions.append(page.evaluate(_EXPAND) / 1000)
        chromium.close()
    return [
        *(row for name, seconds in first.items() for row in _shares(name, seconds)),
        *_shares("an expansion", expansions),
    ]


_EXPAND = """() => new Promise((done, failed) => {
    const rows = () => document.querySelectorAll('#nodes tbody tr').length;
    const drawn = () => document.getElementById('graph')._cyreg.cy.nodes().length;
    // A gene: the molecules of a random graph have no InChIKeys.
    const row = document.querySelector('#nodes tr[data-key^="ncbi:"]');
    const link = [...row.querySelectorAll('a')].find(one => one.innerText === 'expand');
    const wanted = row.dataset.key;
    const started = performance.now();
    const look = () => {
        const grown = [...document.querySelectorAll('#nodes tr')].find(one => one.dataset.key === wanted);
        if (grown && grown.innerText.includes('collapse') && drawn() === rows()) done(performance.now() - started);
        else if (performance.now() - started > 30000) failed(new Error(document.getElementById('alert').innerText));
        else requestAnimationFrame(look);
    };
    link.click();
    requestAnimationFrame(look);
})"""


def _crowd(address: str, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return what twenty users wait for who each ask for page after page, and how many get an error."""

    def user(number: int) -> list[tuple[float, bool]]:
        answers = []
        for name in names[number * PAGES_EACH : (number + 1) * PAGES_EACH]:
            view = View(key=name)
            for search in (to_search(view), to_search(expand(view, names[0])), to_search(View("card", name))):
                try:
                    seconds, answer = _asked(address, search)
                    answers.append((seconds, bool(answer["page"]["children"]) and not answer["alert"]["children"]))
                except OSError:
                    answers.append((float("nan"), False))
        return answers

    started = time.perf_counter()
    with ThreadPoolExecutor(USERS) as pool:
        answers = [one for of_user in pool.map(user, range(USERS)) for one in of_user]
    wall = time.perf_counter() - started
    failed = sum(not fine for _, fine in answers)
    return [
        *_shares(f"a page, {USERS} users at once", [seconds for seconds, _ in answers]),
        {"name": f"pages for {USERS} users", "value": len(answers) / wall, "unit": "pages/s"},
        {"name": f"errors among {len(answers)} pages", "value": failed, "unit": ""},
    ]


def _shares(name: str, seconds: Sequence[float]) -> list[dict[str, Any]]:
    return [
        {"name": f"{name}, {label}", "value": float(np.nanpercentile(seconds, share)) * 1000, "unit": "ms"}
        for label, share in (("p50", 50), ("p95", 95))
    ]


if __name__ == "__main__":
    run(main, build_parser())
