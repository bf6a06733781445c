"""Textbook pharmacology comes out of the real graph: by measured expression alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from _commands import Commands
from matplotlib import image

pytestmark = [pytest.mark.slow, pytest.mark.graph, pytest.mark.data]

SIROLIMUS, TEMSIROLIMUS = "QFJCIRLUMZQUOT-KLHQEZAJSA-N", "CBPNZQVSJQDFBE-FUXHJELOSA-N"
SIMVASTATIN, LOVASTATIN = "RYMZZMVNJRMUDD-HGQWONQESA-N", "PCZOHLXUXFIOCF-BXMDZJJMSA-N"


@pytest.mark.parametrize(("one", "other"), [(SIROLIMUS, TEMSIROLIMUS), (SIMVASTATIN, LOVASTATIN)])
def test_drugs_of_one_mechanism_are_near_by_expression(real_commands: Commands, one: str, other: str) -> None:
    found = json.loads(real_commands.run("queries.similar", one, "--by", "expression", "--json", "-k", "3").stdout)
    assert other in [row["inchikey"] for row in found["expression"]]


def test_the_mechanism_of_a_statin_is_its_enzyme(real_commands: Commands) -> None:
    found = json.loads(real_commands.run("queries.mechanism", SIMVASTATIN, "--by", "expression", "--json").stdout)
    first = found["genes"][0]
    assert first["gene"] == "HMGCR"
    assert first["fdr"] < 1e-4
    assert first["known"]


def test_the_findings_of_the_readme_are_drawn(real_commands: Commands, tmp_path: Path) -> None:
    said = real_commands.run("queries.findings", "--out", str(tmp_path)).stdout
    pictures = sorted(tmp_path.iterdir())
    assert [picture.name for picture in pictures] == [
        "finding-hmgcr.png",
        "finding-sirolimus.png",
        "finding-statins.png",
    ]
    for picture in pictures:
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert len(np.unique(image.imread(picture).reshape(-1, 4), axis=0)) > 10, "not a blank page"
    statins, genes, rapalogs = (
        [[cell.strip() for cell in line.split("│")[1:-1]] for line in part.splitlines() if line.startswith("│")]
        for part in said.split(".png")[1:]
    )
    assert genes[0][0] == "HMGCR"
    assert statins[0][-1] == rapalogs[0][-1] == "yes", "the nearest of each acts on the same gene"
