"""Neighbourhoods read from a graph, against brute force; hubs; the command; the picture."""

from __future__ import annotations

import json
import math
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import networkx as nx
import pytest
from _queries_graph import ASPIRIN, SALICYLIC_ACID

from graphdb.errors import GraphError, InputError
from graphdb.schema import NODES, EdgeType
from queries import edge_reader, picture, resident
from queries import neighbourhood as module
from queries.neighbourhood import neighbourhood

pytestmark = pytest.mark.graph


@pytest.fixture(params=["by queries", "in memory"], autouse=True)
def _reader(request: pytest.FixtureRequest, store) -> Iterator[None]:
    """Both ways of reading give what is expected below."""
    resident.forget()
    if request.param == "in memory":
        resident.keep(store)
    yield
    resident.forget()


KEY = "coalesce(n.inchikey, n.ncbi_id, n.profile_id)"


def whole_graph(store) -> nx.MultiGraph:
    rows = store.read(
        f"MATCH (n)-[r]->(m) RETURN labels(n)[0] AS a_type, {KEY} AS a, labels(m)[0] AS b_type, "
        f"{KEY.replace('n.', 'm.')} AS b, type(r) AS edge_type, r.weight AS weight"
    )
    graph = nx.MultiGraph()
    for row in rows:
        graph.add_edge((row["a_type"], row["a"]), (row["b_type"], row["b"]), **row)
    return graph


@pytest.mark.parametrize("hops", [1, 2, 3])
@pytest.mark.parametrize("start", [("Molecule", ASPIRIN), ("Gene", 3815), ("Morphology", "00000000000000a1")])
def test_nodes_and_weights_are_those_of_all_simple_paths(store, start: tuple[str, str | int], hops: int) -> None:
    graph = whole_graph(store)
    nodes, edges = neighbourhood(store, start[1], hops=hops, limit=1000)
    inside = {start: (0, 1.0)}
    for target in set(graph) - {start}:
        paths = list(nx.all_simple_edge_paths(graph, start, target, cutoff=hops))
        if paths:
            weights = [math.prod(graph.edges[edge]["weight"] for edge in path) for path in paths]
            inside[target] = (min(map(len, paths)), max(weights))
    found = {
        (row.node_type, row.key): (row.hops, pytest.approx(row.path_weight)) for row in nodes.itertuples(index=False)
    }
    assert found == inside
    among = nx.MultiGraph(graph).subgraph(inside).edges(data=True)
    expected = sorted((e["edge_type"], str(e["a"]), str(e["b"]), e["weight"]) for *_, e in among)
    assert sorted(
        zip(edges["edge_type"], edges["src"].map(str), edges["dst"].map(str), edges["weight"], strict=True)
    ) == (expected)


def test_tables_say_what_is_what(store) -> None:
    found = neighbourhood(store, "aspirin", hops=2)
    nodes = found.nodes.set_index("key")
    assert list(found.nodes.columns) == module.NODE_COLUMNS
    assert list(found.edges.columns) == module.EDGE_COLUMNS
    assert found.nodes["key"].iloc[0] == ASPIRIN
    assert nodes.loc["00000000000000a2", "via"] == ("HAS_MORPHOLOGY", "SIMILAR_MORPHOLOGY")
    assert nodes.loc["00000000000000a2", "path_weight"] == pytest.approx(0.9)
    assert nodes.loc["00000000000000a2", "name"] == "profile of salicylic acid"
    assert nodes.loc[SALICYLIC_ACID, "path_weight"] == 1
    assert isinstance(nodes.index[list(nodes["name"]).index("EGFR")], int)
    assert list(found.nodes.loc[found.nodes["simulated"], "key"]) == ["00000000000000a3"]
    assert found.left_out == 0
    assert found.found == len(found.nodes)


def test_edges_computed_from_simulated_profiles_are_labelled(store) -> None:
    """Also in the space of genes that carry profiles, which is named after that of the compounds."""
    _, edges = neighbourhood(store, "EGFR", hops=3)
    simulated = edges[edges["simulated"]]
    assert list(simulated["feature_space"]) == ["plate-3-simulated-crispr"]
    assert len(edges) > len(simulated)


def test_edge_types_and_weights_are_filtered(store) -> None:
    nodes, edges = neighbourhood(store, "aspirin", hops=3, edge_types=[EdgeType.TARGETS])
    assert set(nodes["name"]) == {"Aspirin", "PTGS2", "salicylic acid"}
    assert set(edges["edge_type"]) == {"TARGETS"}
    nodes, edges = neighbourhood(store, "aspirin", hops=2, min_weight=0.85)
    assert "EGFR" not in set(nodes["name"])
    assert edges["weight"].min() == 0.9


