"""What the matrix products of a training step cost, and how fast this machine does such products.

A step cannot be faster than its matrix products; the share of their rate that it reaches says what is left to gain.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch

from learn.config import WIDTH
from learn.decoders import HIDDEN
from learn.kernels import products

FORWARD_AND_BACKWARD = 3
"""A product forward has two backward: the gradients of its input (not in the first layer) and of its weights."""


def forward_flops(atoms: float, dimensions: Sequence[int], layers: int = 5) -> float:
    """Return the floating-point operations of the matrix products of one molecule's forward pass.

    Parameters
    ----------
    atoms
        Atoms of the molecule, or their mean.
    dimensions
        D of the decoders.
    layers
        GIN layers.

    A product (1, n) by (n, m) has n·m multiplications and as many additions. An atom passes an MLP 300-600-300 a layer;
    a molecule's virtual node one after each layer but the last, then Linear 300-600, and 300-1200-D a decoder.
    """
    mlp = 2 * (WIDTH * 2 * WIDTH + 2 * WIDTH * WIDTH)
    latent = 2 * WIDTH * 2 * WIDTH
    decoders = sum(2 * (WIDTH * HIDDEN + HIDDEN * dimension) for dimension in dimensions)
    return atoms * layers * mlp + (layers - 1) * mlp + latent + decoders


def step_flops(atoms: float, dimensions: Sequence[int], layers: int = 5) -> float:
    """Return those of a training step, for one molecule: forward and backward."""
    return FORWARD_AND_BACKWARD * forward_flops(atoms, dimensions, layers)


def product_rate(device: torch.device, dtype: torch.dtype, atoms: int = 27 * 1024, seconds: float = 1.0) -> float:
    """Return floating-point operations a second of the products of a GIN layer: (A, 300) by (300, 600), and back.

    Parameters
    ----------
    device, dtype
        Where, of what type.
    atoms
        A; 27 · 1,024 is a batch of 1,024 drugs.
    seconds
        Measured for so long, after products that are not counted.
    """
    narrow, wide = (torch.randn(atoms, width, device=device).to(dtype) for width in (WIDTH, 2 * WIDTH))
    up, down = (
        torch.randn(WIDTH, 2 * WIDTH, device=device).to(dtype),
        torch.randn(2 * WIDTH, WIDTH, device=device).to(dtype),
    )
    up_turned, down_turned = up.t().contiguous(), down.t().contiguous()

    def both() -> None:
        # By the faster of PyTorch's libraries, as training does: this is the rate that a step could have.
        products.linear(narrow, up_turned)
        products.linear(wide, down_turned)

    both()
    wait(device)
    done, began = 0, time.perf_counter()
    while (took := time.perf_counter() - began) < seconds or done == 0:
        for _ in range(1 if device.type == "cpu" else 50):
            both()
            done += 1
        wait(device)
    return done * 2 * 2 * atoms * WIDTH * 2 * WIDTH / took


def wait(device: torch.device) -> None:
    """Wait until the device has done what it was told, so that a clock says something."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
