"""Fitting a predictor on a user's own table, and scoring it beside trees on the molecules that it has not seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from graphdb.errors import InputError
from graphdb.files import versions
from graphdb.molecule_graphs import MoleculeGraphs
from learn.applicability import ApplicabilityDomain
from learn.baselines import Boosting, RandomForest, boosting
from learn.bootstrap import intervals
from learn.checkpoint import Checkpoint
from learn.config import WIDTH
from learn.encode import embed_graphs
from learn.fine_tuning import Profile, fine_tune, training
from learn.head import HeadConfig
from learn.head_training import train_heads
from learn.metrics import score
from learn.predictor import Predictor, State
from learn.standard_graphs import standard_graphs
from learn.table_split import SplitName, split_table
from learn.table_task import TableTask
from learn.tasks.split import SplitIndices
from learn.tasks.task import Kind, Metric

SHOWN: Mapping[Kind, tuple[Metric, ...]] = {"classification": ("auc", "auprc"), "regression": ("mae", "r2")}
"""The scores of a report; the first one is what validation judges by."""


@dataclass(frozen=True)
class Settings:
    """How a predictor is fitted.

    Attributes
    ----------
    split, split_column
        See `learn.table_split.split_table`.
    unfreeze, profile, epochs
        See `learn.fine_tuning.training`.
    seeds
        Members of the ensemble.
    baselines
        Whether a random forest and LightGBM are scored too.
    device
        See `learn.device.resolve_device`.
    """

    split: SplitName = "scaffold"
    split_column: str | None = None
    unfreeze: bool = False
    profile: Profile = "paper"
    epochs: int | None = None
    seeds: int = 5
    baselines: bool = True
    device: str = "auto"


@dataclass(frozen=True)
class Usable:
    """The rows of a table that can be learned from.

    Attributes
    ----------
    rows
        (k,) rows of the table.
    smiles
        k standardised structures.
    labels
        (k, t).
    graphs, place
        The different molecules, and (k,) the graph of each row.
    rejects
        (line, reason) of every row that has no usable structure.
    unlabelled
        Rows with a structure and without any label.
    """

    rows: npt.NDArray[np.int64]
    smiles: tuple[str, ...]
    labels: npt.NDArray[np.float32]
    graphs: MoleculeGraphs
    place: npt.NDArray[np.int64]
    rejects: tuple[tuple[int, str], ...]
    unlabelled: int


def usable_rows(task: TableTask, model: Checkpoint) -> Usable:
    """Standardise the structures of a table as the encoder's were.

    Raises
    ------
    InputError
        If no row has both a structure and a label.
    """
    graphs, place, standard = standard_graphs(task.smiles, model.tautomers)
    rejects = tuple(
        (int(task.lines[row]), "no SMILES" if not task.smiles[row] else str(standard["reason"].iloc[row]))
        for row in np.flatnonzero(place < 0)
    )
    labelled = (~np.isnan(task.labels)).any(axis=1)
    rows = np.flatnonzero((place >= 0) & labelled)
    if not len(rows):
        raise InputError("no row has both a structure that can be used and a label", path=task.path)
    return Usable(
        rows=rows,
        smiles=tuple(standard["smiles"].iloc[rows]),
        labels=task.labels[rows],
        graphs=graphs,
        place=place[rows],
        rejects=rejects,
        unlabelled=int(((place >= 0) & ~labelled).sum()),
    )


def fit_predictor(
    task: TableTask,
    model: Checkpoint,
    settings: Settings | None = None,
    *,
    leakage: str | None = None,
    cache: Path | None = None,
    on_step: Callable[[str], None] | None = None,
) -> Predictor:
    """Fit and score a predictor.

    Parameters
    ----------
    task
        The table.
    model
        The pretrained encoder.
    settings
        How.
    leakage
        What is to be recorded of pretraining having seen the table; None: nothing.
    cache
        Folder in which descriptors are kept.
    on_step
        Called with what begins.

    Raises
    ------
    InputError
        If a part of the split is empty, or has too few labels to learn from or to be judged by.
    """
    settings = settings or Settings()
    step = on_step or (lambda _text: None)
    usable = usable_rows(task, model)
    parts = split_table(task, usable.rows, usable.smiles, settings.split, column=settings.split_column)
    centre, scale = _units(task.kind, usable.labels[parts.train])
    step(f"{settings.seeds} heads on {len(parts.train):,} molecules")
    try:
        encoders, heads, epochs = _members(task, model, usable, parts, (centre, scale), settings)
    except ValueError as error:
        raise InputError(f"{error}; the {settings.split} split leaves too little", path=task.path) from None
    predictor = Predictor(
        kind=task.kind,
        names=task.names,
        layers=model.config.layers,
        dropout=model.config.dropout,
        tautomers=model.tautomers,
        encoders=encoders,
        heads=heads,
        hidden=HeadConfig.hidden,
        centre=centre,
        scale=scale,
        domain=ApplicabilityDomain.of([usable.smiles[index] for index in parts.train]),
        about={},
    )
    step("scoring on the test molecules")
    test = usable.graphs.take(usable.place[parts.test])
    by_member = predictor.members(test, device=settings.device)
    systems = {"predictor": by_member.mean(axis=0)}
    if settings.baselines:
        systems |= _baselines(task.kind, usable, parts, cache, step)
    labels = usable.labels[parts.test]
    repeated = np.isin(usable.place[parts.test], usable.place[np.concatenate([parts.train, parts.valid])])
    about = {
        "data": {"path": str(task.path), "sha256": task.sha256, "rows": len(task.smiles)},
        "columns": {"smiles": task.smiles_column, "labels": list(task.names), "split": settings.split_column},
        "encoder": {"model_hash": model.model_hash, "snapshot_id": model.snapshot_id},
        "leakage": leakage,
        "settings": {
            "split": settings.split,
            "unfreeze": settings.unfreeze,
            "profile": settings.profile,
            "seeds": settings.seeds,
            "epochs": epochs,
        },
        "molecules": {
            **{name: len(part) for name, part in parts._asdict().items()},
            "rejected": len(usable.rejects),
            "unlabelled": usable.unlabelled,
            "test_also_in_train_or_valid": int(repeated.sum()),
        },
        "rejects": [list(item) for item in usable.rejects],
        "domain_threshold": predictor.domain.threshold,
        "test_inside_domain": float(predictor.domain.nearest([usable.smiles[k] for k in parts.test]).inside.mean()),
        "scores": [_scored(system, task, labels, values) for system, values in systems.items()],
        "versions": versions(),
    }
    return Predictor(**{**vars(predictor), "about": about})


def _units(kind: Kind, labels: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return mean and spread of each label: heads learn them standardised, whatever their units."""
    n_tasks = labels.shape[1]
    centre, scale = np.zeros(n_tasks), np.ones(n_tasks)
    if kind == "regression":
        for task in range(n_tasks):
            known = labels[~np.isnan(labels[:, task]), task].astype(np.float64)
            if known.size:
                centre[task] = known.mean()
                scale[task] = known.std() or 1.0
    return centre, scale


