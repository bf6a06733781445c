"""The layers of the encoder on a CPU, each a compiled pass over the rows before or after a matrix product.

On a CPU a training step of plain PyTorch spends most of its time moving (A, 600) arrays between the processor and
memory: an operation a pass. Here what stands between two matrix products is one pass, and what can be made again in the
backward pass (messages, normalised rows, dropout masks) is not kept. The formulas are those of `learn.encoder`'s plain
path, and tests hold both against each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.autograd import Function

from learn import ranks
from learn.kernels import dropout, loops, products
from learn.kernels.arrays import empty_rows
from learn.kernels.threads import spread

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Bonds:
    """The directed bonds of a batch, sorted by target.

    Attributes
    ----------
    source, target, kind
        (E,) int32; `kind` is the row of the table of bond embeddings.
    offsets
        (A + 1,) int32: atom i is the target of the bonds ``offsets[i]:offsets[i + 1]``.
    by_source, source_offsets
        (E,), (A + 1,) int32: the bonds in the order of their sources, and where those of each atom begin.
    """

    source: Array
    target: Array
    kind: Array
    offsets: Array
    by_source: Array
    source_offsets: Array

    @classmethod
    def of(cls, edge_index: Tensor, kind: Tensor, atoms: int) -> Bonds:
        """Sort bonds: edge_index (2, E), kind (E,) int64."""
        source, target = edge_index.numpy().astype(np.int32)
        kinds = kind.numpy().astype(np.int32)
        if (np.diff(target) < 0).any():
            order = np.argsort(target, kind="stable")
            source, target, kinds = source[order], target[order], kinds[order]
        return cls(
            source,
            target,
            kinds,
            _starts(target, atoms),
            np.argsort(source, kind="stable").astype(np.int32),
            _starts(source, atoms),
        )


def usable(tensor: Tensor) -> bool:
    """Return whether the compiled loops take this tensor: on a CPU, and not while PyTorch traces its own operations."""
    return (
        not _plain.get()
        and tensor.device.type == "cpu"
        and tensor.dtype in (torch.float32, torch.float64, torch.bfloat16)
        and not torch.compiler.is_compiling()
        and not torch.onnx.is_in_onnx_export()
    )


_plain: ContextVar[bool] = ContextVar("plain path", default=False)


@contextmanager
def plain_path() -> Iterator[None]:
    """In its block nothing takes the compiled loops: for tests, and for export."""
    token = _plain.set(True)
    try:
        yield
    finally:
        _plain.reset(token)


def linear(x: Tensor, module: nn.Linear) -> Tensor:
    """Return module(x), x (n, d)."""
    return cast(Tensor, _Linear.apply(x.to(_product_type(x)), module.weight, module.bias))


def message_linear(x: Tensor, bonds: Bonds, table: Tensor, eps: Tensor, linear: nn.Linear) -> Tensor:
    """Return linear((1 + eps) x_i + sum over bonds (j, i) of ReLU(x_j + table[kind])): x (A, d), table (k, d)."""
    return cast(Tensor, _MessageLinear.apply(x, table, eps, linear.weight, linear.bias, bonds, _product_type(x)))


def norm_linear(y: Tensor, norm: nn.BatchNorm1d, linear: nn.Linear) -> Tensor:
    """Return linear(ReLU(norm(y))): y (n, d)."""
    statistics = _statistics(y, norm)
    return cast(Tensor, _NormLinear.apply(y, norm.weight, norm.bias, linear.weight, linear.bias, statistics))


def norm_drop_add(
    y: Tensor, norm: nn.BatchNorm1d, residual: Tensor | None, *, relu: bool, keys: Tensor | None, rate: float
) -> Tensor:
    """Return dropout(ReLU(norm(y))) + residual, each where it is asked for: y, residual (n, d), keys (n,) int32."""
    statistics = _statistics(y, norm)
    return cast(Tensor, _NormDropAdd.apply(y, norm.weight, norm.bias, residual, statistics, relu, keys, rate))


def drop(x: Tensor, keys: Tensor, rate: float) -> Tensor:
    """Return `learn.kernels.dropout.dropout` of x (n, d), keys (n,) int32."""
    return cast(Tensor, _Drop.apply(x, keys, rate))


def add_and_pool(h: Tensor, virtual: Tensor, offsets: Array) -> tuple[Tensor, Tensor]:
    """Return h (A, d) + virtual (B, d) of each atom's molecule, and the sums of that over molecules (B, d)."""
    return cast(tuple[Tensor, Tensor], _AddAndPool.apply(h, virtual, offsets))


