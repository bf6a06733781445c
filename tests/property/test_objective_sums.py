"""The objective against its plain element-wise computation, over any masks, walks and weights; and its gradients."""

from __future__ import annotations

import math

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch.nn import functional as F

from benchmarks.synthetic import inchikeys, molecule_graphs
from graphdb.schema import NodeType
from learn.batches import Batch, to_graph_batch
from learn.decoders import DecoderSpec
from learn.encoder import Encoder
from learn.kernels import targets
from learn.objectives.infoalign import InfoAlign, reconstruction
from learn.spaces import Sums

# No path weight of a walk is as small as a denormal, which the sums would round away.
unit = st.floats(0, 1, width=32, allow_subnormal=False)


@st.composite
def walks(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Features in units (k, D) with NaN, rows (B, L + 1) with −1, weights (B, L + 1), logits (B, D)."""
    k, d = draw(st.integers(1, 5)), draw(st.integers(1, 6))
    b, length = draw(st.integers(1, 5)), draw(st.integers(0, 4))
    cells = st.one_of(st.just(math.nan), st.floats(-100, 100, width=32))
    values = draw(hnp.arrays(np.float32, (k, d), elements=cells))
    rows = draw(hnp.arrays(np.int32, (b, length + 1), elements=st.integers(-1, k - 1)))
    alpha = draw(hnp.arrays(np.float32, (b, length + 1), elements=unit))
    logits = draw(hnp.arrays(np.float64, (b, d), elements=st.floats(-30, 30)))
    return values, rows, alpha, logits


@settings(deadline=None, max_examples=150)
@given(walks())
def test_the_loss_is_the_weighted_mean_over_walks_positions_and_features(
    given_walks: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
) -> None:
    values, rows, alpha, logits = given_walks
    with np.errstate(all="ignore"):
        minima, maxima = np.fmin.reduce(values, 0), np.fmax.reduce(values, 0)
    minima, span = np.nan_to_num(minima), np.nan_to_num(maxima - minima)
    size, dimension = len(rows), values.shape[1]
    weights, sums = np.empty((2, size, dimension), np.float32)
    counts = np.zeros(size, np.int64)
    targets.sum_scaled(0, size, rows, alpha, values, minima, span, weights, sums, counts)

    total = total_weight = 0.0
    observed = 0
    for b in range(size):
        for row, weight in zip(rows[b], alpha[b], strict=True):
            for column in range(dimension):
                if row < 0 or math.isnan(values[row, column]):
                    continue
                scaled = (values[row, column] - minima[column]) / span[column] if span[column] > 0 else 0.5
                logit = torch.tensor(logits[b, column])
                element = F.binary_cross_entropy_with_logits(logit, torch.tensor(float(scaled), dtype=torch.float64))
                total += float(weight) * float(element)
                total_weight += float(weight)
                observed += 1
    assert counts.sum() == observed
    parts = [torch.from_numpy(array).double() for array in (weights, sums)]
    found = float(reconstruction(torch.from_numpy(logits), *parts))
    expected = total / total_weight if total_weight else 0.0
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-4)
    plain = float(reconstruction(torch.from_numpy(logits), *parts, torch.tensor(float(observed))))
    np.testing.assert_allclose(plain, total / max(1, observed), rtol=2e-4, atol=2e-4)


@settings(deadline=None, max_examples=100)
@given(
    hnp.arrays(np.bool_, (4, 19)),
    hnp.arrays(np.int32, (3, 3), elements=st.integers(-1, 3)),
    hnp.arrays(np.float32, (3, 3), elements=unit),
)
def test_bits_are_summed_from_their_packed_form(bits: np.ndarray, rows: np.ndarray, alpha: np.ndarray) -> None:
    weights, sums = np.empty((2, 3, 19), np.float32)
    counts = np.zeros(3, np.int64)
    targets.sum_bits(0, 3, rows, alpha, np.packbits(bits, axis=1), weights, sums, counts)
    there = (rows >= 0)[..., None]
    np.testing.assert_allclose(sums, (alpha[..., None] * bits[rows] * there).sum(1), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(weights, np.repeat((alpha * there[..., 0]).sum(1)[:, None], 19, 1), rtol=1e-6, atol=1e-7)
    assert counts.tolist() == ((rows >= 0).sum(1) * 19).tolist()


def test_gradients_of_the_whole_objective_are_those_of_finite_differences() -> None:
    """Encoder, decoders, cross entropy and divergence together, in double precision, with dropout at work."""
    rng = np.random.default_rng(0)
    graphs = to_graph_batch(molecule_graphs(inchikeys(4, rng), (2, 4), rng), torch.device("cpu"))
    torch.manual_seed(0)
    encoder = Encoder(2, 0.2).double().train()
    specs = (DecoderSpec(NodeType.GENE, "a", 5), DecoderSpec(NodeType.MORPHOLOGY, "b", 3))
    objective = InfoAlign(specs, dropout=0.2, beta=0.01, latent="sample").double().train()
    weights, targets_of = (torch.rand(4, 5, dtype=torch.float64) for _ in range(2))
    some = Sums(torch.tensor([1, 3]), weights[:2, :3], (weights * targets_of)[:2, :3], torch.tensor(6.0))
    every = Sums(torch.arange(4), weights, weights * targets_of, torch.tensor(20.0))
    batch = Batch(graphs, torch.arange(4), torch.zeros(4, 1, dtype=torch.int64), torch.ones(4, 1), (every, some))
    networks = torch.nn.ModuleList([encoder, objective])

    def loss() -> torch.Tensor:
        torch.manual_seed(1)  # the same masks and noise each time
        total: torch.Tensor = objective(encoder, batch).total
        return total

    loss().backward()
    checked = 0
    for name, weight in networks.named_parameters():
        if weight.grad is None or "embedding" in name:  # rows of norm above 1 are capped in place
            continue
        generator = torch.Generator().manual_seed(2)
        for at in torch.randint(weight.numel(), (3,), generator=generator).tolist():
            step = 1e-6
            with torch.no_grad():
                flat = weight.view(-1)
                before = flat[at].item()
                flat[at] = before + step
                above = loss().item()
                flat[at] = before - step
                below = loss().item()
                flat[at] = before
            slope = (above - below) / (2 * step)
            np.testing.assert_allclose(weight.grad.view(-1)[at].item(), slope, rtol=1e-4, atol=1e-7, err_msg=name)
            checked += 1
    assert checked > 100
