"""A summary of an evaluation, made by hand: every kind of row that there is, and names that break careless pages."""

from __future__ import annotations

from learn.evaluation.paper import BIOGEN3K_COLUMNS, paper_score
from learn.evaluation.summary_types import Ablation, Comparison, Duel, EncoderCard, Estimate, Row, Summary, TaskCard

EVIL = "<script>alert(1)</script> & a|b"
TRAINED, UNTRAINED = "1" * 64, "2" * 64
TASKS = ("ion channel <i>", "kinase|a", "kinase & b", "kinase *c*")
TYPES = {TASKS[0]: "binding", TASKS[1]: "cell", TASKS[2]: "cell", TASKS[3]: "cell"}
TEN = tuple(range(10))

CHEMBL = TaskCard(
    "chembl2k", "ChEMBL2K", "auc", 2355, 1413, 353, 589, 41, 4, "scaffold", "a" * 64, {**TYPES, "never scored": "cell"}
)
BIOGEN = TaskCard("biogen3k", "Biogen3K", "mae", 3521, 2112, 528, 881, 6, 6, "scaffold", "b" * 64)
EMPTY = TaskCard("toxcast", "ToxCast", "auc", 8576, 6860, 858, 858, 617, 608, "ogb_scaffold", "c" * 64)


def by_task(*scores: float | None) -> dict[str, float | None]:
    return dict(zip(TASKS, scores, strict=True))


FOREST = Row(
    task="chembl2k",
    system="Morgan FP + RF",
    group="structure",
    seeds=TEN,
    metric="auc",
    score=Estimate(0.757, 0.004, 0.713, 0.791),
    others={"hard_auc": Estimate(0.549, 0.006), "auprc": Estimate(0.512, 0.007)},
    shares={"0.80": Estimate(0.488, 0.02), "0.95": Estimate(0.125, 0.0), "0.85": Estimate(0.3), "0.90": Estimate(0.2)},
    by_task=by_task(0.7, 0.8, None, 0.91),
    by_type={"binding": 0.7, "cell": 0.855},
    molecules=589,
    of=589,
    against=Comparison("LightGBM", -0.046, -0.07, -0.02, 0.0004, 1, 4),
    paper=paper_score("chembl2k", "Morgan FP + RF"),
    seconds=139.4,
)
BOOSTING = Row(
    task="chembl2k",
    system="LightGBM",
    group="stronger",
    seeds=(0,),
    metric="auc",
    score=Estimate(0.803, None, 0.766, 0.83),
    others={"auprc": Estimate(0.6), "hard_auc": Estimate(0.61)},
    shares={"0.80": Estimate(0.634)},
    by_task=by_task(0.75, 0.85, 0.45, 0.96),
    by_type={"binding": 0.75, "cell": 0.753},
    molecules=589,
    of=589,
    seconds=110,
)
PROFILE = Row(
    task="chembl2k",
    system="Cell Morphology + MLP",
    group="profile",
    seeds=(0, 1),
    metric="auc",
    score=Estimate(0.651, 0.01),
    by_task=by_task(0.6, None, None, None),
    molecules=412,
    of=589,
    paper=paper_score("chembl2k", "Cell Morphology + MLP"),
    seconds=4.26,
)
HEAD = Row(
    task="chembl2k",
    system="InfoAlign",
    group="encoder",
    seeds=TEN,
    metric="auc",
    score=Estimate(0.744, 0.026, 0.702, 0.778),
    shares={"0.80": Estimate(0.395, 0.03)},
    by_task=by_task(0.71, 0.72, 0.73, 0.97),
    by_type={"binding": 0.71, "cell": 0.807},
    molecules=588,
    of=589,
    against=Comparison("LightGBM", -0.059, -0.09, -0.03, 0.002, 1, 4),
    paper=paper_score("chembl2k", "InfoAlign"),
    encoder=TRAINED,
    seconds=8,
    goal=0.813,
)
RANDOM_HEAD = Row(
    task="chembl2k",
    system="untrained encoder",
    group="encoder",
    seeds=TEN,
    metric="auc",
    score=Estimate(0.763, 0.005, 0.72, 0.795),
    molecules=588,
    of=589,
    encoder=UNTRAINED,
)
LEAKING = Row(
    task="chembl2k",
    system=f"head, {EVIL}",
    group="language model",
    seeds=(3, 7),
    metric="auc",
    score=Estimate(0.951, 0.001, 0.94, 0.96),
    molecules=589,
    of=589,
    encoder="3" * 64,
    leakage=f"no certificate {EVIL}",
)
OURS = Row(
    task="chembl2k",
    system="our blend",
    group="ours",
    seeds=(0, 1, 2),
    metric="auc",
    score=Estimate(0.818, 0.002, 0.781, 0.842),
    shares={"0.80": Estimate(0.7)},
    by_task=by_task(0.8, 0.86, 0.52, 0.98),
    molecules=589,
    of=589,
    against=Comparison("LightGBM", 0.015, 0.004, 0.027, 0.008, 4, 4),
    goal=0.81,
    seconds=0.04,
)
BIOGEN_FOREST = Row(
    task="biogen3k",
    system="Morgan FP + RF",
    group="structure",
    seeds=(0,),
    metric="mae",
    score=Estimate(0.527),
    others={"r2": Estimate(0.31), "something new": Estimate(1.5)},
    by_task=dict(zip(BIOGEN3K_COLUMNS.values(), (0.441, 0.441, 0.416, 0.672, 0.675, 0.517), strict=True)),
    molecules=881,
    of=881,
    against=Comparison("LightGBM", 0.091, 0.06, 0.12, 0.0, 0, 6),
    paper=paper_score("biogen3k", "Morgan FP + RF"),
)
BIOGEN_BOOSTING = Row(
    task="biogen3k",
    system="LightGBM",
    group="stronger",
    seeds=(0,),
    metric="mae",
    score=Estimate(0.436, None, 0.393, 0.487),
    by_task=dict(zip(BIOGEN3K_COLUMNS.values(), (0.36, 0.35, 0.4, 0.5, 0.52, 0.486), strict=True)),
    molecules=881,
    of=881,
)

