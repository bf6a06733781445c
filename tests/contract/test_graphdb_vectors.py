"""Publishing embeddings and searching them through the index, against numpy."""

from __future__ import annotations

import numpy as np
import pytest

from graphdb.content import content_hash
from graphdb.errors import InputError
from graphdb.export import read_tables
from graphdb.schema import EMBEDDING_DIMENSION
from graphdb.sync import sync
from graphdb.vectors import nearest, publish

pytestmark = pytest.mark.graph

COUNT = 600


def keys(count=COUNT):
    return [f"KEY{index:011d}-UHFFFAOYSA-N" for index in range(count)]


def vectors(seed):
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((20, EMBEDDING_DIMENSION))
    noise = rng.standard_normal((COUNT, EMBEDDING_DIMENSION))
    # Lengths differ, so that a dot product would rank otherwise than the cosine.
    return ((centres[np.arange(COUNT) % 20] + noise) * rng.uniform(0.1, 10, (COUNT, 1))).astype(np.float32)


def brute_force(matrix, query, k):
    matrix = matrix.astype(np.float64)
    cosines = matrix @ query / np.linalg.norm(matrix, axis=1) / np.linalg.norm(query)
    order = np.argsort(-cosines)[:k]
    return [(keys()[index], cosines[index]) for index in order]


@pytest.fixture
def loaded(store, random_graph):
    sync(store, random_graph(COUNT, 100), sources=["demo"])
    return store


def test_nearest_agrees_with_brute_force(loaded):
    matrix = vectors(0)
    assert publish(loaded, keys(), matrix, "model-1") == COUNT
    hits = 0
    for row in range(0, COUNT, 30):
        query = matrix[row].astype(np.float64)
        found, expected = nearest(loaded, query, 10), brute_force(matrix, query, 10)
        assert found[0][0] == keys()[row]
        assert found[0][1] == pytest.approx(1.0, abs=1e-6)
        assert [cosine for _, cosine in found] == sorted((cosine for _, cosine in found), reverse=True)
        exact = dict(brute_force(matrix, query, COUNT))
        for key, cosine in found:
            assert cosine == pytest.approx(exact[key], abs=1e-6)
        hits += len({key for key, _ in found} & {key for key, _ in expected})
    # The index is approximate; with four times as many proposals at most one neighbour in a hundred is missed.
    assert hits >= 0.99 * 200


def test_opposite_vector_has_cosine_minus_one(loaded):
    matrix = vectors(1)[:2]
    matrix[1] = -matrix[0]
    publish(loaded, keys(2), matrix, "model-1")
    assert dict(nearest(loaded, matrix[0], 5))[keys()[1]] == pytest.approx(-1.0, abs=1e-6)


def test_published_again_replaces_the_other_models(loaded):
    matrix = vectors(2)
    publish(loaded, keys(), matrix, "model-1")
    other = vectors(3)[: COUNT // 2]
    assert publish(loaded, keys(COUNT // 2), other, "model-2") == COUNT // 2
    found = nearest(loaded, other[7], 400)
    assert found[0] == (keys()[7], pytest.approx(1.0, abs=1e-6))
    assert len(found) <= COUNT // 2
    models = loaded.read("MATCH (m:Molecule) WHERE m.embedding IS NOT NULL RETURN DISTINCT m.embedding_model AS model")
    assert models == [{"model": "model-2"}]


def test_stored_vectors_are_the_published_ones(loaded):
    matrix = vectors(4)
    publish(loaded, keys(), matrix, "model-1")
    found = loaded.read("MATCH (m:Molecule {inchikey: $key}) RETURN m.embedding AS vector", key=keys()[3])
    assert np.array_equal(np.array(found[0]["vector"], dtype=np.float32), matrix[3])


def test_publishing_leaves_the_context_graph_as_it_was(loaded):
    before = content_hash(read_tables(loaded))
    publish(loaded, keys(), vectors(5), "model-1")
    assert content_hash(read_tables(loaded)) == before


def test_unknown_molecules_are_passed_over(loaded):
    assert publish(loaded, ["not in the graph", keys()[0]], vectors(6)[:2], "model-1") == 1


def test_nothing_published_finds_nothing(loaded):
    publish(loaded, [], np.empty((0, EMBEDDING_DIMENSION), np.float32), "model-1")
    assert nearest(loaded, vectors(7)[0], 3) == []


@pytest.mark.parametrize(
    ("matrix", "says"),
    [
        (np.zeros((1, 299), np.float32), "shape"),
        (np.zeros((2, 300), np.float32), "shape"),
        (np.full((1, 300), np.nan, np.float32), "finite"),
    ],
)
def test_wrong_embeddings_are_refused(store, matrix, says):
    with pytest.raises(InputError, match=says):
        publish(store, ["a"], matrix, "model-1")


@pytest.mark.parametrize(
    ("vector", "k", "says"),
    [
        (np.zeros(300), 1, "direction"),
        (np.full(300, np.nan), 1, "finite"),
        (np.ones(299), 1, "shape"),
        (np.ones(300), 0, "0"),
    ],
)
def test_wrong_query_is_refused(store, vector, k, says):
    with pytest.raises(InputError, match=says):
        nearest(store, vector, k)
