"""The content hash: equal for equal graphs and for nothing else. The diff: what it says leads from one to the other."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphdb.content import content_hash, plain, rows_of
from graphdb.diff import diff, edge_identity
from graphdb.errors import GraphError
from graphdb.schema import NODES, EdgeType, NodeType
from graphdb.tables import EdgeKind, GraphTables

M, G, P = NodeType.MOLECULE, NodeType.GENE, NodeType.MORPHOLOGY
SIMILAR = EdgeKind(EdgeType.SIMILAR_MORPHOLOGY, G, G)
TARGETS = EdgeKind(EdgeType.TARGETS, M, G)
text = st.text(st.characters(codec="utf-8"), max_size=8)
missing = st.none()
weights = st.floats(0, 1)


@st.composite
def graphs(draw):
    """A graph of molecules, genes and profiles, with edges between nodes that are there."""
    molecules = draw(st.lists(text.filter(bool), unique=True, max_size=5))
    genes = draw(st.lists(st.integers(1, 30), unique=True, max_size=5))
    profiles = draw(st.lists(text.filter(bool), unique=True, max_size=4))

    def column(values, size):
        return draw(st.lists(values, min_size=size, max_size=size))

    nodes = {
        M: {
            "inchikey": molecules,
            "name": column(missing | text, len(molecules)),
            "synonyms": column(missing | st.lists(text, unique=True, max_size=3).map(sorted), len(molecules)),
        },
        G: {"ncbi_id": genes, "symbol": column(missing | text, len(genes))},
        P: {
            "profile_id": profiles,
            "dose_um": column(missing | st.floats(allow_nan=False, width=64), len(profiles)),
            "replicates": column(missing | st.integers(0, 2**62), len(profiles)),
            "simulated": column(missing | st.booleans(), len(profiles)),
        },
    }
    edges = {}
    if genes:
        pair = st.tuples(st.sampled_from(genes), st.sampled_from(genes), st.sampled_from(["a", "b"]))
        ends = draw(st.lists(pair, unique=True, max_size=5))
        edges[SIMILAR] = {
            "src": [one for one, _, _ in ends],
            "dst": [other for _, other, _ in ends],
            "feature_space": [space for *_, space in ends],
            "weight": column(weights, len(ends)),
        }
    if genes and molecules:
        ends = draw(st.lists(st.tuples(st.sampled_from(molecules), st.sampled_from(genes)), unique=True, max_size=5))
        edges[TARGETS] = {
            "src": [one for one, _ in ends],
            "dst": [other for _, other in ends],
            "weight": column(weights, len(ends)),
        }
    return GraphTables(
        {name: pd.DataFrame(columns, dtype=object) for name, columns in nodes.items()},
        {kind: pd.DataFrame(columns, dtype=object) for kind, columns in edges.items()},
    )


def rearranged(tables, seed):
    """Return the same graph with rows, columns and tables in another order."""
    rng = np.random.default_rng(seed)

    def table(frame):
        columns = list(rng.permutation(np.array(frame.columns, dtype=object)))
        return frame.iloc[rng.permutation(len(frame))][columns]

    return GraphTables(
        {name: table(frame) for name, frame in reversed(tables.nodes.items())},
        {kind: table(frame) for kind, frame in reversed(tables.edges.items())},
    )


def facts(tables):
    """Return what a graph says as a set, worked out another way than the hash does."""
    found = set()
    for name, frame in [*tables.nodes.items(), *tables.edges.items()]:
        for row in frame.to_dict("records"):
            values = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
            kept = {key: value for key, value in values.items() if value is not None and value != ()}
            found.add((name, frozenset((key, type(value).__name__, value) for key, value in kept.items())))
    return found


def applied(tables, changes):
    """Return the graph after the changes, as a database would do them."""
    nodes, edges = changes

    def table(frame, properties, change, identity):
        rows = {tuple(row[name] for name in identity): dict(row) for row in rows_of(frame, properties)}
        for row in change.deleted:
            del rows[tuple(row[name] for name in identity)]
        for row in change.added:
            key = tuple(row[name] for name in identity)
            assert key not in rows
            rows[key] = row
        for row in change.updated:
            rows[tuple(row[name] for name in identity)] |= row
        return pd.DataFrame(list(rows.values()), dtype=object)

    from graphdb.content import edge_columns

    return GraphTables(
        {
            name: table(tables.nodes.get(name), NODES[name].properties, change, (NODES[name].key,))
            for name, change in nodes.items()
        },
        {
            kind: table(tables.edges.get(kind), edge_columns(kind), change, edge_identity(kind))
            for kind, change in edges.items()
        },
    )


@given(graphs(), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_hash_does_not_depend_on_any_order(tables, seed):
    assert content_hash(rearranged(tables, seed)) == content_hash(tables)


@given(graphs(), graphs())
@settings(deadline=None)
def test_hash_is_equal_exactly_where_the_graphs_are(one, other):
    assert (content_hash(one) == content_hash(other)) == (facts(one) == facts(other))


@given(graphs(), graphs(), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_diff_leads_from_one_graph_to_the_other(one, other, seed):
    changes = diff(one, rearranged(other, seed))
    assert content_hash(applied(one, changes)) == content_hash(other)


@given(graphs(), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_diff_of_equal_graphs_is_nothing(tables, seed):
    nodes, edges = diff(tables, rearranged(tables, seed))
    changes = [*nodes.values(), *edges.values()]
    assert not any(change.total for change in changes)
    total = sum(tables.node_counts().values()) + sum(tables.edge_counts().values())
    assert sum(change.unchanged for change in changes) == total


def profile(**properties):
    return GraphTables({P: pd.DataFrame([{"profile_id": "p", **properties}], dtype=object)})


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_count_to_the_last_bit(dose):
    after = math.nextafter(dose, math.inf)
    # Minus zero and zero are one number.
    assert (content_hash(profile(dose_um=dose)) == content_hash(profile(dose_um=after))) == (dose == after)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"dose_um": None}, {}),
        ({"dose_um": math.nan}, {}),
        ({"dose_um": pd.NA}, {}),
        ({"dose_um": 2}, {"dose_um": 2.0}),
        ({"dose_um": -0.0}, {"dose_um": 0.0}),
        ({"replicates": np.int64(4)}, {"replicates": 4}),
        ({"replicates": 4.0}, {"replicates": 4}),
        ({"simulated": np.bool_(True)}, {"simulated": True}),
    ],
)
def test_ways_to_say_the_same(one, other):
    assert content_hash(profile(**one)) == content_hash(profile(**other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"dose_um": math.inf}, {}),
        ({"dose_um": math.inf}, {"dose_um": -math.inf}),
        ({"simulated": False}, {}),
        ({"plate": ""}, {}),
        ({"plate": "x"}, {"record": "x"}),
        ({"replicates": 2**62}, {"replicates": 2**62 + 1}),
        ({"plate": "é"}, {"plate": "e\u0301"}),  # composed and decomposed: other bytes, another value
    ],
)
def test_differences_that_count(one, other):
    assert content_hash(profile(**one)) != content_hash(profile(**other))


def test_list_that_is_empty_missing_or_in_another_order():
    def gene(sources):
        return content_hash(GraphTables({G: pd.DataFrame({"ncbi_id": [1], "sources": [sources]})}))

    assert gene([]) == gene(None) == gene(np.array([])) == gene(math.nan)
    assert gene(["b", "a"]) == gene({"a", "b"}) == gene(("a", "b")) == gene(np.array(["a", "b"]))
    assert gene(["a", "b"]) != gene(["a,b"])


def test_same_edges_between_other_types_are_another_graph():
    frame = pd.DataFrame({"src": [1], "dst": [2], "weight": [1.0]})
    kinds = [EdgeKind(edge_type, G, G) for edge_type in (EdgeType.INTERACTS, EdgeType.COVARIES, EdgeType.REGULATES)]
    assert len({content_hash(GraphTables({}, {kind: frame})) for kind in kinds}) == 3


@pytest.mark.parametrize(
    ("properties", "says"),
    [
        ({"replicates": 1.5}, "property replicates: expected a whole number, got 1.5"),
        ({"replicates": math.inf}, "property replicates: "),
        ({"dose_um": "ten"}, "property dose_um: .*'ten'"),
        ({"dose_um": [1.0]}, "property dose_um: "),
    ],
)
def test_value_of_another_type_is_named(properties, says):
    with pytest.raises(GraphError, match=f"^{says}") as caught:
        content_hash(profile(**properties))
    assert "\n" not in str(caught.value)
    assert rows_of(profile(**properties).nodes[P], NODES[P].properties, strict=False) == [
        {"profile_id": "p", **properties}
    ]


def test_unknown_column_is_a_defect_of_the_caller():
    with pytest.raises(ValueError, match="does not know: \\['colour'\\]"):
        content_hash(profile(colour="red"))


def test_whole_float_stays_a_float():
    value = plain(2, "float")
    assert (type(value), value) == (float, 2.0)


TABLES = GraphTables(
    {M: pd.DataFrame({"inchikey": ["A"]}), G: pd.DataFrame({"ncbi_id": [1, 2]})},
    {
        TARGETS: pd.DataFrame({"src": ["A"], "dst": [1], "weight": [1.0]}),
        SIMILAR: pd.DataFrame({"src": [1], "dst": [2], "weight": [1.0], "feature_space": ["s"]}),
    },
)


@pytest.mark.parametrize(
    ("nodes", "edges", "says"),
    [
        ({G: {"ncbi_id": [1, 2, 1]}}, {}, r"Gene: 1 rows repeat another's identity \(ncbi_id\)"),
        ({G: {"ncbi_id": [1, None]}}, {}, "Gene: a row has no ncbi_id"),
        ({}, {TARGETS: {"src": ["B"], "dst": [1], "weight": [1.0]}}, "TARGETS Molecule Gene: .* 1 Molecule .*: B"),
        ({}, {TARGETS: {"src": ["A", "A"], "dst": [7, 8], "weight": [1.0, 1.0]}}, "2 Gene .*: 7"),
        ({}, {TARGETS: {"src": ["A"] * 2, "dst": [1] * 2, "weight": [0.1, 0.2]}}, r"repeat .* \(src, dst\)"),
        ({}, {SIMILAR: {"src": [1], "dst": [2], "weight": [1.0]}}, "SIMILAR_MORPHOLOGY .* no feature_space"),
    ],
    ids=["key twice", "no key", "source absent", "targets absent", "edge twice", "no identity"],
)
def test_what_is_no_graph_is_refused(nodes, edges, says):
    wanted = dataclasses.replace(
        TABLES,
        nodes={**TABLES.nodes, **{name: pd.DataFrame(columns, dtype=object) for name, columns in nodes.items()}},
        edges={**TABLES.edges, **{kind: pd.DataFrame(columns) for kind, columns in edges.items()}},
    )
    with pytest.raises(GraphError, match=says) as caught:
        diff(GraphTables(), wanted)
    assert "\n" not in str(caught.value)


def test_edge_that_is_there_twice_is_deleted_and_added_once():
    twice = dataclasses.replace(
        TABLES, edges={**TABLES.edges, TARGETS: pd.concat([TABLES.edges[TARGETS]] * 2, ignore_index=True)}
    )
    change = diff(twice, TABLES)[1][TARGETS]
    assert (len(change.deleted), len(change.added), len(change.updated), change.unchanged) == (1, 1, 0, 0)


def test_property_that_is_taken_away_is_set_to_none():
    change = diff(profile(dose_um=1.0, plate="x"), profile(plate="y"))[0][P]
    assert change.updated == [{"profile_id": "p", "plate": "y", "dose_um": None}]
