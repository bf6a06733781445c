"""Batch normalisation over the rows of all ranks."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from learn import ranks


def normalise(y: Tensor, norm: nn.BatchNorm1d) -> Tensor:
    """Return norm(y), y (n, d); in training by the mean and variance over the rows of all ranks.

    PyTorch's own layer for that (`torch.nn.SyncBatchNorm`) takes tensors of GPUs alone.
    """
    if not norm.training or not ranks.is_one_of_many():
        return cast(Tensor, norm(y))
    rows = y.to(norm.weight.dtype)
    count = ranks.total(torch.tensor(float(len(y)), device=y.device))
    mean = ranks.total_with_gradient(rows.sum(0)) / count
    off = rows - mean
    variance = ranks.total_with_gradient(off.square().sum(0)) / count
    with torch.no_grad():
        momentum = cast(float, norm.momentum)
        cast(Tensor, norm.running_mean).lerp_(mean, momentum)
        cast(Tensor, norm.running_var).lerp_(variance * count / (count - 1), momentum)
        cast(Tensor, norm.num_batches_tracked).add_(1)
    return off * (variance + norm.eps).rsqrt() * norm.weight + norm.bias
