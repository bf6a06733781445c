"""The head: its shape, its loss, that it learns, and that it keeps its best epoch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from learn.head import Head, HeadConfig, masked_loss
from learn.head_training import train_head, train_heads
from learn.metrics import score

QUICK = HeadConfig(hidden=64, epochs=60, patience=30, batch=50, learning_rate=5e-3)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Tiny matrices gain nothing by threads, which only fight where other tests run beside."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def _labelled(kind: str, n: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    x = random.standard_normal((n, 10)).astype(np.float32)
    values = x[:, :3] @ np.array([[1, 0], [0, 1], [1, -1]], dtype=np.float32)
    labels = (values > 0).astype(np.float32) if kind == "classification" else values
    labels[random.random(labels.shape) < 0.2] = np.nan
    return x, labels


def test_the_head_has_the_papers_dimensions() -> None:
    """method.md, section 5: 300-1200-BN-GELU-dropout 0.5-tasks."""
    head = Head(300, 41)
    assert {name: tuple(value.shape) for name, value in head.named_parameters()} == {
        "fc1.weight": (1200, 300),
        "fc1.bias": (1200,),
        "bn1.weight": (1200,),
        "bn1.bias": (1200,),
        "fc2.weight": (41, 1200),
        "fc2.bias": (41,),
    }
    assert head.dropout.p == 0.5


def test_masked_loss_is_the_mean_over_known_cells() -> None:
    out = torch.tensor([[0.3, -2.0], [1.5, 0.7]])
    labels = torch.tensor([[1.0, torch.nan], [0.0, 1.0]])
    probability = torch.sigmoid(out)
    by_hand = -(probability[0, 0].log() + (1 - probability[1, 0]).log() + probability[1, 1].log()) / 3
    torch.testing.assert_close(masked_loss("classification", out, labels), by_hand)
    by_hand = (abs(out[0, 0] - 1) + abs(out[1, 0] - 0) + abs(out[1, 1] - 1)) / 3
    torch.testing.assert_close(masked_loss("regression", out, labels), by_hand)


def test_missing_labels_send_no_gradient() -> None:
    out = torch.zeros(3, 2, requires_grad=True)
    labels = torch.tensor([[1.0, torch.nan], [torch.nan, 0.0], [torch.nan, torch.nan]])
    masked_loss("classification", out, labels).backward()
    assert out.grad is not None
    assert torch.isfinite(out.grad).all()
    assert ((out.grad != 0) == ~torch.isnan(labels)).all()


@pytest.mark.parametrize(("kind", "metric"), [("classification", "auc"), ("regression", "mae")])
def test_it_learns_a_linear_rule(kind, metric) -> None:
    train, valid, test = (_labelled(kind, seed=seed) for seed in range(3))
    fitted = train_head(kind, metric, train, valid, seed=0, config=QUICK)
    reached = score(metric, test[1], fitted.predict(test[0])).mean
    assert reached > 0.95 if metric == "auc" else reached < 0.4


def test_the_weights_of_the_best_validation_epoch_are_kept() -> None:
    train, valid = _labelled("regression", n=30), _labelled("regression", seed=1)
    fitted = train_head("regression", "mae", train, valid, seed=0, config=HeadConfig(hidden=64, epochs=80))
    assert score("mae", valid[1], fitted.predict(valid[0])).mean == pytest.approx(fitted.validation, rel=1e-5)
    assert fitted.best_epoch <= fitted.epochs


def test_it_stops_when_validation_stops_getting_better() -> None:
    x, labels = _labelled("classification")
    random_labels = np.random.default_rng(5).permutation(labels)
    config = HeadConfig(hidden=32, epochs=300, patience=5)
    fitted = train_head("classification", "auc", (x, labels), (x, random_labels), seed=0, config=config)
    assert fitted.epochs == fitted.best_epoch + 5 < 300


def test_a_seed_fixes_the_result_and_leaves_the_callers_random_state_alone() -> None:
    train, valid = _labelled("classification"), _labelled("classification", seed=1)
    torch.manual_seed(9)
    before = torch.random.get_rng_state()
    first, again, other = (
        train_head("classification", "auc", train, valid, seed=seed, config=QUICK).predict(valid[0])
        for seed in (0, 0, 1)
    )
    assert torch.equal(torch.random.get_rng_state(), before)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_heads_trained_together_are_those_trained_alone() -> None:
    """Also where one of them stops before the others, and where an epoch has several batches."""
    train, valid = _labelled("classification"), _labelled("classification", seed=1)
    for batch in (400, 150):
        config = HeadConfig(hidden=32, epochs=40, patience=2, batch=batch, learning_rate=3e-2)
        done: list[int] = []
        together = train_heads(
            "classification", "auc", train, valid, seeds=(3, 0, 7), config=config, on_seed=done.append
        )
        assert sorted(done) == [0, 3, 7]
        assert len({fitted.epochs for fitted in together}) > 1
        for seed, fitted in zip((3, 0, 7), together, strict=True):
            alone = train_head("classification", "auc", train, valid, seed=seed, config=config)
            assert (alone.best_epoch, alone.epochs) == (fitted.best_epoch, fitted.epochs)
            np.testing.assert_allclose(fitted.predict(valid[0]), alone.predict(valid[0]), atol=1e-4)


def test_the_stack_is_heads_side_by_side() -> None:
    """Of one molecule's embedding it makes what each of its heads makes."""
    from learn.head_training import _Stack

    torch.manual_seed(0)
    config = HeadConfig(hidden=6)
    heads = [Head(4, 3, config) for _ in range(2)]
    for head in heads:
        head.train()(torch.randn(20, 4))  # moves the running statistics
    x = torch.randn(5, 4)
    stack = _Stack(heads).eval()
    out = stack(x)
    for place, head in enumerate(heads):
        torch.testing.assert_close(out[place], head.eval()(x))
        state = stack.head(place)
        assert all(torch.equal(state[name], value) for name, value in head.state_dict().items())


def test_half_of_the_units_are_dropped_and_the_mean_is_kept() -> None:
    from learn.head_training import _masks

    for share in (0.5, 0.25):
        drops = [np.random.Generator(np.random.SFC64([seed, 1])) for seed in range(2)]
        masks = _masks(drops, 1000, HeadConfig(hidden=100, dropout=share)).numpy()
        assert set(np.unique(masks)) == {0, np.float32(1 / (1 - share))}
        # 200,000 draws: three standard deviations of the share are .0034 at most
        assert (masks == 0).mean() == pytest.approx(share, abs=0.0034)
        assert not np.array_equal(masks[:, :100], masks[:, 100:])


def test_a_last_batch_of_one_molecule_is_no_trouble() -> None:
    train, valid = _labelled("classification", n=33), _labelled("classification", seed=1)
    config = HeadConfig(hidden=8, epochs=2, batch=16)
    assert train_head("classification", "auc", train, valid, seed=0, config=config).epochs == 2


def test_sets_that_cannot_be_used_are_said() -> None:
    x, labels = _labelled("classification")
    nothing = np.full_like(labels, np.nan)
    with pytest.raises(ValueError, match="training set"):
        train_head("classification", "auc", (x, nothing), (x, labels), seed=0, config=QUICK)
    with pytest.raises(ValueError, match="validation set"):
        train_head("classification", "auc", (x, labels), (x, nothing), seed=0, config=QUICK)
