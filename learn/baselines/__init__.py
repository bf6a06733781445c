"""What a learned embedding has to beat: trees on fingerprints and on descriptors. One file a system."""

from __future__ import annotations

from learn.baselines.boosting import Boosting
from learn.baselines.random_forest import RandomForest, fingerprints

__all__ = ["Boosting", "RandomForest", "fingerprints"]
