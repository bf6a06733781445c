"""The graph store: one class on the official Neo4j driver, for a Neo4j server and for the embedded graph alike."""

from __future__ import annotations

import itertools
import logging
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import neo4j
from neo4j.exceptions import (
    AuthError,
    ConfigurationError,
    DriverError,
    Neo4jError,
    ServiceUnavailable,
    SessionExpired,
    TransientError,
)

from graphdb import dialect, engines
from graphdb.console import note
from graphdb.dialect import Engine
from graphdb.errors import GraphAuthError, GraphError, GraphTimeoutError, GraphUnavailableError
from graphdb.files import disk_is_full, full_disk
from graphdb.process import running
from graphdb.schema import EdgeType, NodeType
from graphdb.secret import Secret
from graphdb.settings import Settings
from graphdb.timeouts import within
from graphdb.workspace import Workspace

Rows = Iterable[Mapping[str, Any] | list[Any]]
Result = TypeVar("Result")

BATCH_SIZE = 5000
# How long a batch is tried again after the connection was lost: no server may come back.
RETRY_SECONDS = 10.0
# And after the server, which is there, has ended the transaction in favour of another (a deadlock): one of the two
# always gets on, so a writer who is unlucky again and again has only to wait.
CONTENTION_SECONDS = 120.0
FIRST_RETRY_SECONDS = 0.1
CONTENTION = "Neo.TransientError.Transaction."
# What the embedded graph says where a reader or writer meets a record that another transaction is just about to write
# or delete (ArcadeDB issues 951, 3393): an error of the client by its code, but the next try finds the record.
LOST_RECORD = re.compile(r"Record #\d+:\d+ not found")
CONNECT_SECONDS = 10.0
SCHEMES = ("bolt://", "bolt+s://", "bolt+ssc://", "neo4j://", "neo4j+s://", "neo4j+ssc://")
# What a driver raises beside its own errors: a name that cannot be resolved, a number beyond 64 bits, a type that
# Bolt does not know.
DRIVER_ERRORS = (Neo4jError, DriverError, OSError, ValueError, OverflowError, TypeError)
READS_ONLY = "this query writes; only queries that read are allowed here"

# The driver's log lines would stand beside the one line for the user. Whoever sets logging up still gets them.
logging.getLogger("neo4j").addHandler(logging.NullHandler())


