"""The helper process of the embedded graph. Started by `graphdb.embedded`, ended by SIGTERM."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from graphdb.embedded import DATABASE, read_password, write_state

DEFAULT_HEAP = "2g"


def main(folder: Path, bolt_port: int, http_port: int) -> None:
    """Serve the databases of `folder` on these loopback ports until SIGTERM."""
    os.environ.setdefault("ARCADEDB_JVM_ERROR_FILE", str(folder / "jvm-crash.log"))
    from arcadedb_embedded.server import ArcadeDBServer

    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    server = ArcadeDBServer(
        root_path=str(folder),
        root_password=read_password(folder),
        config={
            "host": "127.0.0.1",
            "http_port": http_port,
            "mode": "production",
            "server_plugins": "Bolt:com.arcadedb.bolt.BoltProtocolPlugin",
            "bolt_port": bolt_port,
        },
        jvm_kwargs={"heap_size": os.environ.get("INFOALIGN_HEAP", DEFAULT_HEAP)},
    )
    server.start()
    try:
        if not (folder / "databases" / DATABASE).exists():
            server.create_database(DATABASE)
        write_state(folder, bolt_port, http_port)
        # Waiting in slices lets Python run the signal handler.
        while not ended.wait(0.2):
            pass
    finally:
        server.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    # The JVM's threads are not Python's to end.
    os._exit(0)
