"""The command that runs Cypher, and how rows are shown."""

from __future__ import annotations

import datetime
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphdb.errors import InputError
from queries import render
from queries.cypher import as_table, parse_parameters


def run(*arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "queries.cypher", *arguments], input=text, capture_output=True, text=True, check=False
    )


def test_parameters() -> None:
    texts = ["name=aspirin", "k=3", "w=0.5", 'id="3"', "keys=[1, 2]", "flag=true", "smiles=C=C", "empty="]
    assert parse_parameters(texts) == {
        "name": "aspirin",
        "k": 3,
        "w": 0.5,
        "id": "3",
        "keys": [1, 2],
        "flag": True,
        "smiles": "C=C",
        "empty": "",
    }


@pytest.mark.parametrize("texts", [["name"], ["=3"], ["1a=3"], ["a b=3"], ["a=1", "a=2"]])
def test_wrong_parameters(texts: list[str]) -> None:
    with pytest.raises(InputError, match="--param"):
        parse_parameters(texts)


def test_plain_values_are_what_json_has() -> None:
    values = [np.float32(0.5), np.int64(3), np.bool_(True), math.nan, pd.NA, pd.NaT, None, (1, 2), np.array([1.0])]
    assert render.plain(values) == [0.5, 3, True, None, None, None, None, [1, 2], [1.0]]
    assert render.plain({"at": datetime.date(2026, 1, 2)}) == {"at": "2026-01-02"}
    assert json.loads(render.json_text({"a": math.inf, "b": [math.nan]})) == {"a": "inf", "b": [None]}


def test_cells() -> None:
    assert [render.cell_text(value) for value in (None, True, 0.123456, 1956, "[nH]", [1, [2, 3]])] == [
        "",
        "yes",
        "0.1235",
        "1956",
        "[nH]",
        "1, [2, 3]",
    ]
    assert render.cell_text([0.5] * 300) == "[300 items]"
    assert render.cell_text({"a": ["x", "y"], "b": {"c": 1}}) == "a: [x, y], b: {c: 1}"


def test_long_names_take_more_lines_not_a_wider_table(capsys: pytest.CaptureFixture[str]) -> None:
    name = "".join(f"{number}-methyl" for number in range(20))
    render.print_table("t", pd.DataFrame({"inchikey": ["A"], "name": [name]}))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) < 90
    cells = [line.split("│")[2].strip() for line in lines if line.startswith("│")]
    assert "".join(cells) == name


def test_a_table_shows_brackets_and_ids_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    render.print_table("t", pd.DataFrame({"smiles": ["c1cc[nH]c1", "[red]C[/red]"], "ncbi_id": [1956, 100131390]}))
    shown = capsys.readouterr().out
    for text in ("c1cc[nH]c1", "[red]C[/red]", "1956", "100131390"):
        assert text in shown


def test_csv_keeps_lists_and_missing_values_apart() -> None:
    table = as_table([{"a": 1, "b": ["x", "y"]}, {"a": None, "b": []}])
    assert render.csv_text(table) == 'a,b\n1,"[""x"", ""y""]"\n,[]'


@pytest.mark.graph
def test_command(small_graph: Path) -> None:
    query = "MATCH (g:Gene) RETURN g.symbol AS symbol, g.ncbi_id AS ncbi_id ORDER BY ncbi_id"
    shown = run(query, "--limit", "1")
    assert shown.returncode == 0, shown.stderr
    assert "HUB" in shown.stdout
    assert "PTGS2" not in shown.stdout
    assert "4 rows, 3 more not shown" in shown.stdout
    assert json.loads(run("-", "--json", text=query).stdout)[-1] == {"symbol": "PTGS2", "ncbi_id": 5743}
    one = "MATCH (g:Gene {ncbi_id: $id}) RETURN g.symbol AS symbol"
    assert run(one, "--csv", "--param", "id=1956").stdout == "symbol\nEGFR\n"
    assert run(one, "--json", "--param", "id=-1").stdout == "[]\n"


@pytest.mark.graph
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["MATCH (g:Gene RETURN g"], "RETURN"),
        (["MATCH (g:Gene {ncbi_id: $id}) RETURN g"], ""),
        (["   "], "the query is empty"),
        (["RETURN 1 AS one", "--param", "x"], "expected name=value, got 'x'"),
        (["CREATE (x:Left) RETURN x"], "this query writes; only queries that read are allowed here; --write allows it"),
        (["CREATE (x:Left)", "--write", "--param", "advance=1"], "cannot be named 'advance'"),
    ],
)
def test_errors_are_one_line(small_graph: Path, store, arguments: list[str], reason: str) -> None:
    done = run(*arguments)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
    assert reason in done.stderr
    assert store.read("MATCH (x:Left) RETURN count(x) AS n") == [{"n": 0}]


@pytest.mark.graph
def test_writing_is_asked_for(small_graph: Path, store) -> None:
    done = run("MERGE (x:Remark {text: $text})", "--write", "--param", "text=mine")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("written")
    assert store.read("MATCH (x:Remark) RETURN x.text AS text") == [{"text": "mine"}]
    assert run("MATCH (x:Remark) DELETE x", "--write").returncode == 0
    assert store.read("MATCH (x:Remark) RETURN count(x) AS n") == [{"n": 0}]
