"""docs/tour.ipynb runs from an empty folder to a prediction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient

TOUR = Path(__file__).parents[2] / "docs" / "tour.ipynb"

pytestmark = [pytest.mark.graph, pytest.mark.slow]


def shown(cell: Any) -> str:
    """Return all that a cell printed or showed, as text and HTML."""
    texts = []
    for output in cell.get("outputs", ()):
        texts.append(output.get("text", ""))
        texts += [str(output.get("data", {}).get(kind, "")) for kind in ("text/plain", "text/html")]
    return "\n".join(texts)


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("tour")
    notebook = nbformat.read(TOUR, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "outputs of somebody's machine are not kept"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INFOALIGN_WORKSPACE", str(folder / "workspace"))
        for name in ("NEO4J_URI", "NEO4J_USERNAME", "NEO4J_PASSWORD", "NEO4J_DATABASE"):
            patch.delenv(name, raising=False)
        NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}}).execute()
    return folder / "workspace", {cell.source: shown(cell) for cell in notebook.cells if cell.cell_type == "code"}


def output_of(outputs: dict[str, str], part: str) -> str:
    return next(text for source, text in outputs.items() if part in source)


@pytest.mark.timeout(1200)
def test_it_ends_with_predictions(tour) -> None:
    workspace, outputs = tour
    predictions = pd.read_csv(workspace / "predictions.csv")
    assert len(predictions) == 100
    assert predictions["polar_surface"].notna().all()
    assert predictions["polar_surface"].nunique() > 50
    assert float(output_of(outputs, "model.score").split()[-1]) > 0.3, "embeddings say something of the polar surface"


def test_answers_show_themselves(tour) -> None:
    _, outputs = tour
    for part, expected in {
        'neighbourhood(store, "simvastatin"': "HMGCR",
        'symbol="HMGCR"': "atorvastatin",
        'similar(store, "simvastatin"': "similarity",
        'explain(store, "simvastatin"': "HMGCR",
        "predict_profile(store": "SIMULATED",
        "profile_next(store": "The first to be measured first",
        "to_hetero(": "HeteroData",
        "to_anndata(": "AnnData",
    }.items():
        assert expected in output_of(outputs, part), part
