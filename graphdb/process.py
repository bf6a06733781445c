"""A server process of a folder: where it listens, whether it lives, how it is stopped. Both engines run as such.

The folder holds ``server.json`` (written when the server answers), ``server.log``, ``password`` (mode 600) and
``lock``, which is held by whoever starts or stops it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import socket
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from graphdb.files import replacing_file

STOP_SECONDS = 120.0
POLL_SECONDS = 0.1
LOG_BYTES = 5_000_000


@dataclass(frozen=True)
class ServerProcess:
    """A server that was started.

    Attributes
    ----------
    pid, started
        The process and the time of its creation (a pid alone may have been given to another process).
    bolt_port
        Loopback port.
    http_port
        Another, where the engine has one.
    """

    pid: int
    started: float
    bolt_port: int
    http_port: int | None = None

    @property
    def uri(self) -> str:
        """Bolt address."""
        return f"bolt://127.0.0.1:{self.bolt_port}"

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


def running(folder: Path) -> ServerProcess | None:
    """Return the running server of this folder, or None."""
    try:
        server = ServerProcess(**json.loads(state_file(folder).read_text()))
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):
        return None
    return server if server.is_alive else None


def write_state(folder: Path, server: ServerProcess) -> None:
    """Say in the folder which process serves it."""
    with replacing_file(state_file(folder)) as temporary:
        temporary.write_text(json.dumps(asdict(server)))


def stop(folder: Path) -> bool:
    """Stop the server of this folder; return whether one was running. Returns when the process has ended."""
    if not folder.exists():
        return False
    with locked(folder):
        server = running(folder)
        if server is not None:
            end(server.pid)
        state_file(folder).unlink(missing_ok=True)
        return server is not None


def end(pid: int) -> None:
    """End a process by SIGTERM, and by SIGKILL where that does not help; return when it has ended."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        process.terminate()
        if not _has_ended(process, STOP_SECONDS):
            process.kill()
            _has_ended(process, STOP_SECONDS)


def _has_ended(process: psutil.Process, seconds: float) -> bool:
    """Wait for the end of a process, which may not be a child of this one."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            # Of a child of ours this takes the exit status; another's ended child stays a zombie until it does.
            process.wait(POLL_SECONDS)
        except psutil.TimeoutExpired:
            if process.status() == psutil.STATUS_ZOMBIE:
                return True
        else:
            return True
    return False


def read_password(folder: Path) -> str:
    """Return the password of this folder's server."""
    return (folder / "password").read_text().strip()


def make_password(folder: Path) -> str:
    """Write a random password (file mode 600) and return it."""
    # Hexadecimal: of 64 random texts of base 64 one begins with a hyphen, and neo4j-admin takes that for an option.
    password = secrets.token_hex(24)
    handle, name = tempfile.mkstemp(prefix=".password.tmp-", dir=folder)  # mode 600
    with os.fdopen(handle, "w") as file:
        file.write(password + "\n")
        file.flush()
        os.fsync(handle)
    Path(name).replace(folder / "password")
    return password


def free_ports(count: int) -> list[int]:
    """Return loopback ports that are free now; all are held until all are known, so that they differ."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def is_free(port: int) -> bool:
    """Return whether nothing listens on a loopback port."""
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def rotate(path: Path) -> None:
    """Keep one old log, so that it does not grow for ever."""
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock: starting and stopping its server are for one at a time."""
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
