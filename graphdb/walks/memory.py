"""Random walks over a snapshot in memory.

Each walk has a random stream of its own: SplitMix64 (Steele, Lea and Flood 2014, doi:10.1145/2660193.2660195) started
at a hash of (snapshot id, seed, epoch, start, replicate). So a walk is the same in whatever batch, order or thread it
is made.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from graphdb.compiled import compiled
from graphdb.csr import checked_numbers
from graphdb.errors import InputError
from graphdb.machine import processors
from graphdb.schema import EdgeType
from graphdb.snapshot import Snapshot
from graphdb.walks.config import WalkConfig, Walks

# Below this many walks starting threads takes longer than walking.
_WALKS_PER_THREAD = 20_000

# Walks that the compiled loop makes together; the streams of all of them fit the fastest cache.
_TOGETHER = 64

# How often a second-order step is proposed before it is drawn exactly.
_PROPOSALS = 32

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_LOW_32 = np.uint64(0xFFFFFFFF)
_30, _27, _31, _32 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(32)


def sample(
    snapshot: Snapshot,
    starts: npt.ArrayLike,
    config: WalkConfig,
    epoch: int = 0,
    *,
    threads: int | None = None,
) -> Walks:
    """Walk from every start.

    Parameters
    ----------
    snapshot
        The topology.
    starts
        (k,) node numbers; a start may stand there again and then has the same walks again.
    config
        Length, walks per node, uniform or weighted, seed.
    epoch
        Each epoch has walks of its own.
    threads
        Default: as many as there are processors. It does not change the walks.

    Returns
    -------
    Walks
        k · walks_per_node of them; those of one start stand beside each other, in the order of `starts`. Walk r of a
        start depends on (id of the topology that is walked, seed, epoch, start, r), ``weighted``, p and q alone; a
        longer one begins like a shorter one.

    Raises
    ------
    InputError
        If a start is not a node, `epoch` is negative, or the edge types of the snapshot are not known and some are
        wanted.
    """
    if epoch < 0:
        raise InputError(f"walks: an epoch is a whole number from 0, got {epoch}")
    snapshot = _restricted(snapshot, config)
    first_nodes = checked_numbers(starts, snapshot.number_of_nodes)
    size = len(first_nodes) * config.walks_per_node
    nodes = np.full((size, config.length + 1), -1, dtype=np.int32)
    path_weights = np.zeros((size, config.length + 1), dtype=np.float32)
    graph = _Graph(
        snapshot.indptr,
        snapshot.indices,
        snapshot.weights,
        config.weighted,
        alias_table(snapshot) if config.weighted else _NO_TABLE,
    )
    key = stream_key(snapshot.id, config.seed, epoch)
    bias = _Bias(1 / config.p, 1.0, 1 / config.q)

    def walk(begin: int, end: int) -> None:
        block = _Block(key, begin, config.walks_per_node)
        if config.second_order:
            _walk_second_order(graph, bias, first_nodes, block, nodes[begin:end], path_weights[begin:end])
        else:
            _walk(graph, first_nodes, block, nodes[begin:end], path_weights[begin:end])

    workers = max(1, min(threads or processors(), size // _WALKS_PER_THREAD))
    bounds = np.linspace(0, size, workers + 1).astype(np.int64).tolist()
    if workers == 1:
        walk(0, size)
    else:
        # Not numba's parallel loops: their pool must not be entered from two threads at once.
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(walk, bounds[:-1], bounds[1:]))
    return Walks(nodes, path_weights)


# Restricted topologies of a snapshot, since each batch asks for the same one.
_restrictions: WeakKeyDictionary[Snapshot, dict[tuple[EdgeType, ...], Snapshot]] = WeakKeyDictionary()


def _restricted(snapshot: Snapshot, config: WalkConfig) -> Snapshot:
    if config.edge_types is None:
        return snapshot
    known = _restrictions.setdefault(snapshot, {})
    if config.edge_types not in known:
        known[config.edge_types] = config.topology(snapshot)
    return known[config.edge_types]


class MemorySampler:
    """Walks over a topology in memory; see `sample`."""

    name = "memory"

    def __init__(self, topology: Snapshot, config: WalkConfig) -> None:
        self._topology = topology
        self._config = config

    def sample(self, starts: npt.ArrayLike, epoch: int = 0) -> Walks:
        """Walk from every start."""
        return sample(self._topology, starts, self._config, epoch)


class AliasTable(NamedTuple):
    """Walker's alias tables of all nodes, aligned with ``Snapshot.indices``.

    Attributes
    ----------
    threshold
        (m,) uint32: entry j keeps a draw with probability threshold / 2^32.
    alias
        (m,) int32: which neighbour of the same node gets it otherwise, counted from 0; -1 at a node all of whose edges
        have weight 0.
    """

    threshold: npt.NDArray[np.uint32]
    alias: npt.NDArray[np.int32]


class _Graph(NamedTuple):
    indptr: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]
    weighted: bool
    table: AliasTable


class _Bias(NamedTuple):
    """Factors of a step of a second-order walk: back, to a common neighbour, farther away."""

    back: float
    near: float
    far: float


class _Block(NamedTuple):
    """Walks from number `begin` on, all drawn under one key."""

    key: np.uint64
    begin: int
    walks_per_node: int


_NO_TABLE = AliasTable(np.empty(0, dtype=np.uint32), np.empty(0, dtype=np.int32))
_tables: WeakKeyDictionary[Snapshot, AliasTable] = WeakKeyDictionary()


def alias_table(snapshot: Snapshot) -> AliasTable:
    """Return the alias tables of a snapshot, made at the first call."""
    table = _tables.get(snapshot)
    if table is None:
        size = len(snapshot.indices)
        table = AliasTable(np.empty(size, dtype=np.uint32), np.empty(size, dtype=np.int32))
        _fill_alias_table(snapshot.indptr, snapshot.weights, table.threshold, table.alias)
        _tables[snapshot] = table
    return table


def stream_key(snapshot_id: str, seed: int, epoch: int) -> np.uint64:
    """Return the key of the random streams of a topology, seed and epoch."""
    digest = hashlib.blake2b(f"walks\n{snapshot_id}\n{seed}\n{epoch}".encode(), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "little"))


def draws(
    topology_id: str,
    config: WalkConfig,
    epoch: int,
    starts: npt.NDArray[np.int32],
    replicates: npt.NDArray[np.int64],
) -> npt.NDArray[np.float64]:
    """Return the random numbers by which first-order walks choose among neighbours, for samplers elsewhere.

    Parameters
    ----------
    topology_id
        Id of what is walked.
    config, epoch
        Seed and length.
    starts, replicates
        (N,) where each walk starts, and which of its start it is.

    Returns
    -------
    numpy.ndarray
        (N, L) in [0, 1): step l of a uniform walk goes to neighbour ⌊draw · degree⌋, as `sample` goes.
    """
    key = stream_key(topology_id, config.seed, epoch)
    with np.errstate(over="ignore"):
        state = _mix_all(key + starts.astype(np.uint64) * _GOLDEN)
        state = _mix_all(state + replicates.astype(np.uint64) * _GOLDEN)
        steps = np.arange(1, config.length + 1, dtype=np.uint64) * _GOLDEN
        drawn = _mix_all(state[:, None] + steps[None, :])
    return (drawn >> _32).astype(np.float64) / 4294967296.0


def _mix_all(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    x = (x ^ (x >> _30)) * _MIX_1
    x = (x ^ (x >> _27)) * _MIX_2
    return x ^ (x >> _31)


@compiled
def _mix(x: np.uint64) -> np.uint64:
    """Return the output function of SplitMix64."""
    x = (x ^ (x >> _30)) * _MIX_1
    x = (x ^ (x >> _27)) * _MIX_2
    return x ^ (x >> _31)


@compiled
def _walk(
    graph: _Graph,
    starts: npt.NDArray[np.int64],
    block: _Block,
    nodes: npt.NDArray[np.int32],
    path_weights: npt.NDArray[np.float32],
) -> None:
    """Fill `nodes` and `path_weights` (k, L + 1) with the walks of a block; they hold -1 and 0 before."""
    indptr, indices, weights = graph.indptr, graph.indices, graph.weights
    threshold, alias = graph.table.threshold, graph.table.alias
    states = np.empty(_TOGETHER, dtype=np.uint64)
    # Step by step for some walks together: while one waits for memory, the processor goes on with the next.
    for lowest in range(0, nodes.shape[0], _TOGETHER):
        highest = min(lowest + _TOGETHER, nodes.shape[0])
        for row in range(lowest, highest):
            node = starts[(block.begin + row) // block.walks_per_node]
            replicate = (block.begin + row) % block.walks_per_node
            states[row - lowest] = _mix(_mix(block.key + np.uint64(node) * _GOLDEN) + np.uint64(replicate) * _GOLDEN)
            nodes[row, 0] = node
            path_weights[row, 0] = np.float32(1)
        for step in range(1, nodes.shape[1]):
            for row in range(lowest, highest):
                node = nodes[row, step - 1]
                if node < 0:
                    continue
                first = indptr[node]
                degree = indptr[node + 1] - first
                if degree == 0:
                    continue
                states[row - lowest] += _GOLDEN
                draw = _mix(states[row - lowest])
                # The upper half says which entry (bias below degree / 2^32), the lower half whether it is kept.
                entry = first + np.int64(((draw >> _32) * np.uint64(degree)) >> _32)
                if graph.weighted and (draw & _LOW_32) >= np.uint64(threshold[entry]):
                    other = alias[entry]
                    if other < 0:
                        continue
                    entry = first + other
                nodes[row, step] = indices[entry]
                path_weights[row, step] = path_weights[row, step - 1] * weights[entry]


@compiled
def _uniform(draw: np.uint64) -> float:
    """Return a number in [0, 1) from 64 random bits."""
    return np.float64(draw >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@compiled
def _factor(graph: _Graph, bias: _Bias, before: np.int32, candidate: np.int32) -> float:
    """Return what a step to `candidate`, after one that came from `before`, is multiplied by."""
    if candidate == before:
        return bias.back
    low, high = graph.indptr[before], graph.indptr[before + 1]
    while low < high:
        middle = (low + high) // 2
        if graph.indices[middle] < candidate:
            low = middle + 1
        else:
            high = middle
    found = low < graph.indptr[before + 1] and graph.indices[low] == candidate
    return bias.near if found else bias.far


@compiled
def _walk_second_order(
    graph: _Graph,
    bias: _Bias,
    starts: npt.NDArray[np.int64],
    block: _Block,
    nodes: npt.NDArray[np.int32],
    path_weights: npt.NDArray[np.float32],
) -> None:
    """Fill `nodes` and `path_weights` (k, L + 1) with node2vec's walks of a block; they hold -1 and 0 before.

    A step is proposed as a first-order walk makes it and taken with probability factor / largest factor. After
    `_PROPOSALS` that were refused it is drawn from the exact distribution, so that no p and q make it take for ever;
    the proposals are independent, so the distribution is the same.
    """
    indptr, indices, weights = graph.indptr, graph.indices, graph.weights
    threshold, alias = graph.table.threshold, graph.table.alias
    largest = max(bias.back, bias.near, bias.far)
    for row in range(nodes.shape[0]):
        node = starts[(block.begin + row) // block.walks_per_node]
        replicate = (block.begin + row) % block.walks_per_node
        state = _mix(_mix(block.key + np.uint64(node) * _GOLDEN) + np.uint64(replicate) * _GOLDEN)
        nodes[row, 0] = node
        path_weights[row, 0] = np.float32(1)
        for step in range(1, nodes.shape[1]):
            node = nodes[row, step - 1]
            first = indptr[node]
            degree = indptr[node + 1] - first
            if degree == 0:
                break
            chosen = np.int64(-1)
            for _ in range(_PROPOSALS):
                state += _GOLDEN
                draw = _mix(state)
                entry = first + np.int64(((draw >> _32) * np.uint64(degree)) >> _32)
                if graph.weighted and (draw & _LOW_32) >= np.uint64(threshold[entry]):
                    other = alias[entry]
                    if other < 0:
                        break
                    entry = first + other
                if step == 1:
                    chosen = entry
                    break
                state += _GOLDEN
                if _uniform(_mix(state)) * largest < _factor(graph, bias, nodes[row, step - 2], indices[entry]):
                    chosen = entry
                    break
            if chosen < 0 and step > 1:
                total = 0.0
                for k in range(first, first + degree):
                    share = weights[k] if graph.weighted else 1.0
                    total += share * _factor(graph, bias, nodes[row, step - 2], indices[k])
                state += _GOLDEN
                left = _uniform(_mix(state)) * total
                for k in range(first, first + degree):
                    share = weights[k] if graph.weighted else 1.0
                    share *= _factor(graph, bias, nodes[row, step - 2], indices[k])
                    if share > 0:
                        chosen = np.int64(k)
                        if left < share:
                            break
                        left -= share
            if chosen < 0:
                break
            nodes[row, step] = indices[chosen]
            path_weights[row, step] = path_weights[row, step - 1] * weights[chosen]


@compiled
def _fill_alias_table(
    indptr: npt.NDArray[np.int64],
    weights: npt.NDArray[np.float32],
    threshold: npt.NDArray[np.uint32],
    alias: npt.NDArray[np.int32],
) -> None:
    """Fill the alias tables by Vose's method (IEEE Trans. Softw. Eng. 17:972, 1991)."""
    largest = np.int64(0)
    for node in range(len(indptr) - 1):
        largest = max(largest, indptr[node + 1] - indptr[node])
    share = np.empty(largest, dtype=np.float64)
    small = np.empty(largest, dtype=np.int64)
    large = np.empty(largest, dtype=np.int64)
    for node in range(len(indptr) - 1):
        first, degree = indptr[node], indptr[node + 1] - indptr[node]
        total = 0.0
        for k in range(degree):
            total += np.float64(weights[first + k])
        smalls, larges = 0, 0
        for k in range(degree):
            alias[first + k] = k if total > 0 else -1
            threshold[first + k] = 0xFFFFFFFF if total > 0 else 0
            share[k] = np.float64(weights[first + k]) * degree / total if total > 0 else 1.0
            if share[k] < 1:
                small[smalls] = k
                smalls += 1
            else:
                large[larges] = k
                larges += 1
        if total == 0:
            continue
        while smalls > 0 and larges > 0:
            smalls -= 1
            poor, rich = small[smalls], large[larges - 1]
            threshold[first + poor] = np.uint32(share[poor] * 4294967296.0)
            alias[first + poor] = rich
            share[rich] -= 1 - share[poor]
            if share[rich] < 1:
                larges -= 1
                small[smalls] = rich
                smalls += 1
