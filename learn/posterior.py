"""How sure a model is of profiles: the spread of what its decoder makes of samples of the latent.

The encoder gives p(z|x) = N(mu, diag sigma²) (InfoAlign, section 3; `learn.encoder`). Where a molecule's sigma is large
in directions to which a decoder listens, its samples decode to different profiles.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from graphdb.console import progress
from graphdb.errors import InputError
from graphdb.feature_store import FeatureStore
from graphdb.molecule_graphs import MoleculeGraphs
from learn.checkpoint import Checkpoint
from learn.decode import find_space, stored_space
from learn.molecules import to_graph_batch

SAMPLES = 16
_BATCH = 512
_ROWS = 4096
"""Nodes of a space that its spread is estimated by, at most."""


class Posterior(NamedTuple):
    """What a model makes of n molecules.

    Attributes
    ----------
    mu
        (n, d) float32, the embeddings.
    variance
        (n,) float64: variance of a decoded feature over the samples, in units of the feature's variance over the nodes
        of the space, mean over features.
    """

    mu: npt.NDArray[np.float32]
    variance: npt.NDArray[np.float64]

    def take(self, rows: npt.NDArray[np.int64]) -> Posterior:
        """Return that of some of the molecules."""
        return Posterior(self.mu[rows], self.variance[rows])


def posterior(
    model: Checkpoint,
    graphs: MoleculeGraphs,
    features: FeatureStore,
    space: str,
    *,
    samples: int = SAMPLES,
    seed: int = 0,
) -> Posterior:
    """Return embeddings of molecules and the predictive variance of their profiles.

    Parameters
    ----------
    model
        A checkpoint with an encoder of molecule graphs and decoders.
    graphs
        n molecules.
    features
        The feature store that it was trained with.
    space
        The feature space, as `learn.decode.find_space` takes it.
    samples
        Of the latent, at least 2. All molecules share the noise, so that their order does not hang on it.
    seed
        Of the noise.

    Raises
    ------
    InputError
        If there is no such decoder, or fewer than 2 samples are asked for.
    ArtefactError
        If the checkpoint has no decoders or another encoder, or the features are scaled otherwise.
    """
    if samples < 2:
        raise InputError(f"a variance needs at least 2 samples, got {samples}")
    place = find_space(model, space)
    stored = stored_space(model, features, place)
    some = np.unique(np.linspace(0, len(stored) - 1, min(len(stored), _ROWS)).astype(np.int64))
    with np.errstate(invalid="ignore", divide="ignore"):
        per_feature = 1 / np.nanvar(stored.scaled(some).astype(np.float64), axis=0)
    per_feature[~np.isfinite(per_feature)] = 0  # what does not vary, or was never measured
    if not per_feature.any():
        raise InputError(f"{space}: no feature varies over its {len(stored)} nodes; a variance has no unit there")
    weight = torch.from_numpy(per_feature)
    encoder, decoder = model.as_trained().encoder(), model.decoders().eval().decoder_list[place]
    noise = torch.randn((samples, model.width), generator=torch.Generator().manual_seed(seed))
    mu, variance = np.empty((len(graphs), model.width), np.float32), np.empty(len(graphs))
    with torch.no_grad(), progress() as bar:
        task = bar.add_task("encoding", total=len(graphs), visible=len(graphs) > _BATCH)
        for begin in range(0, len(graphs), _BATCH):
            rows = np.arange(begin, min(begin + _BATCH, len(graphs)))
            means, sigma = encoder(to_graph_batch(graphs.take(rows), torch.device("cpu")))
            decoded = torch.stack([torch.sigmoid(decoder(means + sigma * one)) for one in noise])
            of_features = decoded.double().var(dim=0)
            mu[rows] = means.numpy()
            variance[rows] = (of_features @ weight / (weight > 0).sum()).numpy()
            bar.advance(task, len(rows))
    return Posterior(mu, variance)


class Choice(NamedTuple):
    """One molecule that was chosen.

    Attributes
    ----------
    row
        Of the candidates.
    score
        Its variance times its distance, when it was chosen.
    distance
        1 − cosine to what was nearest then.
    nearest
        Row of the measured molecules; −1 − i where the i-th choice was nearer than all of them.
    """

    row: int
    score: float
    distance: float
    nearest: int


def choose(
    candidates: npt.NDArray[np.float32], variance: npt.NDArray[np.float64], measured: npt.NDArray[np.float32], k: int
) -> list[Choice]:
    """Choose k molecules to measure, greedily: each counts as measured once it is chosen, so that they differ.

    Parameters
    ----------
    candidates, variance
        (n, d) embeddings and (n,) predictive variance.
    measured
        (m, d) embeddings, m ≥ 1.
    k
        How many; all n where that is fewer.
    """
    known = _unit(measured)
    among = _unit(candidates)
    distance, nearest = np.full(len(among), np.inf), np.zeros(len(among), dtype=np.int64)
    for begin in range(0, len(among), _BATCH):
        cosines = among[begin : begin + _BATCH] @ known.T
        nearest[begin : begin + _BATCH] = cosines.argmax(axis=1)
        distance[begin : begin + _BATCH] = np.clip(1 - cosines.max(axis=1), 0, 2)
    free = np.ones(len(among), dtype=bool)
    chosen = []
    for count in range(min(k, len(among))):
        scores = np.where(free, variance * distance, -np.inf)
        row = int(scores.argmax())
        chosen.append(Choice(row, float(scores[row]), float(distance[row]), int(nearest[row])))
        free[row] = False
        to_choice = np.clip(1 - among @ among[row], 0, 2)
        closer = to_choice < distance
        distance[closer], nearest[closer] = to_choice[closer], -1 - count
    return chosen


def _unit(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: npt.NDArray[np.float32] = (vectors / np.where(length > 0, length, 1)).astype(np.float32)
    return unit
