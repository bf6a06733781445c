"""Pretraining on walks, embeddings, and what is made of them.

``InfoAlignTransformer`` is looked up on first use: scikit-learn and RDKit are not needed to train.
"""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING

# Read when torch is loaded. Threads that wait for each other shall sleep, not spin: on processors that are shared with
# other work a training step took 3.5 times the processor time otherwise, and on idle ones it takes the same.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# PyTorch Geometric's own call, at each start; users can do nothing about it.
warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated", FutureWarning, module=r"torch\.jit")

if TYPE_CHECKING:
    from learn.transformer import InfoAlignTransformer

__all__ = ["InfoAlignTransformer"]

if not TYPE_CHECKING:  # a type checker that sees it takes every unknown name of this package for known

    def __getattr__(name):
        if name == "InfoAlignTransformer":
            from learn.transformer import InfoAlignTransformer

            return InfoAlignTransformer
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
