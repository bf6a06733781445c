"""Match molecules with profiles: ``python -m learn.matching --checkpoint FILE`` (InfoAlign, Table 4).

For molecules that pretraining held out and that were measured in a feature space, all held-out profiles of that space
are ranked by how well they fit the molecule, and the other way round. Beside each checkpoint stand the same networks
before training, the profiles of structurally similar molecules, and what chance gives.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from graphdb.console import note, print_table, run, say
from graphdb.errors import ArtefactError, InputError
from graphdb.feature_store import FeatureStore
from graphdb.files import versions, write_json
from graphdb.molecule_graphs import MoleculeGraphs
from graphdb.schema import NodeType
from graphdb.snapshot import Snapshot
from graphdb.workspace import Workspace
from learn.checkpoint import Checkpoint, load
from learn.decode import SIMULATED
from learn.evaluation.paper import paper_matching
from learn.held_pairs import EDGES, HeldPairs, fullest, held_out, held_pairs, too_few
from learn.matching_picture import draw
from learn.pair_scores import NEIGHBOURS, RATIO, Sides, neighbour_sides, sides_of
from learn.ranking import Ranking, chance, intervals, scores
from learn.runs import newest_checkpoint

__all__ = ["Candidates", "MatchResult", "match", "match_neighbours"]

Numbers = npt.NDArray[np.int64]
Direction = Literal["molecule to profile", "profile to molecule"]
Candidates = Literal["held-out", "all"]
TO_PROFILE: Direction = "molecule to profile"
TO_MOLECULE: Direction = "profile to molecule"
SHOWN = ("ndcg_10", "hit_1", "hit_10", "mrr", "median_rank")


@dataclass(frozen=True, eq=False)
class MatchResult:
    """How one system ranks in one direction.

    Attributes
    ----------
    system
        What scored: the objective and the kind of score; or the baseline.
    model_hash
        Of the checkpoint, also where its networks are scored as they were before training; "" of a baseline.
    direction
        What is given, and what is ranked.
    ranking
        Of each query the ranks of what belongs to it.
    groups
        (q,) of each query the first block of its molecule's InChIKey: drawn as a whole in the bootstrap.
    """

    system: str
    model_hash: str
    direction: Direction
    ranking: Ranking
    groups: npt.NDArray[np.str_]

    def row(self) -> dict[str, Any]:
        """Return scores and 95 % intervals as JSON has them."""
        found = {name: asdict(one) for name, one in intervals(self.ranking, self.groups).items()}
        return {
            "system": self.system,
            "model_hash": self.model_hash,
            "direction": self.direction,
            "queries": len(self.ranking.ranks),
            "candidates": self.ranking.candidates,
            **scores(self.ranking),
            "intervals": {
                name: {end: None if np.isnan(value) else value for end, value in one.items()}
                for name, one in found.items()
            },
        }


def match(
    model: Checkpoint,
    features: FeatureStore,
    graphs: MoleculeGraphs,
    pairs: HeldPairs,
    *,
    candidates: Candidates = "held-out",
    device: str = "auto",
    trained: bool = True,
) -> list[MatchResult]:
    """Rank profiles for held-out molecules, and molecules for their profiles, by a checkpoint.

    Parameters
    ----------
    model
        A checkpoint of ``infoalign`` or of a contrastive objective.
    features, graphs
        The feature store and the molecule graphs of the graph that `pairs` are of.
    pairs
        Molecules and profiles (`learn.held_pairs.held_pairs`). Whether `model` did not see them is for the caller to
        know (`learn.held_pairs.held_out`).
    candidates
        Profiles that are ranked: those of the held-out molecules, or all of the space.
    device
        Where molecules are encoded.
    trained
        False: by the same networks with the random weights that they had before training.

    Returns
    -------
    list
        For each kind of score of the checkpoint (`learn.pair_scores`) and each direction a result. The ratio is there
        in one direction: in the other it ranks as the likelihood does.

    Raises
    ------
    InputError
        If there are fewer than two molecules, or the checkpoint has no decoder of the space.
    ArtefactError
        See `learn.pair_scores.sides_of`.
    """
    if len(pairs.molecules) < 2:
        raise too_few([pairs])
    found = sides_of(model, features, graphs, pairs, ranked_rows(pairs, candidates), device=device, trained=trained)
    name = model.config.objective + ("" if trained else ", untrained")
    return _results(found, name, model.model_hash, pairs)


def match_neighbours(
    snapshot: Snapshot, features: FeatureStore, pairs: HeldPairs, *, candidates: Candidates = "held-out"
) -> list[MatchResult]:
    """Rank by the profiles of structurally similar molecules that are not held out; nothing where there are none."""
    found = neighbour_sides(snapshot, features, pairs, ranked_rows(pairs, candidates))
    return [] if found is None else _results(found, f"{NEIGHBOURS} nearest structures", "", pairs)


def ranked_rows(pairs: HeldPairs, candidates: Candidates) -> Numbers:
    """Return the rows (C,) of the profiles that are ranked; the held-out ones stand first."""
    return pairs.rows if candidates == "held-out" else np.concatenate([pairs.rows, pairs.others])


def _results(found: Mapping[str, Sides], name: str, model_hash: str, pairs: HeldPairs) -> list[MatchResult]:
    results = []
    owners, blocks = pairs.owners, pairs.blocks
    of_profiles = blocks[[int(who[0]) for who in owners]]
    for kind, sides in found.items():
        system = f"{name}, ratio" if kind == RATIO else name
        results.append(MatchResult(system, model_hash, TO_PROFILE, sides.rank_profiles(pairs.relevant), blocks))
        if kind != RATIO:
            results.append(MatchResult(system, model_hash, TO_MOLECULE, sides.rank_molecules(owners), of_profiles))
    return results


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    parser = argparse.ArgumentParser(prog="python -m learn.matching", description=__doc__)
    parser.add_argument(
        "--checkpoint", type=Path, action="append", metavar="FILE",
        help="may be given again: only molecules that all of them held out count (default: that of the newest run)",
    )  # fmt: skip
    parser.add_argument("--workspace", type=Path, help="folder of the graph (default: $INFOALIGN_WORKSPACE)")
    parser.add_argument(
        "--space", help="feature space of the profiles (default: that of morphology with the most held-out molecules)"
    )
    parser.add_argument(
        "--candidates", choices=("held-out", "all"), default="held-out",
        help="profiles that are ranked: of held-out molecules, or all of the space (default %(default)s)",
    )  # fmt: skip
    parser.add_argument("--task", metavar="NAME", help="only molecules held out for this data set, e.g. broad6k")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default auto)")
    parser.add_argument(
        "--out", type=Path, help="JSON file; a picture is put beside it (default: matching.json in the workspace)"
    )
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Match, and say how well."""
    began = time.perf_counter()
    workspace = Workspace(arguments.workspace) if arguments.workspace else Workspace.default()
    models = [load(path) for path in arguments.checkpoint or [newest_checkpoint(workspace)]]
    snapshot, features = Snapshot.load(workspace.snapshot), FeatureStore.open(workspace.features)
    graphs = MoleculeGraphs.load(workspace.molecule_graphs)
    if features.graph_hash != snapshot.graph_hash:
        raise ArtefactError(f"{features.folder}: of another graph than the snapshot; run again: python -m ingest.all")

    def left_out(task: str | None) -> Numbers:
        return reduce(np.intersect1d, (held_out(model, snapshot, workspace.holdout, task=task) for model in models))

    unseen, wanted = left_out(None), left_out(arguments.task)
    spaces = [space for space in features.spaces() if space.node_type in EDGES]
    known = [held_pairs(space, snapshot, wanted, unseen) for space in spaces]
    print_table(
        "held-out molecules with a profile, by feature space",
        ["space", "features", "molecules", "structures", "profiles", "of all"],
        [
            (
                one.space.name, one.space.dimension, len(one.molecules), len(set(one.blocks.tolist())), len(one.rows),
                len(one.space),
            )
            for one in known
        ],
    )  # fmt: skip
    pairs = _chosen(known, arguments.space)
    if pairs.space.simulated or any(pairs.space.name in model.simulated for model in models):
        note(SIMULATED.format(space=pairs.space.name))
    if len(pairs.seen):
        note(f"{len(pairs.seen):,} profiles are of a node that is not held out too: left out")
    if pairs.met.any():
        note(
            f"{int(pairs.met.sum()):,} of {len(pairs.rows):,} held-out profiles can be met by walks of other "
            "molecules, by computed edges"
        )
    results: list[MatchResult] = []
    for trained in (True, False):
        for model in models:
            results += match(
                model, features, graphs, pairs,
                candidates=arguments.candidates, device=arguments.device, trained=trained,
            )  # fmt: skip
    results += match_neighbours(snapshot, features, pairs, candidates=arguments.candidates)
    out = arguments.out or workspace.root / "matching.json"
    content = report(results, pairs)
    out.parent.mkdir(parents=True, exist_ok=True)
    counts = {one.space.name: len(one.molecules) for one in known}
    about = {"task": arguments.task, "ranked": arguments.candidates, "spaces": counts, "versions": versions()}
    write_json(out, {**content, **about})
    picture = out.with_suffix(".png")
    labels = _labels(results)
    draw(
        [(name, one.direction, one.ranking) for name, one in zip(labels, results, strict=True)],
        pairs.space.name,
        picture,
    )
    _show(content, labels)
    say(f"{out}, {picture} ({time.perf_counter() - began:.1f} s)")


