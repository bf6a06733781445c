"""Fetch the paper's data sets: ``python -m learn.tasks.download FOLDER``, then ``learn.evaluate --data FOLDER``.

They lie in the authors' repository (https://github.com/liugangcode/InfoAlign, ``raw_data/*/raw/``). Each file is taken
at one commit, or from a mirror, and must have the bytes that this platform's results were made with: its SHA-256 stands
in ``published.tsv`` beside this file. What is there already is not fetched again. The repository states no licence of
its own for them: ChEMBL's data are CC BY-SA 3.0, Biogen's MIT, ToxCast's in the public domain.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from graphdb.console import note, run, say
from graphdb.errors import InputError
from graphdb.files import sha256
from learn.tasks import TASKS, task_named
from learn.tasks.task import Task

COMMIT = "43b07b55e28160835c232b9890393ea0eb9f6972"
MIRROR = f"https://raw.githubusercontent.com/liugangcode/InfoAlign/{COMMIT}/raw_data"
SECONDS = 60.0
"""How long a server may stay silent."""


class PublishedFile(NamedTuple):
    """A file of a published data set.

    Attributes
    ----------
    folder, name
        Where it lies, here and there (there within ``raw``).
    size
        Bytes.
    sha256
        Of the file as it is, compressed.
    """

    folder: str
    name: str
    size: int
    sha256: str


def published_files(task: Task) -> list[PublishedFile]:
    """Return the files of a data set: the labels first, then what tells which molecules have a profile."""
    with resources.files("learn.tasks").joinpath("published.tsv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    return [
        PublishedFile(row["folder"], row["file"], int(row["bytes"]), row["sha256"])
        for row in rows
        if row["folder"] == task.folder
    ]


def download(tasks: Sequence[Task], folder: Path, mirror: str = MIRROR) -> list[Path]:
    """Fetch data sets into ``folder/<data set>/``.

    Parameters
    ----------
    tasks
        Which.
    folder
        Made where it is missing.
    mirror
        Address under which ``<data set>/raw/<file>`` lies.

    Returns
    -------
    list
        The files, those included that were there.

    Raises
    ------
    InputError
        If pooch is not installed, a file cannot be fetched, or has other bytes: then nothing of that file stays.
    """
    return [_fetched(file, folder / file.folder, mirror) for task in tasks for file in published_files(task)]


def _fetched(file: PublishedFile, folder: Path, mirror: str) -> Path:
    path = folder / file.name
    if path.exists() and sha256(path) == file.sha256:
        return path
    try:
        import pooch
    except ImportError:
        raise InputError("fetching needs the package pooch: pip install 'infoalign-db[download]'") from None
    address = f"{mirror.rstrip('/')}/{file.folder}/raw/{file.name}"
    pooch.get_logger().setLevel("WARNING")
    note(f"{address} ({file.size:,} bytes)")
    try:
        pooch.retrieve(
            address,
            known_hash=f"sha256:{file.sha256}",
            fname=file.name,
            path=folder,
            downloader=pooch.HTTPDownloader(timeout=SECONDS),
        )
    except ValueError as error:
        # pooch keeps a file only if its hash is right.
        raise InputError(f"{address}: these are not the published bytes (SHA-256 {file.sha256[:16]}…)") from error
    except OSError as error:
        # Its errors of the network are requests' own, which are OSErrors.
        raise InputError(f"{address}: cannot be fetched ({str(error)[:200]})") from error
    return path


def build_parser() -> argparse.ArgumentParser:
    """Return the arguments of this command."""
    parser = argparse.ArgumentParser(prog="python -m learn.tasks.download", description=__doc__)
    parser.add_argument("folder", type=Path, help="where to")
    parser.add_argument("--tasks", default=",".join(TASKS), help=f"of {', '.join(TASKS)}; default: all")
    parser.add_argument("--mirror", default=MIRROR, help="another address that has <data set>/raw/<file>")
    return parser


def main(arguments: argparse.Namespace) -> None:
    """Fetch, and say where things are."""
    tasks = [task_named(name.strip()) for name in arguments.tasks.split(",") if name.strip()]
    files = download(tasks, arguments.folder, arguments.mirror)
    say(f"{len(files)} files of {len(tasks)} data sets in {arguments.folder}, each as published")


if __name__ == "__main__":
    run(main, build_parser())
