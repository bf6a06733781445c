"""An evaluation as CSV and as Markdown: every number is there, under its name, and odd names break nothing."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace

import pytest
from _evaluation_summary import (
    BIOGEN,
    BIOGEN_BOOSTING,
    BOOSTING,
    CHEMBL,
    FOREST,
    HEAD,
    LEAKING,
    OURS,
    PROFILE,
    RANDOM_HEAD,
    SUMMARY,
)

from learn.evaluation import numbers
from learn.evaluation.reading import best, best_baseline, reading
from learn.evaluation.summary_types import Comparison, Estimate, Summary
from learn.evaluation.tables import COLUMNS, csv_rows, csv_text, markdown

BARE = Summary(
    tasks=(CHEMBL,),
    rows=(replace(BOOSTING, others={}, shares={}, by_task={}, by_type={}, score=Estimate(0.8)),),
    encoders=(),
    command="a `b` c",
    machine="1 core",
    versions={},
    minutes=0,
)


def of(summary: Summary, system: str, measure: str, scope: str = "all") -> dict[str, object]:
    wanted = ("chembl2k", system, measure, scope)
    names = ("data_set", "system", "measure", "scope")
    (line,) = (line for line in csv_rows(summary) if tuple(line[name] for name in names) == wanted)
    return dict(line)


def test_long_table() -> None:
    rows = csv_rows(SUMMARY)
    assert all(tuple(row) == COLUMNS for row in rows)
    found = of(SUMMARY, FOREST.system, "auc")
    assert (found["value"], found["deviation"], found["low"], found["high"]) == (0.757, 0.004, 0.713, 0.791)
    assert (found["molecules"], found["of_molecules"], found["seeds"]) == (589, 589, "0 1 2 3 4 5 6 7 8 9")
    assert of(SUMMARY, FOREST.system, "hard_auc")["value"] == 0.549
    assert of(SUMMARY, FOREST.system, "share_above_0.95")["value"] == 0.125
    assert of(SUMMARY, FOREST.system, "paper")["deviation"] == 0.007
    assert of(SUMMARY, FOREST.system, "auc", "task:kinase & b")["value"] is None
    assert of(SUMMARY, FOREST.system, "auc", "type:cell")["value"] == 0.855
    difference = of(SUMMARY, OURS.system, "difference", "baseline:LightGBM")
    assert (difference["value"], difference["p"], difference["tasks_better"], difference["tasks"]) == (
        0.015,
        0.008,
        4,
        4,
    )
    assert (difference["low"], difference["high"]) == (0.004, 0.027)
    assert of(SUMMARY, OURS.system, "goal")["value"] == 0.81
    assert of(SUMMARY, LEAKING.system, "auc")["leakage"] == LEAKING.leakage
    assert of(SUMMARY, HEAD.system, "auc")["encoder"] == "1" * 64


def test_csv_reads_back() -> None:
    back = list(csv.DictReader(io.StringIO(csv_text(SUMMARY))))
    expected = [{key: "" if value is None else str(value) for key, value in row.items()} for row in csv_rows(SUMMARY)]
    assert back == expected
    assert csv_text(replace(SUMMARY, rows=())) == ",".join(COLUMNS) + "\n"


def tables(text: str) -> list[list[list[str]]]:
    """Return the cells of each table; a bar that is escaped is part of a cell."""
    found: list[list[list[str]]] = [[]]
    for line in text.splitlines():
        if line.startswith("|"):
            found[-1].append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
        elif found[-1]:
            found.append([])
    return [table for table in found if table]


def test_markdown() -> None:
    text = markdown(SUMMARY)
    chembl, brought, biogen, matching = tables(text)
    for table in (chembl, brought, biogen, matching):
        assert len({len(row) for row in table}) == 1  # whatever a name has in it
    cells = {row[0]: dict(zip(chembl[0], row, strict=True)) for row in chembl[2:]}
    assert len(cells) == 7
    ours = cells["**our blend**"]
    assert ours["mean AUC"] == "0.818 ± 0.002"
    assert ours["95 %"] == "0.781 to 0.842"
    assert ours["tasks > .80"] == "70.0 %"
    assert ours["difference to the best baseline"] == "+0.015 (0.004 to 0.027)"
    assert cells["LightGBM"]["mean AUC"] == "0.803"
    assert cells["Morgan FP + RF"]["the paper"] == "0.547 ± 0.007 (hard labels)"
    assert cells["Morgan FP + RF"]["p"] == "&lt;0.001"
    assert cells["Cell Morphology + MLP"]["95 %"] == "–"  # noqa: RUF001
    assert cells["Cell Morphology + MLP"]["molecules"] == "412 of 589"
    assert cells[r"head, &lt;script&gt;alert(1)&lt;/script&gt; &amp; a\|b **LEAKAGE**"]["seeds"] == "2"
    assert [row[1:4] for row in brought[2:]] == [
        ["35 %", "0.800 ± 0.010", "\N{MINUS SIGN}0.020 (\N{MINUS SIGN}0.030 to 0.000)"],
        ["0 %", "0.820", "\N{EN DASH}"],
    ]
    assert "tasks > .80" not in biogen[0]
    assert biogen[2][:2] == ["**LightGBM**", "0.436"]
    assert matching[0] == ["system", "direction", "model hash", "queries", "hit 10", "median rank"]
    assert [row[4] for row in matching[2:]] == ["0.110 (0.090 to 0.130)", "0.062"]
    assert "**SIMULATED.** No instrument" in text
    outside_of_code = re.sub(r"`[^`]*`", "", text)
    assert "<script>" not in outside_of_code
    assert "No system has been computed." in text
    assert "- Missing on toxcast, the budget was over" in text
    assert "2 cores" in text


def test_cells_that_are_missing_for_one_reason_are_named_together() -> None:
    cells = (("toxcast", "A, b", "no time"), ("chembl2k", "A, b", "no time"), ("toxcast", "C", "no time"))
    lines = [line for line in markdown(replace(BARE, missing=cells)).splitlines() if "Missing on" in line]
    assert lines == ["- Missing on toxcast, no time: A, b; C.", "- Missing on chembl2k, no time: A, b."]


def test_markdown_of_little() -> None:
    text = markdown(BARE)
    assert "Made by ``a `b` c``." in text
    assert tables(text)[0][2][:4] == ["**LightGBM**", "0.800", *["–"] * 2]  # noqa: RUF001
    assert "LEAKAGE" not in text.partition("## How to read it")[0]
    assert "Encoder " not in text
    assert "morphology" not in text
    assert "# Results" in markdown(replace(BARE, tasks=(), rows=()))


def test_reading_is_made_from_the_numbers() -> None:
    lines = reading(SUMMARY)
    first = next(line for line in lines if line.startswith("ChEMBL2K: the best of"))
    assert first.startswith(
        "ChEMBL2K: the best of 5 systems is our blend (mean AUC 0.818 ± 0.002, 95 % 0.781 to 0.842)"
    )
    assert "0.015 better than the best baseline, LightGBM (95 % of the difference 0.004 to 0.027" in first
    assert "test molecules tell them apart" in first
    assert "The paper prints 0.813 for InfoAlign: 0.005 better than that." in first
    assert "ChEMBL2K: the goal of our blend was 0.810; it got 0.818: reached, with 0.008 to spare." in lines
    assert "ChEMBL2K: the goal of InfoAlign was 0.813; it got 0.744: missed by 0.069." in lines
    encoder = next(line for line in lines if "of a pretrained encoder, InfoAlign (0.744)" in line)
    assert "0.019 worse than the only row of an untrained encoder, untrained encoder (0.763)" in encoder
    assert "0.059 worse than the best baseline, LightGBM (0.803)" in encoder
    assert (
        "Biogen3K: the best of 2 systems is LightGBM (MAE 0.436, 95 % 0.393 to 0.487), itself the best baseline."
        in " ".join(lines)
    )
    assert any(line.startswith("Over all") and "on 0 of 1 data sets" in line for line in lines)
    assert any("0.757 by probability and 0.549 by hard labels; the paper prints 0.547" in line for line in lines)
    assert "ToxCast: no system has a score that counts." in lines
    assert "Rows marked for leakage: 1 of 9; they count for nothing above." in lines


def test_reading_of_errors_is_the_other_way_round() -> None:
    """A lower MAE is better: so is a difference below zero, and a goal above the score."""
    ours = replace(
        BIOGEN_BOOSTING, system="ours", group="ours", score=Estimate(0.42), goal=0.43,
        against=Comparison("LightGBM", -0.016, -0.03, 0.004, 0.2, 5, 6),
    )  # fmt: skip
    lines = reading(replace(BARE, tasks=(BIOGEN,), rows=(BIOGEN_BOOSTING, ours)))
    assert lines[0].startswith(
        "Biogen3K: the best of 2 systems is ours (MAE 0.420), 0.016 better than the best baseline"
    )
    assert "these test molecules do not tell them apart" in lines[0]
    assert lines[1] == "Biogen3K: the goal of ours was 0.430; it got 0.420: reached, with 0.010 to spare."
    assert len(lines) == 2


def test_what_is_never_the_best() -> None:
    few = replace(OURS, score=Estimate(0.99), molecules=100)
    none = replace(OURS, score=Estimate(float("nan")))
    assert best([LEAKING, few, none, BOOSTING, FOREST]) is BOOSTING
    assert best([LEAKING, few, none]) is None
    assert best([]) is None


def test_the_baseline_is_the_one_that_was_compared_with() -> None:
    assert best_baseline(SUMMARY.rows[:7]) is BOOSTING
    better = replace(FOREST, system="forest", score=Estimate(0.9), against=None)
    assert best_baseline([BOOSTING, HEAD, better]) is BOOSTING
    assert best_baseline([BOOSTING, better, OURS.__class__(**{**vars(OURS), "against": None})]) is better
    assert best_baseline([PROFILE]) is None


def test_an_untrained_encoder_is_told_by_its_card_too() -> None:
    renamed = replace(RANDOM_HEAD, system="random weights")
    probe = replace(HEAD, system="InfoAlign, linear probe", score=Estimate(0.75))
    lines = reading(replace(SUMMARY, rows=(renamed, HEAD, BOOSTING, probe)))
    expected = (
        "ChEMBL2K: the best of 2 rows of pretrained encoders, InfoAlign, linear probe (0.750), is 0.013 worse than the "
        "only row of an untrained encoder, random weights (0.763)"
    )
    assert any(line.startswith(expected) for line in lines)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (numbers.score(None), "–"),  # noqa: RUF001
        (numbers.score(Estimate(float("nan"))), "–"),  # noqa: RUF001
        (numbers.score(Estimate(0.5, float("nan"))), "0.500"),
        (numbers.interval(-0.1, 0.1), "\N{MINUS SIGN}0.100 to 0.100"),
        (numbers.interval(None, 0.1), "–"),  # noqa: RUF001
        (numbers.signed(-0.0124), "\N{MINUS SIGN}0.012"),
        (numbers.p_value(0.0009), "<0.001"),
        (numbers.p_value(0.001), "0.001"),
        (numbers.seed_list((0, 1, 2)), "3 (0–2)"),  # noqa: RUF001
        (numbers.seed_list((3, 7)), "2 (3, 7)"),
        (numbers.seed_list(()), "0"),
        (numbers.seconds(4.26), "4.3"),
        (numbers.seconds(1234.5), "1,234"),
    ],
)
def test_numbers(found: str, expected: str) -> None:
    assert found == expected
