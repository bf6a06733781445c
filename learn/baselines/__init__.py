"""What a learned embedding has to beat, one file a system: trees, kernels and networks on structures."""

from __future__ import annotations

from learn.baselines.boosting import Boosting
from learn.baselines.extra_trees import ExtraTrees
from learn.baselines.joint_trees import JointTrees
from learn.baselines.kernel_ridge import TanimotoRidge
from learn.baselines.label_propagation import LabelPropagation
from learn.baselines.multitask import MultitaskNetwork
from learn.baselines.random_forest import RandomForest, fingerprints

__all__ = [
    "Boosting",
    "ExtraTrees",
    "JointTrees",
    "LabelPropagation",
    "MultitaskNetwork",
    "RandomForest",
    "TanimotoRidge",
    "fingerprints",
]
