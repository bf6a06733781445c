"""The explorer without a browser: pages of the small graph, callbacks over HTTP, what goes wrong, many users."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from _explorer_requests import page_of
from _queries_graph import ASPIRIN, SALICYLIC_ACID

from graphdb import connect
from graphdb.errors import GraphUnavailableError, InputError
from graphdb.schema import EdgeType
from queries import resident
from queries.explorer import answers
from queries.explorer.app import make_app
from queries.explorer.elements import elements
from queries.explorer.pages import PAGES
from queries.explorer.pages.graph import around
from queries.explorer.pages.map import chosen_table, map_figure
from queries.explorer.projection import project
from queries.explorer.questions import QUESTIONS
from queries.explorer.saved import save_graph
from queries.explorer.state import View, from_search, to_search

pytestmark = pytest.mark.graph


@pytest.fixture
def app(store):
    return make_app(store)


@pytest.fixture
def ask(app):
    """Ask for the page of an address, as the browser does."""
    return partial(page_of, app)


def test_a_view_shows_the_start_its_neighbours_and_the_panel(ask) -> None:
    found = ask("?key=aspirin")
    text = json.dumps(found["page"])
    assert found["alert"] == ""
    assert all(name in text for name in ("Aspirin", "PTGS2", "EGFR", "CHEMBL25", "data:image/svg+xml"))
    assert "simulated" in text
    assert [tab["props"]["children"] for tab in found["tabs"]][:2] == ["Graph", "Card"]


def test_a_page_of_the_same_thing_changes_by_its_parts(ask) -> None:
    first = ask("?key=aspirin")
    assert first["parts"] == {}
    wider = ask("?key=aspirin&expand=ncbi%3A5743", first["shown"])
    assert wider["page"] is None, "it stays, with the place and scale of its picture"
    assert set(wider["parts"]) == {"remarks", "graph", "node-table", "panel"}
    assert "filters" in ask("?key=aspirin&weight=0.5", first["shown"])["parts"]
    whole = json.dumps(ask("?key=aspirin&expand=ncbi%3A5743")["page"])
    for name, properties in wider["parts"].items():
        for value in properties.values():
            assert json.dumps(value) in whole, name
    assert "collapse" in json.dumps(wider["parts"]["node-table"])
    # Of something else, of another tab, and after a page without a picture, the page is made anew.
    for search, shown in (("?key=EGFR", "?key=aspirin"), ("?tab=card&key=aspirin", "?key=aspirin"), ("?key=EGFR", "")):
        assert ask(search, shown)["page"]
    assert ask("?key=no+such+thing", "?key=aspirin")["shown"] == ""


def test_what_is_expanded_is_merged_and_hangs_together(store) -> None:
    alone = around(store, View(key="aspirin"))
    wider = around(store, View(key="aspirin", expanded=("ncbi:5743",)))
    assert set(alone.nodes["key"]) < set(wider.nodes["key"])
    assert SALICYLIC_ACID in set(wider.nodes["key"])
    hops = dict(zip(wider.nodes["key"], wider.nodes["hops"], strict=True))
    assert (hops[ASPIRIN], hops[5743], hops[SALICYLIC_ACID]) == (0, 1, 2)
    drawn = elements(wider.nodes, wider.edges, "ncbi:5743")
    ids = {element["data"]["id"] for element in drawn}
    assert len(ids) == len(drawn) == len(wider.nodes) + len(wider.edges)
    assert all(element["data"].get(end, "ncbi:5743") in ids for element in drawn for end in ("source", "target"))
    (chosen,) = [element for element in drawn if "chosen" in element["classes"].split()]
    assert chosen["data"]["id"] == "ncbi:5743"


def test_filters_restrict_what_is_shown(store) -> None:
    shown = around(store, View(key="aspirin", edge_types=(EdgeType.TARGETS,)))
    assert set(shown.edges["edge_type"]) == {"TARGETS"}
    assert set(around(store, View(key="aspirin", min_weight=0.5)).edges["weight"]) == {1.0}
    # An expanded node whose edges are filtered out is shown still.
    apart = around(store, View(key="aspirin", expanded=("ncbi:7",), edge_types=(EdgeType.TARGETS,)))
    assert 7 in set(apart.nodes["key"])


@pytest.mark.parametrize("tab", [tab for tab in PAGES if tab != "graph"])
def test_every_tab_shows_something_or_says_what_to_do(ask, tab: str) -> None:
    found = ask(to_search(View(tab, "aspirin")))
    assert found["page"] or "python -m" in found["alert"]


@pytest.mark.parametrize(
    ("search", "says"),
    [
        ("?tab=nothing", "there is no tab"),
        ("?key=no+such+thing", "not in the graph"),
        ("?tab=ask&key=aspirin&q=nonsense", "no question"),
        ("?tab=ask&key=aspirin&q=similar&a.by=smell", "expected one of"),
        ("?tab=ask&key=aspirin&q=similar&a.k=0", "from 1 to 500"),
        ("?tab=map", "no embeddings"),
        ("?tab=reports&a.report=../../etc/passwd", "there is no report"),
        ("?tab=reports", "no report of the evaluation: python -m learn.evaluate"),
        ("?tab=cypher&a.cypher=MATCH+(n)+DETACH+DELETE+n", "this query writes"),
        ("?tab=cypher&a.cypher=LOAD+CSV+FROM+'file:///etc/passwd'+AS+l+RETURN+l", "LOAD reads files"),
    ],
)
def test_what_goes_wrong_is_a_sentence(ask, search: str, says: str) -> None:
    found = ask(search)
    assert says in (found["alert"] or json.dumps(found["page"]))


def test_ambiguous_and_unknown_things_list_what_is_meant(ask) -> None:
    text = json.dumps(ask("?key=tWIN")["page"])
    assert text.count("key=") >= 2
    assert "not in the graph" in json.dumps(ask("?key=CCCCCCN")["page"])


def test_a_lost_server_is_a_sentence(app, ask, store, monkeypatch) -> None:
    def lost(*_args, **_named):
        raise GraphUnavailableError("the server at bolt://x does not answer; start it with: python -m graphdb.server")

    resident.forget()
    monkeypatch.setattr(store, "_run", lost)
    assert "does not answer" in ask("?key=aspirin")["alert"]


def test_names_from_the_data_are_texts_and_never_markup(ask, small_graph: Path) -> None:
    evil = "<script>alert(1)</script>"
    with connect() as writable:
        writable.write("MATCH (m:Molecule {inchikey: $key}) SET m.name = $name", key=ASPIRIN, name=evil)
    try:
        for search in (f"?key={ASPIRIN}", f"?tab=card&key={ASPIRIN}"):
            page = ask(search)["page"]
            for component in _components(page):
                assert component["type"] not in {"Script", "DangerouslySetInnerHTML"}
                assert not component["props"].get("dangerously_allow_html")
                if component["type"] == "Iframe":
                    assert component["props"]["sandbox"] == ""
                    assert "<script" not in component["props"].get("srcDoc", "")
            assert evil in json.dumps(page), "as a text"
    finally:
        with connect() as writable:
            writable.write("MATCH (m:Molecule {inchikey: $key}) SET m.name = 'Aspirin'", key=ASPIRIN)


def _components(part):
    if isinstance(part, list):
        for one in part:
            yield from _components(one)
    elif isinstance(part, dict) and "props" in part:
        yield part
        yield from _components(part["props"].get("children"))


def test_reports_are_the_workspaces_and_nothing_else(app, small_graph: Path) -> None:
    client = app.server.test_client()
    assert client.get("/report/ingest").status_code == 404
    (small_graph / "ingest-report.html").write_text("<p>report</p>")
    try:
        found = client.get("/report/ingest")
        assert found.data == b"<p>report</p>"
        assert "default-src 'none'" in found.headers["Content-Security-Policy"]
        for path in ("/report/ingest-report.html", "/report/server.json", "/report/%2e%2e"):
            assert client.get(path).status_code == 404
        # Dash answers any other path with its own page.
        for path in ("/report/../ingest-report.html", "/report/..%2f..%2fetc%2fpasswd", "/etc/passwd"):
            text = client.get(path).data.decode()
            assert "<title>InfoAlign explorer</title>" in text
            assert "root:" not in text
            assert "<p>report</p>" not in text
    finally:
        (small_graph / "ingest-report.html").unlink()


def test_the_page_itself_has_no_foreign_address_and_its_inline_scripts_are_named(app) -> None:
    found = app.server.test_client().get("/")
    text = found.data.decode()
    assert "https://" not in text
    assert "sha256-" in found.headers["Content-Security-Policy"]
    assert "'unsafe-inline'" not in found.headers["Content-Security-Policy"].split("style-src")[0]


def test_twenty_users_at_once(ask, store) -> None:
    resident.keep(store)
    searches = ["?key=aspirin", "?key=salicylic+acid", "?key=EGFR&expand=ncbi%3A3815", "?tab=card&key=aspirin"] * 10
    alone = {search: json.dumps(ask(search)["page"]) for search in set(searches)}
    with ThreadPoolExecutor(20) as pool:
        together = list(pool.map(lambda search: (search, json.dumps(ask(search)["page"])), searches))
    assert all(alone[search] == text for search, text in together)


def test_questions_take_their_defaults_and_refuse_what_is_no_choice() -> None:
    question = QUESTIONS["similar"]
    assert question.given({}) == {"by": "all, fused", "k": "15"}
    with pytest.raises(InputError, match="expected one of"):
        question.given({"by": "smell"})


def test_what_is_shown_is_saved(store) -> None:
    import networkx as nx

    shown = around(store, View(key="aspirin"))
    assert save_graph(shown, "csv").content.count("\n") == len(shown.nodes) + 1
    graph = nx.parse_graphml(save_graph(shown, "graphml").content, force_multigraph=True)
    assert len(graph) == len(shown.nodes)
    assert graph.number_of_edges() == len(shown.edges)
    assert save_graph(shown, "svg").content.startswith("<svg xmlns=")
    with pytest.raises(InputError, match="expected csv"):
        save_graph(shown, "exe")


def test_the_map_puts_what_differs_apart() -> None:
    import numpy as np

    rng = np.random.default_rng(0)
    vectors = np.concatenate([rng.normal(0, 0.1, (20, 8)), rng.normal(3, 0.1, (20, 8))]).astype(np.float32)
    places, explained = project(vectors, "pca")
    assert explained > 0.9
    assert abs(places[:20, 0].mean() - places[20:, 0].mean()) > 10 * places[:20, 0].std()
    keys = np.array([f"K{place:02d}" for place in range(40)])
    groups = np.array(["a"] * 20 + ["other"] * 20)
    names = np.array(["<b>one</b>", *keys[1:]])
    figure = map_figure(keys, places, groups, names, "K03")
    assert [len(trace.x) for trace in figure.data] == [20, 20, 1]
    assert figure.data[1].text[0] == "&lt;b&gt;one&lt;/b&gt;"
    numbers = np.where(np.arange(40) < 4, np.nan, np.arange(40)).astype(np.float32)
    figure = map_figure(keys, places, numbers, names, "")
    assert [len(trace.x) for trace in figure.data] == [4, 36]
    assert figure.data[1].marker.color.tolist() == list(range(4, 40))
    assert {trace.type for trace in figure.data} == {"scattergl"}
    with pytest.raises(InputError, match="at least 3"):
        project(vectors[:2], "pca")


def test_an_address_holds_a_query_and_the_page_its_answer(ask) -> None:
    query = "MATCH (m:Molecule) RETURN m.name AS name ORDER BY name LIMIT 2"
    found = json.dumps(ask(to_search(View("cypher", arguments={"cypher": query})))["page"])
    assert query in found
    assert "2 rows" in found


def test_the_audit_is_a_report(ask) -> None:
    assert "Audit of" in json.dumps(ask("?tab=reports&a.report=audit")["page"])


def test_an_address_of_a_selection_is_that_of_the_view() -> None:
    view = from_search("?key=aspirin&node=ncbi%3A5743")
    assert view.focus == "ncbi:5743"


def test_a_cut_list_of_chosen_molecules_says_so(store, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [row["key"] for row in store.read("MATCH (m:Molecule) RETURN m.inchikey AS key ORDER BY key LIMIT 3")]
    assert len(keys) == 3
    assert "are listed" not in str(chosen_table(store, keys))
    monkeypatch.setattr(answers, "MOST_ROWS", 1)
    assert "The first 1 are listed; the file has all." in str(chosen_table(store, keys))
