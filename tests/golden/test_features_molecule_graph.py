"""Molecule graphs against OGB's published example and against PyTorch Geometric, each through its own lists."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from rdkit import Chem

from graphdb.errors import InputError
from graphdb.molecule_graphs import ATOM_FEATURE_SIZES, BOND_FEATURE_SIZES, MoleculeGraphs
from ingest.features import molecule_graph as module
from ingest.features.molecule_graph import featurise

SMILES = [
    "CC(=O)Oc1ccccc1C(=O)O",
    "O1C=C[C@H]([C@H]1O2)c3c2cc(OC)c4c3OC(=O)C5=C4CCC(=O)5",
    "C/C=C/C(F)(Cl)Br",
    "C/C=C\\C#N",
    "[Na+].[Cl-]",
    "[Fe+2]",
    "[O-][N+](=O)c1ccc([N-]S)cc1",
    "F[S](F)(F)(F)(F)F",
    "FP(F)(F)(F)F",
    "[CH3]",
    "[CH2]C[O]",
    "C[Pt@SP1](F)(Cl)Br",
    "[NH3]->[Cu]",
    "CC1=C2[C@@]([C@]([C@H]([C@@H]3[C@]4([C@H](OC4)C[C@@H]([C@]3(C(=O)[C@@H]2OC(=O)C)C)O)OC(=O)C)"
    "OC(=O)c5ccccc5)(C[C@@H]1OC(=O)[C@H](O)[C@@H](NC(=O)c6ccccc6)c7ccccc7)O)(C)C",
]

# What OGB's lists hold (github.com/snap-stanford/ogb, ogb/utils/features.py); None stands for its "misc".
OGB_ATOM: list[list[object]] = [
    [*range(1, 119), None],
    ["CHI_UNSPECIFIED", "CHI_TETRAHEDRAL_CW", "CHI_TETRAHEDRAL_CCW", "CHI_OTHER", None],
    [*range(11), None],
    [*range(-5, 6), None],
    [*range(9), None],
    [*range(5), None],
    ["SP", "SP2", "SP3", "SP3D", "SP3D2", None],
    [False, True],
    [False, True],
]
OGB_BOND: list[list[object]] = [
    ["SINGLE", "DOUBLE", "TRIPLE", "AROMATIC", None],
    ["STEREONONE", "STEREOZ", "STEREOE", "STEREOCIS", "STEREOTRANS", "STEREOANY"],
    [False, True],
]


def graph(
    graphs: MoleculeGraphs, row: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    atoms = slice(graphs.atom_offsets[row], graphs.atom_offsets[row + 1])
    bonds = slice(graphs.bond_offsets[row], graphs.bond_offsets[row + 1])
    return graphs.atom_features[atoms], graphs.bond_index[:, bonds], graphs.bond_features[bonds]


def test_sizes_are_those_of_the_published_encoder() -> None:
    assert tuple(map(len, OGB_ATOM)) == ATOM_FEATURE_SIZES == (119, 5, 12, 12, 10, 6, 6, 2, 2)
    assert tuple(map(len, OGB_BOND)) == BOND_FEATURE_SIZES == (5, 6, 2)


def test_ogbs_own_example() -> None:
    """The values that OGB's features.py states for atom 1 and bond 2 of this molecule."""
    atoms, index, bonds = graph(featurise(["Cl[C@H](/C=C/C)Br"]), 0)
    assert atoms[1].tolist() == [5, 2, 4, 5, 1, 0, 2, 0, 0]
    assert index[:, 4:6].tolist() == [[2, 3], [3, 2]]
    assert bonds[4:6].tolist() == [[1, 2, 0]] * 2


