"""The cells of the results table: what each system is, and a store in which each is computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from graphdb.errors import ArtefactError
from graphdb.files import read_json, versions, write_json

System = Literal["linear probe", "head", "fine-tuned", "random forest", "LightGBM"]
SYSTEMS: tuple[System, ...] = get_args(System)
EMBEDDING_SYSTEMS: tuple[System, ...] = ("linear probe", "head", "fine-tuned")
"""Those that stand on an encoder."""

KIND = "infoalign-results"


@dataclass(frozen=True)
class Cell:
    """One system on one data set: what decides its scores.

    Attributes
    ----------
    task, data
        Name of the data set, and SHA-256 of its file.
    system
        What is scored.
    pretrained
        Whether its encoder is the checkpoint's, or one before any training; None where it has no encoder.
    encoder
        Hash of the encoder's weights; None where it has none.
    seeds
        The seeds.
    settings
        What else was chosen.
    """

    task: str
    data: str
    system: System
    pretrained: bool | None
    encoder: str | None
    seeds: tuple[int, ...]
    settings: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {**asdict(self), "seeds": list(self.seeds)}


class CellStore:
    """Cells with their results in a JSON file, written after each.

    Parameters
    ----------
    path
        The file; it is made where it is not there.

    Raises
    ------
    ArtefactError
        If it is damaged or something else.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._records: list[dict[str, Any]] = []
        if path.exists():
            content = read_json(path)
            if not isinstance(content, dict) or content.get("kind") != KIND:
                raise ArtefactError(f"{path}: expected {KIND}, found something else")
            self._records = content["cells"]

    def get(self, cell: Cell) -> dict[str, Any] | None:
        """Return the record of a cell (``cell``, ``result``, ``seconds``, ``versions``), or None."""
        wanted = cell.as_json()
        return next((record for record in self._records if record["cell"] == wanted), None)

    def put(self, cell: Cell, result: dict[str, Any], seconds: float, **about: Any) -> dict[str, Any]:
        """Keep the result of a cell, and return its record."""
        record = {
            "cell": cell.as_json(),
            "result": result,
            "seconds": round(seconds, 1),
            "versions": versions(),
            **about,
        }
        self._records = [other for other in self._records if other["cell"] != record["cell"]] + [record]
        write_json(self._path, {"kind": KIND, "cells": self._records})
        return record


def name_of(cell: dict[str, Any]) -> str:
    """Return what tables call the system of a cell."""
    if cell["pretrained"] is None:
        return {"random forest": "random forest, fingerprints", "LightGBM": "LightGBM, descriptors and counts"}[
            cell["system"]
        ]
    return f"{cell['system']}, encoder {'pretrained' if cell['pretrained'] else 'untrained'}"


def seeds_of(count: int) -> tuple[int, ...]:
    """Return the first `count` seeds."""
    return tuple(range(count))


def shared_versions(records: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Return the versions that all records have in common."""
    common = dict(records[0]["versions"]) if records else {}
    for record in records[1:]:
        common = {name: value for name, value in common.items() if record["versions"].get(name) == value}
    return common