def _members(
    task: TableTask,
    model: Checkpoint,
    usable: Usable,
    parts: SplitIndices,
    units: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]],
    settings: Settings,
) -> tuple[tuple[State, ...], tuple[State, ...], list[int]]:
    """Return the weights of the encoder or encoders and of the heads, and the best epoch of each."""
    labels = ((usable.labels - units[0]) / units[1]).astype(np.float32)
    metric = SHOWN[task.kind][0]
    encoder = model.encoder()
    seeds = range(settings.seeds)
    if not settings.unfreeze and settings.profile == "paper":
        embeddings = embed_graphs(encoder, usable.graphs, device=settings.device)
        if embeddings.shape[1] != WIDTH or not np.isfinite(embeddings).all():
            raise InputError("the encoder gives embeddings that are not finite", path=task.path)
        train, valid = ((embeddings[usable.place[part]], labels[part]) for part in (parts.train, parts.valid))
        config = HeadConfig(epochs=settings.epochs or HeadConfig.epochs)
        fitted = train_heads(task.kind, metric, train, valid, seeds=list(seeds), config=config, device=settings.device)
        return (
            (encoder.cpu().state_dict(),),
            tuple(one.head.state_dict() for one in fitted),
            [one.best_epoch for one in fitted],
        )
    way = training(unfreeze=settings.unfreeze, profile=settings.profile, epochs=settings.epochs)
    sets = [(usable.graphs.take(usable.place[part]), labels[part]) for part in (parts.train, parts.valid)]
    tuned = [
        fine_tune(task.kind, metric, encoder, sets[0], sets[1], seed=seed, config=way, device=settings.device)
        for seed in seeds
    ]
    return (
        tuple(one.encoder.state_dict() for one in tuned),
        tuple(one.head.state_dict() for one in tuned),
        [one.best_epoch for one in tuned],
    )


def _baselines(
    kind: Kind, usable: Usable, parts: SplitIndices, cache: Path | None, step: Callable[[str], None]
) -> dict[str, npt.NDArray[np.float64]]:
    train, test = ([usable.smiles[index] for index in part] for part in (parts.train, parts.test))
    labels = usable.labels[parts.train]
    step("random forest on fingerprints")
    systems = {"random forest": RandomForest(kind).fit(train, labels).predict(test)}
    if boosting.available():
        step("LightGBM on descriptors and counts")
        systems["LightGBM"] = Boosting(kind, cache=cache).fit(train, labels).predict(test)
    return systems


def _scored(
    system: str, task: TableTask, labels: npt.NDArray[np.float32], values: npt.NDArray[np.float64]
) -> dict[str, Any]:
    # A column without a label to learn from has no prediction, and is not scored.
    known = np.where(np.isnan(values).any(axis=0), np.nan, labels)
    scores: dict[str, Any] = {"system": system}
    for metric in SHOWN[task.kind]:
        found = score(metric, known, values)
        around = intervals(metric, known, values)
        scores[metric] = {
            "mean": _number(found.mean),
            "interval": _pair(around.mean.low, around.mean.high),
            "by_label": {
                name: {
                    "value": _number(float(found.by_task[place])),
                    "interval": _pair(around.by_task[place].low, around.by_task[place].high),
                }
                for place, name in enumerate(task.names)
            },
        }
    return scores


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value


def _pair(low: float, high: float) -> Sequence[float] | None:
    return None if np.isnan(low) else [low, high]
