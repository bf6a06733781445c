"""Compressed sparse rows of an undirected graph: checks of the input, merging of edges, the content hash."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from graphdb.arrays import Strings
from graphdb.errors import InputError
from graphdb.schema import SCHEMA_VERSION, NodeType

Indices = npt.NDArray[np.int64]


def compress(
    size: int, src: Indices, dst: Indices, weight: npt.NDArray[np.float32]
) -> tuple[Indices, npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Return indptr (size + 1), indices (m), weights (m) of the undirected simple graph with these (e,) edges."""
    apart = src != dst
    low, high = np.minimum(src, dst)[apart], np.maximum(src, dst)[apart]
    pair, which = np.unique(low * size + high, return_inverse=True)
    largest = np.zeros(len(pair), dtype=np.float32)
    np.maximum.at(largest, which, weight[apart])
    low, high = np.divmod(pair, max(size, 1))
    row, column = np.concatenate([low, high]), np.concatenate([high, low])
    order = np.argsort(row * size + column, kind="stable")
    indptr = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=size))]).astype(np.int64)
    return indptr, column[order].astype(np.int32), np.concatenate([largest, largest])[order]


def content_id(
    node_type: npt.NDArray[np.uint8],
    keys: Strings,
    indptr: Indices,
    indices: npt.NDArray[np.int32],
    weights: npt.NDArray[np.float32],
) -> str:
    """Return the SHA-256 (64 hex) over node types, keys and rows; the same on every machine."""
    digest = hashlib.sha256(f"snapshot {SCHEMA_VERSION}\n".encode())
    # Lengths before texts: two lists of keys never give the same bytes, and the width of the array does not matter.
    texts = [key.encode() for key in keys.tolist()]
    lengths = np.array([len(text) for text in texts], dtype="<i8")
    little = [array.astype(array.dtype.newbyteorder("<"), copy=False) for array in (indptr, indices, weights)]
    for part in (lengths.tobytes(), b"".join(texts), node_type.tobytes(), *(array.tobytes() for array in little)):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


def checked_types(node_type: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """Return a copy of the node types (n,) as uint8; `InputError` unless all are codes of `NodeType`."""
    codes = np.asarray(node_type)
    if codes.ndim != 1:
        raise InputError(f"snapshot: expected one node type a node, got shape {codes.shape}")
    if len(codes) and not (np.issubdtype(codes.dtype, np.integer) and 0 <= codes.min() <= codes.max() < len(NodeType)):
        raise InputError(f"snapshot: node types must be integer codes 0 … {len(NodeType) - 1}")
    # A copy: freezing it must not freeze the caller's array.
    return np.array(codes, dtype=np.uint8)


def checked_numbers(nodes: npt.ArrayLike, size: int) -> Indices:
    """Return node numbers (k,) as int64; `InputError` unless all are integers in [0, size)."""
    numbers = np.asarray(nodes)
    if numbers.ndim != 1 or (len(numbers) and not np.issubdtype(numbers.dtype, np.integer)):
        raise InputError(f"snapshot: expected a list of node numbers, got {numbers.dtype} of shape {numbers.shape}")
    wrong = numbers[(numbers < 0) | (numbers >= size)]
    if len(wrong):
        raise InputError(f"snapshot: node {wrong[0]} does not exist, there are {size} nodes")
    return numbers.astype(np.int64)


def checked_weights(weight: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Return weights (e,) as float32; `InputError` unless all are numbers in [0, 1]."""
    weights = np.asarray(weight, dtype=np.float64)
    # Written so that NaN is caught as well.
    wrong = np.flatnonzero(~((weights >= 0) & (weights <= 1)))
    if len(wrong):
        raise InputError(f"snapshot: weights must lie in [0, 1], edge {wrong[0]} has {weights[wrong[0]]}")
    # Adding 0 makes -0.0, which hashes otherwise, 0.0.
    return (weights + 0.0).astype(np.float32)
