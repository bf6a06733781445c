"""The explorer in a headless Chromium on the demo graph: what a user does, from the search box to the saved file."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from graphdb import connect, vectors

pytestmark = [pytest.mark.graph, pytest.mark.slow]
sync_api = pytest.importorskip("playwright.sync_api")

SCREENSHOTS = "INFOALIGN_SCREENSHOTS"
MODEL = "b" * 64


@pytest.fixture(scope="module")
def workspace(demo_workspace: Path) -> Iterator[Path]:
    """The demo graph with embeddings: random ones in two groups, for the map needs no training."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INFOALIGN_WORKSPACE", str(demo_workspace))
        for name in ("NEO4J_URI", "NEO4J_USERNAME", "NEO4J_PASSWORD", "NEO4J_DATABASE"):
            patch.delenv(name, raising=False)
        with connect() as store:
            keys = sorted(row["key"] for row in store.read("MATCH (m:Molecule) RETURN m.inchikey AS key"))
            rng = np.random.default_rng(0)
            made = rng.normal(size=(len(keys), 300)).astype(np.float32)
            made[::2] += 2
            vectors.publish(store, keys, made, MODEL)
        yield demo_workspace
        with connect() as store:
            vectors.withdraw(store)


@pytest.fixture(scope="module")
def address(workspace: Path) -> Iterator[str]:
    """Address of an explorer that was started as a user starts it."""
    environment = {**os.environ, "INFOALIGN_WORKSPACE": str(workspace)}
    command = [sys.executable, "-m", "queries.explorer", "--port", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
        line = server.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+/", line)
        assert found, f"no address in {line!r}"
        yield found[0]
        server.terminate()


@pytest.fixture
def page(browser: str, address: str):
    sandbox = ["--no-sandbox"] if os.getuid() == 0 else []
    drawing = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    wrong: list[str] = []
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=[*sandbox, *drawing])
        opened = chromium.new_page(viewport={"width": 1300, "height": 950})
        opened.set_default_timeout(30_000)
        opened.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        opened.on("pageerror", lambda error: wrong.append(str(error)))
        own = address.rstrip("/")
        opened.on(
            "request",
            lambda asked: (
                None if asked.url.startswith((own, "data:", "blob:")) else wrong.append(f"asks for {asked.url}")
            ),
        )
        yield opened
        chromium.close()
    assert wrong == [], "errors in the console, or requests to other hosts"


