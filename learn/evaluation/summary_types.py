"""What an evaluation came to, as the report, the tables and JSON show it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Group = Literal["structure", "profile", "encoder", "language model", "stronger", "ours"]
BASELINES: tuple[Group, ...] = ("structure", "stronger")
"""Groups of which the best is what others are compared with."""
BESIDE_DESCRIPTORS = ("multi-task network + ", "LightGBM + ")
"""How names of systems begin that read an embedding beside descriptors; the encoder's follows."""


@dataclass(frozen=True)
class Estimate:
    """A score: its mean over seeds, the standard deviation over seeds (None for one seed), and a 95 % interval.

    The interval is where the mean over seeds lies in 95 of 100 draws of the test molecules (`learn.bootstrap`); None
    where it was not computed.
    """

    mean: float
    deviation: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Comparison:
    """A system against the best baseline of its data set, on the molecules that both have predictions for.

    Attributes
    ----------
    baseline
        Name of the best system of the groups structure and stronger.
    difference, low, high
        Mean score minus the baseline's, and where it lies in 95 of 100 draws of test molecules, the same for both.
    p
        Two-sided, of the paired bootstrap.
    tasks_better, tasks
        On how many of the scored tasks it is better.
    """

    baseline: str
    difference: float
    low: float
    high: float
    p: float
    tasks_better: int
    tasks: int


@dataclass(frozen=True)
class Row:
    """One system on one data set.

    Attributes
    ----------
    task, system, group
        Names.
    seeds
        Those that were computed.
    metric
        ``auc`` or ``mae``: what `score` is.
    score
        Mean over tasks.
    others
        Further scores by name: ``auprc``, ``r2``, ``hard_auc`` (AUC of hard labels: what the paper's rows for forests
        and Gaussian processes scored).
    shares
        For AUC: share of tasks above ``0.80``, ``0.85``, ``0.90``, ``0.95``.
    by_task
        Score of each task, mean over seeds; None for one that cannot be scored.
    by_type
        Mean score over the tasks of each assay type; empty where types are not known.
    molecules, of
        Test molecules that it has predictions for, and all of them.
    against
        Paired with the best baseline; None for that one itself and where nothing can be paired.
    paper
        The paper's mean and standard deviation, in the unit of `score`; None where it has no such row.
    encoder
        Hash of its encoder's weights; None where it has none.
    leakage
        Why its score says little about new molecules; None where all is well.
    seconds
        To compute a seed, mean.
    goal
        The score that the project set itself for this row; None where none.
    """

    task: str
    system: str
    group: Group
    seeds: tuple[int, ...]
    metric: Literal["auc", "mae"]
    score: Estimate
    others: dict[str, Estimate] = field(default_factory=dict)
    shares: dict[str, Estimate] = field(default_factory=dict)
    by_task: dict[str, float | None] = field(default_factory=dict)
    by_type: dict[str, float] = field(default_factory=dict)
    molecules: int = 0
    of: int = 0
    against: Comparison | None = None
    paper: tuple[float, float | None] | None = None
    encoder: str | None = None
    leakage: str | None = None
    seconds: float = 0.0
    goal: float | None = None


@dataclass(frozen=True)
class EncoderCard:
    """An encoder of the table: where it comes from, and what its pretraining did not see.

    Attributes
    ----------
    name
        Its objective, as tables call it.
    model_hash, graph_hash
        Of its weights, and of the graph that it was trained on.
    objective, epochs, steps
        How it was trained.
    held_out
        (data set, number of molecules of the graph that were left out, SHA-256 of the list) of its certificate.
    simulated
        Feature spaces that no instrument measured.
    """

    name: str
    model_hash: str
    graph_hash: str
    objective: str
    epochs: int
    steps: int
    held_out: tuple[tuple[str, int, str], ...] = ()
    simulated: tuple[str, ...] = ()


@dataclass(frozen=True)
class TaskCard:
    """A data set of the table.

    Attributes
    ----------
    name, title, metric
        Of `learn.tasks.Task`.
    molecules, train, valid, test
        How many.
    tasks, scored
        All tasks, and those that can be scored on the test set.
    split, sha256
        Of its split, and of its file.
    types
        Assay type of each task; empty where not known.
    """

    name: str
    title: str
    metric: str
    molecules: int
    train: int
    valid: int
    test: int
    tasks: int
    scored: int
    split: str
    sha256: str
    types: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Duel:
    """Two systems task by task, on the molecules that both have predictions for.

    Attributes
    ----------
    task, first, second
        The data set, and the systems.
    metric
        ``auc`` or ``mae``.
    molecules
        How many both have predictions for.
    scores
        (score of the first, of the second), means over seeds, by task that both could be scored on.
    """

    task: str
    first: str
    second: str
    metric: Literal["auc", "mae"]
    molecules: int
    scores: dict[str, tuple[float, float]]

    @property
    def second_better(self) -> int:
        """On how many tasks the second one is better."""
        sign = 1 if self.metric == "auc" else -1
        return sum(sign * (second - first) > 0 for first, second in self.scores.values())


@dataclass(frozen=True)
class Ablation:
    """Our blend without one of its members.

    Attributes
    ----------
    task, member
        The data set, and who was left out.
    share
        What share of the whole blend it is, in [0, 1], mean over seeds.
    score
        Of the blend of the others.
    against
        That, compared with the whole blend; None where it cannot be.
    """

    task: str
    member: str
    share: float
    score: Estimate
    against: Comparison | None


@dataclass(frozen=True)
class Summary:
    """The whole of it.

    Attributes
    ----------
    tasks, rows, encoders
        Data sets; systems on them, those of one data set together in the order of the table; encoders.
    command, machine, versions, minutes
        How to repeat it, on what it ran, with what, and how long all cells took together.
    missing
        (data set, system, reason) of what is not in the table.
    matching
        What `learn.matching` wrote (``rows``), or None.
    duels
        Modality against modality (the paper's Figure 3).
    ablations
        What each member brings to our blend.
    """

    tasks: tuple[TaskCard, ...]
    rows: tuple[Row, ...]
    encoders: tuple[EncoderCard, ...]
    command: str
    machine: str
    versions: dict[str, str]
    minutes: float
    missing: tuple[tuple[str, str, str], ...] = ()
    matching: dict[str, Any] | None = None
    duels: tuple[Duel, ...] = ()
    ablations: tuple[Ablation, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)
