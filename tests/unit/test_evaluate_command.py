"""``python -m learn.evaluate`` on a small data set: what is computed, kept, shown and marked."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from _checkpoints import tiny_checkpoint

from graphdb.console import run
from graphdb.files import read_json, sha256
from learn import evaluate, tasks
from learn.checkpoint import HeldOut, save
from learn.evaluation import schedule
from learn.evaluation.catalogue import EXTRA_TREES, FOREST, LIGHTGBM, MULTITASK, RIDGE, catalogue
from learn.evaluation.ours import BLEND, REFITTED
from learn.evaluation.system import System
from learn.tasks.task import Task

SMALL = Task(
    name="chembl2k",
    title="ChEMBL2K",
    kind="classification",
    metric="auc",
    split="scaffold",
    folder="chembl2k",
    columns_from=4,
    n_molecules=120,
    n_tasks=3,
    inchikey_column="inchikey",
)
RINGS = [
    "c1ccccc1", "C1CCCCC1", "c1ccncc1", "C1CCNCC1", "c1ccoc1", "C1CCOC1", "c1ccsc1", "C1CCSC1", "c1cc[nH]c1", "C1CCC1",
    "c1cnccn1", "C1CNCCN1", "c1ccc2ccccc2c1", "C1CCC2CCCCC2C1", "c1ccc2[nH]ccc2c1", "C1CC1", "c1cscn1", "C1COCCN1",
    "C1CCNC1", "c1ccc2ncccc2c1", "C1CCCCCC1", "c1cn[nH]c1", "C1COC1", "c1ccc(-c2ccccc2)cc1",
]  # fmt: skip


@pytest.fixture
def data_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small file of ChEMBL2K's form: has nitrogen, is aromatic, noise."""
    monkeypatch.setitem(tasks.TASKS, "chembl2k", SMALL)
    monkeypatch.setattr("learn.evaluation.scores.FEWEST", 5)
    monkeypatch.setattr("learn.evaluation.summary.FEWEST", 5)
    monkeypatch.setattr("learn.evaluation.ours.FEWEST", 5)
    schedule._loaded.cache_clear()
    schedule._catalogue.cache_clear()
    lines = ["smiles,inchikey,Metadata_JCP2022,ChEMBL_ID,NITROGEN,AROMATIC,NOISE"]
    smiles = [f"{chain}{ring}" for ring in RINGS for chain in ("C", "CC", "CCC", "OCC", "NCC")]
    for row, text in enumerate(smiles):
        aromatic = "" if row % 7 == 0 else str(float("c" in text))
        lines.append(f"{text},KEY,J{row},C{row},{float('N' in text or 'n' in text)},{aromatic},{row * row % 7 % 2}")
    path = tmp_path / "assays.csv.gz"
    path.write_bytes(gzip.compress("\n".join([*lines, ""]).encode()))
    return path


def _run(*words: object) -> int:
    with pytest.raises(SystemExit) as exit_:
        run(evaluate.main, evaluate.build_parser(), [str(word) for word in words])
    return int(exit_.value.code or 0)


def words_of(data: Path, tmp_path: Path, systems: Sequence[str], *more: object) -> list[object]:
    return [
        "--data", data, "--tasks", "chembl2k", "--systems", ";".join(systems), "--jobs", 1,
        "--workspace", tmp_path / "w", "--json", tmp_path / "out.json", *more,
    ]  # fmt: skip


FEW = (FOREST, RIDGE, EXTRA_TREES)


