"""What a training machine imports of graphdb brings neither a database driver, nor chemistry, nor torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROBE = """
import sys
for name in ("neo4j", "py2neo", "arcadedb_embedded", "rdkit", "torch", "torch_geometric", "datamol", "ingest"):
    sys.modules[name] = None  # importing it raises ImportError
import graphdb.feature_store, graphdb.molecule_graphs, graphdb.snapshot, graphdb.walks, graphdb.walks.shards
import graphdb.walks.__main__
"""


def test_topology_and_features_need_no_driver_no_chemistry_and_no_torch() -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", PROBE], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
