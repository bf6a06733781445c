"""Similar molecules by fingerprint and by embedding, in the graph and outside it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from _queries_graph import ASPIRIN, BENZENE, BUTANE, ETHANOL, PROPANE, SALICYLIC_ACID, TOLUENE, tables
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator

from graphdb import connect, vectors
from graphdb.errors import ArtefactError, GraphError, InputError
from graphdb.feature_store import FeatureStoreWriter
from graphdb.meta import read_meta
from graphdb.schema import EMBEDDING_DIMENSION, FINGERPRINT_SPACE, NodeType
from ingest.features.fingerprints import morgan_bits
from queries import profile_search
from queries.embeddings import EmbeddingMatrix, embeddings_of, recall_of_index
from queries.fingerprints import tanimoto
from queries.similar import fuse, fused, similar

KEYS = sorted([ASPIRIN, BENZENE, BUTANE, ETHANOL, PROPANE, SALICYLIC_ACID, TOLUENE])
MODEL = "a" * 64


def smiles_of(keys: list[str]) -> list[str]:
    molecules = tables().nodes[NodeType.MOLECULE].set_index("inchikey")["smiles"]
    return [molecules[key] for key in keys]


def write_features(workspace: Path, graph_hash: str) -> None:
    with FeatureStoreWriter(workspace / "features") as writer:
        bits = morgan_bits(smiles_of(KEYS))
        names = [str(bit) for bit in range(1024)]
        writer.add_binary(NodeType.MOLECULE, FINGERPRINT_SPACE, KEYS, names, bits)
        writer.finish({"graph_hash": graph_hash})


@pytest.fixture
def features(small_graph: Path, store) -> None:
    """The fingerprints of the named molecules."""
    meta = read_meta(store)
    assert meta is not None
    write_features(small_graph, meta.content_hash)


@pytest.fixture
def embeddings(small_graph: Path) -> Iterator[np.ndarray]:
    """Embeddings (7, 300), one a molecule of `KEYS`, published during the test."""
    made = np.random.default_rng(0).normal(size=(len(KEYS), EMBEDDING_DIMENSION)).astype(np.float32)
    with connect() as writable:
        vectors.publish(writable, KEYS, made, MODEL)
        yield made
        writable.write("MATCH (m:Molecule) REMOVE m.embedding, m.embedding_model")


@given(st.lists(st.binary(min_size=4, max_size=4), min_size=1, max_size=8), st.binary(min_size=4, max_size=4))
def test_tanimoto_is_shared_bits_by_bits_of_either(rows: list[bytes], query: bytes) -> None:
    def bits(row: bytes) -> set[int]:
        return set(np.flatnonzero(np.unpackbits(np.frombuffer(row, np.uint8))).tolist())

    found = tanimoto(np.frombuffer(query, np.uint8), np.array([np.frombuffer(row, np.uint8) for row in rows]))
    for coefficient, row in zip(found, rows, strict=True):
        either = bits(row) | bits(query)
        assert coefficient == (len(bits(row) & bits(query)) / len(either) if either else 0)


@pytest.mark.graph
@pytest.mark.parametrize("key", [ASPIRIN, "CC(=O)Oc1ccccc1C(=O)OC"])
def test_fingerprints_agree_with_rdkit(store, features: None, key: str) -> None:
    """For a molecule of the graph and for one outside it."""
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=4, fpSize=1024)
    text = "CC(=O)Oc1ccccc1C(=O)O" if key == ASPIRIN else key
    query = generator.GetFingerprint(Chem.MolFromSmiles(text))
    others = {
        inchikey: DataStructs.TanimotoSimilarity(query, generator.GetFingerprint(Chem.MolFromSmiles(smiles)))
        for inchikey, smiles in zip(KEYS, smiles_of(KEYS), strict=True)
        if inchikey != key
    }
    found = similar(store, key, by="fingerprint", k=4)
    assert list(found.columns) == ["inchikey", "name", "similarity", "smiles"]
    expected = sorted(others.items(), key=lambda pair: (-pair[1], pair[0]))[:4]
    assert list(zip(found["inchikey"], found["similarity"], strict=True)) == [
        (inchikey, pytest.approx(value)) for inchikey, value in expected
    ]


@pytest.mark.graph
def test_embeddings_are_compared_by_cosine(store, embeddings: np.ndarray) -> None:
    row = KEYS.index(ASPIRIN)
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    cosine = unit @ unit[row]
    order = [position for position in np.argsort(-cosine) if position != row][:3]
    found = similar(store, "aspirin", k=3)
    assert list(found["inchikey"]) == [KEYS[position] for position in order]
    assert found["similarity"].to_numpy(float) == pytest.approx(cosine[order], abs=1e-5)


@pytest.mark.graph
def test_without_embeddings_the_command_that_makes_them_is_named(store) -> None:
    with pytest.raises(GraphError, match=r"no embeddings: python -m learn\.pretrain, then python -m learn\.encode"):
        similar(store, "aspirin", by="embedding")


@pytest.mark.graph
def test_a_molecule_outside_the_graph_is_encoded_by_the_published_model(store, small_graph: Path) -> None:
    torch = pytest.importorskip("torch")
    from learn.checkpoint import Checkpoint, Position, load, save
    from learn.config import TrainConfig
    from learn.encode import encode
    from learn.encoder import Encoder

    torch.manual_seed(0)
    config = TrainConfig(layers=1)
    path = small_graph / "runs" / "test" / "checkpoint.pt"
    path.parent.mkdir(parents=True, exist_ok=True)
    state = Encoder(config.layers, config.dropout).state_dict()
    save(path, Checkpoint(config, (), state, {}, None, Position(), snapshot_id="s", graph_hash="g"))
    model, outside = load(path), "Cc1ccccc1C"
    embedded = encode([*smiles_of(KEYS), outside], model, device="cpu")
    with connect() as writable:
        try:
            vectors.publish(writable, KEYS, embedded[:-1], model.model_hash)
            found = similar(store, outside, by="embedding", k=2)
            unit = embedded / np.linalg.norm(embedded, axis=1, keepdims=True)
            cosine = unit[:-1] @ unit[-1]
            assert list(found["inchikey"]) == [KEYS[position] for position in np.argsort(-cosine)[:2]]
            vectors.publish(writable, KEYS, embedded[:-1], MODEL)
            with pytest.raises(ArtefactError, match=f"but the graph's embeddings are of model {MODEL[:16]}"):
                similar(store, outside, by="embedding")
        finally:
            writable.write("MATCH (m:Molecule) REMOVE m.embedding, m.embedding_model")
            # Other tests of this workspace have no checkpoint.
            path.unlink()


@pytest.mark.graph
def test_wrong_questions(store, features: None, small_graph: Path) -> None:
    with pytest.raises(InputError, match="is a Gene"):
        similar(store, "EGFR", by="fingerprint")
    with pytest.raises(InputError, match="at least one"):
        similar(store, "aspirin", by="fingerprint", k=0)
    with pytest.raises(InputError, match="expected one of embedding, fingerprint"):
        similar(store, "aspirin", by="smell")  # type: ignore[arg-type]
    write_features(small_graph, "f" * 64)
    with pytest.raises(ArtefactError, match="made for another graph"):
        similar(store, "aspirin", by="fingerprint")


@pytest.mark.graph
def test_command(small_graph: Path, features: None, embeddings: np.ndarray, tmp_path: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "queries.similar", *arguments], capture_output=True, text=True, check=False
        )

    both = run("aspirin", "-k", "3")
    assert both.returncode == 0, both.stderr
    assert "by embedding" in both.stdout
    assert "by fingerprint" in both.stdout
    assert "Tanimoto" in both.stdout
    answer = json.loads(run("aspirin", "-k", "2", "--json").stdout)
    assert answer["query"] == {"inchikey": ASPIRIN, "name": "Aspirin", "in_graph": True}
    assert [len(answer[by]) for by in ("embedding", "fingerprint")] == [2, 2]
    assert answer["fingerprint"][0]["inchikey"] == SALICYLIC_ACID
    rows = pd.read_csv(io.StringIO(run("aspirin", "-k", "2", "--csv", "--html", str(tmp_path / "page.html")).stdout))
    assert rows["by"].tolist() == ["embedding", "embedding", "fingerprint", "fingerprint"]
    assert rows["inchikey"].tolist()[2] == SALICYLIC_ACID
    page = (tmp_path / "page.html").read_text()
    assert "Molecules like Aspirin" in page
    assert "By fingerprint" in page
    assert "salicylic acid" in page
    assert run("EGFR").stderr == "error: 'EGFR' is a Gene (EGFR); only molecules can be compared\n"


@pytest.mark.graph
def test_exact_search_is_brute_force_and_notices_new_embeddings(store, features: None, embeddings: np.ndarray) -> None:
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    for key in KEYS:
        expected = np.argsort(-(unit @ unit[KEYS.index(key)]), kind="stable")[1:4]
        found = similar(store, key, k=3, exact=True)
        assert found["inchikey"].tolist() == [KEYS[place] for place in expected]
        cosines = [unit[place] @ unit[KEYS.index(key)] for place in expected]
        assert found["similarity"].tolist() == pytest.approx(cosines, abs=1e-6)
    assert recall_of_index(store, list(embeddings), k=3) == 1.0
    with connect() as writable:
        vectors.publish(writable, KEYS, embeddings[::-1].copy(), MODEL)
    again = embeddings_of(store)
    assert again.unit[0] == pytest.approx(unit[-1], abs=1e-6)


@given(st.integers(1, 12), st.integers(1, 9), st.integers(0, 2**31))
def test_the_matrix_ranks_as_a_full_sort_does_with_ties_by_key(n: int, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    unit = rng.integers(-1, 2, (n, 3)).astype(np.float32)
    unit[~unit.any(axis=1)] = 1
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    keys = np.array([f"K{place:02d}" for place in range(n)])
    query = unit[0]
    cosines = unit @ (query / np.linalg.norm(query))
    expected = sorted(zip(-cosines, keys, strict=True))[:k]
    found = EmbeddingMatrix("m", keys, unit, np.ones(n, np.float32)).nearest(query, k)
    assert [key for key, _ in found] == [str(key) for _, key in expected]


@pytest.fixture
def profiles(small_graph: Path, store) -> Iterator[None]:
    """Fingerprints, and profiles of two molecules in one morphology space, of one of them in another."""
    meta = read_meta(store)
    bits = morgan_bits(smiles_of(KEYS))
    ids = ["00000000000000a1", "00000000000000a2", "00000000000000a3", "00000000000000a4"]
    values = np.array([[1, 0, 3], [1, 0.5, 2], [0, 1, np.nan], [-2, 0, 0]], dtype=np.float32)
    with FeatureStoreWriter(small_graph / "features") as writer:
        writer.add_binary(NodeType.MOLECULE, FINGERPRINT_SPACE, KEYS, [str(bit) for bit in range(1024)], bits)
        writer.add(NodeType.MORPHOLOGY, "plate-3", ids, ["a", "b", "c"], values)
        writer.finish({"graph_hash": meta.content_hash})
    profile_search.forget()
    yield
    profile_search.forget()


@pytest.mark.graph
def test_profiles_are_compared_in_standard_deviations(store, profiles: None) -> None:
    found = similar(store, ASPIRIN, "morphology", 5)
    values = np.array([[1, 0, 3], [1, 0.5, 2], [0, 1, np.nan], [-2, 0, 0]])
    z = np.nan_to_num((values - np.nanmean(values, axis=0)) / np.nanstd(values, axis=0))
    unit = z / np.linalg.norm(z, axis=1, keepdims=True)
    # Aspirin has two profiles (rows 0 and 2): the better pair counts.
    assert found["inchikey"].tolist() == [SALICYLIC_ACID]
    assert found["similarity"][0] == pytest.approx(max(unit[0] @ unit[1], unit[2] @ unit[1]), abs=1e-6)
    assert found["feature_space"].tolist() == ["plate-3"]


@pytest.mark.graph
def test_a_molecule_without_a_profile_is_told_what_to_do(store, profiles: None) -> None:
    with pytest.raises(InputError, match="has no Morphology profile; or compare by embedding"):
        similar(store, BENZENE, "morphology")
    with pytest.raises(InputError, match="has no Expression profile"):
        similar(store, ASPIRIN, "expression")


@pytest.mark.graph
def test_ranks_are_fused_and_what_cannot_be_compared_is_named(store, profiles: None) -> None:
    found = fused(store, ASPIRIN, k=3)
    first = found.iloc[0]
    assert first["inchikey"] == SALICYLIC_ACID
    assert first["score"] == pytest.approx(1 / (60 + first["fingerprint"]) + 1 / (60 + first["morphology"]))
    assert set(found.attrs["left_out"]) == {"embedding", "expression"}
    with pytest.raises(InputError, match="none of embedding"):
        fused(store, BENZENE, ["embedding"])


def test_fusion_by_hand() -> None:
    assert fuse([{"a": 1, "b": 2}, {"b": 1}]) == pytest.approx({"a": 1 / 61, "b": 1 / 62 + 1 / 61})
