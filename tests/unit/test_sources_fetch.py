"""Fetching a source's files from a hub: here a small server that speaks as much of its language as is asked."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from graphdb.errors import InputError
from graphdb.files import read_json
from graphdb.workspace import Workspace
from ingest.plan import plan_sources
from ingest.sources import SOURCES, _hub
from ingest.sources.__main__ import build_parser, main
from ingest.sources._hub import Hub, fetch, is_fetched

pytest.importorskip("huggingface_hub")

REPOSITORY = "owner/data"
HUB = Hub(REPOSITORY, "raw", ("*.csv", "big.npz"))
FILES = {
    "raw/table.csv": b"mol_id,smiles\nm1,CCO\nm2,c1ccccc1\n",
    "raw/big.npz": bytes(range(256)) * 120_000,  # 31 MB: the library writes 10 MiB at a time
    "raw/other.txt": b"not asked for",
    "elsewhere/table.csv": b"of another folder",
}


def git_blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@dataclass
class FakeHub:
    """Serves `files` of one commit; notes every request."""

    files: dict[str, bytes] = field(default_factory=lambda: dict(FILES))
    commit: str = "1" * 40
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    cut_at: int | None = None
    down: bool = False
    slow: float = 0.0
    lie: bool = False
    url: str = ""

    def info(self) -> dict[str, Any]:
        siblings = []
        for path, content in self.files.items():
            said = {"rfilename": path, "size": len(content), "blobId": git_blob(content)}
            if path.endswith(".npz"):
                digest = hashlib.sha256(b"a lie" if self.lie else content).hexdigest()
                said["lfs"] = {"sha256": digest, "size": len(content), "pointerSize": 130}
            siblings.append(said)
        return {
            "id": REPOSITORY,
            "sha": self.commit,
            "siblings": siblings,
            "private": False,
            "tags": [],
            "downloads": 0,
        }

    def bodies(self) -> list[tuple[str, str | None]]:
        return [(path, byte_range) for method, path, byte_range in self.asked if method == "GET" and "resolve" in path]


def handler(hub: FakeHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, *, body: bool) -> None:
            hub.asked.append((self.command, self.path, self.headers.get("Range")))
            path = self.path.partition("?")[0]
            if hub.down:
                self.close_connection = True
                return
            if path.startswith(f"/api/datasets/{REPOSITORY}"):
                revision = path.rpartition("/revision/")[2]
                known = revision in ("main", hub.commit) or "/revision/" not in path
                self.send(200, json.dumps(hub.info()).encode()) if known else self.missing("RevisionNotFound")
                return
            if not path.startswith(f"/datasets/{REPOSITORY}/resolve/{hub.commit}/"):
                self.missing("RepoNotFound")
                return
            content = hub.files[path.split("/", 6)[6]]
            headers = {"ETag": f'"{git_blob(content)}"', "X-Repo-Commit": hub.commit, "Accept-Ranges": "bytes"}
            begin, status = 0, 200
            if found := re.match(r"bytes=(\d+)-", self.headers.get("Range") or ""):
                begin, status = int(found[1]), 206
                headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
            self.send(status, content[begin:], headers, body=body)

        def missing(self, code: str) -> None:
            self.send(404, b"{}", {"X-Error-Code": code})

        def send(
            self, status: int, content: bytes, headers: dict[str, str] | None = None, *, body: bool = True
        ) -> None:
            self.send_response(status)
            for name, value in {**(headers or {}), "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            if not body:
                return
            if hub.cut_at is not None and len(content) > hub.cut_at:
                self.wfile.write(content[: hub.cut_at])
                self.close_connection = hub.down = True
                return
            step = 2**20 if hub.slow else max(1, len(content))
            for begin in range(0, len(content), step):
                try:
                    self.wfile.write(content[begin : begin + step])
                except OSError:
                    return
                time.sleep(hub.slow)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    from huggingface_hub import constants, file_download

    made = FakeHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(made))
    made.url = f"http://127.0.0.1:{server.server_port}"
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, made.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "ENDPOINT", made.url)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    monkeypatch.setattr(file_download.time, "sleep", lambda _: None)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield made
    server.shutdown()


def test_files_come_once_and_their_checksums_are_recorded(hub: FakeHub, tmp_path: Path) -> None:
    folder = tmp_path / "here"
    assert not is_fetched(folder)
    done = fetch(HUB, folder)
    assert (done.fetched, done.kept, done.revision) == (2, 0, hub.commit)
    assert done.bytes == len(FILES["raw/table.csv"]) + len(FILES["raw/big.npz"])
    assert sorted(path.name for path in folder.iterdir()) == ["big.npz", "manifest.json", "table.csv"]
    assert is_fetched(folder)
    manifest = read_json(folder / "manifest.json")
    assert manifest["repository"] == REPOSITORY
    assert manifest["revision"] == hub.commit
    for name, about in manifest["files"].items():
        content = FILES[f"raw/{name}"]
        assert (folder / name).read_bytes() == content
        assert about == {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    hub.asked.clear()
    assert fetch(HUB, folder).fetched == 0
    assert hub.bodies() == []


def test_damaged_and_missing_files_are_mended(hub: FakeHub, tmp_path: Path) -> None:
    fetch(HUB, tmp_path)
    (tmp_path / "table.csv").write_bytes(FILES["raw/table.csv"].replace(b"CCO", b"CCN"))
    (tmp_path / "big.npz").unlink()
    assert (fetch(HUB, tmp_path).fetched, (tmp_path / "table.csv").read_bytes()) == (2, FILES["raw/table.csv"])


def test_a_cut_connection_is_taken_up_where_it_broke(hub: FakeHub, tmp_path: Path) -> None:
    hub.cut_at = 15_000_000
    with pytest.raises(InputError, match="goes on where it was"):
        fetch(Hub(REPOSITORY, "raw", ("big.npz",)), tmp_path)
    assert not (tmp_path / "big.npz").exists()
    (part,) = (path for path in tmp_path.iterdir() if path.suffix == ".part")
    there = part.stat().st_size
    assert there == 10 * 2**20
    hub.cut_at, hub.down = None, False
    hub.asked.clear()
    done = fetch(HUB, tmp_path)
    assert (tmp_path / "big.npz").read_bytes() == FILES["raw/big.npz"]
    assert done.bytes == len(FILES["raw/big.npz"]) - there + len(FILES["raw/table.csv"])
    assert [byte_range for path, byte_range in hub.bodies() if "big" in path] == [f"bytes={there}-"]
    assert not part.exists()


def test_a_checksum_that_does_not_fit_is_refused(hub: FakeHub, tmp_path: Path) -> None:
    hub.lie = True
    with pytest.raises(InputError, match=r"big.npz: its checksum is not the hub's; the file was thrown away"):
        fetch(HUB, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_commit_stays_until_another_is_asked_for(hub: FakeHub, tmp_path: Path) -> None:
    fetch(HUB, tmp_path)
    first, hub.commit = hub.commit, "2" * 40
    hub.files["raw/table.csv"] = b"mol_id,smiles\nm1,CCN\n"
    with pytest.raises(InputError, match="no such revision"):
        fetch(HUB, tmp_path)  # this server has forgotten the first commit
    assert read_json(tmp_path / "manifest.json")["revision"] == first
    assert fetch(HUB, tmp_path, "main").fetched == 1
    assert read_json(tmp_path / "manifest.json")["revision"] == hub.commit


def test_what_is_not_there_is_said(hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    with pytest.raises(InputError, match="has no file nowhere/"):
        fetch(Hub(REPOSITORY, "nowhere", ("*",)), tmp_path)
    with pytest.raises(InputError, match="no such data set"):
        fetch(Hub("owner/else", "raw", ("*",)), tmp_path)
    fetch(HUB, tmp_path)
    with pytest.raises(InputError, match="holds files of owner/data, not of owner/else"):
        fetch(Hub("owner/else", "raw", ("*",)), tmp_path)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(InputError, match=r"cannot be fetched .*; run the same command again") as raised:
        fetch(HUB, tmp_path)
    assert "\n" not in str(raised.value)
    monkeypatch.setitem(sys.modules, "huggingface_hub.errors", None)
    with pytest.raises(InputError, match=r"pip install 'infoalign-db\[hub\]'"):
        fetch(HUB, tmp_path)


def test_the_release_by_command_and_then_by_its_name(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    release = SOURCES["infoalign"].hub
    assert release is not None
    hub.files = {"pretrain_raw/structure.csv": FILES["raw/table.csv"], "pretrain_raw/readme.md": b"x"}
    monkeypatch.setattr(_hub, "BRANCH", "main")
    monkeypatch.setitem(globals(), "REPOSITORY", release.repository)
    with pytest.raises(InputError, match=r"or fetch them: python -m ingest.sources fetch infoalign"):
        SOURCES["infoalign"].records()
    main(build_parser().parse_args(["fetch", "infoalign"]))
    said = capsys.readouterr().out
    assert "1 file(s) fetched (33 bytes" in said
    assert "load it with: python -m ingest.all --add --source infoalign\n" in said
    downloads = Workspace.default().downloads
    plan = plan_sources(["infoalign"], None, downloads)
    assert plan == {"infoalign": downloads / "infoalign"}
    (structures,) = SOURCES["infoalign"].records(plan["infoalign"]).structures
    assert structures.table["smiles"].tolist() == ["CCO", "c1ccccc1"]
    for words in (["fetch"], ["list", "infoalign"]):
        with pytest.raises(InputError, match="fetch needs the name of a source"):
            main(build_parser().parse_args(words))


def test_killed_and_run_again(hub: FakeHub, tmp_path: Path) -> None:
    hub.slow = 0.05
    code = (
        "import sys; from pathlib import Path; from ingest.sources._hub import Hub, fetch; "
        f"fetch(Hub({REPOSITORY!r}, 'raw', ('big.npz',)), Path(sys.argv[1]))"
    )
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], env=environment) as child:
        deadline = time.monotonic() + 60
        while not any(path.stat().st_size for path in tmp_path.glob(".*.part")):
            assert time.monotonic() < deadline
            assert child.poll() is None
            time.sleep(0.02)
        child.send_signal(signal.SIGKILL)
    hub.slow = 0.0
    hub.asked.clear()
    fetch(HUB, tmp_path)
    assert (tmp_path / "big.npz").read_bytes() == FILES["raw/big.npz"]
    (resumed,) = (byte_range for path, byte_range in hub.bodies() if "big" in path)
    assert resumed is not None
    assert int(resumed[6:-1]) > 0
