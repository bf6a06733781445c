"""The feature store: scaling, units, what is refused, all or nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from graphdb.errors import ArtefactError, InputError
from graphdb.feature_store import FeatureSpace, FeatureStore, FeatureStoreWriter
from graphdb.schema import NodeType

M, G, P = NodeType.MOLECULE, NodeType.GENE, NodeType.MORPHOLOGY
NAN = np.nan
# Columns: plain; constant; never measured; constant where measured; negative.
VALUES = np.array([[1, 7, NAN, NAN, -4], [3, 7, NAN, 5, 0], [2, 7, NAN, 5, NAN]])
COLUMNS = ["plain", "constant", "never", "sometimes", "negative"]
SCALED = np.array([[0, 0.5, NAN, NAN, 0], [1, 0.5, NAN, 0.5, 1], [0.5, 0.5, NAN, 0.5, NAN]])
BITS = np.random.default_rng(0).random((4, 13)) < 0.5


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    writer = FeatureStoreWriter(tmp_path / "features")
    writer.add(G, "cpjump1-5-orf", [9, 10, 5290], COLUMNS, VALUES, simulated=True)
    writer.add(P, "cpjump1-5", ["a", "b"], COLUMNS, 100 * VALUES[:2])
    writer.add_binary(M, "morgan-r4-13", list("ABCD"), [f"bit {i}" for i in range(13)], np.packbits(BITS, axis=1))
    writer.finish({"graph_hash": "h", "inputs": [{"path": "x.csv"}]})
    return FeatureStore.open(tmp_path / "features", verify=True)


def test_spaces_are_listed_by_type_and_name(store: FeatureStore) -> None:
    listed = [(space.node_type, space.name, space.kind, len(space), space.dimension) for space in store.spaces()]
    assert listed == [
        (M, "morgan-r4-13", "binary", 4, 13),
        (G, "cpjump1-5-orf", "continuous", 3, 5),
        (P, "cpjump1-5", "continuous", 2, 5),
    ]
    assert [space.simulated for space in store.spaces()] == [False, True, False]
    assert store.graph_hash == "h"
    assert store.manifest["inputs"] == [{"path": "x.csv"}]


def test_scaling_is_min_max_per_column_and_keeps_what_is_missing(store: FeatureStore) -> None:
    space = store.space(G, "cpjump1-5-orf")
    np.testing.assert_array_equal(space.scaled(), SCALED)
    assert space.scaled().dtype == np.float32
    np.testing.assert_array_equal(space.scaled(np.array([2, 0, 2])), SCALED[[2, 0, 2]])
    np.testing.assert_array_equal(space.scaled(slice(1, 3)), SCALED[1:3])
    np.testing.assert_array_equal(space.minima, np.float32([1, 7, NAN, 5, -4]))
    np.testing.assert_array_equal(space.maxima, np.float32([3, 7, NAN, 5, 0]))


def test_extremes_are_of_the_type_and_space_alone(store: FeatureStore) -> None:
    assert store.space(P, "cpjump1-5").maxima[0] == 300
    assert store.space(G, "cpjump1-5-orf").maxima[0] == 3


def test_unscale_brings_back_the_units(store: FeatureStore) -> None:
    space = store.space(G, "cpjump1-5-orf")
    np.testing.assert_allclose(space.unscale(space.scaled()), VALUES, rtol=1e-6)
    np.testing.assert_array_equal(space.unscale([[0.25, 0.9, 0.5, 0.5, 0.5]]), np.float32([[1.5, 7, NAN, 5, -2]]))
    np.testing.assert_array_equal(space.raw([1]), np.float32(VALUES[[1]]))


def test_bits_are_zeros_and_ones(store: FeatureStore) -> None:
    space = store.space(M, "morgan-r4-13")
    np.testing.assert_array_equal(space.scaled([3, 0]), BITS[[3, 0]].astype(np.float32))
    np.testing.assert_array_equal(space.raw(), BITS)
    np.testing.assert_array_equal(space.unscale(space.scaled()), BITS)
    assert space.values.dtype == np.uint8
    assert space.values.shape == (4, 2)
    assert space.scaled().dtype == np.float32


def test_matrices_are_memory_mapped_and_read_only(store: FeatureStore) -> None:
    for space in store.spaces():
        assert isinstance(space.values, np.memmap)
        with pytest.raises(ValueError, match="read-only"):
            space.values[0, 0] = 0
    # What `scaled` returns is the caller's own.
    store.space(G, "cpjump1-5-orf").scaled()[:] = 3
    np.testing.assert_array_equal(store.space(G, "cpjump1-5-orf").scaled(), SCALED)


def test_keys_are_looked_up(store: FeatureStore) -> None:
    space = store.space(G, "cpjump1-5-orf")
    assert space.index_of([5290, 11, 9]).tolist() == [2, -1, 0]
    with pytest.raises(InputError, match="no row -1"):
        space.scaled(space.index_of([11]))


def test_random_matrices_scale_into_the_unit_interval(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    values = (rng.normal(size=(500, 40)) * 10.0 ** rng.integers(-6, 7, size=40)).astype(np.float32)
    values[rng.random(values.shape) < 0.1] = NAN
    writer = FeatureStoreWriter(tmp_path)
    writer.add(P, "random", np.arange(500), [str(i) for i in range(40)], values)
    writer.finish({})
    space = FeatureStore.open(tmp_path).space(P, "random")
    exact = values.astype(float)
    low, high = np.nanmin(exact, axis=0), np.nanmax(exact, axis=0)
    np.testing.assert_allclose(space.scaled(), (exact - low) / (high - low), atol=1e-6)
    assert np.nanmin(space.scaled()) == 0
    assert np.nanmax(space.scaled()) == 1
    np.testing.assert_allclose(space.unscale(space.scaled()), exact, atol=1e-6 * float(np.max(high - low)))


def test_an_unknown_space_names_those_that_are_there(store: FeatureStore) -> None:
    with pytest.raises(ArtefactError, match="no feature space 'cmea-812' of Morphology; there is: cpjump1-5"):
        store.space(P, "cmea-812")
    with pytest.raises(ArtefactError, match="there is: none"):
        store.space(NodeType.EXPRESSION, "l1000-978")


def add(writer: FeatureStoreWriter, **changes: object) -> None:
    arguments = {"node_type": G, "name": "s", "keys": [1, 2, 3], "columns": COLUMNS, "values": VALUES, **changes}
    writer.add(**arguments)


def with_value(value: float) -> np.ndarray:
    values = VALUES.copy()
    values[2, 4] = value
    return values


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"keys": [1, 2, 1]}, "the key '1' stands there more than once"),
        ({"keys": [1, 2]}, r"2 keys but values of shape \(3, 5\)"),
        ({"columns": COLUMNS[:4]}, r"4 columns but values of shape \(3, 5\)"),
        ({"columns": ["plain", *COLUMNS[:4]]}, "the key 'plain' stands there more than once"),
        ({"values": VALUES[0], "keys": [1]}, r"values of shape \(5,\)"),
        ({"values": with_value(np.inf)}, "'3' is infinite in 'negative'"),
        ({"values": with_value(-np.inf)}, "'3' is infinite in 'negative'"),
        ({"values": with_value(1e39)}, "'3' is infinite in 'negative'"),
        ({"values": np.array([[3e38], [-3e38]]), "keys": [1, 2], "columns": ["wide"]}, "range of 'wide' is beyond"),
        ({"name": "with space"}, "made of a-z"),
        ({"name": "../up"}, "made of a-z"),
        ({"name": ".."}, "made of a-z"),
        ({"name": ""}, "made of a-z"),
    ],
)
def test_bad_features_are_refused(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with FeatureStoreWriter(tmp_path / "features") as writer, pytest.raises(InputError, match=message):
        add(writer, **changes)


@pytest.mark.parametrize(
    ("packed", "message"),
    [
        (np.zeros((2, 1), np.uint8), r"expected uint8 of shape \(2, 2\)"),
        (np.zeros((2, 2), np.int64), "got int64"),
        (np.full((2, 2), 255, np.uint8), "beyond the last of 13 columns"),
    ],
)
def test_bad_bits_are_refused(tmp_path: Path, packed: np.ndarray, message: str) -> None:
    with FeatureStoreWriter(tmp_path / "features") as writer, pytest.raises(InputError, match=message):
        writer.add_binary(M, "bits", ["A", "B"], [str(i) for i in range(13)], packed)


def test_a_space_is_added_once(tmp_path: Path) -> None:
    with FeatureStoreWriter(tmp_path / "features") as writer:
        add(writer)
        add(writer, node_type=P)
        with pytest.raises(InputError, match="'s' of Gene: added twice"):
            add(writer)


def test_a_space_without_nodes_is_a_space(tmp_path: Path) -> None:
    writer = FeatureStoreWriter(tmp_path)
    writer.add(P, "none", [], COLUMNS, np.empty((0, 5)))
    writer.finish({})
    space = FeatureStore.open(tmp_path, verify=True).space(P, "none")
    assert space.scaled().shape == (0, 5)
    assert np.isnan(space.minima).all()


def test_batches_are_kept_beside_the_rows_and_may_be_absent(tmp_path: Path) -> None:
    writer = FeatureStoreWriter(tmp_path)
    writer.add(P, "plates", ["a", "b", "c"], COLUMNS, VALUES, batches=["s/1", "s/a longer name", "s/1"])
    writer.add(P, "unknown", ["a", "b", "c"], COLUMNS, VALUES)
    writer.finish({})
    store = FeatureStore.open(tmp_path, verify=True)
    batches = store.space(P, "plates").batches
    assert batches is not None
    assert batches.tolist() == ["s/1", "s/a longer name", "s/1"]
    assert store.space(P, "unknown").batches is None
    flip(tmp_path / "morphology" / "plates" / "batches.npy")
    with pytest.raises(ArtefactError, match=r"plates/batches\.npy"):
        FeatureStore.open(tmp_path, verify=True)


def test_a_store_of_an_earlier_version_has_no_batches(store: FeatureStore) -> None:
    """What it lacks is exactly what a space without known batches lacks: no array, no word of it."""
    described = json.loads((store.folder / "gene" / "cpjump1-5-orf" / "space.json").read_text())
    assert set(described["arrays"]) == {"keys", "values", "minima", "maxima"}
    assert store.space(G, "cpjump1-5-orf").batches is None


def test_batches_that_do_not_fit_the_rows_are_noticed(tmp_path: Path) -> None:
    writer = FeatureStoreWriter(tmp_path)
    with pytest.raises(InputError, match="3 keys but 2 batches"):
        add(writer, batches=["a", "b"])
    add(writer, batches=["a", "b", "c"])
    writer.finish({})
    folder = tmp_path / "gene" / "s"
    np.save(folder / "batches.npy", np.array(["a", "b"]))
    about = json.loads((folder / "space.json").read_text())
    about["arrays"]["batches"]["shape"] = [2]
    (folder / "space.json").write_text(json.dumps(about))
    with pytest.raises(ArtefactError, match="do not fit each other"):
        FeatureStore.open(tmp_path)


def test_nothing_shows_before_finish_and_a_failure_leaves_the_old_store(store: FeatureStore) -> None:
    folder = store.folder

    def fail() -> None:
        with FeatureStoreWriter(folder) as writer:
            add(writer)
            assert FeatureStore.open(folder).graph_hash == "h"
            raise RuntimeError("on the way")

    with pytest.raises(RuntimeError, match="on the way"):
        fail()
    with FeatureStoreWriter(folder) as writer:
        add(writer)
    assert len(FeatureStore.open(folder, verify=True).spaces()) == 3
    assert [path.name for path in folder.parent.iterdir()] == ["features"]
    with FeatureStoreWriter(folder) as writer:
        add(writer)
        writer.finish({"graph_hash": "new"})
    assert [space.name for space in FeatureStore.open(folder, verify=True).spaces()] == ["s"]
    assert [path.name for path in folder.parent.iterdir()] == ["features"]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


@pytest.mark.parametrize("name", ["keys", "values", "minima", "maxima"])
@pytest.mark.parametrize(("damage", "verify"), [(cut, False), (Path.unlink, False), (flip, True)])
def test_a_damaged_matrix_is_named(
    store: FeatureStore, name: str, damage: Callable[[Path], None], verify: bool
) -> None:
    damage(store.folder / "gene" / "cpjump1-5-orf" / f"{name}.npy")
    with pytest.raises(ArtefactError, match=f"cpjump1-5-orf/{name}.npy"):
        FeatureStore.open(store.folder, verify=verify)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "ternary"}, "unknown kind 'ternary'"),
        ({"node_type": "Cell"}, "damaged"),
        ({"columns": None}, "damaged"),
    ],
)
def test_a_damaged_description_is_named(store: FeatureStore, changes: dict[str, object], message: str) -> None:
    path = store.folder / "gene" / "cpjump1-5-orf" / "space.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(ArtefactError, match=rf"space\.json: {message}"):
        FeatureStore.open(store.folder)


def test_columns_that_do_not_fit_the_matrix_are_noticed(store: FeatureStore) -> None:
    path = store.folder / "gene" / "cpjump1-5-orf" / "space.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "columns": ["a"]}))
    with pytest.raises(ArtefactError, match="do not fit each other"):
        FeatureStore.open(store.folder)


def test_another_schema_or_kind_is_refused(store: FeatureStore) -> None:
    path = store.folder / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "schema_version": 99}))
    with pytest.raises(ArtefactError, match="schema 99"):
        FeatureStore.open(store.folder)
    path.write_text(json.dumps({**manifest, "kind": "snapshot"}))
    with pytest.raises(ArtefactError, match="expected a feature store"):
        FeatureStore.open(store.folder)


def test_a_space_says_what_it_is(store: FeatureStore) -> None:
    assert isinstance(store.space(P, "cpjump1-5"), FeatureSpace)
    assert store.space(P, "cpjump1-5").columns == tuple(COLUMNS)