def test_a_table_of_systems_with_our_blend(data_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outputs = ("--csv", tmp_path / "t.csv", "--markdown", tmp_path / "t.md", "--report", tmp_path / "r.html")
    assert _run(*words_of(data_file, tmp_path, FEW, "--seeds", 2, *outputs)) == 0
    printed = capsys.readouterr()
    assert "ChEMBL2K: AUC, 3 of 3 tasks, 30 test molecules" in printed.out
    found = read_json(tmp_path / "out.json")
    rows = {row["system"]: row for row in found["rows"]}
    assert list(rows) == [FOREST, RIDGE, EXTRA_TREES, BLEND, REFITTED]
    assert (rows[FOREST]["seeds"], rows[RIDGE]["seeds"], rows[BLEND]["seeds"]) == ([0, 1], [0], [0, 1])
    assert rows[FOREST]["score"]["mean"] > 0.6
    assert rows[FOREST]["by_task"]["AROMATIC"] > 0.8
    assert rows[FOREST]["paper"][0] == pytest.approx(0.547)
    assert rows[BLEND]["goal"] == 0.84
    assert rows[FOREST]["goal"] is None
    assert rows[REFITTED]["molecules"] == rows[REFITTED]["of"] == 30
    baseline = rows[FOREST]["against"] or rows[EXTRA_TREES]["against"]
    assert baseline["baseline"] in FEW
    assert found["tasks"][0]["test"] == 30
    with (tmp_path / "t.csv").open() as stream:
        assert {row["system"] for row in csv.DictReader(stream)} == set(rows)
    assert "Morgan FP + RF" in (tmp_path / "t.md").read_text()
    assert "Morgan FP + RF" in (tmp_path / "r.html").read_text()
    assert str(tmp_path) not in (tmp_path / "r.html").read_text()


def test_what_a_member_brings_is_the_blend_of_the_others(data_file: Path, tmp_path: Path) -> None:
    members = (RIDGE, EXTRA_TREES, MULTITASK)
    assert _run(*words_of(data_file, tmp_path, members, "--seeds", 2, "--no-refit")) == 0
    brought = {one["member"]: one for one in read_json(tmp_path / "out.json")["ablations"]}
    assert set(brought) == set(members)
    assert sum(one["share"] for one in brought.values()) == pytest.approx(1)
    assert _run(*words_of(data_file, tmp_path, members[:2], "--seeds", 2, "--no-refit")) == 0
    found = read_json(tmp_path / "out.json")
    (pair,) = [row for row in found["rows"] if row["system"] == BLEND]
    assert brought[MULTITASK]["score"] == pair["score"]
    assert brought[MULTITASK]["against"]["baseline"] == BLEND
    assert found["ablations"] == [], "of two members the other one is a row of its own"


def test_the_plain_mean_of_boosting_and_extra_trees_is_a_baseline(data_file: Path, tmp_path: Path) -> None:
    pytest.importorskip("lightgbm", reason="LightGBM is not installed")
    store = tmp_path / "store"
    words = words_of(data_file, tmp_path, (LIGHTGBM, EXTRA_TREES, FOREST), "--seeds", 1, "--no-refit", "--store", store)
    assert _run(*words) == 0
    rows = {row["system"]: row for row in read_json(tmp_path / "out.json")["rows"]}
    assert list(rows) == [FOREST, EXTRA_TREES, LIGHTGBM, "mean of LightGBM and ExtraTrees", BLEND]
    mean = rows["mean of LightGBM and ExtraTrees"]
    assert (mean["group"], mean["seeds"]) == ("stronger", [0])
    assert "hard_auc" not in mean["others"], "ranks have no hard labels"
    assert mean["seconds"] == pytest.approx(rows[LIGHTGBM]["seconds"] + rows[EXTRA_TREES]["seconds"], abs=0.2)


def test_what_takes_long_is_missing_until_somebody_names_it(
    data_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def two(*_: object) -> dict[str, System]:
        found = catalogue([])
        return {FOREST: found[FOREST], RIDGE: replace(found[RIDGE], skip={"chembl2k": "an hour"})}

    monkeypatch.setattr(evaluate, "catalogue", two)
    everything = [word for word in words_of(data_file, tmp_path, (), "--seeds", 1) if word not in {"--systems", ""}]
    assert _run(*everything) == 0
    found = read_json(tmp_path / "out.json")
    assert [row["system"] for row in found["rows"]] == [FOREST]
    assert found["missing"] == [["chembl2k", RIDGE, "an hour"]]
    assert _run(*words_of(data_file, tmp_path, (RIDGE,), "--seeds", 1, "--no-refit")) == 0
    assert _run(*everything) == 0
    found = read_json(tmp_path / "out.json")
    assert RIDGE in {row["system"] for row in found["rows"]}
    assert found["missing"] == []


def test_a_separator_at_the_end_names_no_system(data_file: Path, tmp_path: Path) -> None:
    assert _run(*words_of(data_file, tmp_path, (f"{RIDGE};",), "--seeds", 1, "--no-refit")) == 0
    assert [row["system"] for row in read_json(tmp_path / "out.json")["rows"]] == [RIDGE]
    assert _run(*words_of(data_file, tmp_path, (" ; ",))) == 2


def test_what_is_there_is_not_computed_again(
    data_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(*words_of(data_file, tmp_path, FEW[:2], "--seeds", 1, "--no-refit")) == 0
    first = read_json(tmp_path / "out.json")["rows"]
    monkeypatch.setattr(schedule, "_work", lambda *_: pytest.fail("computed again"))
    assert _run(*words_of(data_file, tmp_path, FEW[:2], "--seeds", 1, "--no-refit")) == 0
    assert read_json(tmp_path / "out.json")["rows"] == first
    # A further seed is all that a larger table lacks.
    todo: list[schedule.Job] = []
    monkeypatch.setattr(schedule, "_work", lambda _, job: todo.append(job) or "not now")
    assert _run(*words_of(data_file, tmp_path, FEW[:2], "--seeds", 2, "--no-refit")) == 0
    assert [(job.system, job.seeds) for job in todo] == [(FOREST, (1,))]
    assert "FAILED: not now" in capsys.readouterr().err


def test_an_encoder_stands_beside_itself_untrained(data_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    save(path, tiny_checkpoint(HeldOut("chembl2k", sha256(data_file), 120)))
    systems = ("InfoAlign", "InfoAlign, linear probe", "untrained encoder")
    assert _run(*words_of(data_file, tmp_path, systems, "--seeds", 2, "--checkpoint", path)) == 0
    found = read_json(tmp_path / "out.json")
    rows = {row["system"]: row for row in found["rows"]}
    assert set(rows) == {"InfoAlign", "InfoAlign, linear probe", "untrained encoder"}
    assert rows["InfoAlign"]["encoder"] != rows["untrained encoder"]["encoder"]
    assert rows["InfoAlign"]["leakage"] is None
    assert len(rows["InfoAlign"]["seeds"]) == 2
    assert rows["InfoAlign, linear probe"]["seeds"] == [0]
    assert found["encoders"][0]["held_out"][0][:2] == ["chembl2k", 120]
    save(path, tiny_checkpoint())
    assert _run(*words_of(data_file, tmp_path, systems, "--seeds", 2, "--checkpoint", path)) == 0
    rows = {row["system"]: row for row in read_json(tmp_path / "out.json")["rows"]}
    assert "did not hold out" in rows["InfoAlign"]["leakage"]
    assert rows["untrained encoder"]["leakage"] is None


def test_the_multi_task_network_is_a_system(data_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _run(*words_of(data_file, tmp_path, (MULTITASK,), "--seeds", 1, "--no-refit")) == 0
    (row,) = read_json(tmp_path / "out.json")["rows"]
    assert row["by_task"]["AROMATIC"] > 0.8
    assert np.isfinite(row["score"]["mean"])


def test_a_table_of_ones_own(data_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    smiles = [f"{chain}{ring}" for ring in RINGS for chain in ("C", "CC", "CCC", "OCC", "NCC")]
    lines = [f"{text},{len(text)}" for text in smiles]
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(["SMILES,length", *lines[:60], "nonsense,3", ",4", *lines[60:]]) + "\n")
    words = words_of(data_file, tmp_path, (RIDGE, FOREST), "--seeds", 1, "--table", path, "--no-refit")
    assert _run(*words) == 0
    assert "2 rows have no valid structure and are left out (lines 62, 63)" in capsys.readouterr().err
    rows = [row for row in read_json(tmp_path / "out.json")["rows"] if row["task"] == "mine"]
    assert [(row["metric"], row["of"]) for row in rows] == [("mae", 30)] * len(rows)
    assert len(rows) == 2
    (tmp_path / "chembl2k.csv").write_text(path.read_text())
    assert _run(*words[:-1], "--table", tmp_path / "chembl2k.csv") == 1
    assert "two data sets would be called 'chembl2k'" in capsys.readouterr().err


def test_mistakes_are_one_line(data_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(*words_of(data_file, tmp_path, ("nonsense",))) == 1
    assert "no system is called 'nonsense'; there are: " in capsys.readouterr().err
    assert _run(*words_of(tmp_path / "nowhere", tmp_path, FEW)) == 1
    assert "no such file or folder" in capsys.readouterr().err


def test_no_time_is_no_table_and_says_so(data_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(*words_of(data_file, tmp_path, FEW, "--seeds", 1, "--budget-minutes", 0)) == 0
    assert "the time is over" in capsys.readouterr().err
    found = read_json(tmp_path / "out.json")
    assert found["rows"] == []
    names = {*FEW, f"{RIDGE}, refitted", f"{EXTRA_TREES}, refitted"}
    assert {(name, why) for _, name, why in found["missing"]} == {(name, "the time was over") for name in names}
