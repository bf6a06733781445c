"""Every question gives its answer for people, as JSON, as CSV, and as a page."""

from __future__ import annotations

import importlib

import pytest

QUESTIONS = {
    "audit": [],
    "card": ["x"],
    "compare": ["x", "y"],
    "explain": ["x"],
    "find": ["x"],
    "mechanism": ["x"],
    "neighbourhood": ["x"],
    "paths": ["x", "y"],
    "predict_profile": ["x"],
    "profile_next": [],
    "similar": ["x"],
    "substructure": ["x"],
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_forms(question: str) -> None:
    parser = importlib.import_module(f"queries.{question}").build_parser()
    given = parser.parse_args([*QUESTIONS[question], "--json", "--html", "page.html"])
    assert given.json
    assert given.html.name == "page.html"
    assert parser.parse_args([*QUESTIONS[question], "--csv"]).csv
