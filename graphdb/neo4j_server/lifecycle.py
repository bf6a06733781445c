"""Start the server of a folder, find it again, and run Neo4j's administration on it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import neo4j
import psutil
from neo4j.exceptions import AuthError, DriverError, Neo4jError

from graphdb.console import note
from graphdb.embedded import heap_size
from graphdb.errors import GraphAuthError, GraphError, GraphUnavailableError
from graphdb.neo4j_server.artifacts import fetch
from graphdb.neo4j_server.configuration import configuration, page_cache_size
from graphdb.neo4j_server.java import find_java
from graphdb.process import (
    ServerProcess,
    end,
    free_ports,
    is_free,
    locked,
    log_file,
    make_password,
    read_password,
    rotate,
    running,
    state_file,
    write_state,
)

USERNAME = "neo4j"
DATABASE = "neo4j"
DEFAULT_PORT = 7687
IMPORTING = "importing"
ADMIN_TOOL = "org.neo4j.cli.AdminTool"
START_SECONDS = 180
POLL_SECONDS = 0.1
_OPENED_MODULES = ("java.nio", "java.io", "sun.nio.ch", "java.lang")


def home_of(folder: Path) -> Path:
    """Return Neo4j's home in this folder."""
    return folder.resolve() / "home"


def start(folder: Path, *, port: int | None = None) -> ServerProcess:
    """Return the running server of this folder; start one where none runs. Two callers get the same one.

    Parameters
    ----------
    folder
        Made where it is missing.
    port
        Where it shall listen. Default: where it did the last time, at first 7687; another one if that is taken.

    Raises
    ------
    GraphUnavailableError
        If there is no Java, the jars cannot be had, or it does not come up.
    """
    server = running(folder)
    if server is not None:
        return server
    java = find_java()
    jars = fetch()
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        server = running(folder) or _adopted(folder) or _launch(folder, java, jars, port)
        write_state(folder, server)
        return server


@contextlib.contextmanager
def importing(folder: Path) -> Iterator[None]:
    """Mark the database as half imported until the block has ended; the next start empties what is marked.

    A bulk import is made into an empty database alone, so nothing else is lost.
    """
    mark = folder / IMPORTING
    with mark.open("w") as file:
        os.fsync(file.fileno())
    yield
    mark.unlink()


def _emptied(folder: Path) -> None:
    """Take away what an import that was cut short has left."""
    mark = folder / IMPORTING
    if mark.exists():
        note("a bulk import was cut short: the graph is empty again")
        # The importer outlives a command that was killed.
        for process in psutil.process_iter(["cmdline"]):
            command = process.info["cmdline"] or ()
            if ADMIN_TOOL in command and any(part.startswith(f"{home_of(folder) / 'conf'}:") for part in command):
                end(process.pid)
        for name in ("databases", "transactions"):
            shutil.rmtree(home_of(folder) / "data" / name / DATABASE, ignore_errors=True)
        mark.unlink()


def admin(folder: Path, *arguments: str) -> str:
    """Run ``neo4j-admin`` with these arguments on the database of a folder, and return what it printed.

    The server must be stopped for what needs a database offline (import, dump, load).

    Raises
    ------
    GraphError
        If it fails: the last line that it printed, or the first one where it explains its usage.
    """
    java, jars = find_java(), fetch()
    home = _prepare(folder, jars)
    # A tool of seconds: the quick compiler alone (an import takes half the processor time, measured at paper scale).
    command = [java, "-XX:TieredStopAtLevel=1", "-cp", _class_path(home / "conf", jars / "lib"), ADMIN_TOOL, *arguments]
    environment = {**os.environ, "NEO4J_HOME": str(home), "NEO4J_CONF": str(home / "conf"), "HEAP_SIZE": heap_size()}
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise GraphError(f"neo4j-admin {' '.join(arguments[:2])}: {_reason(done.stdout + done.stderr)}")
    return done.stdout


def _reason(printed: str) -> str:
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    if not lines:
        return "it gave no reason"
    return lines[0] if "USAGE" in lines else lines[-1]


def ensure_password(folder: Path, jars: Path) -> str:
    """Return the password of this folder's server; make a random one before its first start."""
    try:
        return read_password(folder)
    except FileNotFoundError:
        if (home_of(folder) / "data" / "databases" / "system").exists():
            raise GraphAuthError(f"{folder / 'password'} is missing: the password of this Neo4j is lost") from None
    _prepare(folder, jars)
    password = make_password(folder)
    try:
        # In a file, not on the command line, where every user of the machine could read it.
        with tempfile.NamedTemporaryFile("w", dir=folder, prefix=".arguments-") as file:
            file.write(f'"{password}"\n')
            file.flush()
            admin(folder, "dbms", "set-initial-password", f"@{file.name}")
    except BaseException:
        (folder / "password").unlink()
        raise
    return password


def _prepare(folder: Path, jars: Path) -> Path:
    """Make Neo4j's home where it is missing."""
    home = home_of(folder)
    for name in ("conf", "data", "logs", "plugins", "run", "import"):
        (home / name).mkdir(parents=True, exist_ok=True)
    # Links: 32 MB less a workspace, and never another version than the server's.
    wanted = {path.name: path for path in (jars / "plugins").glob("*.jar")}
    for link in (home / "plugins").iterdir():
        if link.name not in wanted or not link.exists():
            link.unlink()
    for name, path in wanted.items():
        link = home / "plugins" / name
        if not link.exists():
            link.symlink_to(path)
    return home


