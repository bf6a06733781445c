"""Feature matrices per node type and feature space, memory-mapped, with the minima and maxima that scale them.

Folder: ``manifest.json`` and, per feature space, ``NODETYPE/SPACE/`` with ``space.json``, ``keys.npy``, ``values.npy``,
for continuous spaces ``minima.npy`` and ``maxima.npy``, and ``batches.npy`` where batches are known.
Scaling: docs/decisions/0003-snapshot-and-walks.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from graphdb.arrays import (
    Array,
    Strings,
    as_strings,
    check_schema_version,
    read_arrays,
    require_unique,
    write_arrays,
)
from graphdb.errors import ArtefactError, InputError
from graphdb.feature_space import FeatureSpace, SpaceKind, extremes
from graphdb.files import read_json, read_manifest, replacing_folder, write_json, write_manifest
from graphdb.schema import SCHEMA_VERSION, NodeType

KIND = "feature store"
MADE_BY = "python -m ingest.all"

__all__ = ["FeatureSpace", "FeatureStore", "FeatureStoreWriter"]

_SLUG = re.compile(r"[a-z0-9][a-z0-9._-]*")
_DESCRIPTION = "space.json"


@dataclass(frozen=True)
class FeatureStore:
    """All feature spaces of a graph.

    Attributes
    ----------
    folder
        Where it is.
    manifest
        What was said about it when it was written: ``graph_hash``, inputs, settings, versions.
    """

    folder: Path
    manifest: Mapping[str, Any]
    _spaces: Mapping[tuple[NodeType, str], FeatureSpace]

    @classmethod
    def open(cls, folder: Path, *, verify: bool = False) -> Self:
        """Map the feature store in `folder` into memory, read-only.

        Parameters
        ----------
        folder
            Where it is.
        verify
            Compare the SHA-256 of every file, which reads them whole.

        Raises
        ------
        ArtefactError
            If it is missing, damaged, of another kind or made for another schema.
        """
        folder = Path(folder)
        manifest = read_manifest(folder, KIND, made_by=MADE_BY)
        check_schema_version(folder, manifest, made_by=MADE_BY)
        spaces = [_read_space(folder / place, verify) for place in manifest.get("spaces", [])]
        return cls(folder, manifest, {(space.node_type, space.name): space for space in spaces})

    @property
    def graph_hash(self) -> str:
        """Content hash of the graph that the features belong to; "" if it was not stated."""
        return str(self.manifest.get("graph_hash", ""))

    @property
    def tautomers(self) -> Literal["keep", "canonical"]:
        """What tautomers the molecules have: those that they are drawn in, or RDKit's canonical ones."""
        stated = self.manifest.get("standardise", {}).get("tautomers", "keep")
        return "canonical" if stated == "canonical" else "keep"

    def spaces(self) -> list[FeatureSpace]:
        """Return all feature spaces, by node type and name."""
        return [self._spaces[which] for which in sorted(self._spaces, key=lambda which: (which[0].code, which[1]))]

    def space(self, node_type: NodeType, name: str) -> FeatureSpace:
        """Return one feature space; `ArtefactError` if there is none of that name."""
        try:
            return self._spaces[node_type, name]
        except KeyError:
            there = ", ".join(space.name for space in self.spaces() if space.node_type == node_type) or "none"
            raise ArtefactError(f"{self.folder}: no feature space {name!r} of {node_type}; there is: {there}") from None


class _DiscardedError(Exception):
    pass


