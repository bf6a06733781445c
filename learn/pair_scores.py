"""How well a profile fits a molecule, by a pretrained network: all pairs as one matrix product.

**Likelihood** (method, section 5). The decoder turns mu into logits s of every feature, p = sigmoid(s); a profile x in
[0, 1] has the Bernoulli log-likelihood Σ x·log p + (1 − x)·log(1 − p) = Σ x·s − softplus(s), over the features that
were measured. It is divided by their number, so that a profile with fewer is not favoured.

**Ratio**. For one p that sum is linear in x: it is largest for the profiles nearest to 0 or 1, whatever the molecule,
so that a few candidates stand in front for all. The ratio takes off the log-likelihood under the mean profile of those
that are not held out, which knows nothing of the molecule. The order of molecules for a given profile is the same.

**Cosine**. Contrastive objectives compare the projection of mu with the profile encoder's output, as they are trained.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from graphdb.errors import ArtefactError
from graphdb.feature_space import FeatureSpace
from graphdb.feature_store import FeatureStore
from graphdb.molecule_graphs import MoleculeGraphs
from graphdb.schema import FINGERPRINT_SPACE, NodeType
from graphdb.snapshot import Snapshot
from learn.checkpoint import Checkpoint
from learn.decode import find_space, stored_space
from learn.decoders import Decoders
from learn.encode import embed_graphs
from learn.encoder import Encoder
from learn.held_pairs import EDGES, HeldPairs
from learn.objectives import recipe_of
from learn.objectives.contrast import networks
from learn.ranking import Ranking, rank

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]

LIKELIHOOD, RATIO, COSINE = "likelihood", "ratio", "cosine"
NEIGHBOURS = 5
_CHUNK = 4096  # profiles that are read at once
_BLOCK = 256  # queries that are ranked at once
_SURE = 0.01  # a mean of profiles is taken for no probability nearer to 0 or 1


@dataclass(frozen=True, eq=False)
class Sides:
    """Molecules and profiles as vectors whose products are the scores.

    Attributes
    ----------
    molecules, profiles
        (m, q) and (C, q) float32. A row of NaN belongs to what cannot be scored.
    """

    molecules: Floats
    profiles: Floats

    def rank_profiles(self, relevant: tuple[Numbers, ...]) -> Ranking:
        """Rank all C profiles for each molecule; `relevant` (m) holds the positions of its own."""
        return _ranked(self.molecules, self.profiles, relevant)

    def rank_molecules(self, relevant: tuple[Numbers, ...]) -> Ranking:
        """Rank all m molecules for each of the first profiles, as many as `relevant` has; it holds their own."""
        return _ranked(self.profiles[: len(relevant)], self.molecules, relevant)


def likelihood_sides(logits: npt.ArrayLike, values: npt.ArrayLike, without: npt.ArrayLike | None = None) -> Sides:
    """Return the sides whose products are mean Bernoulli log-likelihoods.

    Parameters
    ----------
    logits
        (m, D) of each molecule's features.
    values
        (C, D) scaled features in [0, 1]; NaN where not measured.
    without
        (D,) logits of what knows nothing of the molecule, for the ratio; None: the likelihood itself.

    Returns
    -------
    Sides
        q = 2D; products in nats a measured feature. A profile without any measured feature has NaN.
    """
    s, x = torch.as_tensor(np.asarray(logits)).double(), np.asarray(values, dtype=np.float32)
    left = torch.cat([s, -F.softplus(s)], dim=1)
    if without is not None:
        s0 = torch.as_tensor(np.asarray(without)).double()
        left = left - torch.cat([s0, -F.softplus(s0)])
    known = ~np.isnan(x)
    with np.errstate(invalid="ignore", divide="ignore"):
        right = np.concatenate([np.where(known, x, 0), known], axis=1) / known.sum(axis=1, keepdims=True)
    return Sides(left.numpy().astype(np.float32), right.astype(np.float32))


def mean_logits(space: FeatureSpace, rows: Numbers) -> npt.NDArray[np.float64]:
    """Return the logits (D,) of the mean scaled profile of some rows of a space; 0 where no row has the feature."""
    total, count = np.zeros(space.dimension), np.zeros(space.dimension)
    for begin in range(0, len(rows), _CHUNK):
        values = space.scaled(rows[begin : begin + _CHUNK])
        total += np.nansum(values, axis=0, dtype=np.float64)
        count += (~np.isnan(values)).sum(axis=0)
    return _logit(np.divide(total, count, out=np.full(space.dimension, 0.5), where=count > 0))


def sides_of(
    model: Checkpoint,
    features: FeatureStore,
    graphs: MoleculeGraphs,
    pairs: HeldPairs,
    candidates: Numbers,
    *,
    device: str = "auto",
    trained: bool = True,
) -> dict[str, Sides]:
    """Return what a checkpoint says of held-out molecules and candidate profiles.

    Of its encoder the weights of the last step are taken, not their running mean: decoders and projections were trained
    with the former.

    Parameters
    ----------
    model
        A checkpoint of ``infoalign``, or of a contrastive objective whose profiles are of this type.
    features, graphs
        Of one graph.
    pairs
        m molecules, and the feature space.
    candidates
        (C,) rows of the space.
    device
        Where molecules are encoded.
    trained
        False: the same networks with the random weights that they had before training.

    Returns
    -------
    dict
        By kind of score: ``likelihood`` and ``ratio``, or ``cosine``.

    Raises
    ------
    InputError
        If the checkpoint has no decoder of the space.
    ArtefactError
        If its objective cannot compare molecules with profiles of this type, the feature store scales the space
        otherwise, its molecules have other tautomers, or a molecule has no graph.
    """
    space = pairs.space
    place = find_space(model, f"{space.node_type}/{space.name}")
    stored_space(model, features, place)
    if model.tautomers != features.tautomers:
        raise ArtefactError(
            f"{features.folder}: its molecules have tautomers {features.tautomers!r}, those of the checkpoint "
            f"{model.tautomers!r}"
        )
    encoder, decoders, contrast = _networks(model, space.node_type, trained)
    mu = torch.from_numpy(_embeddings(encoder, graphs, pairs, device))
    with torch.no_grad():
        if decoders is not None:
            logits = decoders.decoder_list[place](mu).numpy()
            values = space.scaled(candidates)
            known = mean_logits(space, np.unique(pairs.learned))
            return {LIKELIHOOD: likelihood_sides(logits, values), RATIO: likelihood_sides(logits, values, known)}
        assert contrast is not None
        projection, profiles = contrast
        index = sum(spec.node_type == space.node_type for spec in model.specs[:place])
        made = [
            F.normalize(profiles[index](torch.from_numpy(space.scaled(candidates[begin : begin + _CHUNK]))), dim=1)
            for begin in range(0, len(candidates), _CHUNK)
        ]
        return {COSINE: Sides(F.normalize(projection(mu), dim=1).numpy(), torch.cat(made).numpy())}


def neighbour_sides(
    snapshot: Snapshot, features: FeatureStore, pairs: HeldPairs, candidates: Numbers, *, k: int = NEIGHBOURS
) -> dict[str, Sides] | None:
    """Return what the profiles of the most similar molecules say: the bar that needs no training.

    The prediction for a molecule is the mean profile of the `k` molecules with the most similar fingerprint (Tanimoto)
    among those that are not held out and have a profile in the space, weighted by the similarity.

    Returns
    -------
    dict
        ``likelihood`` and ``ratio``; None where there is no such molecule, or the store has no fingerprints.
    """
    space = pairs.space
    bits = next((one for one in features.spaces() if one.name == FINGERPRINT_SPACE), None)
    sources, rows = pairs.learned_of, pairs.learned
    if bits is None or not len(sources):
        return None
    others, member = np.unique(sources, return_inverse=True)
    places, of_others = bits.index_of(pairs.keys), bits.index_of(snapshot.keys[others])
    if (places < 0).any() or (of_others < 0).any():
        return None
    similarity = tanimoto(bits.raw(places), bits.raw(of_others))
    nearest = np.argsort(-similarity, axis=1, kind="stable")[:, :k]
    weight = np.zeros_like(similarity)
    np.put_along_axis(weight, nearest, np.take_along_axis(similarity, nearest, axis=1) + 1e-6, axis=1)
    # Each neighbour's profiles share its weight.
    by_row = (weight / np.bincount(member, minlength=len(others)))[:, member]
    total, known = np.zeros((len(places), space.dimension)), np.zeros((len(places), space.dimension))
    for begin in range(0, len(rows), _CHUNK):
        part, values = by_row[:, begin : begin + _CHUNK], space.scaled(rows[begin : begin + _CHUNK])
        total += part @ np.nan_to_num(values)
        known += part @ ~np.isnan(values)
    general = mean_logits(space, np.unique(rows))
    average = np.broadcast_to(1 / (1 + np.exp(-general)), total.shape).copy()
    logits = _logit(np.divide(total, known, out=average, where=known > 0))
    values = space.scaled(candidates)
    return {LIKELIHOOD: likelihood_sides(logits, values), RATIO: likelihood_sides(logits, values, general)}


def tanimoto(one: Floats, other: Floats) -> npt.NDArray[np.float64]:
    """Return the Tanimoto similarity of bits (a, d) with bits (b, d), (a, b); 0 where neither has any."""
    common = (one @ other.T).astype(np.float64)
    either = one.sum(axis=1, dtype=np.float64)[:, None] + other.sum(axis=1, dtype=np.float64) - common
    return np.asarray(np.divide(common, either, out=np.zeros_like(common), where=either > 0))


def _networks(
    model: Checkpoint, node_type: NodeType, trained: bool
) -> tuple[Encoder, Decoders | None, tuple[torch.nn.Linear, torch.nn.ModuleList] | None]:
    """Return the encoder, and the decoders or the contrastive networks."""
    objective = model.config.objective
    contrasted = {f"{name}.weight" for name in ("projection", "profiles.0.fc1")} <= set(model.objective_state)
    if contrasted:
        kinds = recipe_of(model.config).walks(model.config).edge_types or ()
        if EDGES[node_type] not in kinds:
            raise ArtefactError(
                f"a checkpoint of the objective {objective} does not compare molecules with {node_type}"
            )
    elif not any(name.startswith("decoders.") for name in model.objective_state):
        raise ArtefactError(
            f"a checkpoint of the objective {objective} has neither decoders nor encoders of profiles: it cannot match"
        )
    if trained:
        encoder = model.as_trained().encoder()
        return (
            encoder,
            None if contrasted else model.decoders(),
            networks(model.objective_state) if contrasted else None,
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(model.config.seed)
        encoder = Encoder(model.config.layers, model.config.dropout).eval()
        if contrasted:
            return encoder, None, networks(model.objective_state, trained=False)
        return encoder, Decoders(model.specs, model.config.dropout).eval(), None


def _embeddings(encoder: Encoder, graphs: MoleculeGraphs, pairs: HeldPairs, device: str) -> Floats:
    rows = graphs.index_of(pairs.keys)
    if (rows < 0).any():
        key = str(pairs.keys[np.flatnonzero(rows < 0)[0]])
        raise ArtefactError(f"the molecule {key} has no graph; run: python -m ingest.all")
    return embed_graphs(encoder, graphs.take(rows), device=device, quiet=True)


def _logit(share: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    inside = np.clip(share, _SURE, 1 - _SURE)
    return np.asarray(np.log(inside) - np.log1p(-inside), dtype=np.float64)


def _ranked(queries: Floats, candidates: Floats, relevant: tuple[Numbers, ...]) -> Ranking:
    ranks: list[Numbers] = []

    for begin in range(0, len(queries), _BLOCK):
        scores = queries[begin : begin + _BLOCK] @ candidates.T
        ranks += [rank(row, own) for row, own in zip(scores, relevant[begin : begin + _BLOCK], strict=True)]
    return Ranking(tuple(ranks), len(candidates))