def report(results: Sequence[MatchResult], pairs: HeldPairs) -> dict[str, Any]:
    """Return what is written: a row a system and direction, what chance gives in each direction, the paper's scores."""
    by_chance = {
        one.direction: chance(one.ranking.relevant, one.ranking.candidates)
        for one in {result.direction: result for result in results}.values()
    }
    return {
        "space": pairs.space.name,
        "node_type": str(pairs.space.node_type),
        "molecules": len(pairs.molecules),
        "structures": len(set(pairs.blocks.tolist())),
        "profiles_met_by_other_walks": int(pairs.met.sum()),
        "candidates": {result.direction: result.ranking.candidates for result in results},
        "simulated": pairs.space.simulated,
        "rows": [result.row() for result in results],
        "chance": by_chance,
        "paper": {task: paper_matching(task) for task in ("chembl2k", "broad6k")},
    }


def _chosen(known: Sequence[HeldPairs], name: str | None) -> HeldPairs:
    if name is None:
        return fullest([one for one in known if one.space.node_type == NodeType.MORPHOLOGY])
    found = [one for one in known if name in {one.space.name, f"{one.space.node_type}/{one.space.name}"}]
    if len(found) != 1:
        listed = ", ".join(f"{one.space.node_type}/{one.space.name}" for one in known) or "none"
        what = "no feature space" if not found else "more than one feature space"
        raise InputError(f"{what} of profiles is called {name!r}; there are: {listed}")
    if len(found[0].molecules) < 2:
        raise too_few(known)
    return found[0]