class GraphStore:
    """A connection to the context graph.

    Attributes
    ----------
    engine
        ``neo4j`` or ``arcadedb`` (the embedded graph).
    uri
        Bolt address; another one after the workspace's own server was started again on another port.
    read_only
        Whether writes are refused.
    auth, database
        What the connection was opened with; `graphdb.ogm` opens another with it.
    folder
        Of the server that the workspace runs by itself; None for another's.
    timeout
        Seconds after which a query is ended with a `GraphTimeoutError`; None, as at first: never.
    """

    timeout: float | None = None

    def __init__(
        self,
        driver: neo4j.Driver,
        uri: str,
        engine: Engine,
        *,
        auth: tuple[str, str],
        database: str | None,
        read_only: bool,
        folder: Path | None = None,
    ) -> None:
        self._driver = driver
        self.folder = folder
        self.auth = auth
        self.database = database
        self.uri = uri
        self.engine: Engine = engine
        self.read_only = read_only
        self._moving = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"GraphStore({self.uri!r}, engine={self.engine!r}, read_only={self.read_only})"

    def close(self) -> None:
        """Close the connection. A server that the workspace runs goes on running."""
        self._driver.close()

    def read(self, cypher: str, /, **parameters: Any) -> list[dict[str, Any]]:
        """Run a query that reads, in a managed transaction, and return its rows.

        Raises
        ------
        GraphError
            If the query is wrong, or writes: then nothing of it stays.
        """
        return self._read(cypher, parameters, lambda record: record.data())

    def read_one(self, cypher: str, /, **parameters: Any) -> Any:
        """Return the one value of the one row of a query that reads; no node, relationship or path is in it.

        For a value with a million parts: `read` looks at each of them.
        """
        (value,) = self._read(cypher, parameters, lambda record: record[0])
        return value

    def read_first(self, cypher: str, most: int, /, **parameters: Any) -> list[dict[str, Any]]:
        """Return the first rows of a query that reads, at most `most`; the rest is never held in memory."""
        return self._read(cypher, parameters, lambda record: record.data(), most)

    def _read(
        self,
        cypher: str,
        parameters: Mapping[str, Any],
        take: Callable[[neo4j.Record], Result],
        most: int | None = None,
    ) -> list[Result]:
        if self.engine == "arcadedb" and dialect.writes(cypher):
            raise GraphError(READS_ONLY)

        def work(transaction: neo4j.ManagedTransaction) -> list[Result]:
            result = transaction.run(cypher, dict(parameters))
            rows = [take(record) for record in itertools.islice(result, most)]
            # The second line of defence where the engine ignores the access mode: raising rolls the transaction back.
            if result.consume().query_type not in {"r", "s", None}:
                raise GraphError(READS_ONLY)
            return rows

        return self._run(work, neo4j.READ_ACCESS)

    def write(
        self,
        cypher: str,
        rows: Rows | None = None,
        *,
        batch_size: int = BATCH_SIZE,
        advance: Callable[[int], object] = lambda _: None,
        **parameters: Any,
    ) -> int:
        """Run a query that writes, batch by batch; each batch is one managed transaction: all of it or nothing.

        Parameters
        ----------
        cypher
            Takes the batch as ``$rows`` (``UNWIND $rows AS row …``). It must be such that running it twice is as
            running it once (``MERGE``), since a batch whose answer was lost is sent again.
        rows
            Everything to write, each row by name or (smaller to send) a list; None runs the query once without
            ``$rows``.
        batch_size
            Rows a transaction.
        advance
            Is told the number of rows of each batch that is done.

        Returns
        -------
        int
            Number of rows written (0 where `rows` is None).
        """
        if self.read_only:
            raise GraphError(f"the connection to {self.uri} is read-only")
        if rows is None:
            self._run(partial(_consume, cypher=cypher, parameters=parameters), neo4j.WRITE_ACCESS)
            return 0
        written = 0
        for batch in _batches(rows, batch_size):
            self._run(partial(_consume, cypher=cypher, parameters={**parameters, "rows": batch}), neo4j.WRITE_ACCESS)
            written += len(batch)
            advance(len(batch))
        return written

    def ensure_schema(self) -> None:
        """Make the key constraints and the look-up indexes of `graphdb.schema` where they are missing.

        Neo4j makes no index over a text of more than 8 kB; queries do without it, and a line says so.
        """
        self.ensure_keys()
        for statement in dialect.look_up_statements(self.engine):
            self.write(statement)
        if self.engine == "neo4j":
            for row in self.read("SHOW INDEXES YIELD name, state WHERE state <> 'ONLINE'"):
                self._await_index(row["name"])

    def ensure_keys(self) -> None:
        """Make the key constraints alone: a first load is faster where the other indexes come after it."""
        for statement in dialect.key_statements():
            self.write(statement)

    def _await_index(self, name: str) -> None:
        try:
            self.read("CALL db.awaitIndex($name, 600)", name=name)
        except GraphError as error:
            reason = "a value is too long for one" if "too large to index" in str(error) else str(error)[:300]
            note(f"{self.uri}: no index {name}, queries do without ({reason})")

    def node_counts(self) -> dict[NodeType, int]:
        """Return the number of nodes of every node type."""
        return {
            node_type: self.read(f"MATCH (n:{node_type}) RETURN count(n) AS count")[0]["count"]
            for node_type in NodeType
        }

    def edge_counts(self) -> dict[EdgeType, int]:
        """Return the number of edges of every edge type."""
        return {
            edge_type: self.read(f"MATCH ()-[r:{edge_type}]->() RETURN count(r) AS count")[0]["count"]
            for edge_type in EdgeType
        }

    def _run(self, work: Callable[[neo4j.ManagedTransaction], Result], access: str) -> Result:
        if self.timeout is not None and self.engine == "neo4j":
            work = neo4j.unit_of_work(timeout=self.timeout)(work)
        elif self.timeout is not None:
            return within(self.timeout, partial(self._run_now, work, access))
        return self._run_now(work, access)

    def _run_now(self, work: Callable[[neo4j.ManagedTransaction], Result], access: str) -> Result:
        began = time.monotonic()
        uri = self.uri
        try:
            while True:
                try:
                    return self._try(work, access)
                except Neo4jError as error:
                    if time.monotonic() - began > self._worth_trying(error):
                        raise
                    if not isinstance(error, TransientError):
                        # For the others the driver has waited already, longer and longer.
                        time.sleep(FIRST_RETRY_SECONDS)
        except DRIVER_ERRORS as error:
            if isinstance(error, ServiceUnavailable | SessionExpired | OSError) and self._follow(uri):
                return self._run_now(work, access)
            # The engine's own words for a full disk are "Transaction error on commit", or none: it dies of it.
            if self.folder is not None and disk_is_full(self.folder):
                raise GraphError(full_disk(self.folder)) from error
            raise translate(error, uri) from error

    def _worth_trying(self, error: Neo4jError) -> float:
        """Return for how many seconds a transaction that ended with this error is worth another try."""
        if isinstance(error, TransientError) and (error.code or "").startswith(CONTENTION):
            return CONTENTION_SECONDS
        if self.engine == "arcadedb" and LOST_RECORD.search(error.message or ""):
            return RETRY_SECONDS
        return -1.0

    def _follow(self, left: str) -> bool:
        """Connect anew where the workspace's own server was started again elsewhere; return whether it was.

        The embedded graph takes another port each time, and a notebook or the explorer outlives it.
        """
        server = None if self.folder is None else running(self.folder)
        if server is None:
            return False
        with self._moving:
            if self.uri == left and server.uri != left:
                self._driver.close()
                self._driver, self.uri = _driver(server.uri, self.auth), server.uri
            return self.uri != left

    def _try(self, work: Callable[[neo4j.ManagedTransaction], Result], access: str) -> Result:
        with self._driver.session(database=self.database, default_access_mode=access) as session:
            if access == neo4j.READ_ACCESS:
                return session.execute_read(work)
            return session.execute_write(work)


