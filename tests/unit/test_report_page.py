"""The report of an ingest: its numbers against the tables, and the page that shows them."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd
import pytest

from graphdb.schema import EdgeType, NodeType
from graphdb.tables import EdgeKind, GraphTables
from ingest.assemble import Assembled
from ingest.perturbations import FeatureMatrix
from ingest.quality.page import render
from ingest.quality.summary import summarise
from ingest.records import rejects_table

M, P = NodeType.MOLECULE, NodeType.MORPHOLOGY
EVIL = "<script>alert(1)</script>"


@pytest.fixture
def assembled() -> Assembled:
    rng = np.random.default_rng(0)
    molecules = pd.DataFrame({"inchikey": list("ABC"), "sources": [["one"], ["one", "two"], ["two"]]})
    profiles = pd.DataFrame(
        {
            "profile_id": [f"p{place}" for place in range(12)],
            "source": ["one"] * 12,
            "plate": ["P1", "P2", "P3"] * 4,
        }
    )
    edges = pd.DataFrame({"src": ["A"] * 5 + ["B"], "dst": [f"p{place}" for place in range(6)], "weight": 1.0})
    edges["criterion"] = ["simulated", "measured"] * 3
    similar = pd.DataFrame({"src": ["p0", "p0", "p1"], "dst": ["p1", "p2", "p2"], "weight": [0.81, 0.95, 0.99]})
    matrix = FeatureMatrix(
        P, "lab-4", profiles["profile_id"].to_numpy(object), tuple("abcd"), rng.normal(size=(12, 4)), P, True, ("one",)
    )
    rejects = [
        rejects_table("one", "/data/x.csv", [5, 6, 7, 8], ["a", EVIL, "c", "d"], "no SMILES"),
        rejects_table("two", "/data/y.csv", [3], ["z"], "1 infinite value(s) made missing", kept=True),
    ]
    return Assembled(
        tables=GraphTables(
            {M: molecules, P: profiles},
            {
                EdgeKind(EdgeType.HAS_MORPHOLOGY, M, P): edges,
                EdgeKind(EdgeType.SIMILAR_MORPHOLOGY, P, P): similar,
            },
        ),
        features=(matrix,),
        fingerprints=np.zeros((3, 128), np.uint8),
        rejects=pd.concat(rejects, ignore_index=True),
    )


@pytest.fixture
def report(assembled: Assembled) -> dict[str, Any]:
    return {
        "sources": {"one": {"licence": EVIL}, "two": {"licence": "MIT"}},
        "nodes": {"Molecule": 3, "Morphology": 12, "Gene": 0},
        "edges": {"HAS_MORPHOLOGY": 6, "SIMILAR_MORPHOLOGY": 3},
        "graph_hash": "5" * 64,
        "snapshot": "6" * 64,
        "seconds": 1.5,
        "inputs": {"/data/<b>x.csv": "7" * 64},
        "holdout": [{"name": EVIL, "structures": 1200, "keys": 1100, "molecules": 3, "sha256": "8" * 64}],
        "stages": [
            {"name": "read", "seconds": 0.25, "computed": 0, "kept": 0},
            {"name": "fingerprints", "seconds": 1.0, "computed": 12, "kept": 3000},
        ],
        "quality": summarise(assembled),
    }


def test_numbers(assembled: Assembled) -> None:
    found = summarise(assembled)
    assert found["nodes_by_source"] == {"one": {"Molecule": 2, "Morphology": 12}, "two": {"Molecule": 2}}
    assert found["molecule_overlap"] == {"sources": ["one", "two"], "shared": [[2, 1], [1, 2]]}
    first, second = found["reject_examples"]
    assert (first["reason"], first["count"], len(first["examples"])) == ("no SMILES", 4, 3)
    assert first["examples"][0] == {"file": "x.csv", "line": 5, "key": "a", "reason": "no SMILES"}
    assert second["kept"]
    has, similar = found["edges"]
    assert (has["largest_degree"], has["degrees"]) == (5, [[[1, 1], [2, 0], [4, 1]], [[1, 6]]])
    assert has["criteria"] == ["measured", "simulated"]
    assert similar["weight_histogram"] == [0] * 8 + [1, 2]
    assert similar["degrees"] == [[[1, 0], [2, 3]]]
    (space,) = found["feature_spaces"]
    assert space["plates"]["plates"] == 3
    json.dumps(found)


class Page(HTMLParser):
    """Collects the tags, and the cells of each table by its id."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.cells: dict[str, list[str]] = {}
        self.table: str | None = None
        self.cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "table":
            self.table = dict(attrs).get("id")
        if tag in ("td", "th"):
            self.cell = True
            if self.table:
                self.cells.setdefault(self.table, []).append("")

    def handle_endtag(self, tag: str) -> None:
        self.cell = self.cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self.cell and self.table:
            self.cells[self.table][-1] += data.strip()


def test_the_page_shows_them_and_is_inert(report: dict[str, Any]) -> None:
    page = Page()
    text = render(report)
    page.feed(text)
    assert page.cells["node-counts"] == ["type", "count", "Molecule", "3", "Morphology", "12"]
    assert page.cells["edge-counts"][2:] == ["HAS_MORPHOLOGY", "6", "SIMILAR_MORPHOLOGY", "3"]
    assert "no SMILES" in page.cells["reject-counts"]
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert "http" not in text
    assert text.count("&lt;script&gt;") == 3
    assert page.cells["inputs"][2:] == ["<b>x.csv", "7" * 16]
    assert page.cells["holdout"][6:] == ["1,200", "1,100", "3", "8" * 16]
    assert page.cells["stages"][4:] == ["read", "0.2", "", "", "fingerprints", "1.0", "12", "3,000"]
    assert "No instrument measured the profiles of lab-4" in text


def test_a_graph_of_one_source_without_rejects(report: dict[str, Any]) -> None:
    quality = report["quality"]
    quality |= {"reject_examples": [], "molecule_overlap": {"sources": ["one"], "shared": [[3]]}}
    quality["feature_spaces"][0] |= {"plates": None, "simulated": False}
    text = render(report)
    assert "None." in text
    assert "no plates known" in text
    assert "SIMULATED" not in text
    assert 'id="overlap"' not in text
