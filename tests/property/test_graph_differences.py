"""Applying a difference turns any graph into any other, and the content hash agrees."""

from __future__ import annotations

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from graphdb.content import content_hash
from graphdb.diff import diff
from graphdb.schema import EdgeType, NodeType
from graphdb.tables import EdgeKind, GraphTables

KIND = EdgeKind(EdgeType.SIMILAR_EXPRESSION, NodeType.GENE, NodeType.GENE)

genes = st.dictionaries(
    st.integers(-(2**63), 2**63 - 1) | st.integers(0, 4),
    st.fixed_dictionaries(
        {},
        optional={
            "symbol": st.none() | st.text(st.characters(codec="utf-8"), max_size=3),
            "sources": st.none() | st.lists(st.sampled_from("abc"), max_size=3),
        },
    ),
    max_size=6,
)


@st.composite
def graphs(draw: st.DrawFn) -> GraphTables:
    nodes = draw(genes)
    tables = {NodeType.GENE: pd.DataFrame([{"ncbi_id": key, **rest} for key, rest in nodes.items()], dtype=object)}
    if not nodes:
        return GraphTables()
    keys = st.sampled_from(sorted(nodes))
    edges = draw(
        st.dictionaries(st.tuples(keys, keys, st.sampled_from(["p", "q"])), st.floats(0, 1) | st.none(), max_size=8)
    )
    rows = [
        {"src": source, "dst": target, "feature_space": space, "weight": weight}
        for (source, target, space), weight in edges.items()
    ]
    return GraphTables(tables, {KIND: pd.DataFrame(rows, dtype=object)} if rows else {})


def shuffled(tables: GraphTables, seed: int) -> GraphTables:
    def turn(table: pd.DataFrame) -> pd.DataFrame:
        return table.sample(frac=1, random_state=seed)[list(reversed(table.columns))]

    return GraphTables(
        {key: turn(table) for key, table in tables.nodes.items()},
        {key: turn(table) for key, table in tables.edges.items()},
    )


def applied(rows: list[dict], changes, identity: tuple[str, ...]) -> list[dict]:
    """Do what the database does with a difference: delete, MERGE by identity, SET += with null taking away."""
    held = {tuple(row[name] for name in identity): dict(row) for row in rows}
    for row in changes.deleted:
        del held[tuple(row[name] for name in identity)]
    for row in (*changes.added, *changes.updated):
        key = tuple(row[name] for name in identity)
        merged = {**held.get(key, {}), **row}
        held[key] = {name: value for name, value in merged.items() if value is not None}
    return list(held.values())


def records(table: pd.DataFrame | None) -> list[dict]:
    if table is None:
        return []
    return [
        {name: value for name, value in row.items() if value is not None and value != []}
        for row in table.to_dict("records")
    ]


@settings(max_examples=150, deadline=None)
@given(graphs(), graphs())
def test_applied_difference_gives_the_wanted_graph(present: GraphTables, wanted: GraphTables) -> None:
    nodes, edges = diff(present, wanted)
    found_nodes = applied(records(present.nodes.get(NodeType.GENE)), nodes[NodeType.GENE], ("ncbi_id",))
    found_edges = (
        applied(records(present.edges.get(KIND)), edges[KIND], ("src", "dst", "feature_space")) if edges else []
    )
    found = GraphTables(
        {NodeType.GENE: pd.DataFrame(found_nodes, dtype=object)} if found_nodes else {},
        {KIND: pd.DataFrame(found_edges, dtype=object)} if found_edges else {},
    )
    assert content_hash(found) == content_hash(wanted)
    again_nodes, again_edges = diff(found, wanted)
    assert not any(changes.total for changes in (*again_nodes.values(), *again_edges.values()))


@settings(max_examples=100, deadline=None)
@given(graphs(), st.integers(0, 1000))
def test_content_hash_does_not_know_order(tables: GraphTables, seed: int) -> None:
    assert content_hash(shuffled(tables, seed)) == content_hash(tables)


@settings(max_examples=100, deadline=None)
@given(graphs(), graphs())
def test_equal_hash_means_no_difference(one: GraphTables, other: GraphTables) -> None:
    nodes, edges = diff(one, other)
    same = not any(changes.total for changes in (*nodes.values(), *edges.values()))
    assert same == (content_hash(one) == content_hash(other))
