"""What all graph-based rivals have in common: no sums are made for them, and bfloat16 changes little."""

from __future__ import annotations

import pytest
from _objectives import BY_HEART, losses, run, workspace_of

from graphdb.workspace import Workspace
from learn.objectives import OBJECTIVES

RIVALS = ("cloome", "infocore-cp", "infocore-ge", "attrmask", "contextpred", "edgepred")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return workspace_of(tmp_path_factory.mktemp("precision"))


@pytest.mark.parametrize("objective", RIVALS)
def test_bfloat16_gives_about_the_same_loss(workspace: Workspace, objective: str) -> None:
    assert not OBJECTIVES[objective].reads_sums
    one = (*BY_HEART, "--epochs", "1")
    plain, rounded = (
        losses(run(workspace, objective, "--run", f"{objective}-{precision}", "--precision", precision, settings=one))
        for precision in ("float32", "bfloat16")
    )
    assert rounded[0]["loss"] == pytest.approx(plain[0]["loss"], rel=0.1)
    assert rounded[0]["loss"] != plain[0]["loss"]
    for name, value in plain[0]["parts"].items():
        assert rounded[0]["parts"][name] == pytest.approx(value, rel=0.1, abs=0.1)