def _launch(folder: Path, java: str, jars: Path, port: int | None) -> ServerProcess:
    home = _prepare(folder, jars)
    state_file(folder).unlink(missing_ok=True)
    _emptied(folder)
    password = ensure_password(folder, jars)
    chosen = _port(home, port)
    (home / "conf" / "neo4j.conf").write_text(configuration(chosen))
    heap = heap_size()
    rotate(log_file(folder))
    written = log_file(folder).stat().st_size if log_file(folder).exists() else 0
    command = [
        java,
        f"-Xms{heap}",
        f"-Xmx{heap}",
        "-XX:+UseParallelGC",  # a load is a third faster than with G1, which two cores do not feed
        "-XX:+ExitOnOutOfMemoryError",
        *(f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in _OPENED_MODULES),
        "-cp",
        f"{home / 'plugins'}/*:{_class_path(home / 'conf', jars / 'lib')}",
        "org.neo4j.server.CommunityEntryPoint",
        _home_argument(home),
        f"--config-dir={home / 'conf'}",
        "--console-mode",
    ]
    note(f"starting Neo4j on port {chosen} (heap {heap}, page cache {page_cache_size()}) …")
    with log_file(folder).open("ab") as log:
        # A session of its own: it outlives this command and gets no Ctrl-C that is meant for it.
        process = subprocess.Popen(
            command, cwd=home, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    server = ServerProcess(process.pid, psutil.Process(process.pid).create_time(), chosen)
    try:
        _wait_until_it_answers(folder, server, password, written, process)
    except BaseException:
        end(process.pid)  # Ctrl-C while it comes up, or it does not: leave nothing behind.
        raise
    return server


def _adopted(folder: Path) -> ServerProcess | None:
    """Return the server of this folder that a killed command has started, when it answers; None if there is none."""
    home = home_of(folder)
    for process in psutil.process_iter(["cmdline"]):
        if _home_argument(home) in (process.info["cmdline"] or ()):
            server = ServerProcess(process.pid, process.create_time(), _last_port(home) or DEFAULT_PORT)
            _wait_until_it_answers(folder, server, read_password(folder), log_file(folder).stat().st_size)
            return server
    return None


def _wait_until_it_answers(
    folder: Path,
    server: ServerProcess,
    password: str,
    written: int,
    process: subprocess.Popen[bytes] | None = None,
) -> None:
    deadline = time.monotonic() + START_SECONDS
    with neo4j.GraphDatabase.driver(server.uri, auth=(USERNAME, password), connection_timeout=5) as driver:
        while time.monotonic() < deadline:
            try:
                # Not execute_query, nor a managed transaction: they would wait and try again for seconds.
                with driver.session(database=DATABASE) as session:
                    session.run("RETURN 1").consume()
            except AuthError as error:
                raise GraphAuthError(
                    f"the password in {folder / 'password'} is not that of the Neo4j in {folder}"
                ) from error
            except (Neo4jError, DriverError, OSError):
                if process is not None and process.poll() is not None:
                    raise _start_error(folder, written) from None
                if not server.is_alive:
                    raise _start_error(folder, written) from None
                time.sleep(POLL_SECONDS)
            else:
                return
    raise GraphUnavailableError(f"Neo4j did not start within {START_SECONDS} s; see {log_file(folder)}")


def _start_error(folder: Path, written: int) -> GraphUnavailableError:
    """Say why it ended, from what it wrote to the log after byte `written`."""
    with log_file(folder).open("rb") as log:
        log.seek(written)
        lines = [line.strip() for line in log.read().decode(errors="replace").splitlines() if line.strip()]
    telling = [index for index, line in enumerate(lines) if re.search(r"\b(ERROR|Error|Caused by|Exception)\b", line)]
    if not lines:
        reason = "no word from it"
    elif not telling:
        reason = lines[-1]
    else:
        # The virtual machine says in the line below what is wrong.
        of_machine = lines[telling[-1]].endswith("initialization of VM")
        reason = " ".join(lines[telling[-1] :][: 2 if of_machine else 1])
    return GraphUnavailableError(f"Neo4j did not start: {reason}; see {log_file(folder)}")


def _home_argument(home: Path) -> str:
    return f"--home-dir={home}"


def _class_path(conf: Path, lib: Path) -> str:
    return f"{conf}:{lib}/*"


def _port(home: Path, asked: int | None) -> int:
    if asked is not None:
        if not is_free(asked):
            raise GraphUnavailableError(f"something else listens on port {asked}")
        return asked
    preferred = _last_port(home) or DEFAULT_PORT
    return preferred if is_free(preferred) else free_ports(1)[0]


def _last_port(home: Path) -> int | None:
    try:
        found = re.search(r"^server\.bolt\.listen_address=.*:(\d+)$", (home / "conf" / "neo4j.conf").read_text(), re.M)
    except FileNotFoundError:
        return None
    return int(found[1]) if found else None
