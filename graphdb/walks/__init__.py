"""Random walks over a snapshot: one sampler a file, one `WalkConfig`, shards for training without a graph."""

from graphdb.walks.config import WalkConfig, Walks
from graphdb.walks.memory import sample

__all__ = ["WalkConfig", "Walks", "sample"]
