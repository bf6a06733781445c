"""What to measure next: ``python -m queries.profile_next --space lincs-consensus-978``.

Molecules whose measurement would tell most: of whose profile the model is unsure (predictive variance, see
`learn.posterior`), and which lie far from everything that is measured in that feature space. Each counts as measured
once it is chosen, so that the list does not hold the same thing twice. Chosen among the graph's molecules without a
profile, or among those of a file: what a vendor has.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from graphdb.console import run
from graphdb.errors import InputError
from graphdb.molecule_graphs import MoleculeGraphs
from graphdb.schema import NodeType
from graphdb.store import GraphStore
from graphdb.workspace import Workspace
from queries import render
from queries.answer import Answer, Section
from queries.graph import opened
from queries.known_posterior import known_posterior
from queries.names import read_nodes
from queries.output import add_form_arguments, emit
from queries.predict_profile import decodable
from queries.profile_search import features_of, profiles_of

if TYPE_CHECKING:
    from learn.checkpoint import Checkpoint

K = 20
COLUMNS = ["name", "inchikey", "score", "variance", "distance", "nearest", "smiles"]


@dataclass(frozen=True)
class ToMeasure(Answer):
    """Molecules to measure, the first to be measured first.

    Attributes
    ----------
    space
        The feature space.
    table
        ``name``, ``inchikey``, ``score`` (variance times distance), ``variance`` (of a decoded feature, in units of its
        variance over the space), ``distance`` (1 − cosine of embeddings), ``nearest`` (name of the measured, or before
        chosen, molecule at that distance), ``smiles``.
    measured, candidates
        How many molecules have a profile in that space, and how many were chosen from.
    rejected
        How many structures of the file cannot be used.
    simulated
        No instrument measured the space.
    """

    space: str
    table: pd.DataFrame
    measured: int
    candidates: int
    rejected: int
    simulated: bool

    @property
    def title(self) -> str:
        """What was asked."""
        return f"What to measure next in {self.space}"

    def sections(self) -> Sequence[Section]:
        """Return the molecules."""
        out_of = (
            f"Chosen from {render.counted(self.candidates, 'molecule')} without a profile there; "
            f"{render.counted(self.measured, 'molecule')} of the graph {'has' if self.measured == 1 else 'have'} one."
        )
        rejects = f" {render.counted(self.rejected, 'structure')} of the file cannot be used." if self.rejected else ""
        return [Section("molecules", "The first to be measured first", self.table, note=out_of + rejects)]

    def warnings(self) -> Sequence[str]:
        """Return whether the space is simulated."""
        return [f"SIMULATED: no instrument measured the profiles of {self.space}"] if self.simulated else ()


def profile_next(
    store: GraphStore,
    space: str | None = None,
    k: int = K,
    *,
    candidates: Sequence[str] | None = None,
    checkpoint: Path | None = None,
    most: int | None = None,
) -> ToMeasure:
    """Return the molecules whose profile would tell most.

    Parameters
    ----------
    store
        The graph.
    space
        The feature space; None: of those that the model decodes that in which most molecules are measured.
    k
        How many.
    candidates
        SMILES to choose from; None: all molecules of the workspace without a profile in that space. The first time all
        of them are encoded, a minute or two for 130,000; the workspace keeps what comes out.
    checkpoint
        Default: that of the newest run.
    most
        Do not encode more molecules of the workspace than this; None: all that need it.

    Raises
    ------
    InputError
        If the model decodes no such space, no molecule is measured in it, none is left to choose from, or more than
        `most` would have to be encoded.
    ArtefactError
        If there is no checkpoint with decoders, or it was trained with other features.
    """
    # PyTorch takes seconds to import.
    from learn.checkpoint import load
    from learn.decode import find_space, is_simulated, stored_space
    from learn.posterior import choose, posterior
    from learn.runs import newest_checkpoint

    if k < 1:
        raise InputError(f"expected at least one molecule, got {k}")
    workspace = Workspace.default()
    model = load(checkpoint or newest_checkpoint(workspace))
    features = features_of(store)
    owners = _owners(store)
    spaces = decodable(model)
    if not spaces:
        raise InputError("the model decodes no profiles of morphology or expression")
    chosen = space or max(spaces, key=lambda name: len(owners.get(name, ())))
    place = find_space(model, chosen)
    spec, stored = model.specs[place], stored_space(model, features, place)
    known = MoleculeGraphs.load(workspace.molecule_graphs)
    measured = np.flatnonzero(np.isin(known.keys, owners.get(f"{spec.node_type}/{spec.feature_space}", ())))
    if not len(measured):
        raise InputError(f"no molecule has a profile in {chosen}; measured are: {', '.join(sorted(owners)) or 'none'}")
    graphs, smiles, rejected = _candidates(known, measured, candidates, model)
    if not len(graphs):
        raise InputError("no molecule is left to choose from: all are measured, or none could be used")
    if candidates is None:
        of_known = known_posterior(model, known, features, place, most=most)
        others = np.setdiff1d(np.arange(len(known)), measured)
        of_measured, of_candidates = of_known.take(measured), of_known.take(others)
    else:
        of_measured = posterior(model, known.take(measured), features, chosen)
        of_candidates = posterior(model, graphs, features, chosen)
    picked = choose(of_candidates.mu, of_candidates.variance, of_measured.mu, k)
    keys = [str(graphs.keys[choice.row]) for choice in picked]
    near = [
        str(known.keys[measured[choice.nearest]]) if choice.nearest >= 0 else keys[-1 - choice.nearest]
        for choice in picked
    ]
    nodes = read_nodes(store, NodeType.MOLECULE, sorted({*keys, *near}))
    table = pd.DataFrame(
        [
            (
                nodes[key].name if key in nodes else key,
                key,
                choice.score,
                float(of_candidates.variance[choice.row]),
                choice.distance,
                nodes[other].name if other in nodes else other,
                nodes[key].properties["smiles"] if key in nodes else smiles.get(key, ""),
            )
            for choice, key, other in zip(picked, keys, near, strict=True)
        ],
        columns=COLUMNS,
    )
    simulated = is_simulated(model, stored)
    return ToMeasure(spec.feature_space, table, len(measured), len(graphs), rejected, simulated)


def _owners(store: GraphStore) -> dict[str, npt.NDArray[np.str_]]:
    """Return the molecules that are measured in each space, by ``Type/name``."""
    return {
        f"{node_type}/{matrix.space.name}": np.unique(matrix.owners)
        for node_type, matrices in profiles_of(store).items()
        for matrix in matrices
    }


def _candidates(
    known: MoleculeGraphs, measured: npt.NDArray[np.int64], given: Sequence[str] | None, model: Checkpoint
) -> tuple[MoleculeGraphs, dict[str, str], int]:
    """Return the graphs to choose from, SMILES of those of a file by key, and how many cannot be used."""
    if given is None:
        return known.take(np.setdiff1d(np.arange(len(known)), measured)), {}, 0
    from learn.standard_graphs import standard_graphs

    graphs, _, standard = standard_graphs(given, model.tautomers)
    left = graphs.take(np.flatnonzero(~np.isin(graphs.keys, known.keys[measured])))
    usable = standard.dropna(subset="inchikey")
    smiles = dict(zip(usable["inchikey"], usable["smiles"], strict=True))
    return left, smiles, len(standard) - len(usable)


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    parser = argparse.ArgumentParser(prog="python -m queries.profile_next", description=__doc__)
    parser.add_argument("--space", help="feature space (default: that in which most molecules are measured)")
    parser.add_argument("-k", type=int, default=K, help=f"how many molecules (default {K})")
    parser.add_argument(
        "--candidates",
        type=Path,
        metavar="FILE",
        help="choose among these structures (as learn.encode --smiles reads them), not among the graph's molecules",
    )
    parser.add_argument("--checkpoint", type=Path, help="default: that of the newest run")
    add_form_arguments(parser)
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Print the molecules."""
    started = time.perf_counter()
    given = None
    if arguments.candidates:
        from ingest.structures import read_structures

        given = [record.structure.smiles or "" for chunk in read_structures(arguments.candidates) for record in chunk]
    with opened() as store:
        found = profile_next(store, arguments.space, arguments.k, candidates=given, checkpoint=arguments.checkpoint)
    emit(found, arguments, time.perf_counter() - started)


if __name__ == "__main__":
    run(main, build_parser())