def pool(x: Tensor, offsets: Array) -> Tensor:
    """Return the sums over the atoms of molecules, (B, d), of x (A, d)."""
    return cast(Tensor, _Pool.apply(x, offsets))


def embed(x: Array, first: Array, table: Tensor) -> Tensor:
    """Return the sum over features f of table[first_f + x_if], (A, d): x (A, 9), first (9,), table (rows, d)."""
    return cast(Tensor, _Embed.apply(table, x, first))


@dataclass(frozen=True)
class _Statistics:
    """Mean and 1 / standard deviation of the columns, (d,), and of how many rows; 0 where not of the batch."""

    mean: Tensor
    invstd: Tensor
    count: float

    def affine(self, weight: Tensor, bias: Tensor) -> tuple[Array, Array]:
        """Return scale and shift (d,): normalised and weighted is y · scale + shift."""
        scale = weight * self.invstd
        return scale.numpy(), (bias - self.mean * scale).numpy()


def _statistics(y: Tensor, norm: nn.BatchNorm1d) -> _Statistics:
    running_mean, running_var = cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var)
    if not norm.training:
        return _Statistics(running_mean, (running_var + norm.eps).rsqrt(), 0)
    with torch.no_grad():
        count, mean, squares = _moments(y, norm.weight.dtype)
        variance = squares / count
        momentum = cast(float, norm.momentum)
        running_mean.lerp_(mean.to(running_mean.dtype), momentum)
        running_var.lerp_((squares / (count - 1)).to(running_var.dtype), momentum)
        cast(Tensor, norm.num_batches_tracked).add_(1)
        invstd = (variance + norm.eps).rsqrt()
    return _Statistics(mean.to(norm.weight.dtype), invstd.to(norm.weight.dtype), count)


