"""chemprop's D-MPNN as a module; imported by `learn.baselines.message_passing` where chemprop is installed."""

from __future__ import annotations

import torch
from chemprop import nn as chemprop
from chemprop.data import BatchMolGraph
from chemprop.models import MPNN
from torch import nn

from learn.tasks.task import Kind


class Bonds(chemprop.BondMessagePassing):  # type: ignore[misc]
    """chemprop's messages along directed bonds, summed by adding rows: its own scatter takes a third of a step."""

    def message(self, H: torch.Tensor, bmg: BatchMolGraph) -> torch.Tensor:
        """Return what each bond (e, d) is told: the states of the bonds into its first atom, less its own reverse."""
        into = torch.zeros(len(bmg.V), H.shape[1], dtype=H.dtype, device=H.device)
        into = into.index_add(0, bmg.edge_index[1], H)
        return into.index_select(0, bmg.edge_index[0]) - H.index_select(0, bmg.rev_edge_index)


class DMPNN(nn.Module):
    """Messages along bonds, mean over atoms, batch norm, one hidden layer, all tasks.

    Parameters
    ----------
    kind
        Logits or values.
    n_tasks
        Outputs.
    sizes
        Width of a bond's state, rounds of messages, width of the hidden layer.
    dropout
        Share of hidden units that are dropped.
    """

    def __init__(self, kind: Kind, n_tasks: int, sizes: tuple[int, int, int], dropout: float) -> None:
        super().__init__()
        width, depth, hidden = sizes
        head = chemprop.BinaryClassificationFFN if kind == "classification" else chemprop.RegressionFFN
        self.model = MPNN(
            Bonds(d_h=width, depth=depth, dropout=dropout),
            chemprop.MeanAggregation(),
            head(n_tasks=n_tasks, input_dim=width, hidden_dim=hidden, dropout=dropout),
            batch_norm=True,
        )

    def forward(self, batch: BatchMolGraph) -> torch.Tensor:
        """Map molecules to (b, t) logits or values."""
        out: torch.Tensor = self.model.predictor.train_step(self.model.fingerprint(batch))
        return out
