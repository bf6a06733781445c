"""The Cypher box reads the graph alone, so many rows and no more, and says what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from _explorer_requests import answered, page_of, run_query

from graphdb.errors import InputError
from queries.explorer.app import make_app
from queries.explorer.cypher_box import require_reads_the_graph_alone, rows_of
from queries.explorer.state import LONGEST, View, from_search, to_search


@pytest.mark.parametrize(
    "query",
    [
        "LOAD CSV FROM 'file:///etc/hosts' AS line RETURN line",
        "load\n csv with headers from 'https://example.org/x' as line return line",
        "LOAD/* a */CSV FROM 'x' AS line RETURN line",
        "LOAD // a\n CSV FROM 'x' AS line RETURN line",
        "RETURN '/*' AS a UNION LOAD CSV FROM 'x' AS line RETURN '*/' AS a",
        r"\u004cOAD CSV FROM 'x' AS line RETURN line",
        r"LOAD\u0020CSV FROM 'x' AS line RETURN line",
        "CALL apoc.load.json('https://example.org') YIELD value RETURN value",
        "CALL /* a */ apoc.load.json('https://example.org') YIELD value RETURN value",
        "CALL `apoc`.`load`.json('https://example.org') YIELD value RETURN value",
        "CALL dbms.listConfig() YIELD name RETURN name",
        "RETURN apoc.util.sleep(1)",
    ],
)
def test_what_reaches_beyond_the_graph_is_refused(query: str) -> None:
    with pytest.raises(InputError, match=r"queries\.cypher"):
        require_reads_the_graph_alone(query)


@pytest.mark.parametrize(
    "query",
    [
        "MATCH (m:Molecule) CALL { WITH m MATCH (m)--(g) RETURN count(g) AS near } RETURN m.name, near",
        "MATCH (m:Molecule) CALL (m) { MATCH (m)--(g) RETURN count(g) AS near } RETURN m.name, near",
        "CALL db.index.vector.queryNodes('i', 5, [1.0]) YIELD node RETURN node",
        "CALL db.labels() YIELD label RETURN label",
        "MATCH (a)-[:TARGETS]->(g) RETURN g.symbol AS load, a.csv",
    ],
)
def test_what_reads_the_graph_is_asked(query: str) -> None:
    require_reads_the_graph_alone(query)


@pytest.mark.graph
def test_no_more_rows_are_taken_than_may_come_back(store) -> None:
    taken = []
    query = "UNWIND range(1, 20000) AS number RETURN number"
    assert [row["number"] for row in rows_of(store, query, 7)] == [1, 2, 3, 4, 5, 6, 7]
    store._read(query, {}, taken.append, 7)
    assert len(taken) == 7
    assert len(rows_of(store, "MATCH (g:Gene) RETURN g.symbol AS symbol", 100)) == 4
    assert rows_of(store, "  ", 7) == []


@pytest.mark.graph
def test_a_file_of_the_server_stays_unread(store, tmp_path: Path) -> None:
    file = tmp_path / "private.csv"
    file.write_text("private,words\n")
    query = f"LOAD CSV FROM '{file.as_uri()}' AS line RETURN line"
    search = to_search(View("cypher", arguments={"cypher": query}))
    for answer in (page_of(make_app(store), search)["page"], run_query(make_app(store), query, search)["rows"]):
        assert "private,words" not in json.dumps(answer)
        assert "only the graph is read" in json.dumps(answer)
    saved = _save(store, query)
    assert "only the graph is read" in saved["alert"]["children"]
    assert "saved" not in saved


@pytest.mark.graph
def test_what_cannot_be_saved_is_a_sentence(store) -> None:
    saved = _save(store, "MATCH (m:Molecule")
    assert "saved" not in saved
    assert saved["alert"]["children"]
    assert _save(store, "MATCH (g:Gene) RETURN g.ncbi_id AS id ORDER BY id LIMIT 1")["saved"]["data"]["content"] == (
        "id\n7"
    )


@pytest.mark.graph
def test_the_text_that_is_not_clear_is_the_one_that_is_listed(store) -> None:
    found = page_of(make_app(store), "?tab=ask&key=aspirin&q=compare&a.other=tWIN")
    assert "tWIN" in json.dumps(found["page"])
    assert "ambiguous" in found["alert"]


@pytest.mark.graph
def test_a_query_that_is_run_goes_into_the_address_if_one_can_hold_it(store) -> None:
    app = make_app(store)
    query = "MATCH (g:Gene) RETURN g.ncbi_id AS id ORDER BY id LIMIT 1"
    found = run_query(app, query, "?tab=cypher")
    assert found["rows"] is None
    assert from_search(found["search"]).arguments == {"cypher": query}
    # Once more, or too long for an address: answered where it stands.
    for again, search in ((query, found["search"]), (query + " " * LONGEST, "?tab=cypher")):
        answer = run_query(app, again, search)
        assert answer["search"] is None
        assert "1 row" in json.dumps(answer["rows"])


def _save(store, query: str) -> dict:
    app = make_app(store)
    (output,) = [name for name in app.callback_map if "saved.data" in name]
    alert = next(part for part in output.strip(".").split("...") if part.startswith("alert."))
    button = {"download": "cypher"}
    body = {
        "output": output,
        "outputs": [
            {"id": "saved", "property": "data"},
            {"id": "alert", "property": alert.removeprefix("alert.")},
        ],
        "inputs": [[{"id": button, "property": "n_clicks", "value": 1}]],
        "state": [
            {"id": "url", "property": "search", "value": "?tab=cypher"},
            [],
            [{"id": {"query": "cypher"}, "property": "value", "value": query}],
        ],
        "changedPropIds": [json.dumps(button, separators=(",", ":")) + ".n_clicks"],
    }
    return answered(app, body)["response"]