def connect(uri: str | None = None, *, read_only: bool = False) -> GraphStore:
    """Connect to the graph; see `graphdb.connect`."""
    settings = Settings.load()
    uri = uri or settings.uri
    if uri is not None:
        return _open(uri, settings.username, settings.password, settings.database, read_only=read_only)
    own = engines.start(Workspace.default())
    return _open(own.server.uri, own.username, own.password, own.database, read_only=read_only, folder=own.folder)


def translate(error: Exception, uri: str) -> GraphError:
    """Say an error of the driver in one line."""
    if isinstance(error, AuthError):
        return GraphAuthError(f"wrong user name or password for {uri} (NEO4J_USERNAME, NEO4J_PASSWORD)")
    if _distrusts(error):
        return GraphUnavailableError(
            f"the certificate of {uri} is not trusted; name the one that signed it in SSL_CERT_FILE, "
            "or take any with the scheme bolt+ssc://"
        )
    if isinstance(error, ServiceUnavailable | SessionExpired | OSError):
        return GraphUnavailableError(f"no graph server answers at {uri} (NEO4J_URI)")
    if isinstance(error, Neo4jError):
        if error.code == "Neo.ClientError.Statement.AccessMode":
            return GraphError(READS_ONLY)
        if (error.code or "").startswith("Neo.ClientError.Transaction.TransactionTimedOut"):
            return GraphTimeoutError("the query took longer than it may (--timeout); the server has ended it")
        return GraphError(" ".join((error.message or error.code or "the server gave no reason").split()))
    return GraphError(" ".join(str(error).split()) or type(error).__name__)


def _distrusts(error: BaseException | None) -> bool:
    """Return whether a certificate is the reason of an error; the driver wraps it more than once."""
    if error is None or isinstance(error, ssl.SSLCertVerificationError):
        return error is not None
    parts = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    return any(map(_distrusts, (error.__cause__, error.__context__, *parts)))


def _open(
    uri: str, username: str, password: str, database: str | None, *, read_only: bool, folder: Path | None = None
) -> GraphStore:
    password = Secret(password)  # tracebacks that show variables show this frame's
    if not uri.startswith(SCHEMES):
        raise GraphError(f"{uri!r} is no address of a graph server: expected bolt://HOST:PORT or neo4j://HOST:PORT")
    auth = (username, password)
    driver = _driver(uri, auth)
    try:
        # session.run answers at once; execute_query would wait and try again for seconds.
        with driver.session(database=database, default_access_mode=neo4j.READ_ACCESS) as session:
            agent = session.run("RETURN 1").consume().server.agent
    except DRIVER_ERRORS as error:
        driver.close()
        if isinstance(error, ValueError):
            raise GraphUnavailableError(f"no graph server answers at {uri} ({error})") from error
        raise translate(error, uri) from error
    engine = dialect.engine_of(agent)
    return GraphStore(driver, uri, engine, auth=auth, database=database, read_only=read_only, folder=folder)


def _driver(uri: str, auth: tuple[str, str]) -> neo4j.Driver:
    try:
        return neo4j.GraphDatabase.driver(
            uri,
            auth=auth,
            connection_timeout=CONNECT_SECONDS,
            connection_acquisition_timeout=2 * CONNECT_SECONDS,
            max_transaction_retry_time=RETRY_SECONDS,
            initial_retry_delay=FIRST_RETRY_SECONDS,
            notifications_min_severity="OFF",
        )
    except (ConfigurationError, ValueError) as error:
        raise GraphError(f"{uri!r} is no address of a graph server ({error})") from error


def _consume(transaction: neo4j.ManagedTransaction, cypher: str, parameters: dict[str, Any]) -> None:
    transaction.run(cypher, parameters).consume()


def _batches(rows: Rows, size: int) -> Iterator[list[dict[str, Any] | list[Any]]]:
    iterator = iter(rows)
    while batch := [row if isinstance(row, list) else dict(row) for row in itertools.islice(iterator, size)]:
        yield batch
