"""Reading a user's own table, and splitting it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from _drugs import DRUGS

from graphdb.errors import InputError
from learn.table_split import split_table
from learn.table_task import read_task
from learn.tasks.split import scaffold_split

SMILES = list(DRUGS.values())


def _write(tmp_path: Path, file: str = "mine.csv", **columns: object) -> Path:
    path = tmp_path / file
    frame = pd.DataFrame({"SMILES": SMILES, **columns})
    if file.endswith(".parquet"):
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep="\t" if file.endswith("tsv") else ",")
    return path


@pytest.mark.parametrize("name", ["mine.csv", "mine.tsv", "mine.csv.gz", "mine.parquet"])
def test_structures_and_labels_are_found(tmp_path: Path, name: str) -> None:
    active = np.where(np.arange(60) % 5 == 0, np.nan, np.arange(60) % 2)
    path = _write(tmp_path, name, name=list(DRUGS), active=active, toxic=np.arange(60) % 3 == 0)
    frame_of_texts = read_task(path, labels=["active"])
    assert frame_of_texts.kind == "classification"
    np.testing.assert_array_equal(frame_of_texts.labels[:, 0], active.astype(np.float32))
    assert frame_of_texts.smiles == tuple(SMILES)
    assert frame_of_texts.smiles_column == "SMILES"
    # "True" is no number, nor is a name: such columns are passed over.
    task = read_task(path)
    assert task.names == ("active",)
    assert task.passed_over == ("name", "toxic")
    assert task.lines[0] == (1 if name.endswith("parquet") else 2)


def test_what_kind_the_labels_are(tmp_path: Path) -> None:
    zeros, numbers = np.arange(60) % 2, np.arange(60) / 7
    assert read_task(_write(tmp_path, a=zeros)).kind == "classification"
    assert read_task(_write(tmp_path, a=zeros), kind="regression").kind == "regression"
    mixed = _write(tmp_path, a=zeros, b=numbers)
    with pytest.raises(InputError, match=r"0 and 1 \(a\) stand beside columns of other numbers \(b\).*--labels"):
        read_task(mixed)
    assert read_task(mixed, labels=["b"]).kind == "regression"
    assert read_task(mixed, kind="regression").names == ("a", "b")
    with pytest.raises(InputError, match="'b' holds more than 0 and 1"):
        read_task(mixed, labels=["b"], kind="classification")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"smiles_column": "structure"}, "no column 'structure'; there are: SMILES, a, b"),
        ({"labels": ["c"]}, "no column 'c'"),
        ({"labels": ["SMILES"]}, "cannot be a label"),
        ({"labels": ["b"]}, r"mine\.csv:4: column 'b': expected a number or nothing, found 'high'"),
        ({"labels": ["a"], "no_labels": ["a"]}, "cannot be a label"),
        ({"no_labels": ["a"]}, "no column holds numbers"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(tmp_path: Path, options: dict[str, object], words: str) -> None:
    path = _write(tmp_path, a=np.arange(60), b=["1", "", "high", *["2"] * 57])
    with pytest.raises(InputError, match=words):
        read_task(path, **options)


def test_without_a_column_of_smiles_it_says_which_there_are(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("compound,y\nCCO,1\n")
    with pytest.raises(InputError, match="--smiles-column; there are: compound, y"):
        read_task(path)
    assert read_task(path, smiles_column="compound").smiles == ("CCO",)


ROWS = np.arange(60)


def test_by_scaffold_it_is_the_papers_split(tmp_path: Path) -> None:
    task = read_task(_write(tmp_path, y=np.arange(60)))
    for found, expected in zip(split_table(task, ROWS, SMILES, "scaffold"), scaffold_split(SMILES), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("as_date", [True, False])
def test_by_time_the_newest_are_the_test(tmp_path: Path, as_date: bool) -> None:
    order = np.random.default_rng(0).permutation(60)
    dates = pd.Timestamp("2019-12-03") + pd.to_timedelta(order * 40, unit="D")
    task = read_task(
        _write(tmp_path, y=np.arange(60), when=dates.strftime("%Y-%m-%d") if as_date else order), labels="y"
    )
    train, valid, test = split_table(task, ROWS, SMILES, "time", column="when")
    assert (len(train), len(valid), len(test)) == (36, 9, 15)
    assert order[train].max() < order[valid].min() <= order[valid].max() < order[test].min()


def test_a_time_that_is_none_is_said_with_its_line(tmp_path: Path) -> None:
    task = read_task(_write(tmp_path, y=np.arange(60), when=["2020-01-01"] * 7 + ["soon"] + ["2020-01-01"] * 52))
    with pytest.raises(InputError, match=r"mine\.csv:9: column 'when'.*'soon'"):
        split_table(task, ROWS, SMILES, "time", column="when")
    with pytest.raises(InputError, match="--time-column"):
        split_table(task, ROWS, SMILES, "time")


def test_a_given_split_is_taken_and_empty_cells_are_left_out(tmp_path: Path) -> None:
    words = ["train"] * 30 + ["Validation"] * 10 + ["TEST"] * 15 + [""] * 5
    task = read_task(_write(tmp_path, y=np.arange(60), part=words))
    parts = split_table(task, ROWS[10:], SMILES[10:], "given", column="part")
    assert [part.tolist() for part in parts] == [list(range(20)), list(range(20, 30)), list(range(30, 45))]
    task = read_task(_write(tmp_path, y=np.arange(60), part=["train"] * 59 + ["tset"]))
    with pytest.raises(InputError, match=r"mine\.csv:61:.*'tset'"):
        split_table(task, ROWS, SMILES, "given", column="part")
    task = read_task(_write(tmp_path, y=np.arange(60), part=["train"] * 60))
    with pytest.raises(InputError, match="no molecule is left to valid"):
        split_table(task, ROWS, SMILES, "given", column="part")


def test_at_random_equal_structures_stay_together(tmp_path: Path) -> None:
    task = read_task(_write(tmp_path, y=np.arange(60)))
    twice = [*SMILES[:30], *SMILES[:30]]
    parts = split_table(task, ROWS, twice, "random")
    sets = [{twice[k] for k in part} for part in parts]
    assert not sets[0] & (sets[1] | sets[2])
    assert not sets[1] & sets[2]
    assert [len(part) for part in parts] == [36, 10, 14]  # 36, 9, 15, and the second cut moved behind a pair
    assert sorted(np.concatenate(parts).tolist()) == list(range(60))
    again = split_table(task, ROWS, twice, "random")
    assert all(np.array_equal(a, b) for a, b in zip(parts, again, strict=True))