class FeatureStoreWriter:
    """Writes a feature store into a temporary folder; `finish` puts it in its place as a whole.

    As a context manager it discards what was written when its block ends without `finish`.

    Parameters
    ----------
    folder
        Where the store shall be. What is there stays until `finish`.
    """

    def __init__(self, folder: Path) -> None:
        self._stack = ExitStack()
        self._temporary = self._stack.enter_context(replacing_folder(Path(folder)))
        self._places: dict[tuple[NodeType, str], str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.discard()

    def add(
        self,
        node_type: NodeType,
        name: str,
        keys: npt.ArrayLike,
        columns: Sequence[str],
        values: npt.ArrayLike,
        *,
        simulated: bool = False,
        batches: npt.ArrayLike | None = None,
    ) -> None:
        """Add a continuous feature space.

        Parameters
        ----------
        node_type, name
            Which nodes, which feature space (a slug: ``[a-z0-9._-]``).
        keys
            (n,) unique keys of the nodes.
        columns
            d unique names.
        values
            (n, d) in the units of the source; NaN where not measured.
        simulated
            True where no instrument measured them.
        batches
            (n,) names of what the profiles were measured together with; None where that is not known.

        Raises
        ------
        InputError
            If the space was added before, keys or columns are not unique, shapes do not fit, or a value is infinite
            or beyond float32.
        """
        matrix, texts, names = self._checked(node_type, name, keys, columns, values)
        with np.errstate(over="ignore"):
            matrix = matrix.astype(np.float32, copy=False)
        if matrix.shape[1] != len(names):
            raise InputError(f"{_where(node_type, name)}: {len(names)} columns but values of shape {matrix.shape}")
        minima, maxima = extremes(matrix)
        wrong = np.flatnonzero(np.isinf(minima) | np.isinf(maxima))
        if len(wrong):
            row = np.flatnonzero(np.isinf(matrix[:, wrong[0]]))[0]
            raise InputError(f"{_where(node_type, name)}: {str(texts[row])!r} is infinite in {names[wrong[0]]!r}")
        with np.errstate(over="ignore"):
            wide = np.flatnonzero(np.isinf(maxima - minima))
        if len(wide):
            raise InputError(f"{_where(node_type, name)}: the range of {names[wide[0]]!r} is beyond float32")
        arrays = {"keys": texts, "values": matrix, "minima": minima, "maxima": maxima}
        if batches is not None:
            arrays["batches"] = as_strings(batches)
            if len(arrays["batches"]) != len(texts):
                raise InputError(f"{_where(node_type, name)}: {len(texts)} keys but {len(arrays['batches'])} batches")
        self._write(node_type, name, arrays, kind="continuous", columns=names, simulated=simulated)

    def add_binary(
        self,
        node_type: NodeType,
        name: str,
        keys: npt.ArrayLike,
        columns: Sequence[str],
        packed: npt.ArrayLike,
        *,
        simulated: bool = False,
    ) -> None:
        """Add a feature space of zeros and ones.

        Parameters
        ----------
        node_type, name, keys, columns, simulated
            As for `add`.
        packed
            (n, ceil(d / 8)) uint8, as ``numpy.packbits(bits, axis=1)`` makes it.

        Raises
        ------
        InputError
            As for `add`, or if a bit beyond the d-th is set.
        """
        matrix, texts, names = self._checked(node_type, name, keys, columns, packed)
        if matrix.dtype != np.uint8 or matrix.shape[1] != -(-len(names) // 8):
            raise InputError(
                f"{_where(node_type, name)}: expected uint8 of shape ({len(texts)}, {-(-len(names) // 8)}) for "
                f"{len(names)} columns, got {matrix.dtype} of shape {matrix.shape}"
            )
        spare = 8 * matrix.shape[1] - len(names)
        if spare and (matrix[:, -1] & ((1 << spare) - 1)).any():
            raise InputError(f"{_where(node_type, name)}: a bit beyond the last of {len(names)} columns is set")
        arrays = {"keys": texts, "values": matrix}
        self._write(node_type, name, arrays, kind="binary", columns=names, simulated=simulated)

    def finish(self, manifest: Mapping[str, Any]) -> None:
        """Write the manifest and put the store in its place.

        Parameters
        ----------
        manifest
            ``graph_hash`` (content hash of the graph), inputs with their SHA-256, settings.
        """
        content = {**manifest, "schema_version": SCHEMA_VERSION, "spaces": sorted(self._places.values())}
        write_manifest(self._temporary, KIND, content)
        self._stack.close()

    def discard(self) -> None:
        """Remove what was written, unless it is finished."""
        self._stack.__exit__(_DiscardedError, _DiscardedError(), None)

    def _checked(
        self, node_type: NodeType, name: str, keys: npt.ArrayLike, columns: Sequence[str], values: npt.ArrayLike
    ) -> tuple[Array, Strings, list[str]]:
        where = _where(node_type, name)
        if not _SLUG.fullmatch(name):
            raise InputError(f"{where}: the name of a feature space is made of a-z, 0-9, '.', '_' and '-'")
        if (node_type, name) in self._places:
            raise InputError(f"{where}: added twice")
        matrix, texts, names = np.asarray(values), as_strings(keys), [str(column) for column in columns]
        if matrix.ndim != 2 or len(matrix) != len(texts):
            raise InputError(f"{where}: {len(texts)} keys but values of shape {matrix.shape}")
        require_unique(texts, where)
        require_unique(as_strings(names), f"{where}: columns")
        return matrix, texts, names

    def _write(
        self, node_type: NodeType, name: str, arrays: Mapping[str, Array], *, kind: SpaceKind, **about: Any
    ) -> None:
        place = f"{node_type.value.lower()}/{name}"
        folder = self._temporary / place
        folder.mkdir(parents=True)
        description = {"node_type": node_type, "name": name, "kind": kind, **about}
        write_json(folder / _DESCRIPTION, {**description, "arrays": write_arrays(folder, arrays)})
        self._places[node_type, name] = place


def _where(node_type: NodeType, name: str) -> str:
    return f"feature space {name!r} of {node_type}"


def _read_space(folder: Path, verify: bool) -> FeatureSpace:
    about = read_json(folder / _DESCRIPTION)
    try:
        node_type, name, kind = NodeType(about["node_type"]), str(about["name"]), about["kind"]
        columns, simulated = tuple(about["columns"]), bool(about["simulated"])
        described = about["arrays"]
    except (KeyError, TypeError, ValueError) as error:
        raise ArtefactError(f"{folder / _DESCRIPTION}: damaged ({error!r})") from None
    dtypes: dict[str, npt.DTypeLike] = {"keys": np.str_}
    if kind == "continuous":
        dtypes |= {"values": np.float32, "minima": np.float32, "maxima": np.float32}
    elif kind == "binary":
        dtypes |= {"values": np.uint8}
    else:
        raise ArtefactError(f"{folder / _DESCRIPTION}: unknown kind {kind!r}")
    if isinstance(described, Mapping) and "batches" in described:  # stores of earlier versions have none
        dtypes |= {"batches": np.str_}
    arrays = read_arrays(folder, described, dtypes, verify=verify)
    _require_fitting(folder, kind, len(columns), arrays)
    arrays.setdefault("minima", np.zeros(len(columns), dtype=np.float32))
    arrays.setdefault("maxima", np.ones(len(columns), dtype=np.float32))
    return FeatureSpace(node_type=node_type, name=name, kind=kind, columns=columns, simulated=simulated, **arrays)


def _require_fitting(folder: Path, kind: SpaceKind, dimension: int, arrays: Mapping[str, Array]) -> None:
    expected: dict[str, tuple[int, ...]] = {
        "values": (len(arrays["keys"]), dimension if kind == "continuous" else -(-dimension // 8))
    }
    expected |= {name: (dimension,) for name in ("minima", "maxima") if name in arrays}
    expected |= {"batches": (len(arrays["keys"]),)} if "batches" in arrays else {}
    if any(arrays[name].shape != shape for name, shape in expected.items()):
        raise ArtefactError(f"{folder}: damaged (its keys, columns and values do not fit each other)")
