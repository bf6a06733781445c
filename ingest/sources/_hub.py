"""Files of a source from the Hugging Face hub: fetched once, taken up where they broke off, checked by their checksums.

The library ``huggingface_hub`` (extra ``hub``) does the talking. Its own download begins each file anew when a process
was killed, so its range requests (`http_get`) are used on a ``.part`` file that stays.
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from graphdb.console import note
from graphdb.errors import ArtefactError, InfoAlignError, InputError
from graphdb.files import MANIFEST, read_manifest, sha256, write_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from huggingface_hub import HfApi

KIND = "download"
MADE_BY = "python -m ingest.sources fetch"
BRANCH = "main"


@dataclass(frozen=True)
class Hub:
    """Where on the hub the files of a source are.

    Attributes
    ----------
    repository
        Of the kind *dataset*, ``owner/name``.
    folder
        Folder of the repository.
    patterns
        Names of the files in it, with ``*``.
    """

    repository: str
    folder: str
    patterns: tuple[str, ...]

    def takes(self, path: str) -> bool:
        """Return whether a file of the repository is one of the source's."""
        place = PurePosixPath(path)
        return str(place.parent) == self.folder and any(fnmatch(place.name, pattern) for pattern in self.patterns)


@dataclass(frozen=True)
class RemoteFile:
    """A file on the hub.

    Attributes
    ----------
    path
        In the repository.
    size
        Bytes.
    sha256
        Of a large file; None for one that git itself keeps.
    blob
        Git's hash of a small one.
    """

    path: str
    size: int
    sha256: str | None
    blob: str | None

    @property
    def name(self) -> str:
        """Its name without the folder."""
        return PurePosixPath(self.path).name

    @property
    def part(self) -> str:
        """Name of the file while it is fetched; that of another version is another."""
        return f".{self.name}.{(self.sha256 or self.blob or '')[:16]}.part"

    def fits(self, file: Path) -> bool:
        """Return whether a local file has this content."""
        if not file.is_file() or file.stat().st_size != self.size:
            return False
        if self.sha256 is not None:
            return sha256(file) == self.sha256
        digest = hashlib.sha1(b"blob %d\0" % self.size, usedforsecurity=False)  # as git computes it
        digest.update(file.read_bytes())
        return digest.hexdigest() == self.blob


@dataclass(frozen=True)
class Fetched:
    """What a fetch did.

    Attributes
    ----------
    revision
        The commit that was fetched.
    files
        SHA-256 of every file, by name.
    fetched, kept
        How many files came now, and how many were there.
    bytes
        How many came now.
    """

    revision: str
    files: Mapping[str, str]
    fetched: int
    kept: int
    bytes: int


def fetch(hub: Hub, folder: Path, revision: str | None = None) -> Fetched:
    """Fetch the files of a source into `folder`, and write a manifest with their checksums.

    A later call with no `revision` keeps to the commit of the first one, fetches what is missing or damaged, and goes
    on with what broke off.

    Parameters
    ----------
    hub
        Where they are.
    folder
        Where they shall be.
    revision
        A commit, tag or branch. None: the commit that was fetched before, else the main branch.

    Raises
    ------
    InputError
        If the library is not installed, the hub cannot be reached or has no such files, or a checksum does not fit.
    """
    folder.mkdir(parents=True, exist_ok=True)
    earlier = _manifest(folder)
    wanted = revision or earlier.get("revision") or BRANCH
    if earlier.get("repository") not in (None, hub.repository):
        raise InputError(f"this folder holds files of {earlier['repository']}, not of {hub.repository}", path=folder)
    with _said_in_one_line(hub):
        from huggingface_hub import HfApi

        api = HfApi()
        commit, files = _listed(api, hub, wanted)
        if not files:
            raise InputError(f"{hub.repository} at {wanted} has no file {hub.folder}/{' or '.join(hub.patterns)}")
        came = [_fetch_one(api, hub, commit, file, folder) for file in files]
    checksums = {file.name: sha256(folder / file.name) for file in files}
    about = {"repository": hub.repository, "folder": hub.folder, "revision": commit}
    described = {file.name: {"sha256": checksums[file.name], "bytes": file.size} for file in files}
    write_manifest(folder, KIND, {**about, "files": described})
    return Fetched(commit, checksums, sum(size > 0 for size in came), sum(size == 0 for size in came), sum(came))


