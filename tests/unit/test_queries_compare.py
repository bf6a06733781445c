"""Two molecules side by side on the small graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from _queries_graph import ASPIRIN, BENZENE, SALICYLIC_ACID

from graphdb.errors import InputError
from graphdb.feature_store import FeatureStore, FeatureStoreWriter
from graphdb.meta import read_meta
from graphdb.schema import FINGERPRINT_SPACE, NodeType
from ingest.features.fingerprints import morgan_bits
from queries import profile_search
from queries.answer import page
from queries.compare import compare
from queries.feature_names import gene_symbols
from queries.structure import drawing

ASPIRIN_SMILES, SALICYLIC_SMILES = "CC(=O)Oc1ccccc1C(=O)O", "O=C(O)c1ccccc1O"


@pytest.fixture
def features(small_graph: Path, store):
    keys = [ASPIRIN, SALICYLIC_ACID]
    with FeatureStoreWriter(small_graph / "features") as writer:
        bits = morgan_bits([ASPIRIN_SMILES, SALICYLIC_SMILES])
        writer.add_binary(NodeType.MOLECULE, FINGERPRINT_SPACE, keys, [str(bit) for bit in range(1024)], bits)
        values = np.array([[1, 0, 3], [1, 4, 2]], dtype=np.float32)
        ids = ["00000000000000a1", "00000000000000a2"]
        writer.add(NodeType.MORPHOLOGY, "plate-3", ids, ["a", "b", "c"], values)
        writer.finish({"graph_hash": read_meta(store).content_hash})
    profile_search.forget()
    yield
    profile_search.forget()


@pytest.mark.graph
def test_what_is_shared_how_alike_and_where_they_differ(store, features: None) -> None:
    found = compare(store, "aspirin", "salicylic acid")
    assert found.shared[["name", "first_edge", "second_edge"]].values.tolist() == [["PTGS2", "TARGETS", "TARGETS"]]
    assert set(map(tuple, found.genes.values)) == {("EGFR", "CHANGES_EXPRESSION", "Aspirin")}
    likeness = found.likeness.set_index("measure")
    bits = np.unpackbits(morgan_bits([ASPIRIN_SMILES, SALICYLIC_SMILES]), axis=1)
    tanimoto = (bits[0] & bits[1]).sum() / (bits[0] | bits[1]).sum()
    assert likeness.loc["Tanimoto of fingerprints", "value"] == pytest.approx(tanimoto)
    assert np.isnan(likeness.loc["cosine of embeddings", "value"])
    assert "no embeddings" in likeness.loc["cosine of embeddings", "remark"]
    # Salicylic acid lies within aspirin but for one bond's oxygen: all ten atoms.
    assert likeness["value"].iloc[2] == 1.0
    # Two profiles: each feature that differs stands one standard deviation on either side of the mean.
    assert found.features["feature"].tolist()[:2] == ["b", "c"]
    assert "gene" not in found.features
    assert found.features["difference"].tolist()[:2] == pytest.approx([2, -2])
    whole = page(found)
    assert whole.count("<svg") == 2
    assert "<script" not in whole


@pytest.mark.graph
def test_features_that_are_gene_ids_have_symbols(small_graph: Path, store) -> None:
    with FeatureStoreWriter(small_graph / "expression") as writer:
        for space, names in (("by-id", ["1956", "5743", "99999"]), ("by-symbol", ["EGFR", "PTGS2", "1956"])):
            writer.add(NodeType.EXPRESSION, space, ["1234567890123456"], names, np.ones((1, 3), dtype=np.float32))
        writer.add(NodeType.MORPHOLOGY, "wells", ["00000000000000a1"], ["1956"], np.ones((1, 1), dtype=np.float32))
        writer.finish({})
    features = FeatureStore.open(small_graph / "expression")
    expression = NodeType.EXPRESSION
    # The graph does not have gene 99999.
    assert gene_symbols(store, features.space(expression, "by-id")) == {"1956": "EGFR", "5743": "PTGS2"}
    assert gene_symbols(store, features.space(expression, "by-symbol")) == {}
    assert gene_symbols(store, features.space(NodeType.MORPHOLOGY, "wells")) == {}


@pytest.mark.graph
def test_a_structure_outside_the_graph_shares_nothing_and_is_still_compared(store, features: None) -> None:
    found = compare(store, "aspirin", "CC(=O)Oc1ccccc1C(=O)OC")
    assert len(found.shared) == 0
    assert found.likeness["value"].iloc[0] > 0.5
    assert "No feature space" in found.sections()[3].note


@pytest.mark.graph
def test_without_a_feature_store_the_rest_is_there(store, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(profile_search, "features_of", lambda _: (_ for _ in ()).throw(InputError("no store")))
    profile_search.forget()
    assert len(compare(store, "aspirin", "salicylic acid").shared) == 1


@pytest.mark.graph
def test_wrong_questions(store) -> None:
    with pytest.raises(InputError, match="the same molecule"):
        compare(store, "aspirin", ASPIRIN)
    with pytest.raises(InputError, match="only molecules"):
        compare(store, "aspirin", "EGFR")
    with pytest.raises(InputError, match="at least one"):
        compare(store, "aspirin", BENZENE, top=0)


def test_a_structure_is_drawn_and_a_text_that_is_none_is_escaped() -> None:
    assert drawing(ASPIRIN_SMILES, 100, 80).startswith("<svg")
    assert "<ellipse" in drawing("CCO", highlight=[0, 1])
    assert drawing("<script>alert(1)</script>") == (
        "<p>The structure cannot be drawn: &lt;script&gt;alert(1)&lt;/script&gt;</p>"
    )
