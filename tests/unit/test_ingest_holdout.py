"""``--hold-out``: lists, certificate, and that walks and pretraining keep to it without being told again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphdb.errors import ArtefactError, InputError
from graphdb.files import sha256
from graphdb.holdout import CERTIFICATE, HeldOutList, key_file, read_certificate, write_certificate
from graphdb.schema import NodeType
from graphdb.snapshot import Snapshot
from graphdb.walks.__main__ import build_parser, main
from graphdb.walks.shards import ShardReader
from graphdb.workspace import Workspace
from ingest.holdout import DataSet, data_sets, hold_out_lists, read_structures, with_earlier
from ingest.standardise.molecules import standardise
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


def test_a_list_holds_after_its_file_is_gone_or_has_another_content(tmp_path: Path) -> None:
    folder = tmp_path / "holdout"
    path = tmp_path / "set.txt"
    path.write_text(f"{ASPIRIN}\n")
    write_certificate(folder, hold_out_lists(data_sets([f"mine={path}"], folder), folder, KEYS), "5" * 64)
    digest = sha256(path)
    path.unlink()
    (kept,) = hold_out_lists(data_sets([], folder), folder, KEYS)
    assert kept == HeldOutList("mine", digest, 1, 1, 1)
    write_certificate(folder, (kept,), "6" * 64)
    assert hold_out_lists(data_sets([], folder), folder, KEYS) == (kept,)
    # Named again it is that file; another name is another list beside it.
    path.write_text(f"{ASPIRIN}\n{CAFFEINE}\n")
    other, mine = hold_out_lists(data_sets([f"mine={path}", f"a={path}"], folder), folder, KEYS)
    assert (mine.sha256, mine.structures, mine.molecules) == (sha256(path), 2, 2)
    assert (other.name, other.sha256) == ("a", sha256(path))
    assert data_sets([], folder, none=True) == []
    with pytest.raises(InputError, match=r"no such file \(to be held out as b\)"):
        data_sets([f"b={tmp_path / 'gone.txt'}"], folder)


def test_what_held_holds_until_the_new_graph_has_its_own(tmp_path: Path) -> None:
    old, new, renamed = (HeldOutList(name, digit * 64, 1, 1, 1) for name, digit in (("a", "1"), ("b", "2"), ("a", "3")))
    for item in (old, new, renamed):
        (tmp_path / f"{item.sha256}.keys").write_text(f"{ASPIRIN}\n")
    write_certificate(tmp_path, (old,), "5" * 64)
    assert with_earlier((new, renamed), tmp_path) == (new, renamed, old)
    assert with_earlier((old,), tmp_path) == (old,)
    assert with_earlier((), tmp_path) == (old,)


def test_keys_of_an_earlier_standardiser_are_made_again(tmp_path: Path) -> None:
    path = tmp_path / "set.csv"
    path.write_text("smiles\nOc1ccccn1\n")
    folder = tmp_path / "holdout"
    hold_out_lists([DataSet("mine", path)], folder, KEYS)
    keys = key_file(folder, sha256(path))
    made = keys.read_text()
    assert sorted(made.splitlines()[1:]) == ["UBQKCCHYAOITMY-UHFFFAOYSA-N"]
    keys.write_text(made.replace("standardiser ", "standardiser 0").replace("UBQ", "AAA"))
    hold_out_lists([DataSet("mine", path)], folder, KEYS)
    assert keys.read_text() == made


def test_both_tautomers_of_a_molecule_are_held_out(tmp_path: Path) -> None:
    # The enol of acetylacetone has an InChIKey of its own.
    drawn, canonical = (
        standardise("CC(O)=CC(C)=O").inchikey,
        standardise("CC(O)=CC(C)=O", tautomers="canonical").inchikey,
    )
    assert drawn[:14] != canonical[:14]
    path = tmp_path / "set.csv"
    path.write_text("smiles\nCC(O)=CC(C)=O\n")
    for key in (drawn, canonical):
        (item,) = hold_out_lists([DataSet("mine", path)], tmp_path / "holdout", [key])
        assert item.molecules == 1
