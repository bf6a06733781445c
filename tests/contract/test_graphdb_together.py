"""Four writers and four readers at once, for a minute: no update is lost, no error reaches a caller."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest

from graphdb.errors import GraphError

pytestmark = pytest.mark.graph

SECONDS = 60.0
WRITERS = READERS = 4
COUNTERS = 6


def test_writers_and_readers_at_once(store, open_store):
    store.write(
        "UNWIND $rows AS row CREATE (:Gene {ncbi_id: row.id, value: 0})", [{"id": number} for number in range(COUNTERS)]
    )
    errors: list[GraphError] = []
    written: Counter[int] = Counter()
    edges: Counter[int] = Counter()
    reads: Counter[int] = Counter()
    until = time.monotonic() + SECONDS

    def write(number: int) -> None:
        # All raise the same counters, in different orders (so that they wait for each other in circles), and make
        # nodes and edges of their own.
        own = open_store()
        ids = [(number + step) % COUNTERS for step in range(COUNTERS)]
        if number % 2:
            ids.reverse()
        while time.monotonic() < until:
            step = written[number]
            try:
                own.write(
                    "UNWIND $ids AS id MATCH (n:Gene {ncbi_id: id}) SET n.value = n.value + 1",
                    ids=ids[: 1 + step % COUNTERS],
                )
                for id in ids[: 1 + step % COUNTERS]:
                    raised[number][id] += 1
                written[number] += 1
                own.write(
                    "UNWIND $rows AS row MATCH (a:Gene {ncbi_id: 0}) MERGE (b:Gene {ncbi_id: row.id}) "
                    "MERGE (a)-[:INTERACTS]->(b)",
                    [{"id": 1000 + 1_000_000 * number + step}],
                )
                edges[number] += 1
            except GraphError as error:
                errors.append(error)

    def read(number: int) -> None:
        own = open_store(read_only=True)
        last = 0
        while time.monotonic() < until:
            try:
                rows = own.read("MATCH (n:Gene) WHERE n.ncbi_id < 1000 RETURN sum(n.value) AS total, count(n) AS count")
                assert rows[0]["count"] == COUNTERS
                assert rows[0]["total"] >= last, "a counter went back"
                last = rows[0]["total"]
                own.read("MATCH (a:Gene {ncbi_id: 0})-[:INTERACTS]->(b) RETURN b.ncbi_id AS id LIMIT 50")
                reads[number] += 1
            except GraphError as error:
                errors.append(error)
            except AssertionError as error:
                errors.append(GraphError(str(error)))

    raised = [Counter() for _ in range(WRITERS)]
    threads = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    threads += [threading.Thread(target=read, args=(number,)) for number in range(READERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [str(error) for error in errors] == []
    rows = store.read("MATCH (n:Gene) WHERE n.ncbi_id < 1000 RETURN n.ncbi_id AS id, n.value AS value")
    assert {row["id"]: row["value"] for row in rows} == dict(sum(raised, Counter()))
    made = store.read("MATCH (a:Gene {ncbi_id: 0})-[:INTERACTS]->(b) RETURN count(b) AS count")[0]["count"]
    assert made == edges.total()
    assert all(written[number] > 10 for number in range(WRITERS))
    assert all(reads[number] > 10 for number in range(READERS))


def test_deadlock_is_waited_out_when_the_driver_has_given_up(store, open_store, monkeypatch):
    # The driver tries for a time only; here for none, so that each deadlock is left to the store.
    monkeypatch.setattr("graphdb.store.RETRY_SECONDS", 0.0)
    store.write("UNWIND $rows AS row CREATE (:Gene {ncbi_id: row.id, value: 0})", [{"id": 0}, {"id": 1}])
    errors: list[GraphError] = []
    rounds = 50

    def write(ids: list[int]) -> None:
        own = open_store()
        for _ in range(rounds):
            try:
                own.write("UNWIND $ids AS id MATCH (n:Gene {ncbi_id: id}) SET n.value = n.value + 1", ids=ids)
            except GraphError as error:
                errors.append(error)

    threads = [threading.Thread(target=write, args=(ids,)) for ids in ([0, 1], [1, 0], [0, 1], [1, 0])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [str(error) for error in errors] == []
    rows = store.read("MATCH (n:Gene) RETURN n.value AS value")
    assert [row["value"] for row in rows] == [4 * rounds, 4 * rounds]