def shoot(page, tmp_path: Path, name: str) -> None:
    folder = Path(os.environ.get(SCREENSHOTS, tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder / f"explorer-{name}.png")


def rows_of(page) -> int:
    return page.locator("#nodes tbody tr").count()


def test_a_user_looks_for_a_drug_expands_filters_and_sends_the_view(page, address: str, tmp_path: Path) -> None:
    page.goto(address)
    page.get_by_text("Type a drug").wait_for()
    box = page.get_by_label("Look for")
    box.fill("imat")
    page.locator("#suggestions option[value=imatinib]").wait_for(state="attached")
    box.fill("imatinib")
    box.press("Enter")
    page.get_by_role("heading", name="imatinib", level=2).wait_for()
    first = rows_of(page)
    assert first > 3

    # With the keyboard: the link in the table does what a click in the picture does.
    abl1 = page.locator("#nodes tr", has=page.get_by_role("link", name="ABL1", exact=True))
    abl1.get_by_role("link", name="expand").press("Enter")
    page.wait_for_function("before => document.querySelectorAll('#nodes tbody tr').length > before", arg=first)
    second = rows_of(page)
    held = "document.activeElement.closest('tr')?.querySelector('td:nth-child(3)').innerText"
    assert page.evaluate(held) == "ABL1", "the keyboard stays at the row, whose link is another one now"
    assert page.evaluate("document.activeElement.innerText") == "collapse"
    page.keyboard.press("Enter")
    page.wait_for_function("before => document.querySelectorAll('#nodes tbody tr').length === before", arg=first)
    assert page.evaluate("document.activeElement.innerText") == "expand"
    page.keyboard.press("Enter")
    page.wait_for_function("before => document.querySelectorAll('#nodes tbody tr').length === before", arg=second)
    dasatinib = page.locator("#nodes tr", has=page.get_by_role("link", name="dasatinib", exact=True))
    dasatinib.get_by_role("link", name="expand").click()
    page.wait_for_function("before => document.querySelectorAll('#nodes tbody tr').length > before", arg=second)
    shoot(page, tmp_path, "expanded")

    page.get_by_text("What is shown").click()
    page.get_by_label("targets", exact=True).check()
    page.get_by_role("button", name="Apply").click()
    page.wait_for_function("before => document.querySelectorAll('#nodes tbody tr').length < before", arg=second)
    shoot(page, tmp_path, "filtered")
    assert "edge=TARGETS" in page.url

    kept = page.locator("#nodes").inner_text()
    page.goto(page.url)
    page.locator("#nodes").wait_for()
    assert page.locator("#nodes").inner_text() == kept, "the address is the view"
    with page.expect_download() as saving:
        page.get_by_role("button", name="Nodes as CSV").click()
    lines = Path(saving.value.path()).read_text().splitlines()
    assert len(lines) == rows_of(page) + 1
    assert lines[0].startswith("node_type,key,name,hops")


def test_a_click_in_the_picture_chooses_a_node(page, address: str, tmp_path: Path) -> None:
    page.goto(f"{address}?key=imatinib&limit=15")
    page.locator("#graph canvas").first.wait_for()
    place = page.evaluate(
        """() => new Promise(done => {
            const graph = document.getElementById('graph')._cyreg.cy;
            const settle = () => {
                const node = graph.nodes().filter(one => one.data('label') === 'ABL1')[0];
                node ? done(node.renderedPosition()) : setTimeout(settle, 100);
            };
            setTimeout(settle, 500);
        })"""
    )
    page.locator("#graph").click(position=place)
    page.get_by_role("complementary").get_by_role("heading", name="ABL1").wait_for()
    assert "node=ncbi" in page.url
    # Whoever has moved the picture does not lose the place when a node is chosen.
    moved = "() => { const cy = document.getElementById('graph')._cyreg.cy; return [cy.zoom(), cy.pan()] }"
    page.evaluate(
        "() => { const cy = document.getElementById('graph')._cyreg.cy; cy.zoom(0.7); cy.pan({x: 60, y: 80}) }"
    )
    page.locator("#nodes").get_by_role("link", name="imatinib", exact=True).click()
    page.get_by_role("complementary").get_by_role("heading", name="imatinib").wait_for()
    page.wait_for_timeout(300)
    assert page.evaluate(moved) == [0.7, {"x": 60, "y": 80}]
    assert page.evaluate(
        "() => document.getElementById('graph')._cyreg.cy.nodes('.chosen').map(one => one.data('label'))"
    ) == ["imatinib"]


def test_card_map_lasso_and_cypher(page, address: str, tmp_path: Path) -> None:
    page.goto(f"{address}?key=imatinib")
    page.get_by_role("complementary").get_by_role("link", name="Card").click()
    page.get_by_role("heading", name="Genes that it acts on").wait_for()
    assert page.get_by_role("cell", name="ABL1").count() >= 1
    shoot(page, tmp_path, "card")

    page.get_by_role("link", name="Map").click()
    canvas = page.locator("#map .nsewdrag").first
    canvas.wait_for()
    page.wait_for_timeout(500)
    offered = page.evaluate("[...document.querySelectorAll('.modebar-btn')].map(one => one.dataset.title)")
    assert "Lasso Select" in offered
    assert not [title for title in offered if "hare" in title or "loud" in title], "nothing is uploaded"
    area = canvas.bounding_box()
    corners = [(0.05, 0.05), (0.5, 0.05), (0.5, 0.95), (0.05, 0.95), (0.05, 0.05)]
    for number, (across, down) in enumerate(corners):
        place = (area["x"] + across * area["width"], area["y"] + down * area["height"])
        page.mouse.move(*place, steps=12)
        if number == 0:
            page.mouse.down()
    page.mouse.up()
    page.get_by_role("heading", name="molecules chosen").wait_for()
    chosen = int(page.get_by_role("heading", name="molecules chosen").inner_text().split()[0].replace(",", ""))
    assert 0 < chosen < 1652
    shoot(page, tmp_path, "lasso")
    with page.expect_download() as saving:
        page.get_by_role("button", name="These as CSV").click()
    assert len(Path(saving.value.path()).read_text().splitlines()) == chosen + 1

    page.get_by_role("link", name="Cypher").click()
    page.get_by_role("button", name="Run").click()
    page.get_by_text("20 rows").wait_for()
    assert "a.cypher=MATCH" in page.url
    page.goto(page.url)
    page.get_by_text("20 rows").wait_for()
    page.locator("textarea").fill("MATCH (m:Molecule) SET m.name = 'x' RETURN m")
    page.get_by_role("button", name="Run").click()
    page.get_by_role("alert").get_by_text("this query writes").wait_for()
    shoot(page, tmp_path, "cypher")


def test_walks_step_by_step_in_the_dark_at_twice_the_size(page, address: str, tmp_path: Path) -> None:
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 650, "height": 900})  # as 1,300 points at 200 %
    page.goto(f"{address}?tab=walks&key=imatinib&a.step=1")
    page.get_by_text(re.compile("Step 1 of")).wait_for()
    assert page.locator("main table tbody tr").count() == 2
    page.get_by_role("link", name="a step on").click()
    page.get_by_text(re.compile("Step 2 of")).wait_for()
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 650, "nothing has to be scrolled sideways"
    shoot(page, tmp_path, "walks-dark")
