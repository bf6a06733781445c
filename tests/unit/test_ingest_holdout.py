"""``--hold-out``: lists, certificate, and that walks and pretraining keep to it without being told again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphdb.errors import ArtefactError, InputError
from graphdb.files import sha256
from graphdb.holdout import CERTIFICATE, HeldOutList, read_certificate, write_certificate
from graphdb.schema import NodeType
from graphdb.snapshot import Snapshot
from graphdb.walks.__main__ import build_parser, main
from graphdb.walks.shards import ShardReader
from graphdb.workspace import Workspace
from ingest.holdout import DataSet, hold_out_lists, read_structures
from learn.holdout import hold_out

ASPIRIN, CAFFEINE, ALANINE_L, ALANINE_D = (
    "BSYNRYMUTXBXSQ-UHFFFAOYSA-N",
    "RYYVLZVUVIJVGH-UHFFFAOYSA-N",
    "QNAYBMKLOCPYGJ-REOHCLBHSA-N",
    "QNAYBMKLOCPYGJ-UWTATZPHSA-N",
)
KEYS = [ALANINE_D, ALANINE_L, ASPIRIN, CAFFEINE]


def snapshot() -> Snapshot:
    """Four molecules around a gene."""
    types = [NodeType.MOLECULE.code] * 4 + [NodeType.GENE.code]
    return Snapshot.from_edges(types, [0, 1, 2, 3], [4, 4, 4, 4], [1, 1, 1, 1], [*KEYS, "1"])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("set.csv", "smiles,t\nCC(=O)Oc1ccccc1C(=O)[O-].[Na+],1\nC[C@H](N)C(=O)O,0\n"),
        ("set.csv", f"inchikey,t\n{ASPIRIN},1\nQNAYBMKLOCPYGJ,0\n"),
        ("set.smi", "# two\nCC(=O)Oc1ccccc1C(=O)O aspirin\nC[C@@H](N)C(=O)O\n"),
        ("set.txt", f"{ASPIRIN}\nQNAYBMKLOCPYGJ-REOHCLBHSA-N\n\n"),
    ],
    ids=["SMILES, a salt", "keys and blocks", "plain SMILES", "plain keys"],
)
def test_salts_and_stereoisomers_are_found(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    folder = tmp_path / "holdout"
    (item,) = hold_out_lists([DataSet("mine", path)], folder, KEYS)
    assert item == HeldOutList("mine", sha256(path), 2, 2, 3, str(path))
    write_certificate(folder, (item,), "5" * 64)
    assert read_certificate(folder) == (item,)
    # Pretraining keeps to the certificate, and counts a data set that is named again once.
    for tasks in ([], [("mine", path)]):
        excluded, (record,) = hold_out(snapshot(), tasks, folder)
        assert excluded.tolist() == [0, 1, 2]
        assert (record.name, record.sha256, record.molecules) == ("mine", sha256(path), 3)


def test_walks_keep_to_the_certificate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = Workspace.default()
    snapshot().save(workspace.snapshot)
    path = tmp_path / "set.txt"
    path.write_text("QNAYBMKLOCPYGJ\n")
    lists = hold_out_lists([DataSet("mine", path)], workspace.holdout, KEYS)
    write_certificate(workspace.holdout, lists, "5" * 64)
    main(build_parser().parse_args(["export", "--epochs", "1"]))
    assert "held out, as ingest.all was told: 2 molecules of mine" in capsys.readouterr().out
    reader = ShardReader(workspace.shards)
    assert set(np.unique(reader.read(0).nodes).tolist()) - {-1} == {2, 3, 4}
    assert reader.excluded.tolist() == [0, 1]


def test_no_list_is_no_certificate(tmp_path: Path) -> None:
    write_certificate(tmp_path, (HeldOutList("a", "1" * 64, 1, 1, 1),), "5" * 64)
    write_certificate(tmp_path, (), "5" * 64)
    assert not (tmp_path / CERTIFICATE).exists()
    assert read_certificate(tmp_path) == ()


def test_a_certificate_without_its_keys_is_refused(tmp_path: Path) -> None:
    write_certificate(tmp_path, (HeldOutList("mine", "1" * 64, 1, 1, 1),), "5" * 64)
    with pytest.raises(ArtefactError, match=r"1{64}.keys: missing; run ingest.all --hold-out mine=PATH"):
        read_certificate(tmp_path)
    (tmp_path / CERTIFICATE).write_text(json.dumps({"data_sets": [{"name": "mine"}]}))
    with pytest.raises(ArtefactError, match="no certificate of held-out molecules"):
        hold_out(snapshot(), [], tmp_path)


def test_what_is_no_data_set_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "set.csv"
    pd.DataFrame({"structure": ["CCO"]}).to_csv(path, index=False)
    with pytest.raises(InputError, match=r"set.csv:1: no column 'smiles'"):
        read_structures(path)
