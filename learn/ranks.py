"""Several processes that train one model: what each of them must know of the others.

`torchrun` starts them and names them in the environment. Without it there is one process, and nothing here does
anything. Sums over ranks make batch normalisation, the weights of the loss and the gradients those of the whole batch,
so that results do not depend on the number of ranks, up to rounding.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
import torch.distributed
from torch import Tensor
from torch.distributed.nn.functional import all_reduce

from graphdb.errors import InputError


def rank() -> int:
    """Return the number of this process among the ranks; 0 where it is alone."""
    return torch.distributed.get_rank() if is_one_of_many() else 0


def world_size() -> int:
    """Return the number of ranks."""
    return torch.distributed.get_world_size() if is_one_of_many() else 1


def is_one_of_many() -> bool:
    """Return whether there are several ranks."""
    return not _by_itself.get() and torch.distributed.is_available() and torch.distributed.is_initialized()


_by_itself: ContextVar[bool] = ContextVar("by itself", default=False)


@contextmanager
def by_itself() -> Iterator[None]:
    """In its block this process asks nothing of other ranks: for what each computes as a whole."""
    token = _by_itself.set(True)
    try:
        yield
    finally:
        _by_itself.reset(token)


def join(device: torch.device) -> torch.device:
    """Join the ranks that `torchrun` started, if it did; return the device of this one.

    Raises
    ------
    InputError
        If the environment names ranks wrongly.
    """
    if "WORLD_SIZE" not in os.environ or is_one_of_many():
        return device
    try:
        world, local = int(os.environ["WORLD_SIZE"]), int(os.environ.get("LOCAL_RANK", "0"))
    except ValueError:
        raise InputError("WORLD_SIZE and LOCAL_RANK must be numbers; start ranks with: torchrun") from None
    if world <= 1:
        return device
    if device.type == "cuda":
        device = torch.device("cuda", local)
        torch.cuda.set_device(device)
    torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return device


def leave() -> None:
    """Leave the ranks."""
    if is_one_of_many():
        torch.distributed.destroy_process_group()


def wait_for_all() -> None:
    """Wait until every rank is here."""
    if is_one_of_many():
        torch.distributed.barrier()


def total(tensor: Tensor) -> Tensor:
    """Return the sum over ranks; no gradient goes through it."""
    if not is_one_of_many():
        return tensor
    summed = tensor.detach().clone()
    torch.distributed.all_reduce(summed)
    return summed


def total_with_gradient(tensor: Tensor) -> Tensor:
    """Return the sum over ranks; the gradient goes to the summands of all."""
    return all_reduce(tensor) if is_one_of_many() else tensor  # type: ignore[no-untyped-call]


def largest(tensor: Tensor) -> Tensor:
    """Return the largest of all ranks' values."""
    if not is_one_of_many():
        return tensor
    found = tensor.detach().clone()
    torch.distributed.all_reduce(found, torch.distributed.ReduceOp.MAX)
    return found


def any_of(here: bool) -> bool:
    """Return whether it is so on any rank."""
    if not is_one_of_many():
        return here
    on_gpu = torch.distributed.get_backend() == "nccl"
    return bool(largest(torch.tensor(int(here), device="cuda" if on_gpu else "cpu")))


def gather(tensor: Tensor) -> Tensor:
    """Return the tensors of all ranks, (world size, …), in their order; all have the same shape."""
    if not is_one_of_many():
        return tensor[None]
    parts = [torch.empty_like(tensor) for _ in range(world_size())]
    torch.distributed.all_gather(parts, tensor.contiguous())
    return torch.stack(parts)


def add_gradients(parameters: Iterable[torch.nn.Parameter]) -> None:
    """Give every rank the sum of all ranks' gradients: of losses that are shares of one loss."""
    if not is_one_of_many():
        return
    wanted = [weight for weight in parameters if weight.requires_grad]
    gradients = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in wanted]
    # One message: the weights of this model are few, and each message costs a round trip.
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    torch.distributed.all_reduce(flat)
    for weight, summed in zip(wanted, torch.split(flat, [weight.numel() for weight in wanted]), strict=True):
        weight.grad = summed.view_as(weight).clone()
