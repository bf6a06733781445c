"""Arrays of an artefact: one ``.npy`` file each, described in the manifest, read back memory-mapped."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from graphdb.errors import ArtefactError, InputError
from graphdb.files import sha256
from graphdb.schema import SCHEMA_VERSION

Array = npt.NDArray[Any]
Strings = npt.NDArray[np.str_]


def write_arrays(folder: Path, arrays: Mapping[str, Array]) -> dict[str, dict[str, Any]]:
    """Write each array to ``folder/NAME.npy``; return shape, dtype and SHA-256 by name, for the manifest."""
    described = {}
    for name, array in arrays.items():
        path = folder / f"{name}.npy"
        np.save(path, array, allow_pickle=False)
        described[name] = {"shape": list(array.shape), "dtype": array.dtype.str, "sha256": sha256(path)}
    return described


def read_arrays(
    folder: Path, described: object, dtypes: Mapping[str, npt.DTypeLike], *, verify: bool = True
) -> dict[str, Array]:
    """Map the arrays that `write_arrays` wrote into memory, read-only.

    Parameters
    ----------
    folder
        Where they are.
    described
        What `write_arrays` returned, as it stands in the manifest.
    dtypes
        The arrays that are wanted, with the dtype that each must have (``str`` for any width).
    verify
        Compare the SHA-256 as well, which reads every byte. Shape, dtype and size are compared in any case.

    Raises
    ------
    ArtefactError
        Naming the file that is missing, cut short, damaged, or of another dtype.
    """
    if not isinstance(described, Mapping):
        raise ArtefactError(f"{folder}: its manifest lists no arrays")
    arrays = {}
    for name, dtype in dtypes.items():
        path = folder / f"{name}.npy"
        entry = described.get(name)
        if not isinstance(entry, Mapping):
            raise ArtefactError(f"{folder}: its manifest does not list the array {name!r}")
        array = _read(path, 0 in entry.get("shape", ()))
        if list(array.shape) != entry.get("shape") or array.dtype.str != entry.get("dtype"):
            raise ArtefactError(
                f"{path}: expected {entry.get('dtype')} {entry.get('shape')} as its manifest says, "
                f"found {array.dtype.str} {list(array.shape)}"
            )
        if not has_dtype(array, dtype):
            raise ArtefactError(f"{path}: expected {np.dtype(dtype).name}, found {array.dtype}")
        if verify and sha256(path) != entry.get("sha256"):
            raise ArtefactError(f"{path}: damaged (its SHA-256 is not the one in the manifest)")
        arrays[name] = array
    return arrays


def _read(path: Path, empty: bool) -> Array:
    try:
        # An array without elements cannot be memory-mapped.
        array: Array = np.load(path, mmap_mode=None if empty else "r", allow_pickle=False)
    except FileNotFoundError:
        raise ArtefactError(f"{path}: missing") from None
    except (ValueError, EOFError) as error:
        raise ArtefactError(f"{path}: damaged ({error})") from None
    return array


def check_schema_version(folder: Path, manifest: Mapping[str, Any], *, made_by: str) -> None:
    """Raise `ArtefactError` unless the artefact was made for this schema."""
    if manifest.get("schema_version") != SCHEMA_VERSION:
        raise ArtefactError(
            f"{folder}: made for schema {manifest.get('schema_version')}, this is schema {SCHEMA_VERSION}; "
            f"make it again with: {made_by}"
        )


def has_dtype(array: Array, dtype: npt.DTypeLike) -> bool:
    """Say whether `array` is of this dtype; texts may be of any width."""
    wanted = np.dtype(dtype)
    return array.dtype == wanted or (wanted.kind == "U" and array.dtype.kind == "U")


def as_strings(keys: npt.ArrayLike) -> Strings:
    """Return `keys` (n,) as a NumPy string array; integers become their decimal digits."""
    array = np.asarray(keys)
    if array.ndim != 1:
        raise InputError(f"keys: expected one dimension, got shape {array.shape}")
    return array.astype(np.str_)


def positions(keys: Strings, wanted: npt.ArrayLike) -> npt.NDArray[np.int32]:
    """Return where each of `wanted` stands in `keys` (unique), -1 where it does not."""
    if not len(keys):
        return np.full(len(np.asarray(wanted)), -1, dtype=np.int32)
    found: npt.NDArray[np.intp] = pd.Index(keys.astype(object)).get_indexer(pd.Index(as_strings(wanted).astype(object)))
    return found.astype(np.int32)


def require_unique(keys: Strings, what: str) -> None:
    """Raise `InputError` if a key stands twice in `keys`."""
    unique, counts = np.unique(keys, return_counts=True)
    if len(unique) != len(keys):
        raise InputError(f"{what}: the key {str(unique[counts > 1][0])!r} stands there more than once")


ScalarT = TypeVar("ScalarT", bound=np.generic)


def frozen(array: npt.NDArray[ScalarT]) -> npt.NDArray[ScalarT]:
    """Return `array`, read-only."""
    array.flags.writeable = False
    return array
