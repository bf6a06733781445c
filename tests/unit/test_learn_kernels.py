"""The compiled passes of training on a CPU against plain PyTorch, and against finite differences."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.synthetic import inchikeys, molecule_graphs
from learn.batches import to_graph_batch
from learn.encoder import Encoder
from learn.graph_batch import GraphBatch, bond_features, bond_kinds
from learn.kernels import dropout, functions, loops
from learn.kernels.functions import Bonds
from learn.kernels.threads import spread

CPU = torch.device("cpu")


def graphs(molecules: int = 40, seed: int = 0, most: int = 30) -> GraphBatch:
    rng = np.random.default_rng(seed)
    return to_graph_batch(molecule_graphs(inchikeys(molecules, rng), (1, most), rng), CPU)


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def results(
    batch: GraphBatch, *, plain: bool, dtype: torch.dtype = torch.float64, rate: float = 0.5
) -> dict[str, Tensor]:
    """Return mu in training and in eval mode, all gradients and all buffers after one step."""
    torch.manual_seed(0)
    encoder = Encoder(3, rate).to(dtype).train()
    with torch.no_grad():
        for conv in encoder.graph_encoder.convs:
            conv.eps.fill_(0.3)
        for norm in (module for module in encoder.modules() if isinstance(module, nn.BatchNorm1d)):
            norm.weight.uniform_(-1, 1)
            norm.bias.normal_()
    torch.manual_seed(1)
    with functions.plain_path() if plain else nullcontext():
        mu, sigma = encoder(batch)
        direction = torch.randn(mu.shape, generator=torch.Generator().manual_seed(2)).to(dtype)
        ((mu * direction).sum() + sigma.log().sum()).backward()
        found = {"mu": mu.detach(), "mu in eval mode": encoder.embed(batch)}
    found |= {name: weight.grad for name, weight in encoder.named_parameters() if weight.grad is not None}
    return found | dict(encoder.named_buffers())


@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_both_paths_of_the_encoder_are_one_function(rate: float) -> None:
    batch = graphs()
    fast, plain = (results(batch, plain=plain, rate=rate) for plain in (False, True))
    assert fast.keys() == plain.keys()
    assert len(fast) > 60
    for name, tensor in plain.items():
        torch.testing.assert_close(fast[name], tensor, rtol=1e-9, atol=1e-9, msg=name)


def test_both_paths_are_equally_exact_in_float32() -> None:
    batch = graphs()
    exact = results(batch, plain=True)
    fast, plain = (results(batch, plain=plain, dtype=torch.float32) for plain in (False, True))

    def error(found: dict[str, Tensor]) -> float:
        return float(torch.cat([(found[name] - tensor).double().flatten() for name, tensor in exact.items()]).norm())

    assert error(fast) < 2 * error(plain)


def test_bonds_need_not_be_sorted_nor_stand_there_in_both_directions() -> None:
    batch = graphs()
    order = torch.randperm(batch.edge_index.shape[1], generator=torch.Generator().manual_seed(0))[::2]
    cut = replace(batch, edge_index=batch.edge_index[:, order], edge_attr=batch.edge_attr[order])
    fast, plain = (results(cut, plain=plain) for plain in (False, True))
    for name, tensor in plain.items():
        torch.testing.assert_close(fast[name], tensor, rtol=1e-9, atol=1e-9, msg=name)


def test_results_do_not_depend_on_the_number_of_threads(one_thread: None) -> None:
    batch = graphs(60)
    alone = results(batch, plain=False, dtype=torch.float32)
    torch.set_num_threads(3)
    again = results(batch, plain=False, dtype=torch.float32)
    # PyTorch's own matrix products may differ by rounding; what the loops do must not.
    for name, tensor in alone.items():
        torch.testing.assert_close(again[name], tensor, rtol=1e-4, atol=1e-4 * float(tensor.abs().max()) + 1e-4)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_every_block_is_done_once(threads: int, one_thread: None) -> None:
    torch.set_num_threads(threads)
    for blocks in (0, 1, 2, 7, 64):
        done: list[int] = []
        spread(lambda begin, end, done=done: done.extend(range(begin, end)), blocks)  # type: ignore[misc]
        assert sorted(done) == list(range(blocks))


def numbers(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()


def test_gradients_are_those_of_finite_differences() -> None:
    batch = graphs(3, most=5)
    atoms, width = len(batch.x), 4
    linear = nn.Linear(width, 6).double()
    back = nn.Linear(6, width).double()
    keys = dropout.row_keys(batch.atom_rows, torch.tensor(5, dtype=torch.int32))

    def norm(columns: int) -> nn.BatchNorm1d:
        made = nn.BatchNorm1d(columns).double()
        with torch.no_grad():
            made.weight.copy_(torch.linspace(0.5, 2, columns))
            made.bias.copy_(torch.linspace(-1, 1, columns))
        return made

    hidden, outer = norm(6), norm(width)
    table, eps = numbers(60, width, seed=1), numbers(1, seed=2)

    def messages(x: Tensor, table: Tensor, eps: Tensor, *_: Tensor) -> Tensor:
        return functions.message_linear(x, batch.bonds, table, eps, linear)

    def hidden_layer(y: Tensor, *_: Tensor) -> Tensor:
        return functions.norm_linear(y, hidden, back)

    def finish(y: Tensor, residual: Tensor, *_: Tensor) -> Tensor:
        return functions.norm_drop_add(y, outer, residual, relu=True, keys=keys, rate=0.3)

    def pooling(h: Tensor, virtual: Tensor) -> tuple[Tensor, Tensor]:
        return functions.add_and_pool(h, virtual, batch.offsets)

    x = numbers(atoms, width)
    cases: list[tuple[Callable[..., object], tuple[Tensor, ...]]] = [
        (messages, (x, table, eps, linear.weight, linear.bias)),
        (hidden_layer, (numbers(atoms, 6, seed=3), hidden.weight, hidden.bias, back.weight, back.bias)),
        (finish, (numbers(atoms, width, seed=4), x, outer.weight, outer.bias)),
        (pooling, (x, numbers(3, width, seed=5))),
        (lambda h: functions.pool(h, batch.offsets), (x,)),
        (lambda h: functions.drop(h, keys, 0.4), (x,)),
        (lambda t: functions.embed(batch.x.numpy(), np.zeros(9, np.int64), t), (numbers(120, width, seed=6),)),
    ]
    for function, inputs in cases:
        assert torch.autograd.gradcheck(function, inputs)
    for module in (hidden, outer):  # by running statistics, which are no function of the rows
        module.eval()
    assert torch.autograd.gradcheck(hidden_layer, cases[1][1])
    assert torch.autograd.gradcheck(finish, cases[2][1])


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**31 - 1), st.sampled_from([0.1, 0.5, 0.9]), st.integers(1, 70), st.integers(1, 40))
def test_compiled_and_plain_dropout_drop_the_same_cells(seed: int, rate: float, rows: int, columns: int) -> None:
    torch.manual_seed(seed)
    keys = dropout.row_keys(torch.arange(rows, dtype=torch.int32), dropout.draw_keys(1, CPU)[0])
    x = torch.ones(rows, columns)
    plain = dropout.dropout(x, keys, rate)
    assert torch.equal(functions.drop(x, keys, rate), plain)
    assert set(plain.unique().tolist()) <= {0.0, float(torch.tensor(1 / (1 - rate)))}


def test_dropout_keeps_its_share_in_every_row_column_and_pair() -> None:
    torch.manual_seed(0)
    first, second = dropout.draw_keys(2, CPU)
    rows = torch.arange(2000, dtype=torch.int32)
    kept = dropout.dropout(torch.ones(2000, 300), dropout.row_keys(rows, first), 0.5) > 0
    other = dropout.dropout(torch.ones(2000, 300), dropout.row_keys(rows, second), 0.5) > 0
    for shares, n in ((kept.float().mean(1), 300), (kept.float().mean(0), 2000)):
        # Binomial: 2,000 rows and 300 columns all within five standard deviations.
        assert ((shares - 0.5).abs() < 5 * 0.5 / n**0.5).all()
    for a, b in ((kept[:, 1:], kept[:, :-1]), (kept[1:], kept[:-1]), (kept, other)):
        assert abs(float((a == b).float().mean()) - 0.5) < 5 * 0.5 / a.numel() ** 0.5


def test_bfloat16_rows_are_rounded_as_pytorch_rounds() -> None:
    y = torch.cat([torch.randn(300, 7), torch.tensor([[0.0, -0.0, 1e-40, 3e38, -3e38, torch.inf, 1.00390625]])])
    norm = nn.BatchNorm1d(7, eps=0, dtype=torch.float64).to(torch.float32).eval()
    with torch.no_grad():
        found = functions._scaled(y, np.ones(7, np.float32), np.zeros(7, np.float32), relu=False, dtype=torch.bfloat16)
        assert norm.training is False
    assert torch.equal(found, y.to(torch.bfloat16))


def test_the_encoder_in_bfloat16_is_near_that_in_float32() -> None:
    batch = graphs()
    torch.manual_seed(0)
    encoder = Encoder(3, 0.0).train()
    exact = encoder(batch)[0]
    with torch.autocast("cpu", torch.bfloat16):
        rough = encoder(batch)[0].float()
    assert rough.requires_grad
    distance = (rough - exact).norm() / exact.norm()
    assert 1e-5 < distance < 0.02


def test_bonds_are_sorted_both_ways() -> None:
    batch = graphs(9)
    bonds: Bonds = batch.bonds
    atoms = len(batch.x)
    pairs = sorted(zip(*batch.edge_index.tolist(), bond_kinds(batch.edge_attr).tolist(), strict=True))
    assert sorted(zip(bonds.source.tolist(), bonds.target.tolist(), bonds.kind.tolist(), strict=True)) == pairs
    for atom in range(atoms):
        assert (bonds.target[bonds.offsets[atom] : bonds.offsets[atom + 1]] == atom).all()
        leaving = bonds.by_source[bonds.source_offsets[atom] : bonds.source_offsets[atom + 1]]
        assert (bonds.source[leaving] == atom).all()
    assert torch.equal(bond_features(bond_kinds(batch.edge_attr)), batch.edge_attr)


def test_moments_are_exact_for_columns_far_from_zero() -> None:
    y = torch.randn(5 * loops.ROWS + 3, 4) + 1000
    norm = nn.BatchNorm1d(4).train()
    expected = F.batch_norm(y.double(), None, None, training=True)
    found = functions.norm_drop_add(y, norm, None, relu=False, keys=None, rate=0)
    torch.testing.assert_close(found.double(), expected, rtol=1e-3, atol=1e-3)
    reference = nn.BatchNorm1d(4, dtype=torch.float64)
    reference(y.double())
    torch.testing.assert_close(norm.running_var.double(), reference.running_var, rtol=1e-5, atol=0)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_a_gpu_computes_what_the_cpu_computes() -> None:
    """Dropout at work: its masks are hashes, the same on every device."""
    batch = graphs()
    there = GraphBatch(
        batch.x.cuda(), batch.edge_index.cuda(), batch.edge_attr.cuda(), batch.batch.cuda(), batch.size, None
    )
    reference = Encoder(3, 0.5).double().train()
    encoder = Encoder(3, 0.5).double().cuda().train()
    encoder.load_state_dict(reference.state_dict())
    torch.manual_seed(1)
    mu = encoder(there)[0]
    torch.manual_seed(1)
    expected = reference(batch)[0]
    torch.testing.assert_close(mu.cpu(), expected, rtol=1e-9, atol=1e-9)
