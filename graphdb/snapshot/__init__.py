"""Snapshots: the topology that walks use. ``python -m graphdb.snapshot`` makes the one of the live graph."""

from __future__ import annotations

from graphdb.snapshot.topology import Snapshot

__all__ = ["Snapshot"]