def _labels(results: Sequence[MatchResult]) -> list[str]:
    """Return what tables and the picture call the results: the hash stands by where two checkpoints share a name."""
    hashes: dict[str, set[str]] = {}
    for one in results:
        hashes.setdefault(one.system, set()).add(one.model_hash)
    return [f"{one.system} {one.model_hash[:8]}" if len(hashes[one.system]) > 1 else one.system for one in results]


def _show(content: Mapping[str, Any], labels: Sequence[str]) -> None:
    """Print a table a direction. NDCG at 1 is HIT at 1, and the file has the intervals of the other scores."""
    for direction, by_chance in content["chance"].items():
        rows = [(name, row) for name, row in zip(labels, content["rows"], strict=True) if row["direction"] == direction]
        cells = [[name, *_cells(row), _ends(row)] for name, row in rows]
        count, candidates = rows[0][1]["queries"], rows[0][1]["candidates"]
        print_table(
            f"{content['space']}, {direction}: {count:,} lists of {candidates:,}; in %, but the rank",
            ["system", *(name.replace("_", " ") for name in SHOWN), "95 % of hit 10"],
            [*cells, ["chance", *_cells(by_chance), ""]],
        )


def _cells(found: Mapping[str, float]) -> list[str]:
    return [f"{found[name]:.0f}" if name == "median_rank" else f"{100 * found[name]:.1f}" for name in SHOWN]


def _ends(row: Mapping[str, Any]) -> str:
    low, high = row["intervals"]["hit_10"]["low"], row["intervals"]["hit_10"]["high"]
    return "-" if low is None else f"{100 * low:.1f} to {100 * high:.1f}"


if __name__ == "__main__":
    run(main, build_parser())
