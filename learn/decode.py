"""Predict a profile of a molecule: ``python -m learn.decode SMILES --space cmea-812``.

The checkpoint's decoder of a feature space turns the embedding into scaled features, and the feature store's minima and
maxima bring these back to the units in which they were measured. A space of zeros and ones (the fingerprint) decodes to
probabilities.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from graphdb.console import note, print_table, run, say
from graphdb.errors import ArtefactError, InputError
from graphdb.feature_space import FeatureSpace
from graphdb.feature_store import FeatureStore
from graphdb.workspace import Workspace
from learn.batches import scaler_id
from learn.checkpoint import Checkpoint, load
from learn.encode import encode, encode_with_reasons
from learn.runs import newest_checkpoint

TOP = 15
BLOCK = 4096  # nodes that are read at once
SIMULATED = "SIMULATED: no instrument measured the profiles of {space} that this decoder was trained with"

Floats = npt.NDArray[np.float32]


def decode(
    smiles: Sequence[str], checkpoint: Checkpoint | Path | str, features: FeatureStore, space: str
) -> pd.DataFrame:
    """Predict the features of molecules in a feature space.

    Parameters
    ----------
    smiles
        n structures.
    checkpoint
        A checkpoint with decoders, or its file.
    features
        The feature store that it was trained with, or another with the same scaling.
    space
        Name of the feature space; where nodes of two types have it, ``Type/name``.

    Returns
    -------
    pandas.DataFrame
        n rows, one a structure in their order, NaN where it cannot be used; D columns, the features, in the units of
        the source; of a space of zeros and ones probabilities. ``attrs["simulated"]`` says whether no instrument
        measured what the decoder was trained with.

    Raises
    ------
    InputError
        If the checkpoint has no decoder of that space.
    ArtefactError
        If the checkpoint has no decoders, or the feature store scales this space otherwise.
    """
    model = load(checkpoint) if isinstance(checkpoint, Path | str) else checkpoint
    return decode_embeddings(encode(smiles, model.as_trained()), model, features, space)


def decode_embeddings(embeddings: Floats, model: Checkpoint, features: FeatureStore, space: str) -> pd.DataFrame:
    """Predict the features of molecules by their embeddings (n, 300); see `decode`."""
    place = find_space(model, space)
    found = stored_space(model, features, place)
    with torch.no_grad():
        logits = model.decoders().decoder_list[place](torch.from_numpy(np.asarray(embeddings, dtype=np.float32)))
        scaled = torch.sigmoid(logits).numpy()
    table = pd.DataFrame(scaled if found.kind == "binary" else found.unscale(scaled), columns=list(found.columns))
    table.attrs["simulated"] = is_simulated(model, found)
    return table


def is_simulated(model: Checkpoint, space: FeatureSpace) -> bool:
    """Return whether no instrument measured the profiles that the decoder of a space was trained with."""
    return space.simulated or space.name in model.simulated


def find_space(model: Checkpoint, space: str) -> int:
    """Return which of a checkpoint's decoders is that of a feature space; `InputError` if none or several are."""
    names = [(str(spec.node_type), spec.feature_space) for spec in model.specs]
    places = [place for place, (kind, name) in enumerate(names) if space in {name, f"{kind}/{name}"}]
    if len(places) == 1:
        return places[0]
    listed = ", ".join(f"{kind}/{name}" for kind, name in names) or "none"
    what = "no decoder" if not places else "more than one decoder"
    raise InputError(f"the checkpoint has {what} of the feature space {space!r}; there are: {listed}")


def stored_space(model: Checkpoint, features: FeatureStore, place: int) -> FeatureSpace:
    """Return the feature space of a decoder as the store has it; `ArtefactError` if it is scaled otherwise there."""
    spec = model.specs[place]
    found = features.space(spec.node_type, spec.feature_space)
    if place >= len(model.scalers) or scaler_id(found) != model.scalers[place]:
        raise ArtefactError(
            f"{features.folder}: scales {spec} otherwise than the features that the checkpoint was trained with; "
            "train again with: python -m learn.pretrain"
        )
    return found


def deviations(profile: npt.ArrayLike, space: FeatureSpace) -> npt.NDArray[np.float64]:
    """Return by how many standard deviations features lie above their mean over a space's nodes.

    Parameters
    ----------
    profile
        (n, D) in the units of the space.
    space
        Its nodes.

    Returns
    -------
    (n, D) float64
        z; NaN where a feature does not vary.
    """
    mean, spread = _moments(space)
    # Rounding leaves a little of what does not vary at all.
    varies = spread > 1e-6 * np.abs(mean)
    difference = np.asarray(profile, dtype=np.float64) - mean
    z = np.full(difference.shape, np.nan)
    np.divide(difference, spread, out=z, where=varies)
    return z


