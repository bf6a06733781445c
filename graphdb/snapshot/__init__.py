"""Snapshots: the topology that walks use. ``python -m graphdb.snapshot`` makes the one of the live graph."""

from __future__ import annotations

from graphdb.snapshot.topology import Snapshot
from graphdb.snapshot.typed import TypedEdges

__all__ = ["Snapshot", "TypedEdges"]
