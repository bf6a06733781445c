"""The jars of the server: which they are (``artifacts.lock``), and how they come into the cache.

Each is looked for in Maven's own repository (``~/.m2``), then downloaded; in either case it must have the SHA-256 that
the lock file states.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Literal, get_args

from graphdb.console import progress
from graphdb.errors import GraphUnavailableError, InputError
from graphdb.files import disk_is_full, full_disk, replacing_file, sha256

NEO4J_VERSION = "5.26.30"
GDS_VERSION = "2.13.9"
APOC_VERSION = "5.26.0"

MAVEN_CENTRAL = "https://repo1.maven.org/maven2"
ATTEMPTS = 3
TIMEOUT_SECONDS = 30.0
TOGETHER = 8

Part = Literal["lib", "plugins"]


@dataclass(frozen=True)
class Artifact:
    """A jar.

    Attributes
    ----------
    part
        ``lib`` for the server, ``plugins`` for GDS and APOC.
    sha256
        Of its content, 64 hexadecimal digits.
    path
        In a Maven repository.
    """

    part: Part
    sha256: str
    path: str

    @property
    def name(self) -> str:
        """File name; no two jars of a part share one."""
        return self.path.rpartition("/")[2]


@cache
def locked_artifacts() -> tuple[Artifact, ...]:
    """Return the jars that the lock file lists."""
    text = resources.files("graphdb.neo4j_server").joinpath("artifacts.lock").read_text()
    return tuple(_artifact(line) for line in text.splitlines() if line and not line.startswith("#"))


def _artifact(line: str) -> Artifact:
    for part in get_args(Part):
        if line.startswith(part + " "):
            _, digest, path = line.split(" ")
            return Artifact(part, digest, path)
    raise ValueError(f"artifacts.lock: {line!r}")


def cache_folder() -> Path:
    """Return the folder of the jars of this version: ``$XDG_CACHE_HOME/infoalign/neo4j-…``, else ``~/.cache/…``."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return root / "infoalign" / f"neo4j-{NEO4J_VERSION}-gds-{GDS_VERSION}"


def fetch(artifacts: Sequence[Artifact] | None = None) -> Path:
    """Bring the jars that are missing into the cache and return it: folders ``lib`` and ``plugins``.

    A jar appears under its name only when it is whole, so a run that was killed is continued by the next.

    Raises
    ------
    GraphUnavailableError
        If a jar cannot be downloaded, or is not the one that the lock file states.
    """
    folder = cache_folder()
    wanted = locked_artifacts() if artifacts is None else artifacts
    missing = [artifact for artifact in wanted if not (folder / artifact.part / artifact.name).exists()]
    if missing:
        for part in get_args(Part):
            (folder / part).mkdir(parents=True, exist_ok=True)
        with progress() as bar, ThreadPoolExecutor(TOGETHER) as pool:
            task = bar.add_task(f"getting Neo4j {NEO4J_VERSION}", total=len(missing))
            running = [pool.submit(_fetch_one, artifact, folder) for artifact in missing]
            try:
                for one in running:
                    one.result()
                    bar.advance(task)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    return folder


def _fetch_one(artifact: Artifact, folder: Path) -> None:
    target = folder / artifact.part / artifact.name
    local = Path.home() / ".m2" / "repository" / artifact.path
    try:
        with replacing_file(target) as temporary:
            if local.is_file() and sha256(local) == artifact.sha256:
                shutil.copyfile(local, temporary)
            else:
                _download(artifact, temporary)
    except OSError as error:
        if disk_is_full(folder):
            raise GraphUnavailableError(full_disk(folder)) from error
        raise GraphUnavailableError(f"{target}: {error}") from error


def _download(artifact: Artifact, target: Path) -> None:
    url = f"{_repository()}/{artifact.path}"
    reason = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(2**attempt)
        digest = hashlib.sha256()
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer, target.open("wb") as file:
                while block := answer.read(1 << 20):
                    digest.update(block)
                    file.write(block)
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
            reason = " ".join(str(error).split())
            continue
        if digest.hexdigest() == artifact.sha256:
            return
        reason = "its SHA-256 is not the one that is expected"
    raise GraphUnavailableError(
        f"cannot get {url}: {reason} (INFOALIGN_MAVEN_URL names another repository; {cache_folder()} can be copied "
        "from a machine that has it)"
    )


def _repository() -> str:
    url = (os.environ.get("INFOALIGN_MAVEN_URL") or MAVEN_CENTRAL).rstrip("/")
    if not url.startswith(("https://", "http://")):
        raise InputError(f"INFOALIGN_MAVEN_URL: expected an address that begins with https://, got {url!r}")
    return url
