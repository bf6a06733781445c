"""What the paper prints, read from the package: numbers copied from arXiv 2406.12056 (tables of the four data sets)."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from learn.evaluation import paper


@pytest.mark.parametrize(
    ("task", "system", "expected"),
    [
        # Printed, ChEMBL2K: 76.8 ± 2.2, 54.7 ± 0.7, 81.3 ± 0.6; Broad6K: 69.9 ± 0.1, 50.1 ± 0.0; ToxCast: 66.4 ± 1.1.
        ("chembl2k", "Morgan FP + MLP", (0.768, 0.022)),
        ("chembl2k", "Morgan FP + RF", (0.547, 0.007)),
        ("chembl2k", "InfoAlign", (0.813, 0.006)),
        ("broad6k", "InfoAlign", (0.699, 0.001)),
        ("broad6k", "Gene Expression + GP", (0.501, 0.0)),
        ("toxcast", "InfoAlign", (0.664, 0.011)),
        ("toxcast", "InfoCORE (GE)", (0.653, 0.002)),
        # MAE times 100: 52.8 ± 0.2, 49.4 ± 0.2 (Biogen3K).
        ("biogen3k", "Morgan FP + RF", (0.528, 0.002)),
        ("biogen3k", "InfoAlign", (0.494, 0.002)),
        # Not in its tables.
        ("chembl2k", "Gene Expression + GP", None),
        ("toxcast", "ChemGPT-19M", None),
        ("chembl2k", "InfoCORE", None),
        ("chembl2k", "LightGBM", None),
        ("chembl2k", "InfoAlign, linear probe", None),
        ("chembl2k", "untrained encoder", None),
        ("esol", "InfoAlign", None),
    ],
)
def test_scores_in_our_unit(task: str, system: str, expected: paper.Score | None) -> None:
    assert paper.paper_score(task, system) == expected


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("random forest, fingerprints", "Morgan FP + RF"),
        ("gaussian process, Morphology", "Cell Morphology + GP"),
        ("MLP, expression", "Gene Expression + MLP"),
        ("head, encoder pretrained", "InfoAlign"),
        ("infocore-cp", "InfoCORE (CP)"),
        ("InfoCORE (CP)", "InfoCORE (CP)"),
        ("InfoCORE (GE) (2)", "InfoCORE (GE)"),
        ("InfoAlign (3)", "InfoAlign"),
        ("masked-SMILES model", "Roberta-102M"),
        ("next-token SMILES model", "GPT2-87M"),
        ("InfoAlign, fine-tuned", None),
        ("", None),
    ],
)
def test_names(ours: str, theirs: str | None) -> None:
    assert paper.paper_name(ours) == theirs


def test_every_name_has_a_row() -> None:
    rows = {system for task in ("chembl2k", "broad6k", "toxcast", "biogen3k") for system in paper.paper_systems(task)}
    assert set(paper.PAPER_NAMES.values()) <= rows
    assert {paper.paper_name(system) for system in rows} == rows
    counts = [len(paper.paper_systems(task)) for task in ("chembl2k", "broad6k", "toxcast", "biogen3k", "none")]
    assert counts == [19, 20, 12, 14, 0]


def test_shares() -> None:
    # ChEMBL2K, InfoAlign: 66.3 ± 2.7, 49.3 ± 2.7, 35.1 ± 3.7, 18.5 ± 2.8.
    assert paper.paper_shares("chembl2k", "InfoAlign") == {
        "0.80": (0.663, 0.027),
        "0.85": (0.493, 0.027),
        "0.90": (0.351, 0.037),
        "0.95": (0.185, 0.028),
    }
    assert paper.paper_shares("biogen3k", "InfoAlign") == {}


def test_biogen3k_stands_under_the_names_of_the_file() -> None:
    printed = [mean for mean, _ in paper.paper_by_task("biogen3k", "Morgan FP + RF").values()]
    assert printed == [0.442, 0.442, 0.419, 0.677, 0.669, 0.516]
    # A random forest on the file's columns, in their order (decision 7): each is within .01 of its own.
    found = [0.441, 0.441, 0.416, 0.672, 0.675, 0.517]
    assert all(abs(one - other) < 0.01 for one, other in zip(found, printed, strict=True))
    for system in paper.paper_systems("biogen3k"):
        by_task = paper.paper_by_task("biogen3k", system)
        mean = sum(value for value, _ in by_task.values()) / 6
        score = paper.paper_score("biogen3k", system)
        assert score is not None
        assert mean == pytest.approx(score[0], abs=0.0011)  # each is rounded to a thousandth
    assert paper.paper_by_task("chembl2k", "InfoAlign") == {}


@pytest.mark.data
def test_the_names_are_those_of_the_file(shared_data: Path) -> None:
    (path,) = (shared_data / "infoalign" / "biogenadme").glob("*.csv.gz")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        header = file.readline().strip().split(",")
    assert tuple(paper.BIOGEN3K_COLUMNS.values()) == tuple(header[4:])


def test_hard_labels_are_those_of_forests_and_gaussian_processes_in_classification() -> None:
    assert paper.of_hard_labels("chembl2k", "Morgan FP + RF")
    assert paper.of_hard_labels("broad6k", "Gaussian process, fingerprints")
    assert not paper.of_hard_labels("biogen3k", "Morgan FP + RF")
    assert not paper.of_hard_labels("toxcast", "Morgan FP + GP")  # not printed
    assert not paper.of_hard_labels("chembl2k", "Morgan FP + MLP")


@pytest.mark.data
def test_all_figures_are_those_of_the_table(shared_data: Path) -> None:
    """The project's copy against the table that it was made of: every line, none more."""

    def lines(path: Path) -> list[str]:
        return [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]

    copied = Path(paper.__file__).parent / "paper_tables.csv"
    assert lines(copied) == lines(shared_data.parent / "spec" / "paper_tables.csv")


def test_matching() -> None:
    # ChEMBL2K, InfoAlign: NDCG 1.3 and 5.7, HIT 1.3 and 12.5.
    assert paper.paper_matching("chembl2k")["InfoAlign"] == {
        "ndcg_1": 0.013,
        "ndcg_10": 0.057,
        "hit_1": 0.013,
        "hit_10": 0.125,
    }
    assert list(paper.paper_matching("broad6k")) == ["CLOOME", "InfoCORE", "InfoAlign"]
    assert paper.paper_matching("toxcast") == {}


def test_what_differs_is_said() -> None:
    text = " ".join(what + why for what, why in paper.DIFFERENCES)
    for word in ("hard labels", "Biogen3K", "Open Graph Benchmark", "stereoisomer", "certificate"):
        assert word in text