def _moments(y: Tensor, dtype: torch.dtype) -> tuple[float, Tensor, Tensor]:
    """Return the number of rows of all ranks, and of each column the mean and the sum of squares about it, float64."""
    blocks = -(-len(y) // loops.ROWS)
    means, squares = (np.empty((blocks, y.shape[1]), _numpy_type(dtype)) for _ in range(2))
    rows = bits(y)
    spread(lambda begin, end: loops.block_moments(begin, end, rows, means, squares), blocks)
    counts = np.full(blocks, float(loops.ROWS))
    if blocks:
        counts[-1] = len(y) - (blocks - 1) * loops.ROWS
    count, mean, square = _joined(counts, means, squares)
    if ranks.is_one_of_many():
        here = torch.from_numpy(np.concatenate([[count], mean, square]))
        everywhere = ranks.gather(here).numpy()
        count, mean, square = _joined(everywhere[:, 0], *np.split(everywhere[:, 1:], 2, axis=1))
    return count, torch.from_numpy(mean), torch.from_numpy(square)


def _joined(counts: Array, means: Array, squares: Array) -> tuple[float, Array, Array]:
    """Join moments of parts: counts (p,), means and sums of squares about them (p, d); in float64."""
    count = float(counts.sum())
    mean = counts @ means.astype(np.float64) / max(1.0, count)
    return count, mean, squares.sum(0, dtype=np.float64) + counts @ np.square(means - mean)


class _Linear(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return products.linear(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        x, weight = ctx.saved_tensors
        grad = grad.contiguous()
        inner = _grad_input(grad, weight) if ctx.needs_input_grad[0] else None
        return inner, _grad_weight(grad, x, weight), _column_sums(grad, weight)


class _MessageLinear(Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, table: Tensor, eps: Tensor, weight: Tensor, bias: Tensor, bonds: Bonds, dtype: torch.dtype
    ) -> Tensor:
        ctx.bonds, ctx.dtype = bonds, dtype
        ctx.save_for_backward(x, table, eps, weight)
        return products.linear(_MessageLinear.messages(x, table, eps, bonds, dtype), weight, bias)

    @staticmethod
    def messages(x: Tensor, table: Tensor, eps: Tensor, bonds: Bonds, dtype: torch.dtype) -> Tensor:
        out = empty_rows(x.shape, dtype)
        rows, result, kinds, own = bits(x), bits(out), table.detach().numpy(), 1 + eps.item()
        _over_rows(
            lambda begin, end: loops.sum_messages(
                begin, end, rows, bonds.source, bonds.kind, bonds.offsets, kinds, own, result
            ),
            len(x),
        )
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        x, table, eps, weight = ctx.saved_tensors
        bonds: Bonds = ctx.bonds
        grad = grad.contiguous()
        grad_weight = _grad_weight(grad, _MessageLinear.messages(x, table, eps, bonds, ctx.dtype), weight)
        inner = bits(_grad_input(grad, weight))
        grad_x = empty_rows(x.shape, x.dtype)
        blocks = -(-len(x) // loops.MANY_ROWS)
        kinds = table.detach().numpy()
        grad_bonds = np.zeros((blocks, *kinds.shape), kinds.dtype)
        grad_own = np.zeros((blocks, x.shape[1]), kinds.dtype)
        rows, result, own = bits(x), bits(grad_x), 1 + eps.item()
        spread(
            lambda begin, end: loops.sum_messages_back(
                begin, end, inner, rows, bonds.target, bonds.kind, bonds.by_source, bonds.source_offsets, kinds, own,
                result, grad_bonds, grad_own,
            ),
            blocks,
        )  # fmt: skip
        grad_eps = torch.full_like(eps, float(grad_own.sum(dtype=np.float64)))
        return (
            grad_x,
            torch.from_numpy(grad_bonds.sum(0)),
            grad_eps,
            grad_weight,
            _column_sums(grad, weight),
            None,
            None,
        )


class _NormLinear(Function):
    @staticmethod
    def forward(
        ctx: Any, y: Tensor, gamma: Tensor, beta: Tensor, weight: Tensor, bias: Tensor, statistics: _Statistics
    ) -> Tensor:
        ctx.statistics = statistics
        ctx.save_for_backward(y, gamma, beta, weight)
        return products.linear(_scaled(y, *statistics.affine(gamma, beta), relu=True), weight, bias)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        y, gamma, beta, weight = ctx.saved_tensors
        grad = grad.contiguous()
        grad_weight = _grad_weight(grad, _scaled(y, *ctx.statistics.affine(gamma, beta), relu=True), weight)
        inner = _grad_input(grad, weight)
        grad_y, grad_gamma, grad_beta = _scaled_back(inner, y, gamma, beta, ctx.statistics, relu=True)
        return grad_y, grad_gamma, grad_beta, grad_weight, _column_sums(grad, weight), None


class _NormDropAdd(Function):
    @staticmethod
    def forward(
        ctx: Any,
        y: Tensor,
        gamma: Tensor,
        beta: Tensor,
        residual: Tensor | None,
        statistics: _Statistics,
        relu: bool,
        keys: Tensor | None,
        rate: float,
    ) -> Tensor:
        ctx.statistics, ctx.how = statistics, {"relu": relu, "keys": keys, "rate": rate}
        ctx.save_for_backward(y, gamma, beta)
        return _scaled(y, *statistics.affine(gamma, beta), residual=residual, dtype=gamma.dtype, **ctx.how)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        y, gamma, beta = ctx.saved_tensors
        grads = _scaled_back(grad.contiguous(), y, gamma, beta, ctx.statistics, **ctx.how)
        return *grads, grad if ctx.needs_input_grad[3] else None, None, None, None, None


class _Drop(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, keys: Tensor, rate: float) -> Tensor:
        ctx.keys, ctx.rate = keys, rate
        return _Drop.dropped(x, keys, rate)

    @staticmethod
    def dropped(x: Tensor, keys: Tensor, rate: float) -> Tensor:
        kind = np.float64 if x.dtype == torch.float64 else np.float32
        one, zero = np.ones(x.shape[1], kind), np.zeros(x.shape[1], kind)
        return _scaled(x, one, zero, relu=False, keys=keys, rate=rate)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return _Drop.dropped(grad.contiguous(), ctx.keys, ctx.rate), None, None


class _AddAndPool(Function):
    @staticmethod
    def forward(ctx: Any, h: Tensor, virtual: Tensor, offsets: Array) -> tuple[Tensor, Tensor]:
        ctx.offsets = offsets
        return _added_and_pooled(h, virtual, offsets)

    @staticmethod
    def backward(ctx: Any, grad_x: Tensor, grad_pooled: Tensor) -> Any:
        # Its adjoint is itself: what goes to an atom adds what its molecule got, and the molecule gets the sum.
        return *_added_and_pooled(grad_x.contiguous(), grad_pooled.contiguous(), ctx.offsets), None


class _Pool(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, offsets: Array) -> Tensor:
        ctx.counts = torch.from_numpy(np.diff(offsets))
        pooled = torch.empty((len(offsets) - 1, x.shape[1]), dtype=x.dtype)
        rows, result = bits(x), bits(pooled)
        spread(lambda begin, end: loops.pool(begin, end, rows, offsets, result), len(pooled))
        return pooled

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return grad.repeat_interleave(ctx.counts, dim=0), None


class _Embed(Function):
    @staticmethod
    def forward(ctx: Any, table: Tensor, x: Array, first: Array) -> Tensor:
        ctx.x, ctx.first, ctx.shape = x, first, table.shape
        out = empty_rows((len(x), table.shape[1]), table.dtype)
        rows, result = table.detach().numpy(), out.numpy()
        _over_rows(lambda begin, end: loops.embed(begin, end, x, first, rows, result), len(x))
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        grad_table = torch.zeros(ctx.shape, dtype=grad.dtype)
        rows, result = grad.contiguous().numpy(), grad_table.numpy()
        columns = 64
        blocks = -(-grad.shape[1] // columns)
        spread(lambda begin, end: loops.embed_back(begin, end, rows, ctx.x, ctx.first, columns, result), blocks)
        return grad_table, None, None


def bits(tensor: Tensor) -> Array:
    """Return the rows of a tensor as the loops take them, sharing its memory: bfloat16 as uint16."""
    tensor = tensor.detach()
    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.int16).numpy().view(np.uint16)
    return tensor.numpy()


def _scaled(
    y: Tensor,
    scale: Array,
    shift: Array,
    *,
    relu: bool,
    keys: Tensor | None = None,
    rate: float = 0.0,
    residual: Tensor | None = None,
    dtype: torch.dtype | None = None,
) -> Tensor:
    out = empty_rows(y.shape, dtype or y.dtype)
    rows, result, added = bits(y), bits(out), bits(residual if residual is not None else out[:0])
    codes, limit, factor = _dropped(keys, rate)
    _over_rows(
        lambda begin, end: loops.scale_rows(
            begin, end, rows, scale, shift, relu, codes, limit, factor, added, result
        ),
        len(y),
    )  # fmt: skip
    return out


def _scaled_back(
    grad: Tensor,
    y: Tensor,
    gamma: Tensor,
    beta: Tensor,
    statistics: _Statistics,
    *,
    relu: bool,
    keys: Tensor | None = None,
    rate: float = 0.0,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of y (n, d), gamma and beta (d,) through normalisation, ReLU and dropout.

    Source: Ioffe and Szegedy 2015, arXiv 1502.03167, section 3.
    """
    scale, shift = statistics.affine(gamma, beta)
    codes, limit, factor = _dropped(keys, rate)
    blocks = -(-len(y) // loops.ROWS)
    sums, products = (np.empty((blocks, y.shape[1]), scale.dtype) for _ in range(2))
    incoming, rows, mean = bits(grad), bits(y), statistics.mean.numpy()
    spread(
        lambda begin, end: loops.scale_rows_sums(
            begin, end, incoming, rows, scale, shift, mean, relu, codes, limit, factor, sums, products
        ),
        blocks,
    )  # fmt: skip
    grad_beta = torch.from_numpy(sums.sum(0))
    grad_gamma = torch.from_numpy(products.sum(0)) * statistics.invstd
    slope, offset = torch.zeros_like(grad_beta), torch.zeros_like(grad_beta)
    if statistics.count:
        of_all = ranks.total(torch.stack([grad_beta, grad_gamma]))
        scaled = gamma * statistics.invstd / statistics.count
        slope = -scaled * of_all[1] * statistics.invstd
        offset = -scaled * of_all[0] - slope * statistics.mean
    grad_y = empty_rows(y.shape, y.dtype)
    result, slopes, offsets = bits(grad_y), slope.numpy(), offset.numpy()
    _over_rows(
        lambda begin, end: loops.scale_rows_back(
            begin, end, incoming, rows, scale, shift, relu, codes, limit, factor, slopes, offsets, result
        ),
        len(y),
    )  # fmt: skip
    return grad_y, grad_gamma, grad_beta


def _added_and_pooled(h: Tensor, virtual: Tensor, offsets: Array) -> tuple[Tensor, Tensor]:
    x, pooled = empty_rows(h.shape, h.dtype), torch.empty_like(virtual)
    of_atoms, of_molecules, result, sums = bits(h), bits(virtual.contiguous()), bits(x), bits(pooled)
    spread(
        lambda begin, end: loops.add_and_pool(begin, end, of_atoms, of_molecules, offsets, result, sums), len(pooled)
    )
    return x, pooled


def _grad_weight(grad: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    return products.sum_of_outer(grad, x).to(weight.dtype)


def _grad_input(grad: Tensor, weight: Tensor) -> Tensor:
    return products.linear(grad, weight.t())


def _column_sums(y: Tensor, like: Tensor) -> Tensor:
    """Return the sums of the columns of y (n, d), (d,) in the type of `like`."""
    blocks = -(-len(y) // loops.ROWS)
    sums = np.empty((blocks, y.shape[1]), _numpy_type(like.dtype))
    rows = bits(y)
    spread(lambda begin, end: loops.column_sums(begin, end, rows, sums), blocks)
    return torch.from_numpy(sums.sum(0))


def _dropped(keys: Tensor | None, rate: float) -> tuple[Array, int, float]:
    if keys is None or rate == 0:
        return np.empty(0, np.uint32), 0, 1.0
    return keys.numpy().view(np.uint32), dropout.threshold(rate), 1 / (1 - rate)


def _over_rows(work: Any, rows: int) -> None:
    spread(work, -(-rows // loops.ROWS))


def _product_type(x: Tensor) -> torch.dtype:
    """Return the type of the matrix products: that of autocast where it is on."""
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype


def _numpy_type(dtype: torch.dtype) -> npt.DTypeLike:
    return np.float64 if dtype == torch.float64 else np.float32


def _starts(sorted_or_not: Array, atoms: int) -> Array:
    counts = np.bincount(sorted_or_not, minlength=atoms)
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