DUEL = Duel(
    "chembl2k", "Morgan FP + RF", EVIL, "auc", 21, {TASKS[0]: (0.6, 0.8), TASKS[1]: (0.7, 0.7), TASKS[3]: (0.9, 0.5)}
)
ABLATIONS = (
    Ablation(
        "chembl2k", EVIL, 0.35, Estimate(0.8, 0.01, 0.7, 0.9), Comparison("our blend", -0.02, -0.03, 0.0, 0.1, 1, 4)
    ),
    Ablation("chembl2k", "LightGBM", 0.0, Estimate(0.82), None),
)
SUMMARY = Summary(
    tasks=(CHEMBL, BIOGEN, EMPTY),
    rows=(OURS, BOOSTING, RANDOM_HEAD, FOREST, HEAD, PROFILE, LEAKING, BIOGEN_BOOSTING, BIOGEN_FOREST),
    encoders=(
        EncoderCard(
            "pretrained", TRAINED, "4" * 64, "infoalign", 40, 12345, (("chembl2k", 931, "5" * 64),), ("jump-966",)
        ),
        EncoderCard("untrained", UNTRAINED, "4" * 64, "infoalign", 0, 0),
    ),
    command=f"python -m learn.evaluate --tasks chembl2k,biogen3k --note '{EVIL}'",
    machine="2 cores",
    versions={"torch": "2.9.0", "numpy": "2.4.6"},
    minutes=41.6,
    duels=(DUEL,),
    ablations=ABLATIONS,
    missing=(("toxcast", "Morgan FP + RF", f"the budget was over {EVIL}"),),
    matching={
        "space": "jump-966",
        "task": "broad6k",
        "simulated": True,
        "rows": [
            {
                "system": EVIL,
                "model_hash": TRAINED,
                "direction": "molecule to profile",
                "queries": 1200,
                "hit_10": 0.11,
                "median_rank": 31.5,
                "intervals": {"hit_10": {"low": 0.09, "high": 0.13}, "median_rank": {"low": None, "high": None}},
            },
        ],
        "chance": {"molecule to profile": {"hit_10": 0.0625, "median_rank": 80.0}},
    },
)
"""Three data sets, one of them without a row."""
