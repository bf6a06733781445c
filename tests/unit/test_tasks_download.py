"""Fetching the published data sets from a server on this machine: right bytes, wrong bytes, no server."""

from __future__ import annotations

import argparse
import contextlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from graphdb.errors import InputError
from graphdb.files import sha256
from learn.tasks import TASKS, task_named
from learn.tasks.download import build_parser, download, main, published_files

pytest.importorskip("pooch")


class Handler(SimpleHTTPRequestHandler):
    asked: list[str] = []  # noqa: RUF012 - of the server that the test made

    def log_message(self, *_: object) -> None:
        self.asked.append(self.path)


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    Handler.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def mirror_of(shared_data: Path, folder: Path) -> Path:
    for task in TASKS.values():
        for file in published_files(task):
            (folder / file.folder / "raw").mkdir(parents=True, exist_ok=True)
            (folder / file.folder / "raw" / file.name).symlink_to(shared_data / "infoalign" / file.folder / file.name)
    return folder


@pytest.mark.data
def test_all_data_sets_are_fetched_once_with_the_published_bytes(tmp_path: Path, shared_data: Path, capsys) -> None:
    with served(mirror_of(shared_data, tmp_path / "mirror")) as address:
        main(build_parser().parse_args([str(tmp_path / "data"), "--mirror", address]))
        assert "10 files of 4 data sets" in capsys.readouterr().out
        assert len(Handler.asked) == 10
        files = download(list(TASKS.values()), tmp_path / "data", address)
        assert len(Handler.asked) == 10, "what is there is not fetched again"
    for task in TASKS.values():
        for file in published_files(task):
            path = tmp_path / "data" / file.folder / file.name
            assert path in files
            assert (path.stat().st_size, sha256(path)) == (file.size, file.sha256)
        assert {file.name for file in published_files(task)} >= set(task.files)


def test_other_bytes_are_refused_and_not_kept(tmp_path: Path) -> None:
    folder = tmp_path / "mirror" / "moltoxcast" / "raw"
    folder.mkdir(parents=True)
    (folder / "assays.csv.gz").write_bytes(b"something else")
    with served(tmp_path / "mirror") as address, pytest.raises(InputError, match="not the published bytes"):
        download([task_named("toxcast")], tmp_path / "data", address)
    assert not list((tmp_path / "data").rglob("*.gz"))


def test_a_file_with_other_bytes_is_fetched_anew(tmp_path: Path, shared_data: Path) -> None:
    path = tmp_path / "data" / "moltoxcast" / "assays.csv.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"cut off")
    with served(mirror_of(shared_data, tmp_path / "mirror")) as address:
        download([task_named("toxcast")], tmp_path / "data", address)
    assert path.stat().st_size == 344478


def test_no_server_and_no_such_file_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be fetched"):
        download([task_named("toxcast")], tmp_path, "http://127.0.0.1:9")
    with served(tmp_path) as address, pytest.raises(InputError, match="cannot be fetched"):
        download([task_named("toxcast")], tmp_path / "data", address)


def test_an_unknown_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no task called"):
        main(argparse.Namespace(folder=tmp_path, tasks="nonsense", mirror=""))