# PyG refuses square planar platinum, whose hybridisation (SP2D) is not in its list.
@pytest.mark.parametrize("smiles", [smiles for smiles in SMILES if "Pt" not in smiles])
def test_means_the_same_as_pytorch_geometrics_graph(smiles: str) -> None:
    """PyG and OGB number values by different lists; translated into values, both must say the same."""
    pyg = pytest.importorskip("torch_geometric.utils.smiles")
    data = pyg.from_smiles(smiles)
    atoms, index, bonds = graph(featurise([smiles]), 0)

    def translate(rows: list[list[int]], theirs: list[list[object]], ours: list[list[object]]) -> list[list[int]]:
        values = [[theirs[k][value] for k, value in enumerate(row)] for row in rows]
        return [[ours[k].index(v) if v in ours[k] else len(ours[k]) - 1 for k, v in enumerate(row)] for row in values]

    assert atoms.tolist() == translate(data.x.tolist(), list(pyg.x_map.values()), OGB_ATOM)
    order = np.lexsort((index[1], index[0]))  # PyG sorts bonds by their ends
    assert index[:, order].tolist() == data.edge_index.tolist()
    assert bonds[order].tolist() == translate(data.edge_attr.tolist(), list(pyg.e_map.values()), OGB_BOND)


def test_what_no_list_holds_takes_the_last_index() -> None:
    atoms, _, _ = graph(featurise(["*C"]), 0)
    assert atoms[0, 0] == 118
    assert atoms[0, 6] == 5
    charged = graph(featurise(["[Mo+6]"]), 0)[0]
    assert charged[0, 3] == 11
    square = graph(featurise(["C[Pt@SP1](F)(Cl)Br"]), 0)[0]
    assert square[1, 1] == 4
    dative = graph(featurise(["[NH3]->[Cu]"]), 0)[2]
    assert dative[:, 0].tolist() == [4, 4]


@pytest.mark.parametrize(
    "smiles",
    [
        "[NH3]->[Cu]", "[Cu]<-[NH3]", "C~C", "[Mo]$[Mo]", "C->[Fe]C |C:0.0|", "CC |H:0.0|", "C1=CC=CN1->[Zn]",
        "c1ccc(-c2ccccc2)cc1", "c1ccc2c(c1)Cc1ccccc1-2", "[O-][n+]1ccccc1", "O=c1cc[nH]cc1", "c1ccc2cccccc12",
        "C#CC=CC",
    ],
)  # fmt: skip
def test_bonds_and_aromatic_atoms_are_what_rdkit_says_of_each(smiles: str) -> None:
    molecule = Chem.MolFromSmiles(smiles)
    atoms, _, bonds = graph(featurise([smiles]), 0)
    types = [str(bond.GetBondType()) for bond in molecule.GetBonds()]
    known = [str(kind) for kind in OGB_BOND[0]]
    assert bonds[::2, 0].tolist() == [known.index(kind) if kind in known else len(known) - 1 for kind in types]
    assert atoms[:, 7].tolist() == [int(atom.GetIsAromatic()) for atom in molecule.GetAtoms()]


def test_packs_molecules_one_after_the_other() -> None:
    keys = [f"key-{row}" for row in range(len(SMILES))]
    graphs = featurise(SMILES, keys)
    graphs.validate()
    assert graphs.keys.tolist() == keys
    assert np.diff(graphs.atom_offsets).tolist() == [Chem.MolFromSmiles(s).GetNumAtoms() for s in SMILES]
    assert np.diff(graphs.bond_offsets).tolist() == [2 * Chem.MolFromSmiles(s).GetNumBonds() for s in SMILES]
    for row, smiles in enumerate(SMILES):
        for packed, alone in zip(graph(graphs, row), graph(featurise([smiles]), 0), strict=True):
            np.testing.assert_array_equal(packed, alone)


def test_processes_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = featurise(SMILES)
    monkeypatch.setattr(module, "IN_PROCESS", 5)
    monkeypatch.setattr(module, "BATCH", 4)
    apart = featurise(SMILES)
    np.testing.assert_array_equal(alone.atom_features, apart.atom_features)
    np.testing.assert_array_equal(alone.bond_index, apart.bond_index)


def test_nothing_gives_nothing() -> None:
    graphs = featurise([])
    graphs.validate()
    assert len(graphs) == 0


@pytest.mark.parametrize(("smiles", "keys"), [(["C1CC"], None), ([""], None), (["C", "CC"], ["one"])])
def test_bad_input_is_one_clear_line(smiles: list[str], keys: list[str] | None) -> None:
    with pytest.raises(InputError):
        featurise(smiles, keys)
