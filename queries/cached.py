"""What a process reads of the whole graph once, and again when the graph has changed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from graphdb.meta import read_meta
from graphdb.store import GraphStore

Value = TypeVar("Value")


class OfGraph(Generic[Value]):
    """A value that is made of a whole graph and kept as long as that graph says that it is the same.

    Every load and every write by this platform raises the graph's version (`graphdb.meta`). A graph that has no
    description, and what somebody writes with tools of their own, cannot be noticed: the one is read each time, after
    the other call `forget`. The newest graph alone is kept. `state` says what else must be the same.
    """

    def __init__(
        self, make: Callable[[GraphStore], Value], state: Callable[[GraphStore], object] | None = None
    ) -> None:
        self._make = make
        self._state = state or graph_state
        self._lock = threading.Lock()
        self._key: object = None
        self._value: Value | None = None

    def of(self, store: GraphStore) -> Value:
        """Return the value for this graph; makes it if need be, one thread at a time."""
        key = self._state(store)
        with self._lock:
            if key is None or key != self._key or self._value is None:
                self._key, self._value = None, None
                value = self._make(store)
                # What changed while it was read is read again at the next call.
                self._key, self._value = key, value
            return self._value

    def kept(self, store: GraphStore) -> Value | None:
        """Return the value if it is there for this very graph; None otherwise, without waiting."""
        value, key = self._value, self._key
        return value if value is not None and key is not None and key == self._state(store) else None

    def forget(self) -> None:
        """Throw the value away."""
        with self._lock:
            self._key, self._value = None, None


def graph_state(store: GraphStore) -> object:
    """Return what tells this graph, as it is now, from any other; None where the graph does not say."""
    meta = read_meta(store)
    return None if meta is None else (store.uri, store.database, meta.version, meta.content_hash)
