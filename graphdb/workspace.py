"""Where things are: one folder that holds everything that the commands make."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Workspace:
    """The folder of one context graph and what is learned from it.

    Attributes
    ----------
    root
        The folder; ``$INFOALIGN_WORKSPACE``, else ``workspace`` in the current folder.
    """

    root: Path

    @classmethod
    def default(cls) -> Workspace:
        """Return the workspace that the environment names."""
        return cls(Path(os.environ.get("INFOALIGN_WORKSPACE", "workspace")))

    @property
    def graph(self) -> Path:
        """Folder of the embedded graph: databases, log, port, password."""
        return self.root / "graph"

    @property
    def neo4j(self) -> Path:
        """Folder of the workspace's own Neo4j: its home, log, port, password."""
        return self.root / "neo4j"

    @property
    def engine(self) -> Path:
        """Which of the two this workspace uses (`graphdb.engines`)."""
        return self.root / "engine"

    @property
    def features(self) -> Path:
        """Folder of the feature store."""
        return self.root / "features"

    @property
    def molecule_graphs(self) -> Path:
        """Folder of the molecule graphs as packed arrays, rows as the Molecule nodes sorted by InChIKey."""
        return self.root / "molecule_graphs"

    @property
    def snapshot(self) -> Path:
        """Folder of the snapshot: topology as CSR."""
        return self.root / "snapshot"

    @property
    def shards(self) -> Path:
        """Folder of exported walks."""
        return self.root / "shards"

    @property
    def runs(self) -> Path:
        """Folder of the pretraining runs, one folder each."""
        return self.root / "runs"

    @property
    def holdout(self) -> Path:
        """Folder of the molecules that pretraining must not see, and of the certificate."""
        return self.root / "holdout"

    @property
    def profiles(self) -> Path:
        """Folder of the descriptions of a laboratory's own profile tables."""
        return self.root / "profiles"

    @property
    def cache(self) -> Path:
        """Folder of what ingests have computed, for the next one; nothing is lost with it but time."""
        return self.root / "cache"

    @property
    def downloads(self) -> Path:
        """Folder of the files that ``ingest.sources fetch`` has fetched, a folder a source."""
        return self.root / "downloads"

    @property
    def rejects(self) -> Path:
        """Records that could not be used, with file, line and reason."""
        return self.root / "rejects.parquet"

    @property
    def ingest_report(self) -> Path:
        """What the last ingest did, as JSON."""
        return self.root / "ingest.json"

    @property
    def ingest_page(self) -> Path:
        """The same as a page to read."""
        return self.root / "ingest-report.html"

    @property
    def evaluation_page(self) -> Path:
        """The results section that `learn.evaluate` wrote last, for a browser."""
        return self.root / "evaluation-report.html"

    @property
    def predictors(self) -> Path:
        """Folder of the predictors that `learn.predict` fitted to tables of the user."""
        return self.root / "predictors"

    @property
    def embeddings(self) -> Path:
        """Embeddings of the graph's molecules."""
        return self.root / "embeddings.parquet"
