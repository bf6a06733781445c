"""Molecules that pretraining did not see, and the profiles that were measured of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from graphdb.errors import ArtefactError, InputError
from graphdb.feature_space import FeatureSpace
from graphdb.holdout import BLOCK, key_file, read_blocks
from graphdb.schema import EdgeType, NodeType
from graphdb.snapshot import Snapshot
from learn.checkpoint import Checkpoint
from learn.objectives import recipe_of
from learn.spaces import rows_of_nodes
from learn.validation import chosen

Numbers = npt.NDArray[np.int64]

EDGES = {NodeType.MORPHOLOGY: EdgeType.HAS_MORPHOLOGY, NodeType.EXPRESSION: EdgeType.HAS_EXPRESSION}
"""The edge between a molecule and a profile of it, by the type of the profile."""


@dataclass(frozen=True, eq=False)
class HeldPairs:
    """The held-out molecules that have a profile in one feature space.

    Attributes
    ----------
    space
        The feature space.
    molecules
        (m,) int64 node numbers, ascending.
    keys
        (m,) their InChIKeys.
    rows
        (c,) int64 rows of their profiles in the space, ascending.
    relevant
        Of each molecule (k,) positions of its profiles in `rows`, k ≥ 1.
    seen
        (s,) int64 rows of profiles that a held-out molecule shares with a node that is not held out: pretraining may
        have met them as that node's, and they are neither ranked nor counted.
    others
        (o,) int64 rows of all further profiles of the space: those of molecules that are not held out, of genes, of
        nothing.
    met
        (c,) bool, whether a profile of `rows` has an edge to a node that is not held out: walks of other molecules can
        come by it, and decoders then learned it for those. Only molecules are taken out of the walks, as in the paper.
    learned_of, learned
        (e,) int64 each: molecules that were not held out (node numbers), and rows of their profiles in the space. What
        pretraining could learn from; a baseline may too.
    """

    space: FeatureSpace
    molecules: Numbers
    keys: npt.NDArray[np.str_]
    rows: Numbers
    relevant: tuple[Numbers, ...]
    seen: Numbers
    others: Numbers
    met: npt.NDArray[np.bool_]
    learned_of: Numbers
    learned: Numbers

    @property
    def blocks(self) -> npt.NDArray[np.str_]:
        """(m,) first blocks of the InChIKeys: stereoisomers have the same."""
        return np.array([key[:BLOCK] for key in self.keys], dtype=np.str_)

    @property
    def owners(self) -> tuple[Numbers, ...]:
        """Of each profile in `rows` (k,) positions of the molecules that it is of in `molecules`."""
        found: list[list[int]] = [[] for _ in self.rows]
        for molecule, places in enumerate(self.relevant):
            for place in places.tolist():
                found[place].append(molecule)
        return tuple(np.array(which, dtype=np.int64) for which in found)


def held_out(model: Checkpoint, snapshot: Snapshot, folder: Path, *, task: str | None = None) -> Numbers:
    """Return the molecules that the pretraining of a checkpoint did not see.

    Those of its held-out data sets, told by the first block of the InChIKey, and those that it set aside for
    validation.

    Parameters
    ----------
    model
        The checkpoint.
    snapshot
        The graph.
    folder
        Of the key files (``holdout/`` of the workspace).
    task
        Only those of this held-out data set; None: all.

    Returns
    -------
    (k,) int64
        Node numbers, ascending.

    Raises
    ------
    ArtefactError
        If the keys of a data set are not there.
    InputError
        If the checkpoint did not hold out `task`.
    """
    lists = [item for item in model.holdout if task in (None, item.name)]
    if task is not None and not lists:
        there = ", ".join(item.name for item in model.holdout) or "none"
        raise InputError(f"the checkpoint's pretraining did not hold out {task!r}; it held out: {there}")
    molecules = np.asarray(snapshot.nodes(NodeType.MOLECULE), dtype=np.int64)
    unseen = np.zeros(len(molecules), dtype=np.bool_)
    wanted: set[str] = set()
    for item in lists:
        path = key_file(folder, item.sha256)
        if not path.exists():
            raise ArtefactError(
                f"{path}: missing, the keys of {item.name} that the checkpoint held out; make it with: "
                f"python -m learn.keys PATH --out {path}"
            )
        wanted |= read_blocks(path)
    if wanted:
        unseen |= np.isin(np.array([key[:BLOCK] for key in snapshot.keys[molecules]]), sorted(wanted))
    if task is None and model.config.validation:
        starts = recipe_of(model.config).starts(snapshot)
        aside = starts[chosen(snapshot.keys[starts], model.config.validation, model.config.seed)]
        unseen |= np.isin(molecules, aside)
    return molecules[unseen]


def held_pairs(space: FeatureSpace, snapshot: Snapshot, molecules: Numbers, unseen: Numbers | None = None) -> HeldPairs:
    """Return which of the molecules have which profiles of a feature space, by direct edges.

    Parameters
    ----------
    space, snapshot
        The feature space, and the graph.
    molecules
        (k,) node numbers of held-out molecules.
    unseen
        (u,) those of all held-out molecules, where `molecules` are not all.

    Raises
    ------
    InputError
        If the space is none of profiles, or the snapshot does not know the types of its edges.
    """
    if space.node_type not in EDGES:
        raise InputError(f"{space.name} is a feature space of {space.node_type}, not of profiles of treatments")
    edges = snapshot.of_edge_types((EDGES[space.node_type],)).typed
    assert edges is not None
    rows = rows_of_nodes(snapshot, space.node_type, space.keys)[edges.edge_dst].astype(np.int64)
    sources, rows = edges.edge_src[rows >= 0].astype(np.int64), rows[rows >= 0]
    held = np.isin(sources, molecules)
    known = ~(held if unseen is None else np.isin(sources, unseen))
    seen = np.intersect1d(rows[held], rows[known])
    learned = known & (snapshot.node_type[sources] == NodeType.MOLECULE.code)
    kept = held & ~np.isin(rows, seen)
    pairs = np.unique(np.stack([sources[kept], rows[kept]], axis=1), axis=0)
    found, begins = np.unique(pairs[:, 0], return_index=True)
    of_held = np.unique(pairs[:, 1])
    places = np.searchsorted(of_held, pairs[:, 1]).astype(np.int64)
    hidden = np.zeros(snapshot.number_of_nodes, dtype=np.bool_)
    hidden[molecules if unseen is None else unseen] = True
    nodes = snapshot.index_of(space.node_type, space.keys[of_held])
    met = [not hidden[snapshot.indices[snapshot.indptr[node] : snapshot.indptr[node + 1]]].all() for node in nodes]
    return HeldPairs(
        space=space,
        molecules=found,
        keys=np.asarray(snapshot.keys[found], dtype=np.str_),
        rows=of_held,
        relevant=tuple(np.split(places, begins[1:])) if len(found) else (),
        seen=seen,
        others=np.setdiff1d(np.arange(len(space)), np.union1d(of_held, seen)),
        met=np.array(met, dtype=np.bool_),
        learned_of=sources[learned],
        learned=rows[learned],
    )


def fullest(pairs: Sequence[HeldPairs]) -> HeldPairs:
    """Return the pairs of the space with the most held-out molecules; the first of several.

    Raises
    ------
    InputError
        If none has two molecules; the message says how many each has.
    """
    best = max(pairs, key=lambda found: len(found.molecules), default=None)
    if best is None or len(best.molecules) < 2:
        raise too_few(pairs)
    return best


def too_few(pairs: Sequence[HeldPairs]) -> InputError:
    """Return the error that says how many held-out molecules have a profile in which space."""
    listed = ", ".join(f"{found.space.name} {len(found.molecules)}" for found in pairs) or "there is no space"
    return InputError(f"matching needs two held-out molecules with a profile in the feature space; there are: {listed}")
