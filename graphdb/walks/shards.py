"""Shards: exported walks as Parquet, which training reads without a graph.

A folder with ``manifest.json`` and ``epoch-EEEE-shard-SSSS.parquet``; columns ``start`` int32, ``epoch`` int32,
``nodes`` fixed-size list of L + 1 int32, ``path_weights`` fixed-size list of L + 1 float32.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from graphdb.arrays import check_schema_version
from graphdb.console import progress
from graphdb.csr import checked_numbers
from graphdb.errors import ArtefactError, InputError
from graphdb.files import read_manifest, replacing_folder, sha256, write_manifest
from graphdb.schema import SCHEMA_VERSION
from graphdb.snapshot import Snapshot
from graphdb.walks.config import Sampler, WalkConfig, Walks
from graphdb.walks.memory import MemorySampler

KIND = "walk export"
MADE_BY = "python -m graphdb.walks export"


def write(
    folder: Path,
    snapshot: Snapshot,
    starts: npt.ArrayLike,
    config: WalkConfig,
    *,
    epochs: int = 1,
    shard_size: int = 1_000_000,
    excluded: npt.ArrayLike = (),
    holdout: Mapping[str, Any] | None = None,
    sampler: Sampler | None = None,
) -> dict[str, Any]:
    """Walk and write the shards to `folder`, all or nothing.

    Parameters
    ----------
    folder
        Where they shall be; what is there stays until all are written.
    snapshot
        The topology.
    starts
        (k,) node numbers, without repetition.
    config
        Length, walks per node, uniform or weighted, seed.
    epochs
        How many sets of walks, each of every start.
    shard_size
        Most walks in a file.
    excluded
        Node numbers that no walk may touch: they are taken out of the topology, and none may be a start.
    holdout
        What they are and why, for the manifest.
    sampler
        Who walks; it must have been told of the same snapshot, configuration and excluded nodes. Default: the sampler
        in memory.

    Returns
    -------
    dict
        Content of the manifest: ``snapshot_id`` (of `snapshot`, whose numbering walks use), ``topology_id`` (what was
        walked: the snapshot without the excluded nodes), ``graph_hash``, ``config``, ``epochs``, ``walks_per_epoch``,
        ``sampler``, ``mean_steps``, ``excluded``, ``files``.

    Raises
    ------
    InputError
        If a start is excluded, repeated or no node, or a number is out of range.
    """
    if epochs < 1 or shard_size < 1:
        raise InputError(f"walks: epochs and shard size must be at least 1, got {epochs} and {shard_size}")
    first_nodes = checked_numbers(starts, snapshot.number_of_nodes)
    left_out = np.unique(checked_numbers(excluded, snapshot.number_of_nodes))
    _require_usable(first_nodes, left_out, snapshot)
    topology = snapshot.without(left_out) if len(left_out) else snapshot
    walker = sampler or MemorySampler(topology, config)
    files, steps = [], 0
    with replacing_folder(Path(folder)) as temporary, progress() as bar:
        task = bar.add_task("walking", total=epochs * len(first_nodes) * config.walks_per_node)
        # All walks of a start stand in one file.
        starts_a_file = max(1, shard_size // config.walks_per_node)
        for epoch in range(epochs):
            for number, begin in enumerate(range(0, len(first_nodes), starts_a_file)):
                walks = walker.sample(first_nodes[begin : begin + starts_a_file], epoch)
                path = temporary / f"epoch-{epoch:04d}-shard-{number:04d}.parquet"
                pq.write_table(to_table(walks, epoch), path, compression="zstd")
                about = {"epoch": epoch, "walks": len(walks), "bytes": path.stat().st_size, "sha256": sha256(path)}
                files.append({"name": path.name, **about})
                steps += int(walks.steps.sum())
                bar.advance(task, len(walks))
        per_epoch = len(first_nodes) * config.walks_per_node
        content: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "snapshot_id": snapshot.id,
            "topology_id": config.topology(topology).id,
            "sampler": walker.name,
            "graph_hash": snapshot.graph_hash,
            "config": {name: getattr(config, name) for name in config.__dataclass_fields__},
            "epochs": epochs,
            "walks_per_epoch": per_epoch,
            "mean_steps": steps / max(1, epochs * per_epoch),
            "excluded": left_out.tolist(),
            "holdout": dict(holdout or {}),
            "files": files,
        }
        write_manifest(temporary, KIND, content)
    return content


class ShardReader:
    """Reads shards.

    Parameters
    ----------
    folder
        Where they are.
    snapshot
        If given, the snapshot that they must have been made of.

    Attributes
    ----------
    manifest
        See `write`.
    config
        The settings of the walks.

    Raises
    ------
    ArtefactError
        If they are missing, of another kind, schema or snapshot, or a file lacks or has another size. (The content of a
        file is checked when it is read.)
    """

    def __init__(self, folder: Path, snapshot: Snapshot | None = None) -> None:
        self.folder = Path(folder)
        self.manifest = read_manifest(self.folder, KIND, made_by=MADE_BY)
        check_schema_version(self.folder, self.manifest, made_by=MADE_BY)
        try:
            self.config = WalkConfig.from_mapping(self.manifest["config"])
            self._files = [dict(about) for about in self.manifest["files"]]
            listed = sum(int(about["walks"]) for about in self._files)
            expected = int(self.manifest["epochs"]) * int(self.manifest["walks_per_epoch"])
            sizes = {str(about["name"]): int(about["bytes"]) for about in self._files}
        except (KeyError, TypeError, ValueError, InputError) as error:
            raise ArtefactError(f"{self.folder}: its manifest is damaged ({error!r})") from None
        if listed != expected:
            raise ArtefactError(f"{self.folder}: its manifest is damaged ({listed} walks in files, {expected} stated)")
        if snapshot is not None and snapshot.id != self.snapshot_id:
            raise ArtefactError(
                f"{self.folder}: made of snapshot {self.snapshot_id[:16]}, this is {snapshot.id[:16]}; "
                f"make it again with: {MADE_BY}"
            )
        for name, size in sizes.items():
            _require_size(self.folder / name, size)

    @property
    def snapshot_id(self) -> str:
        """Id of the snapshot whose node numbers the walks use."""
        return str(self.manifest["snapshot_id"])

    @property
    def graph_hash(self) -> str:
        """Content hash of the graph that the snapshot was made of; "" if there was none."""
        return str(self.manifest.get("graph_hash", ""))

    @property
    def epochs(self) -> int:
        """Number of stored epochs."""
        return int(self.manifest["epochs"])

    @property
    def number_of_walks(self) -> int:
        """Number of walks in an epoch."""
        return int(self.manifest["walks_per_epoch"])

    @property
    def excluded(self) -> npt.NDArray[np.int32]:
        """Node numbers that were taken out of the topology before walking."""
        return np.array(self.manifest.get("excluded", []), dtype=np.int32)

    @property
    def sampler(self) -> str:
        """Who walked: ``memory``, ``cypher`` or ``gds``."""
        return str(self.manifest.get("sampler", "memory"))

    def number_of_batches(self, batch_size: int, world_size: int = 1) -> int:
        """Return how many batches an epoch has for each of `world_size` ranks; the last may be smaller."""
        return -(-self.number_of_walks // (batch_size * world_size))

    def read(self, epoch: int) -> Walks:
        """Return the walks of an epoch, in the order of the starts; after the last stored epoch comes the first.

        Raises
        ------
        ArtefactError
            Naming the file that is missing or damaged.
        """
        stored = epoch % self.epochs
        parts = [self._read(about) for about in self._files if about["epoch"] == stored]
        width = self.config.length + 1
        return Walks(
            np.concatenate([np.empty((0, width), np.int32), *(part.nodes for part in parts)]),
            np.concatenate([np.empty((0, width), np.float32), *(part.path_weights for part in parts)]),
        )

    def batches(
        self, batch_size: int, seed: int, epoch: int, start_batch: int = 0, *, rank: int = 0, world_size: int = 1
    ) -> Iterator[Walks]:
        """Yield the walks of an epoch in batches, shuffled by (seed, epoch).

        Parameters
        ----------
        batch_size
            Walks in a batch of a rank; the last may have fewer.
        seed, epoch
            They alone determine the order.
        start_batch
            Batches to leave out at the beginning: how a run goes on in the middle of an epoch.
        rank, world_size
            Which of how many processes asks. Batch k of all ranks together is batch k of one process whose batches are
            `world_size` times as large; no walk is given twice, and none is left out. All ranks have the same number
            of batches; those of the last one may differ in size, and may be empty where there is nothing left.

        Raises
        ------
        InputError
            If a number is out of range.
        ArtefactError
            Naming the file that is missing or damaged.
        """
        if batch_size < 1 or start_batch < 0 or seed < 0 or epoch < 0:
            raise InputError("walks: batch size must be at least 1; seed, epoch and first batch at least 0")
        if not 0 <= rank < world_size:
            raise InputError(f"walks: rank must lie from 0 to world size - 1, got rank {rank} of {world_size}")
        walks = self.read(epoch)
        order = np.random.default_rng([seed, epoch]).permutation(len(walks))
        together = batch_size * world_size
        for begin in range(start_batch * together, len(walks), together):
            yield walks.take(order[begin : begin + together][rank::world_size])

    def _read(self, about: Mapping[str, Any]) -> Walks:
        path = self.folder / about["name"]
        _require_size(path, int(about["bytes"]))
        if sha256(path) != about["sha256"]:
            raise ArtefactError(f"{path}: damaged (its SHA-256 is not the one in the manifest); {_AGAIN}")
        walks = from_table(pq.read_table(path))
        if len(walks) != about["walks"] or walks.length != self.config.length:
            raise ArtefactError(f"{path}: holds other walks than the manifest says; {_AGAIN}")
        return walks


_AGAIN = f"make the shards again with: {MADE_BY}"


def to_table(walks: Walks, epoch: int) -> pa.Table:
    """Return walks as an Arrow table."""
    width = walks.length + 1
    return pa.table(
        {
            "start": pa.array(walks.starts),
            "epoch": pa.array(np.full(len(walks), epoch, dtype=np.int32)),
            "nodes": pa.FixedSizeListArray.from_arrays(pa.array(walks.nodes.ravel()), width),
            "path_weights": pa.FixedSizeListArray.from_arrays(pa.array(walks.path_weights.ravel()), width),
        }
    )


def from_table(table: pa.Table) -> Walks:
    """Return the walks of an Arrow table that `to_table` made."""
    width = table.schema.field("nodes").type.list_size
    columns = (table.column(name).combine_chunks() for name in ("nodes", "path_weights"))
    nodes, path_weights = (column.flatten().to_numpy(zero_copy_only=False).reshape(-1, width) for column in columns)
    return Walks(nodes, path_weights)


def _require_size(path: Path, size: int) -> None:
    if not path.is_file():
        raise ArtefactError(f"{path}: missing; {_AGAIN}")
    found = path.stat().st_size
    if found != size:
        raise ArtefactError(f"{path}: damaged ({found} bytes, its manifest says {size}); {_AGAIN}")


def _require_usable(starts: npt.NDArray[np.int64], excluded: npt.NDArray[np.int64], snapshot: Snapshot) -> None:
    both = starts[np.isin(starts, excluded)]
    if len(both):
        raise InputError(f"walks: the start {snapshot.keys[both[0]]} is excluded")
    unique, counts = np.unique(starts, return_counts=True)
    if len(unique) != len(starts):
        raise InputError(f"walks: the start {snapshot.keys[unique[counts > 1][0]]} stands there more than once")
