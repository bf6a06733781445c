"""What the embedded graph says in passing, while another transaction writes, reaches no caller."""

from __future__ import annotations

from typing import Any

import pytest
from neo4j.exceptions import Neo4jError, TransientError

from graphdb.errors import GraphError
from graphdb.store import GraphStore

LOST = ("Neo.ClientError.Statement.ExecutionFailed", "Record #7:1017 not found")
MISTAKE = ("Neo.ClientError.Statement.SyntaxError", "Unknown function")


class OfErrors:
    """A driver and its session, whose transactions end with one error after the other, then well."""

    def __init__(self, errors: list[tuple[str, str]]) -> None:
        self.errors = errors
        self.tries = 0

    def session(self, **_: Any) -> OfErrors:
        return self

    def __enter__(self) -> OfErrors:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def execute_write(self, work: object) -> str:
        self.tries += 1
        if self.errors:
            code, message = self.errors.pop(0)
            raise Neo4jError._hydrate_neo4j(code=code, message=message)
        return "done"

    execute_read = execute_write


def of(driver: OfErrors, engine: str) -> GraphStore:
    return GraphStore(driver, "bolt://127.0.0.1:1", engine, auth=("", ""), database=None, read_only=False)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr("graphdb.store.FIRST_RETRY_SECONDS", 0.0)


@pytest.mark.parametrize("call", [GraphStore.read, GraphStore.write])
def test_lost_record_is_looked_for_again(call):
    driver = OfErrors([LOST, LOST])
    call(of(driver, "arcadedb"), "MATCH (n) RETURN n")
    assert driver.tries == 3


def test_record_that_stays_lost_is_told(monkeypatch):
    monkeypatch.setattr("graphdb.store.RETRY_SECONDS", 0.05)
    driver = OfErrors([LOST] * 1_000_000)
    with pytest.raises(GraphError, match="Record #7:1017 not found"):
        of(driver, "arcadedb").read("MATCH (n) RETURN n")
    assert driver.tries > 2


@pytest.mark.parametrize(("engine", "error"), [("arcadedb", MISTAKE), ("neo4j", MISTAKE), ("neo4j", LOST)])
def test_a_mistake_is_told_at_once(engine, error):
    driver = OfErrors([error])
    with pytest.raises(GraphError):
        of(driver, engine).read("MATCH (n) RETURN n")
    assert driver.tries == 1


def test_contention_is_waited_out_longer_than_the_driver_does():
    deadlock = ("Neo.TransientError.Transaction.DeadlockDetected", "ForsetiClient cannot acquire")
    assert isinstance(Neo4jError._hydrate_neo4j(code=deadlock[0], message=deadlock[1]), TransientError)
    driver = OfErrors([deadlock, deadlock])
    of(driver, "neo4j").write("MATCH (n) SET n.value = 1")
    assert driver.tries == 3