def _moments(space: FeatureSpace) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return mean and standard deviation (D,) of every feature over the nodes where it was measured; NaN where none."""
    blocks = [slice(begin, begin + BLOCK) for begin in range(0, len(space), BLOCK)]

    def total(of: Callable[[Floats], npt.NDArray[Any]]) -> npt.NDArray[np.float64]:
        sums = np.zeros(space.dimension)
        for block in blocks:  # the matrix may be larger than memory
            sums += np.nansum(of(space.raw(block)), axis=0, dtype=np.float64)
        return sums

    count = total(lambda values: ~np.isnan(values))
    known = count > 0
    mean = np.divide(total(lambda values: values), count, out=np.full(space.dimension, np.nan), where=known)
    squares = total(lambda values: np.square(values - mean))
    return mean, np.sqrt(np.divide(squares, count, out=np.full(space.dimension, np.nan), where=known))


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    parser = argparse.ArgumentParser(prog="python -m learn.decode", description=__doc__)
    parser.add_argument("smiles", nargs="*", metavar="SMILES", help="structures of molecules")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--space", help="the feature space, e.g. cmea-812")
    what.add_argument("--list", action="store_true", help="list the feature spaces that can be decoded")
    parser.add_argument("--checkpoint", type=Path, help="default: that of the newest run")
    parser.add_argument("--features", type=Path, help="feature store (default: the workspace's)")
    parser.add_argument("--top", type=int, default=TOP, help=f"features shown up and down (default {TOP})")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="print every feature as CSV: a row a molecule and feature")
    form.add_argument("--json", action="store_true", help="the same as JSON")
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Decode, and print what stands out."""
    began = time.perf_counter()
    workspace = Workspace.default()
    path = arguments.checkpoint or newest_checkpoint(workspace)
    model = load(path)
    if arguments.list:
        _list(model)
        return
    if not arguments.smiles or arguments.top < 1:
        raise InputError("expected at least one SMILES, and --top 1 or more")
    features = FeatureStore.open(arguments.features or workspace.features)
    place = find_space(model, arguments.space)
    space = stored_space(model, features, place)
    embeddings, standard = encode_with_reasons(arguments.smiles, model.as_trained())
    for text, reason in zip(arguments.smiles, standard["reason"], strict=True):
        if reason is not None:
            raise InputError(f"{text!r}: {reason}")
    values = decode_embeddings(embeddings, model, features, arguments.space)
    unit = "probability" if space.kind == "binary" else "value"
    table = _long(arguments.smiles, values, deviations(values.to_numpy(), space), unit)
    simulated = is_simulated(model, space)
    if simulated:
        note(SIMULATED.format(space=space.name))
    if arguments.csv:
        say(table.assign(simulated=simulated).to_csv(index=False).rstrip("\n"))
    elif arguments.json:
        say(table.assign(simulated=simulated).to_json(orient="records"))
    else:
        for text in dict.fromkeys(arguments.smiles):
            _show(text, table[table["smiles"] == text], space, arguments.top)
        seconds = time.perf_counter() - began
        say(f"{space.dimension:,} features of {space.name}, model {model.model_hash[:16]} of {path} ({seconds:.1f} s)")


def _long(smiles: Sequence[str], values: pd.DataFrame, z: npt.NDArray[np.float64], unit: str) -> pd.DataFrame:
    """Return one row a molecule and feature: ``smiles``, ``feature``, value or probability, ``z``."""
    count = values.shape[1]
    return pd.DataFrame(
        {
            "smiles": np.repeat(np.array(smiles, dtype=object), count),
            "feature": np.tile(values.columns.to_numpy(dtype=object), len(values)),
            unit: values.to_numpy().ravel(),
            "z": z.ravel(),
        }
    )


def _show(smiles: str, table: pd.DataFrame, space: FeatureSpace, top: int) -> None:
    """Print the features that lie furthest above and below their mean over the nodes of the space."""
    ranked = table.drop_duplicates("feature").dropna(subset="z").sort_values("z", kind="stable")
    for way, rows in (("above", ranked[ranked["z"] > 0].iloc[::-1]), ("below", ranked[ranked["z"] < 0])):
        title = f"{smiles}: furthest {way} the mean of the {len(space):,} nodes of {space.name}"
        columns = [str(name) for name in table.columns[1:]]
        print_table(title, columns, rows.head(top)[columns].to_numpy(dtype=object).tolist())


def _list(model: Checkpoint) -> None:
    model.decoders()
    rows = [
        (
            str(spec.node_type),
            spec.feature_space,
            spec.dimension,
            "yes" if spec.feature_space in model.simulated else "",
        )
        for spec in model.specs
    ]
    print_table("feature spaces that this checkpoint decodes", ["node type", "space", "features", "simulated"], rows)


if __name__ == "__main__":
    run(main, build_parser())