def is_fetched(folder: Path) -> bool:
    """Return whether a fetch into `folder` came to its end."""
    return (folder / MANIFEST).is_file() and _manifest(folder) != {}


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        return read_manifest(folder, KIND, made_by=MADE_BY)
    except ArtefactError:
        return {}


def _listed(api: HfApi, hub: Hub, revision: str) -> tuple[str, list[RemoteFile]]:
    """Return the commit that a revision names, and the source's files in it."""
    info = api.dataset_info(hub.repository, revision=revision, files_metadata=True)
    files = [
        RemoteFile(
            found.rfilename,
            int(found.size or 0),
            found.lfs.sha256 if found.lfs else None,
            None if found.lfs else found.blob_id,
        )
        for found in info.siblings or ()
        if hub.takes(found.rfilename)
    ]
    return str(info.sha), sorted(files, key=lambda file: file.path)


def _fetch_one(api: HfApi, hub: Hub, commit: str, file: RemoteFile, folder: Path) -> int:
    """Fetch a file where it is missing or damaged; return how many bytes came."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    place = folder / file.name
    if file.fits(place):
        return 0
    part = folder / file.part
    there = part.stat().st_size if part.is_file() else 0
    if there > file.size:
        part.unlink()
        there = 0
    note(f"{file.name}: {file.size - there:,} bytes" + (f", {there:,} are there" if there else ""))
    url = hf_hub_url(hub.repository, file.path, repo_type="dataset", revision=commit, endpoint=api.endpoint)
    headers = build_hf_headers(token=False)
    location = api.get_hf_file_metadata(url=url, token=False).location
    with part.open("ab") as stream:
        http_get(location, stream, resume_size=there, headers=headers, expected_size=file.size)
    if not file.fits(part):
        part.unlink()
        raise InputError(
            "its checksum is not the hub's; the file was thrown away, run the same command again", path=place
        )
    part.replace(place)
    return file.size - there


@contextmanager
def _said_in_one_line(hub: Hub) -> Iterator[None]:
    """Turn what the library raises into one line that says what to do."""
    try:
        from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled, RepositoryNotFoundError
        from huggingface_hub.errors import RevisionNotFoundError as NoRevisionError
    except ImportError:
        raise InputError("fetching needs the package huggingface_hub: pip install 'infoalign-db[hub]'") from None
    where = f"{hub.repository} on the Hugging Face hub"
    try:
        yield
    except InfoAlignError:
        raise
    except NoRevisionError:
        raise InputError(f"{where}: no such revision") from None
    except RepositoryNotFoundError:
        raise InputError(f"{where}: no such data set, or it is not public") from None
    except HfHubHTTPError as error:
        raise InputError(f"{where}: {' '.join(str(error).split())[:200]}") from None
    except OfflineModeIsEnabled:
        raise InputError(f"{where}: HF_HUB_OFFLINE is set, so nothing is fetched") from None
    except OSError as error:
        if error.filename is not None or error.errno == errno.ENOSPC:
            raise
        raise _unreachable(where, error) from None
    except Exception as error:
        # The library's own client raises errors that share no base with Python's.
        if type(error).__module__.split(".")[0] not in ("httpx", "httpx2", "httpcore", "huggingface_hub"):
            raise
        raise _unreachable(where, error) from None


def _unreachable(where: str, error: Exception) -> InputError:
    reason = " ".join(str(error).split())[:160] or type(error).__name__
    return InputError(f"{where} cannot be fetched ({reason}); run the same command again: it goes on where it was")
