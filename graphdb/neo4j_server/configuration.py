"""The settings that every Neo4j of this project runs with, here and in ``docker-compose.yml`` (a test compares)."""

from __future__ import annotations

from collections.abc import Mapping

from graphdb.settings import memory_setting

DEFAULT_PAGE_CACHE = "1g"

SETTINGS: Mapping[str, str] = {
    "dbms.security.procedures.unrestricted": "gds.*,apoc.*",
    # A big load writes gigabytes of transaction logs; a checkpoint may drop all but this.
    "db.tx_log.rotation.retention_policy": "1G size",
    "dbms.usage_report.enabled": "false",
}
"""What holds for both."""

_HERE: Mapping[str, str] = {
    "server.default_listen_address": "127.0.0.1",
    "server.http.enabled": "false",
    "server.https.enabled": "false",
    "dbms.security.auth_enabled": "true",
    "server.directories.import": "import",
    # When the databases are closed, Bolt's threads wait twice this long (5 s at first) for calls that cannot come.
    "internal.server.bolt.thread_pool_shutdown_wait_time": "0s",
}


def configuration(port: int) -> str:
    """Return the text of ``neo4j.conf`` for a server on this loopback port."""
    settings = {
        **_HERE,
        **SETTINGS,
        "server.bolt.listen_address": f"127.0.0.1:{port}",
        "server.memory.pagecache.size": page_cache_size(),
    }
    return "# Written by graphdb.server at each start.\n" + "".join(
        f"{key}={settings[key]}\n" for key in sorted(settings)
    )


def page_cache_size() -> str:
    """Return how much of the store Neo4j keeps in memory: ``INFOALIGN_PAGECACHE``, e.g. ``512m``.

    Raises
    ------
    InputError
        If it is no size.
    """
    return memory_setting("INFOALIGN_PAGECACHE", DEFAULT_PAGE_CACHE)
