"""Every query of docs/cypher.md runs on each engine over the demo graph, and both give the same rows."""

from __future__ import annotations

import pytest
from _cypher_docs import read_queries

from graphdb.export import read_tables
from graphdb.meta import read_meta
from graphdb.sync import sync

pytestmark = [pytest.mark.graph, pytest.mark.slow]

OF_THE_LOAD = {35}
"""Queries whose answer tells how the graph was loaded."""


@pytest.fixture(scope="module")
def demo_tables(demo_store):
    return read_tables(demo_store)


def test_the_queries_of_the_page_answer_as_on_the_demo_graph(store, demo_store, demo_tables):
    sync(store, demo_tables, sources=["demo"])
    assert read_meta(store).content_hash == read_meta(demo_store).content_hash
    for query in read_queries():
        rows = store.read(query.cypher)
        assert rows, f"query {query.number}: no rows"
        assert list(rows[0]) == query.columns, f"query {query.number}"
        if query.number not in OF_THE_LOAD:
            assert len(rows) == len(demo_store.read(query.cypher)), f"query {query.number}"
