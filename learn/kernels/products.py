"""Matrix products on a CPU, by the faster of PyTorch's two libraries.

In float32 PyTorch asks MKL, which on processors of AMD takes half the width of their vector units: oneDNN, which
PyTorch asks for bfloat16 anyway, was measured at twice the rate there. On Intel's MKL is as fast at products of many
rows, and twice as fast at those that sum over them (decision 15). The sums are the same, in another order.
"""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from learn.kernels.arrays import empty_rows

BLOCK = 2048
"""Rows that are summed at a time where a product sums over many: oneDNN is slow at thin and very long ones."""


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return x · weightᵀ + bias: x (n, k), weight (m, k), bias (m,), in the type of `x`."""
    weight, bias = weight.to(x.dtype), None if bias is None else bias.to(x.dtype)
    if by_onednn(x):
        return cast(Tensor, _onednn()(x.contiguous(), weight, bias, "none", [], ""))
    out = empty_rows((len(x), len(weight)), x.dtype)
    return torch.mm(x, weight.t(), out=out) if bias is None else torch.addmm(bias, x, weight.t(), out=out)


def sum_of_outer(g: Tensor, x: Tensor) -> Tensor:
    """Return gᵀ · x, the sum over rows of their outer products: g (n, m), x (n, k)."""
    # Rows that do not lie side by side take oneDNN's slow reference.
    g, x = g.contiguous(), x.contiguous()
    if not by_onednn(x):
        return g.t() @ x
    total = torch.zeros(g.shape[1], x.shape[1], dtype=x.dtype)
    for begin in range(0, len(x), BLOCK):
        total += _onednn()(g[begin : begin + BLOCK].t(), x[begin : begin + BLOCK].t(), None, "none", [], "")
    return total


def by_onednn(x: Tensor) -> bool:
    """Return whether products of x are done by oneDNN where PyTorch would ask MKL."""
    return x.dtype == torch.float32 and x.device.type == "cpu" and _onednn() is not None and not _mkl_is_fast()


@cache
def _mkl_is_fast() -> bool:
    """Return whether PyTorch has MKL, and this processor is one of Intel's."""
    if not torch.backends.mkl.is_available():  # type: ignore[no-untyped-call]
        return False
    listed = Path("/proc/cpuinfo")
    return "GenuineIntel" in (listed.read_text(errors="replace") if listed.exists() else platform.processor())


@cache
def _onednn() -> Any:
    """Return PyTorch's own call of oneDNN's product (the one that its compiler makes), None where it has none."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return None
    try:
        return torch.ops.mkldnn._linear_pointwise.default
    except AttributeError:
        return None
