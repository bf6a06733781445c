"""The page of an evaluation: its tables show the numbers of the summary, it is inert, and it holds with little too."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from _evaluation_summary import (
    BIOGEN,
    BIOGEN_FOREST,
    BOOSTING,
    CHEMBL,
    DUEL,
    EMPTY,
    EVIL,
    FOREST,
    HEAD,
    LEAKING,
    OURS,
    SUMMARY,
    TASKS,
)

from learn.evaluation import figures
from learn.evaluation.duels import duel_plot
from learn.evaluation.matching_rows import matching_table
from learn.evaluation.page import html, slug
from learn.evaluation.summary_types import Estimate, Summary

DASH = "\N{EN DASH}"
VOID = {"meta", "link", "img", "br", "input", "hr"}


class Page(HTMLParser):
    """Cells of each table by its id, the rows' classes, all tags with their attributes; tags are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.classes: dict[str, list[str | None]] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.table: str | None = None
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        about = dict(attrs)
        self.tags.append((tag, about))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.table = about["id"]
            assert self.table not in self.tables
            self.tables[self.table or ""] = []
        elif self.table and tag == "tr":
            self.tables[self.table].append([])
            self.classes.setdefault(self.table, []).append(about.get("class"))
        elif self.table and tag in ("td", "th"):
            self.tables[self.table][-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        if tag == "table":
            self.table = None

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text.append(data)
        if self.table and {"td", "th"} & set(self.open):
            self.tables[self.table][-1][-1] += data

    def rows(self, table: str) -> dict[str, dict[str, str]]:
        """Return the rows of a table by their first cell, by column."""
        header, *rows = self.tables[table]
        assert all(len(row) == len(header) for row in rows)
        return {row[0]: dict(zip(header, row, strict=True)) for row in rows}


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(html(SUMMARY))


def test_scores(page: Page) -> None:
    rows = page.rows("scores-chembl2k")
    assert list(rows) == [
        "our blend best",
        "LightGBM best baseline",
        "untrained encoder",
        "Morgan FP + RF",
        "InfoAlign",
        "Cell Morphology + MLP",
        f"head, {EVIL} LEAKAGE no certificate {EVIL}",
    ]
    forest = rows["Morgan FP + RF"]
    assert forest == {
        "system": "Morgan FP + RF",
        "group": "structure",
        "mean AUC": "0.757 ± 0.004",
        "95 %": "0.713 to 0.791",
        "difference": "\N{MINUS SIGN}0.046",
        "its 95 %": "\N{MINUS SIGN}0.070 to \N{MINUS SIGN}0.020",
        "p": "<0.001",
        "tasks better": "1 of 4",
        "the paper": "0.547 ± 0.007 hard labels",
        "goal": DASH,
        "AUC of hard labels": "0.549 ± 0.006",
        "AUPRC": "0.512 ± 0.007",
        "tasks > .80": "48.8 ± 2.0 %",
        "tasks > .85": "30.0 %",
        "tasks > .90": "20.0 %",
        "tasks > .95": "12.5 ± 0.0 %",
        "molecules": "589 of 589",
        "seeds": f"10 (0{DASH}9)",
        "s a seed": "139",
    }
    assert rows["InfoAlign"]["the paper"] == "0.813 ± 0.006"
    assert rows["InfoAlign"]["goal"] == "0.813"
    assert rows["Cell Morphology + MLP"]["95 %"] == DASH
    assert rows["Cell Morphology + MLP"]["molecules"] == "412 of 589"
    assert rows["LightGBM best baseline"]["p"] == DASH
    assert page.classes["scores-chembl2k"] == [None] * 7 + ["leak"]
    assert "None" not in " ".join(page.text).replace("None.", "")


def test_scores_of_errors(page: Page) -> None:
    rows = page.rows("scores-biogen3k")
    assert list(rows) == ["LightGBM best, best baseline", "Morgan FP + RF"]
    assert rows["Morgan FP + RF"]["MAE"] == "0.527"
    assert rows["Morgan FP + RF"]["the paper"] == "0.528 ± 0.002"
    assert rows["Morgan FP + RF"]["something new"] == "1.500"
    assert not any(name.startswith("tasks >") or "hard" in name for name in rows["Morgan FP + RF"])
    printed = page.rows("paper-tasks-biogen3k")["Morgan FP + RF"]
    assert printed["LOG HLM_CLint (mL/min/kg)"] == "0.441 | 0.442 ± 0.001"
    assert printed["LOG RLM_CLint (mL/min/kg)"] == "0.517 | 0.516 ± 0.001"


def test_other_tables(page: Page) -> None:
    assert page.rows("types-chembl2k")["Morgan FP + RF"] == {
        "system": "Morgan FP + RF",
        "binding (1)": "0.700",
        "cell (3)": "0.855",
    }
    tasks = page.rows("tasks-chembl2k")
    assert set(tasks) == set(TASKS)
    assert tasks["kinase & b"]["Morgan FP + RF"] == DASH
    assert tasks["kinase & b"]["LightGBM"] == "0.450"
    assert tasks["kinase & b"]["type"] == "cell"
    assert page.rows("paper-shares-chembl2k")["InfoAlign"]["tasks > .95"] == "18.5 ± 2.8 %"
    data = page.rows("datasets")
    assert list(data) == ["ChEMBL2K", "Biogen3K", "ToxCast"]
    assert data["ToxCast"]["scored"] == "608"
    assert data["ChEMBL2K"]["SHA-256 of the file"] == "a" * 64
    assert "scores-toxcast" not in page.tables
    assert page.tables["missing"][1] == ["ToxCast", "Morgan FP + RF", f"the budget was over {EVIL}"]
    assert page.tables["versions"][1:] == [["numpy", "2.4.6"], ["torch", "2.9.0"]]
    text = " ".join(page.text)
    assert "0, 1, 2, 3, 4, 5, 6, 7, 8, 9;" in text
    assert "Machine: 2 cores." in text
    assert SUMMARY.command in text


def test_encoders_and_their_certificates(page: Page) -> None:
    rows = page.rows("encoders")
    assert rows["pretrained"]["steps"] == "12,345"
    assert rows["pretrained"]["not measured"] == "SIMULATED jump-966"
    assert "untrained untrained" in rows
    assert page.tables["certificates"][1] == ["pretrained", "ChEMBL2K", "931", "5" * 64]
    text = " ".join(page.text)
    assert "pretrained has no certificate for Biogen3K, ToxCast." in text
    assert "1 row with an encoder whose certificate does not cover what is scored" in text


def test_matching(page: Page) -> None:
    assert page.tables["matching"] == [
        ["system", "direction", "model hash", "queries", "hit 10", "median rank"],
        [EVIL, "molecule to profile", "1" * 16, "1,200", "0.110 (0.090 to 0.130)", "31.5"],
        ["chance", "molecule to profile", DASH, DASH, "0.062", "80.0"],
    ]
    assert page.tables["matching-paper"][3] == ["ChEMBL2K", "InfoAlign", "0.013", "0.057", "0.013", "0.125"]
    assert "No instrument measured the profiles that are ranked." in " ".join(page.text)
    without = Page(html(replace(SUMMARY, matching=None)))
    assert "matching" not in without.tables
    assert "Not computed in this evaluation." in " ".join(without.text)
    assert "Not computed in this evaluation." in html(replace(SUMMARY, matching={"rows": []}))
    assert matching_table({"rows": [{"task": "x", "ndcg": {"1": 0.5, "10": None}, "ok": True, "l": [1, 0.5]}]}) == (
        ["task", "ndcg 1", "ndcg 10", "ok", "l"],
        [["x", "0.500", DASH, "yes", "1 to 0.500"]],
    )


def test_it_is_inert(page: Page) -> None:
    text = html(SUMMARY)
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "img", "object", "embed", "base", "form"}
    assert EVIL not in text
    assert "http://" not in text
    assert "https://" not in text
    assert "url(" not in text
    for tag, about in page.tags:
        assert not any(name.startswith("on") for name in about), tag
        assert set(about) & {"src", "xlink:href", "srcset"} == set()
        assert about.get("href", "#").startswith("#"), about
    (policy,) = (about["content"] for _, about in page.tags if about.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'")


def test_it_can_be_read_by_all(page: Page) -> None:
    ids = [about["id"] for _, about in page.tags if "id" in about]
    assert len(ids) == len(set(ids))
    for tag, about in page.tags:
        if tag == "a":
            assert str(about["href"])[1:] in ids
        if tag == "th":
            assert about.get("scope") in ("col", "row")
        if tag == "svg":
            assert about["role"] == "img"
            assert about["aria-label"]
    assert page.tags[0] == ("html", {"lang": "en"})
    tables = sum(tag == "table" for tag, _ in page.tags)
    assert tables == sum(tag == "caption" for tag, _ in page.tags) == len(page.tables)
    assert sum(tag == "svg" for tag, _ in page.tags) == 5
    assert "prefers-color-scheme: dark" in html(SUMMARY)
    assert "@media print" in html(SUMMARY)


def test_pages_of_little() -> None:
    bare = replace(BOOSTING, others={}, shares={}, by_task={}, by_type={}, score=Estimate(0.8))
    summary = Summary((CHEMBL,), (bare,), (), "x", "y", {}, 0)
    page = Page(html(summary))
    assert page.rows("scores-chembl2k")["LightGBM best, best baseline"]["mean AUC"] == "0.800"
    assert set(page.tables) == {"scores-chembl2k", "matching-paper", "datasets", "versions"}
    text = " ".join(page.text)
    assert "No encoder stands in the tables." in text
    assert "LEAKAGE." not in text
    unscored = replace(bare, score=Estimate(float("nan")), by_task={"a": None, "b": float("nan")})
    page = Page(html(replace(summary, rows=(unscored,))))
    assert page.rows("scores-chembl2k")["LightGBM"]["mean AUC"] == DASH
    assert "svg" not in {tag for tag, _ in page.tags}
    Page(html(Summary((), (), (), "x", "y", {}, 0)))
    with pytest.raises(ValueError, match="without a card: chembl2k"):
        html(replace(summary, tasks=()))


def test_many_tasks_are_a_picture_and_no_table() -> None:
    names = [f"task {place}" for place in range(617)]
    row = replace(BOOSTING, task="toxcast", by_task={name: place / 616 for place, name in enumerate(names)})
    text = html(replace(SUMMARY, rows=(row,), tasks=(EMPTY,)))
    page = Page(text)
    assert "tasks-toxcast" not in page.tables
    assert "617 tasks are too many to list here" in " ".join(page.text)
    assert len(text) < 100_000
    shades = [about for tag, about in page.tags if tag == "path" and re.fullmatch(r"h\d", about.get("class") or "")]
    assert len(shades) == 8
    assert sum(str(about["d"]).count("M") for about in shades) == 617


def drawn(text: str, kind: str) -> list[dict[str, str | None]]:
    return [about for _, about in Page(text).tags if kind in (about.get("class") or "").split()]


def test_the_plot_is_to_scale() -> None:
    """Dots of .7, .8 and .9 are equally far apart, intervals reach to both sides, the paper's mark has its place."""
    rows = [
        replace(FOREST, score=Estimate(score, None, score - 0.05, score + 0.05), paper=(0.8, None), others={})
        for score in (0.7, 0.8, 0.9)
    ]
    text = str(figures.score_plot(CHEMBL, rows))
    dots = [about for about in drawn(text, "dot") if float(str(about["cx"])) > 250]  # those before are the legend's
    first, second, third = (float(str(about["cx"])) for about in dots)
    assert second - first == pytest.approx(third - second, abs=0.2)
    ranges = [re.findall(r"[\d.]+", str(about["d"])) for about in drawn(text, "range")]
    assert float(ranges[0][0]) < first < float(ranges[0][2])
    assert float(ranges[0][2]) == pytest.approx(float(ranges[1][0]), abs=0.2)  # .75
    ticks = {
        float(label): float(x)
        for x, label in re.findall(r'<text class="tick" x="([\d.]+)" y="\d+"[^>]*middle">(.*?)<', text)
    }
    assert min(ticks.values()) == 330  # where the names end
    assert ticks[0.7] == pytest.approx(first, abs=0.2)
    assert ticks[0.9] == pytest.approx(third, abs=0.2)
    paper = [str(about["d"]) for about in drawn(text, "paper") if "transform" not in about]
    assert [float(path[1:].split()[0]) + 5.5 for path in paper] == pytest.approx([second] * 3, abs=0.2)
    assert drawn(text, "goal") == []
    assert figures.score_plot(CHEMBL, [replace(rows[0], score=Estimate(float("nan")), paper=None)]) == ""


def test_marks_of_the_plot() -> None:
    text = str(figures.score_plot(CHEMBL, [OURS, FOREST, LEAKING]))
    assert len(drawn(text, "goal")) == 2  # one, and the legend's
    assert len(drawn(text, "hard")) == 2
    assert len(drawn(text, "leak")) == 4  # dot, interval, name; the legend's
    assert len(drawn(str(figures.score_plot(CHEMBL, [HEAD])), "leak")) == 0


@pytest.mark.parametrize(
    ("value", "rising", "shade"), [(0.3, True, 0), (0.55, True, 1), (0.96, True, 7), (0.3, False, 7), (0.96, False, 0)]
)
def test_a_better_score_has_a_stronger_colour(value: float, rising: bool, shade: int) -> None:
    assert figures._shade(value, figures.AUC_STEPS, rising=rising) == shade


def test_the_heat_map_shades_errors_the_other_way_round() -> None:
    text = str(figures.task_map(BIOGEN, [BIOGEN_FOREST]))
    shades = {about["class"] for tag, about in Page(text).tags if tag == "rect" and "y" in about and about["y"] == "34"}
    assert {"h0", "h7"} <= shades
    order = figures.ordered_tasks(BIOGEN, [BIOGEN_FOREST])
    assert order[0] == "LOG PLASMA PROTEIN BINDING (RAT) (% unbound)"  # .675, the worst
    assert order[-1] == "LOG SOLUBILITY PH 6.8 (ug/mL)"  # .416


def test_names_in_ids() -> None:
    assert slug("a b/<c>") == "a-b-c-"


def test_a_duel_stands_on_its_line_where_both_are_equal() -> None:
    dots = drawn(str(duel_plot(CHEMBL, [DUEL, DUEL])), "dot")
    assert len(dots) == 6
    x, y = ([float(dot[name] or "nan") for dot in dots[:3]] for name in ("cx", "cy"))
    # Task by task: above the line, on it, below it; the line goes from the lower left to the upper right corner.
    (frame, *_) = drawn(str(duel_plot(CHEMBL, [DUEL])), "frame")
    left, top, side = (float(frame[name] or "nan") for name in ("x", "y", "width"))
    above = [(top + side - down) - (across - left) for across, down in zip(x, y, strict=True)]
    assert above[0] > 1
    assert above[1] == pytest.approx(0, abs=0.2)
    assert above[2] < -1
    assert duel_plot(CHEMBL, []) == ""
    found = Page(html(SUMMARY)).tables["duels-chembl2k"]
    assert found[1] == ["Morgan FP + RF", EVIL, "1", "3", "21"]
    assert "duels-biogen3k" not in Page(html(SUMMARY)).tables


def test_what_each_member_brings_is_a_table() -> None:
    found = Page(html(SUMMARY)).tables["ablations-chembl2k"]
    assert found[1] == [EVIL, "35 %", "0.800 ± 0.010", f"{chr(0x2212)}0.020", f"{chr(0x2212)}0.030 to 0.000", "0.100"]
    assert found[2] == ["LightGBM", "0 %", "0.820", DASH, DASH, DASH]
