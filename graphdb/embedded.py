"""The embedded graph: ArcadeDB in a helper process that speaks Bolt on a loopback port.

It is started by the first command that needs it, found again by the next ones, and stopped by
``python -m graphdb.server stop``. Its folder (``workspace/graph``) holds the databases, the log, a random password
(mode 600) and ``server.json``, which says where it listens.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

from graphdb.errors import GraphUnavailableError, MissingExtraError
from graphdb.process import ServerProcess, free_ports, locked, log_file, make_password, rotate, running, state_file
from graphdb.settings import memory_setting

USERNAME = "root"
DATABASE = "neo4j"
DEFAULT_HEAP = "2g"
START_SECONDS = 120
ATTEMPTS = 3


def ensure_password(folder: Path) -> str:
    """Return the password of this folder's server; make a random one (file mode 600) where there is none.

    The server keeps its own record of the password; where ours was lost, that record goes too.
    """
    path = folder / "password"
    with contextlib.suppress(FileNotFoundError):
        if password := path.read_text().strip():
            return password
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config" / "server-users.jsonl").unlink(missing_ok=True)
    return make_password(folder)


def start(folder: Path) -> ServerProcess:
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
    with locked(folder):
        return running(folder) or _launch(folder.resolve())


def is_mine(folder: Path) -> bool:
    """Return whether the folder still says that this process serves it."""
    server = running(folder)
    return server is not None and server.pid == os.getpid()


def heap_size() -> str:
    """Return the memory that the Java part may use: ``INFOALIGN_HEAP``, e.g. ``1g``.

    Raises
    ------
    InputError
        If it is no size.
    """
    return memory_setting("INFOALIGN_HEAP", DEFAULT_HEAP)


def _launch(folder: Path) -> ServerProcess:
    heap_size()
    ensure_password(folder)
    state_file(folder).unlink(missing_ok=True)
    rotate(log_file(folder))
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _launch_once(folder)
        except _PortTaken as error:
            if attempt == ATTEMPTS:
                raise GraphUnavailableError(str(error)) from None
    raise AssertionError("unreachable")


def _launch_once(folder: Path) -> ServerProcess:
    """Start the helper process on two ports that are free now, and wait until it serves."""
    bolt_port, http_port = free_ports(2)
    command = [sys.executable, "-m", "graphdb.embedded_process", str(folder), str(bolt_port), str(http_port)]
    # The helper runs in the graph's folder (ArcadeDB writes ./log) and must still find this package.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(os.path.abspath(path) for path in sys.path)}  # noqa: PTH100
    written = log_file(folder).stat().st_size if log_file(folder).exists() else 0
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
    try:
        while time.monotonic() < deadline:
            server = running(folder)
            if server is not None and server.pid == process.pid:
                return server
            if process.poll() is not None:
                raise _start_error(folder, written)
            time.sleep(0.05)
    except BaseException:
        process.kill()  # Ctrl-C while it comes up: leave nothing behind.
        process.wait()
        raise
    process.kill()
    process.wait()
    raise GraphUnavailableError(f"the embedded graph did not start within {START_SECONDS} s; see {log_file(folder)}")


class _PortTaken(Exception):  # noqa: N818
    """Somebody took the port between our look and the server's."""


def _start_error(folder: Path, written: int) -> Exception:
    """Say why the helper ended, from what it wrote to the log after byte `written`."""
    with log_file(folder).open("rb") as log:
        log.seek(written)
        lines = [line.strip() for line in log.read().decode(errors="replace").splitlines() if line.strip()]
    reason = f"the embedded graph did not start: {lines[-1] if lines else 'no word from it'}; see {log_file(folder)}"
    taken = any("Unable to listen" in line or "Address already in use" in line for line in lines)
    return _PortTaken(reason) if taken else GraphUnavailableError(reason)