@pytest.mark.parametrize(("limit", "expected"), [(1, 1), (3, 3), (50, 50)])
def test_hubs_are_followed_along_their_heaviest_edges(store, limit: int, expected: int) -> None:
    found = neighbourhood(store, "HUB", hops=1, limit=limit)
    assert len(found.nodes) == expected
    assert found.left_out == 1
    assert found.found == 1 + edge_reader.FAN + 1, "the hub, its heaviest 200 of 300, and toluene by another edge type"
    chosen = found.nodes.loc[found.nodes["via"] == ("BINDS",), "path_weight"]
    assert sorted(chosen, reverse=True) == [round(1 - number / 1000, 3) for number in range(len(chosen))]


def test_the_same_question_has_the_same_answer(store) -> None:
    first, second = (neighbourhood(store, "HUB", hops=2, limit=20) for _ in range(2))
    assert first.nodes.equals(second.nodes)
    assert first.edges.equals(second.edges)


def test_wrong_arguments_and_lack_of_time(store) -> None:
    for arguments in ({"hops": 0}, {"limit": 0}, {"min_weight": 1.5}, {"min_weight": math.nan}):
        with pytest.raises(InputError):
            neighbourhood(store, "aspirin", **arguments)
    with pytest.raises(GraphError, match="longer than 0 s; ask for fewer hops"):
        neighbourhood(store, "aspirin", seconds=0)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "queries.neighbourhood", *arguments], capture_output=True, text=True, check=False
    )


def test_command(small_graph: Path, tmp_path: Path) -> None:
    done = run("aspirin", "--html", str(tmp_path / "picture.html"))
    assert done.returncode == 0, done.stderr
    assert "Morphology SIMULATED" in done.stdout
    assert "SIMULATED, not measured: 1 of these profiles" in done.stdout
    assert (tmp_path / "picture.html").read_text().startswith("<!DOCTYPE html>")
    as_json = json.loads(run("aspirin", "--json", "--edge-type", "targets", "--hops", "1").stdout)
    assert as_json["start"] == {"node_type": "Molecule", "key": ASPIRIN, "name": "Aspirin"}
    assert [node["key"] for node in as_json["nodes"]] == [ASPIRIN, 5743]
    assert as_json["edges"][0]["sources"] == ["hand"]
    assert as_json["edges"][0]["feature_space"] is None
    as_csv = run("aspirin", "--csv", "--limit", "2").stdout.splitlines()
    assert as_csv[0] == ",".join(module.NODE_COLUMNS)
    assert len(as_csv) == 3
    wrong = run("asprin")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert wrong.stderr == "error: 'asprin' is not in the graph; similar names: Aspirin\n"


class _Page(HTMLParser):
    """Collects the tags, and checks that they are closed."""

    VOID = frozenset({"meta"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_picture_opens_offline(store) -> None:
    found = neighbourhood(store, "aspirin", hops=3)
    text = picture.page(found.start.name, *found)
    page = _Page()
    page.feed(text)
    assert page.open == []
    assert not {"script", "link", "img", "iframe", "object", "use", "image"} & set(page.tags)
    assert not {"src", "href", "xlink:href", "srcset"} & {name for name, _ in page.attributes}
    assert not re.search(r"https?:|//|@import|url\((?!#hatch)", text)
    assert page.tags.count("g") >= len(found.nodes)
    for name in found.nodes["name"]:
        assert f"<title>{name}&#10;" in text
    assert len(re.findall(r"<line [^>]*><title>", text)) == len(found.edges)
    assert "SIMULATED, not measured: 1 of these profiles" in text
    assert text.count("&#10;") == len(found.nodes)
    for node_type in NODES:
        assert f">{node_type}</text>" in text, "the legend"


def test_names_are_text_in_the_picture(store) -> None:
    """A name out of a file must not become part of the page."""
    found = neighbourhood(store, "aspirin", hops=1)
    hostile = '<script>alert("1")</script>&'
    nodes = found.nodes.assign(name=hostile)
    text = picture.page(hostile, nodes, found.edges)
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_the_picture_of_a_node_without_edges(store) -> None:
    found = neighbourhood(store, "Twin")
    assert len(found.nodes) == 1
    assert len(found.edges) == 0
    assert "1 nodes, 0 edges" in picture.page(found.start.name, *found)


def test_many_random_edges_lead_to_the_same_places_in_any_order_of_asking(store) -> None:
    """The queries are asked in batches; their size must not matter."""
    expected = neighbourhood(store, "HUB", hops=2, limit=400)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(edge_reader, "BATCH", random.Random(0).randint(2, 7))
        assert neighbourhood(store, "HUB", hops=2, limit=400).nodes.equals(expected.nodes)
