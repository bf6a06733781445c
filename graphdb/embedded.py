"""The embedded graph: ArcadeDB in a helper process that speaks Bolt on a loopback port.

It is started by the first command that needs it, found again by the next ones, and stopped by
``python -m graphdb.server stop``. Its folder (``workspace/graph``) holds the databases, the log, a random password
(mode 600) and ``server.json``, which says where it listens.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from graphdb.errors import GraphUnavailableError, MissingExtraError
from graphdb.files import replacing_file

USERNAME = "root"
DATABASE = "neo4j"
START_SECONDS = 120
STOP_SECONDS = 60


@dataclass(frozen=True)
class EmbeddedServer:
    """A running embedded graph.

    Attributes
    ----------
    pid, started
        The helper process and the time of its creation (a pid alone may have been given to another process).
    bolt_port, http_port
        Loopback ports.
    """

    pid: int
    started: float
    bolt_port: int
    http_port: int

    @property
    def uri(self) -> str:
        """Bolt address."""
        return f"bolt://127.0.0.1:{self.bolt_port}"

    @property
    def http_url(self) -> str:
        """Address of the HTTP interface, used for the vector index alone."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def is_alive(self) -> bool:
        """Whether the process is still the one that was started."""
        try:
            process = psutil.Process(self.pid)
            return abs(process.create_time() - self.started) < 1 and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False


def state_file(folder: Path) -> Path:
    """Return the file that says where the server of this folder listens."""
    return folder / "server.json"


def log_file(folder: Path) -> Path:
    """Return the log of the server of this folder."""
    return folder / "server.log"


def running(folder: Path) -> EmbeddedServer | None:
    """Return the running server of this folder, or None."""
    try:
        server = EmbeddedServer(**json.loads(state_file(folder).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return server if server.is_alive else None


def read_password(folder: Path) -> str:
    """Return the password of this folder's server; make a random one (file mode 600) where there is none."""
    path = folder / "password"
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
        password = secrets.token_urlsafe(24)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(password + "\n")
        return password


def start(folder: Path) -> EmbeddedServer:
    """Return the running server of this folder; start one where none runs. Two callers get the same one.

    Raises
    ------
    MissingExtraError
        If the package ``arcadedb-embedded`` is not installed.
    GraphUnavailableError
        If it does not come up.
    """
    server = running(folder)
    if server is not None:
        return server
    if importlib.util.find_spec("arcadedb_embedded") is None:
        raise MissingExtraError("arcadedb-embedded", "embedded")
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        return running(folder) or _launch(folder.resolve())


def stop(folder: Path) -> bool:
    """Stop the server of this folder; return whether one was running. Returns when the process has ended."""
    if not folder.exists():
        return False
    with _locked(folder):
        server = running(folder)
        if server is None:
            state_file(folder).unlink(missing_ok=True)
            return False
        process = psutil.Process(server.pid)
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(STOP_SECONDS)
        state_file(folder).unlink(missing_ok=True)
        return True


def write_state(folder: Path, bolt_port: int, http_port: int) -> None:
    """Say in the folder that this process serves it."""
    server = EmbeddedServer(os.getpid(), psutil.Process().create_time(), bolt_port, http_port)
    with replacing_file(state_file(folder)) as temporary:
        temporary.write_text(json.dumps(asdict(server)))


def _launch(folder: Path) -> EmbeddedServer:
    read_password(folder)
    state_file(folder).unlink(missing_ok=True)
    bolt_port, http_port = _free_ports(2)
    command = [sys.executable, "-m", "graphdb.embedded_process", str(folder), str(bolt_port), str(http_port)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with log_file(folder).open("ab") as log:
        # A session of its own: it outlives this command and gets no Ctrl-C that is meant for it.
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        server = running(folder)
        if server is not None and server.pid == process.pid:
            return server
        if process.poll() is not None:
            raise GraphUnavailableError(
                f"the embedded graph did not start: {_last_line(folder)}; see {log_file(folder)}"
            )
        time.sleep(0.05)
    process.kill()
    raise GraphUnavailableError(f"the embedded graph did not start within {START_SECONDS} s; see {log_file(folder)}")


def _last_line(folder: Path) -> str:
    lines = [line for line in log_file(folder).read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else "no word from it"


def _free_ports(count: int) -> list[int]:
    """Return loopback ports that are free now; all are held until all are known, so that they differ."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
