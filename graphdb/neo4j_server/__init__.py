"""A Neo4j server without Docker and without root: Community edition with GDS and APOC, from Maven Central.

Its folder (``workspace/neo4j``) holds Neo4j's home, the log, a random password (mode 600) and ``server.json``, which
says where it listens. The jars lie in a cache that all workspaces share.
"""

from graphdb.neo4j_server.lifecycle import DATABASE, USERNAME, admin, start

__all__ = ["DATABASE", "USERNAME", "admin", "start"]
