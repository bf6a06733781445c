"""Getting the jars of Neo4j: from a repository on loopback, with everything that can go wrong on the way."""

from __future__ import annotations

import hashlib
import http.server
import threading
from pathlib import Path

import pytest

from graphdb.errors import GraphUnavailableError, InputError
from graphdb.neo4j_server import artifacts
from graphdb.neo4j_server.artifacts import Artifact, cache_folder, fetch, locked_artifacts

CONTENT = {"org/a/1/a-1.jar": b"first", "org/b/2/b-2.jar": b"second" * 1000, "org/c/3/c-3.jar": b"third"}
JARS = [
    Artifact("plugins" if "c-3" in path else "lib", hashlib.sha256(content).hexdigest(), path)
    for path, content in CONTENT.items()
]


class Repository(http.server.ThreadingHTTPServer):
    """Serves `CONTENT`; what `faults` lists for a path is done first, one a request."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.faults: dict[str, list[str]] = {}
        self.asked: list[str] = []


class Handler(http.server.BaseHTTPRequestHandler):
    server: Repository

    def do_GET(self) -> None:
        path = self.path.removeprefix("/maven/")
        self.server.asked.append(path)
        fault = (self.server.faults.get(path) or [""]).pop(0)
        content = CONTENT[path]
        if fault == "missing":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write({"cut": content[:3], "other": b"x" * len(content)}.get(fault, content))

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(autouse=True)
def repository(tmp_path, monkeypatch):
    server = Repository()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("INFOALIGN_MAVEN_URL", f"http://127.0.0.1:{server.server_port}/maven/")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(artifacts.time, "sleep", lambda _: None)
    yield server
    server.shutdown()
    server.server_close()


def held(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


WHOLE = {"lib/a-1.jar": b"first", "lib/b-2.jar": b"second" * 1000, "plugins/c-3.jar": b"third"}


def test_jars_are_fetched_once_and_checked(repository):
    folder = fetch(JARS)
    assert folder == cache_folder()
    assert held(folder) == WHOLE
    fetch(JARS)
    assert sorted(repository.asked) == sorted(CONTENT)


@pytest.mark.parametrize("fault", ["cut", "other", "missing"])
def test_what_goes_wrong_once_is_tried_again(repository, fault):
    repository.faults["org/b/2/b-2.jar"] = [fault]
    assert held(fetch(JARS)) == WHOLE
    assert repository.asked.count("org/b/2/b-2.jar") == 2


@pytest.mark.parametrize(
    ("fault", "says"), [("other", "SHA-256"), ("missing", "404"), ("cut", "SHA-256|[Ii]ncomplete")]
)
def test_what_stays_wrong_is_one_line_and_the_rest_is_kept(repository, fault, says):
    repository.faults["org/b/2/b-2.jar"] = [fault] * artifacts.ATTEMPTS
    with pytest.raises(GraphUnavailableError, match=says) as caught:
        fetch(JARS)
    assert "b-2.jar" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "lib/b-2.jar" not in held(cache_folder())
    assert held(fetch(JARS)) == WHOLE


def test_no_network_is_one_line(repository, monkeypatch):
    monkeypatch.setenv("INFOALIGN_MAVEN_URL", "http://127.0.0.1:1/maven")
    with pytest.raises(GraphUnavailableError, match=r"cannot get .*INFOALIGN_MAVEN_URL names another"):
        fetch(JARS)


def test_address_that_is_none_is_refused(monkeypatch):
    monkeypatch.setenv("INFOALIGN_MAVEN_URL", "file:///etc")
    with pytest.raises(InputError, match="INFOALIGN_MAVEN_URL"):
        fetch(JARS)


def test_mavens_own_repository_is_used_where_its_files_are_right(repository, tmp_path):
    for path, content in (("org/a/1/a-1.jar", b"first"), ("org/b/2/b-2.jar", b"damaged")):
        local = tmp_path / "home" / ".m2" / "repository" / path
        local.parent.mkdir(parents=True)
        local.write_bytes(content)
    assert held(fetch(JARS)) == WHOLE
    assert sorted(repository.asked) == ["org/b/2/b-2.jar", "org/c/3/c-3.jar"]


def test_lock_file_has_the_server_and_both_plugins_once_each():
    jars = locked_artifacts()
    names = [(jar.part, jar.name) for jar in jars]
    assert len(set(names)) == len(names)
    assert ("lib", f"neo4j-{artifacts.NEO4J_VERSION}.jar") in names
    assert ("plugins", f"proc-{artifacts.GDS_VERSION}.jar") in names
    assert ("plugins", f"apoc-core-{artifacts.APOC_VERSION}-core.jar") in names
    assert all(len(bytes.fromhex(jar.sha256)) == 32 for jar in jars)
