"""What a molecule would do to cells: ``python -m queries.predict_profile SMILES --space lincs-consensus-978``.

The decoder of a feature space turns the molecule's embedding into a profile, in the units in which it was measured
(`learn.decode`). Where the molecule has a measured profile in that space, it stands beside.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from graphdb.console import run
from graphdb.errors import InputError
from graphdb.holdout import lists_with
from graphdb.schema import NodeType
from graphdb.store import GraphStore
from graphdb.workspace import Workspace
from queries import render
from queries.answer import Answer, Section
from queries.feature_names import gene_symbols
from queries.graph import opened
from queries.molecule_query import Query, find_query
from queries.output import add_form_arguments, emit
from queries.profile_picture import scatter
from queries.profile_search import features_of, profiles_of

if TYPE_CHECKING:
    from learn.checkpoint import Checkpoint

TOP = 15
COLUMNS = ["feature", "predicted", "deviation", "measured", "measured_deviation"]
_PROFILES = (NodeType.MORPHOLOGY, NodeType.EXPRESSION)


@dataclass(frozen=True)
class PredictedProfile(Answer):
    """A decoded profile.

    Attributes
    ----------
    query
        The molecule.
    space
        The feature space.
    features
        One row a feature, in the order of the space: ``feature``, ``gene`` (its symbol; only where features are named
        by NCBI gene ids), ``predicted`` (in the units of the space),
        ``deviation`` (of the prediction from the mean of the space, in its standard deviations), ``measured`` and
        ``measured_deviation`` (mean of the molecule's profiles; NaN where it has none).
    profiles
        How many measured profiles that mean is of.
    correlation
        Pearson's, between predicted and measured deviations; NaN without a measured profile.
    trained
        Whether the model may have been trained on these profiles: the molecule was not held out.
    simulated
        No instrument measured what the decoder was trained with.
    others
        The other feature spaces that could be decoded.
    top
        Features shown up and down.
    """

    query: Query
    space: str
    features: pd.DataFrame
    profiles: int
    correlation: float
    trained: bool
    simulated: bool
    others: tuple[str, ...]
    top: int = TOP

    @property
    def title(self) -> str:
        """Of what, and where."""
        return f"Predicted profile of {self.query.name} in {self.space}"

    @property
    def up(self) -> pd.DataFrame:
        """The features that are predicted to rise most."""
        ranked = self.features.dropna(subset="deviation").sort_values("deviation", ascending=False, kind="stable")
        return ranked.head(self.top).reset_index(drop=True)

    @property
    def down(self) -> pd.DataFrame:
        """The features that are predicted to fall most."""
        ranked = self.features.dropna(subset="deviation").sort_values("deviation", kind="stable")
        return ranked.head(self.top).reset_index(drop=True)

    def sections(self) -> Sequence[Section]:
        """Return what rises, what falls, and the measured beside the predicted."""
        if self.profiles:
            seen = " The model may have been trained on it." if self.trained else ""
            beside = f"Correlation with the mean of {self.profiles} measured: {self.correlation:.3f}.{seen}"
            names = self.features["feature"]
            if "gene" in self.features:
                names = self.features["gene"].fillna(names)
            picture = scatter(self.features["measured_deviation"], self.features["deviation"], names)
        else:
            beside, picture = "This molecule has no measured profile in this space.", None
        others = f" Other spaces: {', '.join(self.others)}." if self.others else ""
        return [
            Section("up", "Predicted to rise", self.up, note="Deviations are in standard deviations of the space."),
            Section("down", "Predicted to fall", self.down),
            Section("measured", "Measured and predicted", None, picture, beside + others),
        ]

    def as_json(self) -> dict[str, Any]:
        """Return every feature, not the top ones alone."""
        return {**super().as_json(), "features": render.records(self.features)}

    def as_table(self) -> pd.DataFrame:
        """Return every feature."""
        return self.features

    def warnings(self) -> Sequence[str]:
        """Return whether the space is simulated."""
        return [f"SIMULATED: no instrument measured the profiles of {self.space}"] if self.simulated else ()


def predict_profile(
    store: GraphStore, key: str, space: str | None = None, *, top: int = TOP, checkpoint: Path | None = None
) -> PredictedProfile:
    """Decode the profile of a molecule.

    Parameters
    ----------
    store
        The graph.
    key
        A molecule, as `queries.similar.similar` takes it; it need not be in the graph.
    space
        The feature space; None: of those that the model decodes one in which the molecule is measured, if there is one,
        else the one with most measured profiles.
    top
        Features listed up and down.
    checkpoint
        Default: that of the newest run.

    Raises
    ------
    InputError
        If `key` is no molecule, or the model has no decoder of `space`.
    ArtefactError
        If there is no checkpoint, or it was trained with other features.
    """
    # PyTorch takes seconds to import.
    from learn.checkpoint import load
    from learn.decode import decode, deviations, find_space, is_simulated, stored_space
    from learn.runs import newest_checkpoint

    if top < 1:
        raise InputError(f"expected at least one feature, got {top}")
    query = find_query(store, key)
    model = load(checkpoint or newest_checkpoint(Workspace.default()))
    features = features_of(store)
    spaces = decodable(model)
    if not spaces:
        raise InputError("the model decodes no profiles of morphology or expression")
    stored = {name: stored_space(model, features, find_space(model, name)) for name in ([space] if space else spaces)}
    measured_in = _measured_spaces(store, query)
    chosen = max(stored, key=lambda name: (stored[name].name in measured_in, len(stored[name])))
    found = stored[chosen]
    predicted = decode([query.smiles], model, features, chosen).to_numpy()[0]
    measured, profiles = _measured(store, query, found.name, found.node_type, len(predicted))
    deviation, of_measured = deviations(predicted[None], found)[0], deviations(measured[None], found)[0]
    table = pd.DataFrame(
        {
            "feature": list(found.columns),
            "predicted": predicted,
            "deviation": deviation,
            "measured": measured,
            "measured_deviation": of_measured,
        },
        columns=COLUMNS,
    )
    symbols = gene_symbols(store, found)
    if symbols:
        table.insert(1, "gene", [symbols.get(name) for name in found.columns])
    others = tuple(name for name in spaces if name.rpartition("/")[2] != found.name)
    simulated = is_simulated(model, found)
    correlation = pearson(deviation, of_measured)
    seen = bool(profiles) and not lists_with(Workspace.default().holdout, query.inchikey)
    return PredictedProfile(query, found.name, table, profiles, correlation, seen, simulated, others, top)


def decodable(model: Checkpoint) -> list[str]:
    """Return the spaces of profiles that a model decodes, as `learn.decode.find_space` takes them."""
    return [f"{spec.node_type}/{spec.feature_space}" for spec in model.specs if NodeType(spec.node_type) in _PROFILES]


def pearson(one: npt.ArrayLike, other: npt.ArrayLike) -> float:
    """Return Pearson's correlation of two vectors where both are known; NaN for fewer than three such places."""
    first, second = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    both = np.isfinite(first) & np.isfinite(second)
    if both.sum() < 3 or not first[both].std() or not second[both].std():
        return float("nan")
    return float(np.corrcoef(first[both], second[both])[0, 1])


def _measured_spaces(store: GraphStore, query: Query) -> set[str]:
    of_all = (matrix for of_type in profiles_of(store).values() for matrix in of_type)
    return {matrix.space.name for matrix in of_all if (matrix.owners == query.inchikey).any()}


def _measured(
    store: GraphStore, query: Query, space: str, node_type: NodeType, dimension: int
) -> tuple[npt.NDArray[np.float64], int]:
    for matrix in profiles_of(store).get(node_type, []):
        own = matrix.rows[matrix.owners == query.inchikey]
        if matrix.space.name == space and len(own):
            with np.errstate(all="ignore"):
                values = matrix.space.raw(own).astype(np.float64)
                return np.nanmean(values, axis=0) if len(own) > 1 else values[0], len(own)
    return np.full(dimension, np.nan), 0


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    parser = argparse.ArgumentParser(prog="python -m queries.predict_profile", description=__doc__)
    parser.add_argument("key", help="a molecule: name, identifier, InChIKey, or any SMILES")
    parser.add_argument("--space", help="the feature space (default: the one with most profiles)")
    parser.add_argument("--top", type=int, default=TOP, help=f"features shown up and down (default {TOP})")
    parser.add_argument("--checkpoint", type=Path, help="default: that of the newest run")
    add_form_arguments(parser)
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Print the profile."""
    started = time.perf_counter()
    with opened() as store:
        found = predict_profile(
            store, arguments.key, arguments.space, top=arguments.top, checkpoint=arguments.checkpoint
        )
    emit(found, arguments, time.perf_counter() - started)


if __name__ == "__main__":
    run(main, build_parser())
