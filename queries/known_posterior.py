"""What a model makes of all molecules of the workspace, computed once: encoding 130,000 takes a minute or two."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from graphdb.errors import InputError
from graphdb.feature_store import FeatureStore
from graphdb.files import replacing_file
from graphdb.molecule_graphs import MoleculeGraphs
from graphdb.workspace import Workspace

if TYPE_CHECKING:
    from learn.checkpoint import Checkpoint
    from learn.posterior import Posterior


def known_posterior(
    model: Checkpoint, known: MoleculeGraphs, features: FeatureStore, place: int, *, most: int | None = None
) -> Posterior:
    """Return `learn.posterior.posterior` of the workspace's molecules; the newest of each feature space is kept.

    Parameters
    ----------
    model, features
        As `learn.posterior.posterior` takes them.
    known
        The n molecules of the workspace.
    place
        Which decoder.
    most
        Do not encode more molecules than this; None: as many as there are.

    Raises
    ------
    InputError
        If more than `most` molecules would have to be encoded.
    ArtefactError
        As `learn.posterior.posterior`.
    """
    from learn.decode import stored_space
    from learn.posterior import SAMPLES, Posterior, posterior

    spec = model.specs[place]
    stored_space(model, features, place)  # refuses features that are scaled otherwise
    # An InChIKey stands for its structure.
    said = (model.decoding_hash, features.graph_hash, str(SAMPLES), *known.keys.tolist())
    folder = Workspace.default().cache
    kind = f"posterior-{spec.node_type}-{spec.feature_space}"
    digest = hashlib.sha256("\0".join(said).encode()).hexdigest()
    kept = folder / f"{kind}-{digest[:24]}.npz"
    if kept.exists():
        with np.load(kept) as stored:
            return Posterior(stored["mu"], stored["variance"])
    if most is not None and len(known) > most:
        raise InputError(
            f"{len(known):,} molecules are too many to encode while you wait; once: "
            f"python -m queries.profile_next --space {spec.feature_space}"
        )
    found = posterior(model, known, features, f"{spec.node_type}/{spec.feature_space}")
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"{kind}-*.npz"):
        old.unlink()
    with replacing_file(kept) as temporary, temporary.open("wb") as file:
        np.savez(file, mu=found.mu, variance=found.variance)
    return found
