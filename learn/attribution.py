"""What pulls an embedding: the gradient of each term of the objective along a molecule's walks, by node and decoder.

A position of a walk enters the objective by alpha_l · BCE(decoder(mu), features of its node) in each feature space that
its node has (InfoAlign, Eq. 3). The gradient of such a term at mu, turned round, is the direction in which that node
and decoder would move the embedding; its length says how hard they pull. At a minimum all pulls together are nought.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from graphdb.feature_space import FeatureSpace
from graphdb.feature_store import FeatureStore
from graphdb.schema import NodeType
from graphdb.snapshot import Snapshot
from graphdb.walks import Walks
from learn.checkpoint import Checkpoint
from learn.decode import find_space, stored_space

PRIOR = "prior"
"""The name of the KL term, which pulls towards the origin."""
TERM_COLUMNS = ["node", "node_type", "key", "space", "met", "weight", "loss", "pull", "agreement"]
DECODER_COLUMNS = ["decoder", "nodes", "weight", "loss", "pull", "share", "agreement"]
_ROWS = 256  # terms whose gradients are computed at once


@dataclass(frozen=True)
class Attribution:
    """What pulls one embedding.

    Attributes
    ----------
    terms
        One row a node and feature space, the strongest pull first: ``node`` (row of the snapshot), ``node_type``,
        ``key``, ``space``, ``met`` (positions at which the walks met the node), ``weight`` (sum of the path weights
        there), ``loss`` (cross entropy in nats a feature), ``pull`` (length of the gradient), ``agreement`` (cosine of
        its pull with the sum of all pulls, the prior's too).
    decoders
        One row a decoder, and one for the prior, the strongest first: ``decoder``, ``nodes`` (how many it rebuilds),
        ``weight``, ``loss`` (mean by weight; the prior's is what mu adds to the KL divergence: half its square, in
        nats), ``pull`` (length of the sum of its gradients), ``share`` (of the lengths of all decoders and the prior),
        ``agreement``.
    net
        Length of the sum of all gradients: near nought where training has settled.
    """

    terms: pd.DataFrame
    decoders: pd.DataFrame
    net: float


def attribute(
    model: Checkpoint,
    embedding: npt.ArrayLike,
    features: FeatureStore,
    snapshot: Snapshot,
    walks: Walks,
    reference: Walks,
) -> Attribution:
    """Return what pulls an embedding.

    Parameters
    ----------
    model
        A checkpoint with decoders.
    embedding
        (d,) mu of the molecule.
    features, snapshot
        What the walks meet; the feature store scales as the one that the model was trained with.
    walks
        N walks from the molecule. Their mean stands for what training sees of it.
    reference
        Walks from many molecules, one each. The objective divides each feature space by the weight of all that a batch
        met in it, so that a rare space weighs more a node; these say how much a molecule brings on average.

    Raises
    ------
    ArtefactError
        If the checkpoint has no decoders, or the feature store scales otherwise.
    """
    mu = torch.from_numpy(np.asarray(embedding, dtype=np.float32))
    decoders = model.decoders().eval()
    met, weight = _met(walks, len(snapshot.keys))
    of_reference = _met(reference, len(snapshot.keys))[1]
    tables, pulls = [], []
    for spec, decoder in zip(decoders.specs, decoders.decoder_list, strict=True):
        space = stored_space(model, features, find_space(model, f"{spec.node_type}/{spec.feature_space}"))
        nodes, rows = _nodes_in(space, snapshot, met)
        if not len(nodes):
            continue
        seen = _observed(space, *_nodes_in(space, snapshot, of_reference), of_reference) / len(reference.nodes)
        # A space that no other molecule met has this one alone in its mean.
        per_molecule = seen or _observed(space, nodes, rows, weight) / len(walks.nodes)
        alphas = torch.from_numpy(weight[nodes] / len(walks.nodes)).float()
        losses, gradients = _terms(decoder, mu, torch.from_numpy(space.scaled(rows)), alphas / max(per_molecule, 1e-12))
        pulls.append(-gradients)
        tables.append(
            pd.DataFrame(
                {
                    "node": nodes,
                    "node_type": str(spec.node_type),
                    "key": snapshot.keys[nodes].astype(object),
                    "space": spec.feature_space,
                    "met": met[nodes],
                    "weight": weight[nodes],
                    "loss": losses,
                    "pull": np.linalg.norm(gradients, axis=1),
                }
            )
        )
    prior = -float(model.config.beta) * mu.numpy().astype(np.float64)
    total = prior + sum((pull.sum(axis=0) for pull in pulls), np.zeros(len(mu)))
    terms = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=TERM_COLUMNS[:-1])
    terms["agreement"] = _cosines(np.concatenate(pulls), total) if pulls else np.empty(0)
    decoder_table = _by_decoder(tables, pulls, prior, total, float(mu.square().sum() / 2))
    ranked = terms.sort_values("pull", ascending=False, kind="stable").reset_index(drop=True)
    return Attribution(ranked[TERM_COLUMNS], decoder_table, float(np.linalg.norm(total)))


def _met(walks: Walks, count: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return for each of `count` nodes at how many positions walks met it, and the sum of the path weights there."""
    there = walks.nodes >= 0
    nodes = walks.nodes[there].astype(np.int64)
    weights = walks.path_weights[there].astype(np.float64)
    return np.bincount(nodes, minlength=count), np.bincount(nodes, weights, minlength=count).astype(np.float64)


def _nodes_in(
    space: FeatureSpace, snapshot: Snapshot, met: npt.NDArray[np.int64] | npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return which of the nodes that were met have features in a space, and their rows there."""
    nodes = np.flatnonzero((met > 0) & (snapshot.node_type == NodeType(space.node_type).code))
    rows = space.index_of(snapshot.keys[nodes]).astype(np.int64)
    return nodes[rows >= 0], rows[rows >= 0]


def _observed(
    space: FeatureSpace, nodes: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], weight: npt.NDArray[np.float64]
) -> float:
    """Return the sum of the path weights of all observed cells."""
    if not len(nodes):
        return 0.0
    return float(weight[nodes] @ np.isfinite(space.scaled(rows)).sum(axis=1))


def _terms(
    decoder: torch.nn.Module, mu: Tensor, targets: Tensor, weights: Tensor
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the cross entropy of each node's features (n,), and the gradients of weight · sum of it at mu, (n, d)."""
    losses, gradients = [], []
    for begin in range(0, len(targets), _ROWS):
        target = targets[begin : begin + _ROWS]
        observed = target.isfinite()
        known = torch.where(observed, target, torch.zeros(()))
        # Each term has mu as a row of its own, so that one backward pass gives all their gradients.
        latent = mu.expand(len(target), -1).clone().requires_grad_()
        cross_entropy = F.binary_cross_entropy_with_logits(decoder(latent), known, reduction="none") * observed
        of_nodes = cross_entropy.sum(dim=1)
        (gradient,) = torch.autograd.grad((of_nodes * weights[begin : begin + _ROWS]).sum(), latent)
        losses.append((of_nodes / observed.sum(dim=1).clamp_min(1)).detach().double().numpy())
        gradients.append(gradient.double().numpy())
    return np.concatenate(losses), np.concatenate(gradients)


def _by_decoder(
    tables: Sequence[pd.DataFrame],
    pulls: Sequence[npt.NDArray[np.float64]],
    prior: npt.NDArray[np.float64],
    total: npt.NDArray[np.float64],
    divergence: float,
) -> pd.DataFrame:
    sums = np.stack([*(pull.sum(axis=0) for pull in pulls), prior])
    lengths = np.linalg.norm(sums, axis=1)
    losses = [float(np.average(table["loss"], weights=table["weight"])) for table in tables]
    table = pd.DataFrame(
        {
            "decoder": [*(f"{table['node_type'].iloc[0]}/{table['space'].iloc[0]}" for table in tables), PRIOR],
            "nodes": [*(len(table) for table in tables), 0],
            "weight": [*(float(table["weight"].sum()) for table in tables), np.nan],
            "loss": [*losses, divergence],
            "pull": lengths,
            "share": lengths / max(float(lengths.sum()), 1e-300),
            "agreement": _cosines(sums, total),
        },
        columns=DECODER_COLUMNS,
    )
    return table.sort_values("pull", ascending=False, kind="stable").reset_index(drop=True)


def _cosines(rows: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the cosine of each row with a vector; NaN where one of them is nought."""
    lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(other)
    cosines = np.full(len(rows), np.nan)
    np.divide(rows @ other, lengths, out=cosines, where=lengths > 0)
    return cosines
