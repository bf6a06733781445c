"""Shards: the walks as they were sampled, in any split; seeded batches; damage is noticed; all or nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphdb.errors import ArtefactError, InputError
from graphdb.snapshot import Snapshot
from graphdb.walks import WalkConfig, Walks, memory, sample, shards

CONFIG = WalkConfig(length=3, walks_per_node=2, weighted=True, seed=4)
STARTS = np.arange(50)


def graph() -> Snapshot:
    rng = np.random.default_rng(8)
    src, dst = rng.integers(120, size=(2, 300))
    types = np.repeat([0, 1], [60, 60])
    return Snapshot.from_edges(types, src, dst, rng.random(300), graph_hash="graph")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shards.write(tmp_path / "shards", graph(), STARTS, CONFIG, epochs=2, shard_size=30)
    return tmp_path / "shards"


def assert_same(first: Walks, second: Walks) -> None:
    np.testing.assert_array_equal(first.nodes, second.nodes)
    np.testing.assert_array_equal(first.path_weights, second.path_weights)
    assert first.nodes.dtype == second.nodes.dtype == np.int32
    assert first.path_weights.dtype == second.path_weights.dtype == np.float32


def test_what_is_read_is_what_was_sampled(folder: Path) -> None:
    reader = shards.ShardReader(folder, graph())
    assert (reader.snapshot_id, reader.graph_hash) == (graph().id, "graph")
    assert (reader.number_of_walks, reader.epochs, reader.config) == (100, 2, CONFIG)
    for epoch in (0, 1):
        assert_same(reader.read(epoch), sample(graph(), STARTS, CONFIG, epoch))


def test_epochs_beyond_those_stored_begin_again(folder: Path) -> None:
    reader = shards.ShardReader(folder)
    assert_same(reader.read(5), reader.read(1))
    assert (reader.read(0).nodes != reader.read(1).nodes).any()


def test_the_split_into_files_does_not_matter(folder: Path, tmp_path: Path) -> None:
    assert len(list(folder.glob("*.parquet"))) == 8
    shards.write(tmp_path / "one", graph(), STARTS, CONFIG, epochs=2)
    assert len(list((tmp_path / "one").glob("*.parquet"))) == 2
    assert_same(shards.ShardReader(tmp_path / "one").read(1), shards.ShardReader(folder).read(1))


def test_files_are_plain_parquet(folder: Path) -> None:
    frame = pd.concat([pd.read_parquet(path) for path in sorted(folder.glob("epoch-0001-*.parquet"))])
    walks = sample(graph(), STARTS, CONFIG, 1)
    assert list(frame.columns) == ["start", "epoch", "nodes", "path_weights"]
    assert frame["start"].tolist() == walks.starts.tolist()
    assert set(frame["epoch"]) == {1}
    np.testing.assert_array_equal(np.stack(frame["nodes"].tolist()), walks.nodes)


def test_excluded_nodes_are_in_no_walk(tmp_path: Path) -> None:
    excluded = [0, 3, 70, 3]
    about = shards.write(tmp_path, graph(), STARTS[4:], CONFIG, epochs=3, excluded=excluded, holdout={"why": "test"})
    reader = shards.ShardReader(tmp_path, graph())
    assert reader.excluded.tolist() == [0, 3, 70]
    assert reader.manifest["holdout"] == {"why": "test"}
    topology = graph().without(excluded)
    assert (about["snapshot_id"], about["topology_id"]) == (graph().id, topology.id)
    for epoch in range(3):
        walks = reader.read(epoch)
        assert not np.isin(walks.nodes, excluded).any()
        assert_same(walks, sample(topology, STARTS[4:], CONFIG, epoch))
    # They would be there otherwise.
    assert np.isin(sample(graph(), STARTS[4:], CONFIG).nodes, excluded).any()


def test_the_manifest_counts(folder: Path) -> None:
    manifest = shards.ShardReader(folder).manifest
    steps = np.concatenate([sample(graph(), STARTS, CONFIG, epoch).steps for epoch in (0, 1)])
    assert manifest["mean_steps"] == pytest.approx(steps.mean())
    assert manifest["walks_per_epoch"] == 100
    assert sum(about["walks"] for about in manifest["files"]) == 200
    expected = {"length": 3, "walks_per_node": 2, "weighted": True, "seed": 4, "p": 1.0, "q": 1.0, "edge_types": None}
    assert manifest["config"] == expected
    assert manifest["sampler"] == "memory"


def test_batches_are_a_seeded_permutation_of_the_epoch(folder: Path) -> None:
    reader = shards.ShardReader(folder)
    batches = list(reader.batches(32, seed=1, epoch=0))
    assert [len(batch) for batch in batches] == [32, 32, 32, 4]
    assert reader.number_of_batches(32) == 4
    joined = np.concatenate([np.concatenate([batch.nodes, batch.path_weights], axis=1) for batch in batches])
    whole = reader.read(0)
    expected = np.concatenate([whole.nodes, whole.path_weights], axis=1)
    assert (joined != expected).any()
    np.testing.assert_array_equal(joined[np.lexsort(joined.T)], expected[np.lexsort(expected.T)])


@pytest.mark.parametrize("world_size", [1, 2, 3, 7])
@pytest.mark.parametrize("start_batch", [0, 2])
def test_ranks_share_an_epoch_without_overlap(folder: Path, world_size: int, start_batch: int) -> None:
    reader = shards.ShardReader(folder)
    ranks = [list(reader.batches(8, 1, 1, start_batch, rank=rank, world_size=world_size)) for rank in range(world_size)]
    whole = list(reader.batches(8 * world_size, 1, 1, start_batch))
    number = reader.number_of_batches(8, world_size) - start_batch
    assert {len(batches) for batches in ranks} == {number} == {len(whole)}
    for step in range(number):
        parts = np.concatenate([np.concatenate([b[step].nodes, b[step].path_weights], axis=1) for b in ranks])
        expected = np.concatenate([whole[step].nodes, whole[step].path_weights], axis=1)
        np.testing.assert_array_equal(parts[np.lexsort(parts.T)], expected[np.lexsort(expected.T)])
        sizes = [len(batches[step]) for batches in ranks]
        assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(("rank", "world_size"), [(1, 1), (-1, 2), (0, 0)])
def test_rank_that_is_none_is_refused(folder: Path, rank: int, world_size: int) -> None:
    with pytest.raises(InputError, match="rank"):
        next(shards.ShardReader(folder).batches(8, 1, 0, rank=rank, world_size=world_size))


def test_batches_depend_on_seed_and_epoch_alone(folder: Path) -> None:
    reader = shards.ShardReader(folder)

    def starts(seed: int, epoch: int) -> list[int]:
        return np.concatenate([batch.starts for batch in reader.batches(7, seed, epoch)]).tolist()

    assert starts(1, 0) == starts(1, 0)
    # Epochs 0 and 2 have the same walks in another order.
    assert len({tuple(starts(seed, epoch)) for seed, epoch in [(1, 0), (2, 0), (1, 1), (1, 2)]}) == 4


@pytest.mark.parametrize("start_batch", [0, 1, 3, 4, 9])
def test_batches_go_on_in_the_middle(folder: Path, start_batch: int) -> None:
    reader = shards.ShardReader(folder)
    whole = list(reader.batches(30, seed=3, epoch=1))
    rest = list(reader.batches(30, seed=3, epoch=1, start_batch=start_batch))
    assert len(rest) == max(0, 4 - start_batch)
    for one, other in zip(rest, whole[start_batch:], strict=True):
        assert_same(one, other)


@pytest.mark.parametrize("change", [{"batch_size": 0}, {"start_batch": -1}, {"epoch": -1}, {"seed": -1}])
def test_batch_numbers_are_checked(folder: Path, change: dict[str, int]) -> None:
    with pytest.raises(InputError, match="batch size"):
        next(shards.ShardReader(folder).batches(**{"batch_size": 1, "seed": 0, "epoch": 0, **change}))


@pytest.mark.parametrize("damage", ["cut", "remove"])
def test_a_missing_or_cut_file_is_named_at_opening(folder: Path, damage: str) -> None:
    path = folder / "epoch-0001-shard-0002.parquet"
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-10])
    else:
        path.unlink()
    with pytest.raises(ArtefactError, match=r"epoch-0001-shard-0002\.parquet: (damaged|missing)"):
        shards.ShardReader(folder)


def test_a_flipped_bit_is_named_at_reading(folder: Path) -> None:
    path = folder / "epoch-0001-shard-0002.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)
    reader = shards.ShardReader(folder)
    reader.read(0)
    with pytest.raises(ArtefactError, match=r"epoch-0001-shard-0002\.parquet: damaged \(its SHA-256"):
        reader.read(1)
    with pytest.raises(ArtefactError, match="epoch-0001-shard-0002"):
        next(reader.batches(3, 0, 1))


def test_a_file_that_goes_after_opening_is_named(folder: Path) -> None:
    reader = shards.ShardReader(folder)
    (folder / "epoch-0000-shard-0000.parquet").unlink()
    with pytest.raises(ArtefactError, match=r"epoch-0000-shard-0000\.parquet: missing"):
        reader.read(0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "snapshot"}, "expected a walk export, found a 'snapshot'"),
        ({"schema_version": 0}, "schema 0"),
        ({"config": {"steps": 3}}, "manifest is damaged"),
        ({"files": []}, "manifest is damaged .0 walks in files, 200 stated"),
        ({"files": [{}]}, "manifest is damaged"),
        ({"epochs": None}, "manifest is damaged"),
    ],
)
def test_another_manifest_is_refused(folder: Path, changes: dict[str, object], message: str) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(ArtefactError, match=message):
        shards.ShardReader(folder)


def test_shards_of_another_snapshot_are_refused(folder: Path) -> None:
    with pytest.raises(ArtefactError, match=r"made of snapshot .*, this is .*; make it again with"):
        shards.ShardReader(folder, graph().without([1]))


def test_a_failure_on_the_way_leaves_the_old_shards(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = shards.ShardReader(folder).manifest
    calls = []

    def fail_at_third(*arguments: object) -> Walks:
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return sample(*arguments)

    monkeypatch.setattr(memory, "sample", fail_at_third)
    with pytest.raises(KeyboardInterrupt):
        shards.write(folder, graph(), STARTS, WalkConfig(seed=99), shard_size=10)
    assert shards.ShardReader(folder).manifest == before
    assert [path.name for path in folder.parent.iterdir()] == ["shards"]


@pytest.mark.parametrize(
    ("starts", "settings", "message"),
    [
        ([1, 2, 1], {}, "the start 1 stands there more than once"),
        ([1, 2], {"excluded": [2]}, "the start 2 is excluded"),
        ([120], {}, "node 120 does not exist"),
        ([1], {"excluded": [120]}, "node 120 does not exist"),
        ([1], {"epochs": 0}, "at least 1"),
        ([1], {"shard_size": 0}, "at least 1"),
    ],
)
def test_wrong_requests_write_nothing(
    tmp_path: Path, starts: list[int], settings: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        shards.write(tmp_path / "shards", graph(), starts, CONFIG, **settings)
    assert not (tmp_path / "shards").exists()


def test_walks_of_no_start_can_be_read(tmp_path: Path) -> None:
    shards.write(tmp_path, graph(), [], CONFIG)
    assert shards.ShardReader(tmp_path).read(0).nodes.shape == (0, 4)
    assert list(shards.ShardReader(tmp_path).batches(3, 0, 0)) == []
