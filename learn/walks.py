"""Random walks over a snapshot on a GPU (or a CPU), in PyTorch: for a trainer that draws its walks as it goes.

The distribution is that of `graphdb.walks.memory`, the random numbers are PyTorch's: the walks are others, and the same
again on the same kind of device for the same seed, epoch and starts.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
import torch

from graphdb.csr import checked_numbers
from graphdb.errors import InputError
from graphdb.snapshot import Snapshot
from graphdb.walks.config import WalkConfig, Walks
from learn.device import resolve_device


class TorchSampler:
    """Walks over a topology whose rows lie on a device.

    Parameters
    ----------
    topology
        What is walked.
    config
        Settings; p and q must be 1.
    device
        ``auto``, ``cpu``, ``cuda`` …

    Raises
    ------
    InputError
        If p or q is not 1.
    """

    name = "torch"

    def __init__(self, topology: Snapshot, config: WalkConfig, device: str = "auto") -> None:
        if config.second_order:
            raise InputError("walks: the sampler torch takes one step without the one before: p and q must be 1")
        self._config = config
        self._topology = config.topology(topology)
        self._device = resolve_device(device)
        self._indptr = torch.from_numpy(self._topology.indptr.astype(np.int64)).to(self._device)
        self._indices = torch.from_numpy(self._topology.indices.astype(np.int64)).to(self._device)
        weights = self._topology.weights.astype(np.float64)
        self._weights = torch.from_numpy(self._topology.weights.astype(np.float32)).to(self._device)
        # The sum of all weights before each entry: a draw within a row is one search in it. In double precision, so
        # that a light edge at the end of a million others still has its share.
        before = np.concatenate([[0.0], np.cumsum(weights)])
        self._before = torch.from_numpy(before).to(self._device)

    def sample(self, starts: npt.ArrayLike, epoch: int = 0) -> Walks:
        """Walk from every start, as `graphdb.walks.memory.sample` does."""
        nodes, path_weights = self.tensors(starts, epoch)
        return Walks(nodes.to(torch.int32).cpu().numpy(), path_weights.cpu().numpy())

    def tensors(self, starts: npt.ArrayLike, epoch: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
        """Return nodes (N, L + 1) int64, -1 after the end, and path weights (N, L + 1) float32, on the device."""
        config = self._config
        first = checked_numbers(starts, self._topology.number_of_nodes).repeat(config.walks_per_node)
        generator = torch.Generator(self._device).manual_seed(_seed(self._topology.id, config.seed, epoch))
        nodes = torch.full((len(first), config.length + 1), -1, dtype=torch.int64, device=self._device)
        path_weights = torch.zeros((len(first), config.length + 1), dtype=torch.float32, device=self._device)
        nodes[:, 0] = torch.from_numpy(first).to(self._device)
        path_weights[:, 0] = 1
        for step in range(config.length if len(self._indices) else 0):
            here = nodes[:, step].clamp(min=0)
            begin, end = self._indptr[here], self._indptr[here + 1]
            draw = torch.rand(len(first), dtype=torch.float64, device=self._device, generator=generator)
            if config.weighted:
                low, high = self._before[begin], self._before[end]
                goes = high > low
                entry = torch.searchsorted(self._before, low + draw * (high - low), right=True) - 1
                entry = torch.maximum(torch.minimum(entry, end - 1), begin).clamp(0, len(self._indices) - 1)
                goes &= self._weights[entry] > 0
            else:
                goes = end > begin
                entry = (begin + (draw * (end - begin)).long()).clamp(0, len(self._indices) - 1)
            goes &= nodes[:, step] >= 0
            nodes[:, step + 1] = torch.where(goes, self._indices[entry], -1)
            path_weights[:, step + 1] = torch.where(goes, path_weights[:, step] * self._weights[entry], 0.0)
        return nodes, path_weights


def _seed(topology_id: str, seed: int, epoch: int) -> int:
    text = f"torch walks\n{topology_id}\n{seed}\n{epoch}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1
