"""What each tab shows of a view: parts of a page, made of the answers of `queries`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphdb.store import GraphStore
from queries.explorer.pages.card import ask_page, card_page
from queries.explorer.pages.graph import graph_page
from queries.explorer.pages.map import map_page
from queries.explorer.pages.other import cypher_page, reports_page
from queries.explorer.pages.walks import walks_page
from queries.explorer.state import TABS, View

TAB_LABELS = {
    "graph": "Graph",
    "card": "Card",
    "ask": "Ask",
    "map": "Map",
    "walks": "Walks",
    "cypher": "Cypher",
    "reports": "Reports",
}
PAGES: Mapping[str, Callable[[GraphStore, View], Any]] = {
    "graph": graph_page,
    "card": card_page,
    "ask": ask_page,
    "map": map_page,
    "walks": walks_page,
    "cypher": cypher_page,
    "reports": reports_page,
}
"""Makes the page of each tab."""
NEEDS_KEY = ("graph", "card", "ask", "walks")
"""Tabs that are about one thing."""

if set(PAGES) != set(TABS):
    raise AssertionError("a tab without a page")
