"""Writing so that nothing half-written is taken for whole, and the manifest that every artefact carries."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from graphdb.errors import ArtefactError

MANIFEST = "manifest.json"
STALE_SECONDS = 3600
NEARLY_FULL = 16 * 2**20
"""Bytes left on a disk on which a database can do nothing more."""


@contextmanager
def replacing_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success flush it to disk and rename it over `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_stale(path.parent, f".{path.name}.tmp-*")
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.tmp-", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        # What a write raises does not know its file: a full disk would be one without a name.
        if error.filename is None:
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def remove_stale(folder: Path, pattern: str) -> None:
    """Remove temporary files that killed processes have left: those on which nobody has worked for an hour."""
    for stale in folder.glob(pattern):
        with suppress(FileNotFoundError):
            if time.time() - stale.stat().st_mtime > STALE_SECONDS:
                stale.unlink()


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yield a new temporary folder beside `path`; on success put it in the place of `path`.

    Two renames are needed where `path` exists. A process killed between them leaves no folder at `path` (a reader
    sees "missing", never a mixture), and the next call makes it anew.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for stale in path.parent.glob(f".{path.name}.tmp-*"):
        shutil.rmtree(stale, ignore_errors=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.tmp-", dir=path.parent))
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        if path.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{path.name}.tmp-old-", dir=path.parent))
            path.replace(old / path.name)
            temporary.replace(path)
            shutil.rmtree(old)
        else:
            temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def disk_is_full(folder: Path) -> bool:
    """Return whether there is nearly nothing left on the disk of a folder."""
    return folder.exists() and shutil.disk_usage(folder).free < NEARLY_FULL


def full_disk(where: object) -> str:
    """Say that a disk is full, and what to do."""
    return f"the disk is full ({where}); free some space and run the same command again"


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, all or nothing."""
    with replacing_file(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, sort_keys=True, default=str) + "\n")


def read_json(path: Path) -> Any:
    """Read JSON that this platform wrote; a missing or damaged file is an `ArtefactError`."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise ArtefactError(f"{path}: missing") from None
    except json.JSONDecodeError as error:
        raise ArtefactError(f"{path}:{error.lineno}: not valid JSON ({error.msg})") from None


def write_manifest(folder: Path, kind: str, content: Mapping[str, Any]) -> None:
    """Write the manifest of an artefact: its kind, `content` (inputs, settings, seed, ids), versions and time."""
    write_json(
        folder / MANIFEST,
        {
            "kind": kind,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": versions(),
            **content,
        },
    )


def read_manifest(folder: Path, kind: str, *, made_by: str) -> dict[str, Any]:
    """Read the manifest of the artefact in `folder`.

    Raises
    ------
    ArtefactError
        If it is missing (the message names the command `made_by`) or of another kind.
    """
    if not (folder / MANIFEST).exists():
        raise ArtefactError(f"{folder}: no {kind} here; make it with: {made_by}")
    manifest: dict[str, Any] = read_json(folder / MANIFEST)
    if manifest.get("kind") != kind:
        raise ArtefactError(f"{folder}: expected a {kind}, found a {manifest.get('kind')!r}")
    return manifest


def versions() -> dict[str, str]:
    """Return the versions of this platform, of Python, and of the packages that results depend on."""
    found = {"python": platform.python_version()}
    for package in ("infoalign-db", "numpy", "pandas", "rdkit", "torch", "torch-geometric", "neo4j"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
