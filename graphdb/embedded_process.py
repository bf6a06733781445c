"""The helper process of the embedded graph. Started by `graphdb.embedded`, ended by SIGTERM."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import psutil

from graphdb.dialect import ARCADEDB_VECTOR_INDEX
from graphdb.embedded import DATABASE, ensure_password, heap_size, is_mine
from graphdb.process import ServerProcess, write_state

LOOK_SECONDS = 2.0
SLICE_SECONDS = 0.1


def main(folder: Path, bolt_port: int, http_port: int) -> None:
    """Serve the databases of `folder` on these loopback ports until SIGTERM, or until the folder is taken away."""
    os.environ.setdefault("ARCADEDB_JVM_ERROR_FILE", str(folder / "jvm-crash.log"))
    from arcadedb_embedded.server import ArcadeDBServer

    signals: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: signals.append(received))
    server = ArcadeDBServer(
        root_path=str(folder),
        root_password=ensure_password(folder),
        config={
            "host": "127.0.0.1",
            "http_port": http_port,
            # "production" replaces the reason of a refused query by "check the server log".
            "mode": "development",
            "server_plugins": "Bolt:com.arcadedb.bolt.BoltProtocolPlugin",
            "bolt_port": bolt_port,
        },
        jvm_kwargs={"heap_size": heap_size()},
    )
    server.start()
    try:
        database = server.create_database(DATABASE)  # opens it where it exists
        for statement in ARCADEDB_VECTOR_INDEX:
            database.command("sql", statement)
        write_state(folder, ServerProcess(os.getpid(), psutil.Process().create_time(), bolt_port, http_port))
        # Whoever deletes the workspace leaves no server behind that nobody can find any more.
        # Sleeping in slices lets Python see the signal; a threading.Event could lock itself out in the handler.
        looked = time.monotonic()
        while not signals:
            time.sleep(SLICE_SECONDS)
            if time.monotonic() - looked > LOOK_SECONDS:
                looked = time.monotonic()
                if not is_mine(folder):
                    break
    finally:
        server.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    # The JVM's threads are not Python's to end.
    os._exit(0)
