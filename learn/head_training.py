"""Training heads on frozen embeddings: all seeds at once (method.md, section 5).

The heads of S seeds are one network of S · hidden units whose second layer is S products, so that a GPU is filled by
them. Nothing passes between seeds: a seed's head is the same, to rounding, whichever seeds are trained beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from learn.device import resolve_device
from learn.head import FittedHead, Floats, Head, HeadConfig, answer, masked_loss, shuffled_batches
from learn.metrics import better, score
from learn.tasks.task import Kind, Metric

STACK = {"cuda": 2**28, "cpu": 2**22}
"""Most hidden values (seeds · molecules · units) of a step.

On a processor the arithmetic of a thousand molecules keeps it busy, and larger arrays only cost fresh memory pages (a
stack of four at Broad6K's size took 1.5 times as long a seed); a GPU is filled by all seeds together.
"""


def train_head(
    kind: Kind,
    metric: Metric,
    train: tuple[Floats, Floats],
    valid: tuple[Floats, Floats],
    *,
    seed: int,
    config: HeadConfig | None = None,
    device: str = "cpu",
) -> FittedHead:
    """Train one head; see `train_heads`."""
    return train_heads(kind, metric, train, valid, seeds=(seed,), config=config, device=device)[0]


def train_heads(
    kind: Kind,
    metric: Metric,
    train: tuple[Floats, Floats],
    valid: tuple[Floats, Floats],
    *,
    seeds: Sequence[int],
    config: HeadConfig | None = None,
    device: str = "cpu",
    on_seed: Callable[[int], None] | None = None,
) -> list[FittedHead]:
    """Train one head a seed on frozen embeddings; keep of each the weights with the best validation score.

    Parameters
    ----------
    kind, metric
        What is predicted, and by what score an epoch is judged.
    train, valid
        Embeddings (n, d) and labels (n, t), NaN where missing.
    seeds
        Of the initial weights and the dropout of each head. The order of the molecules is one for all seeds; it
        matters where they do not fit into one batch. The caller's random state is left alone.
    config
        Settings.
    device
        Where to train; see `learn.device.resolve_device`.
    on_seed
        Called with each seed that is done.

    Raises
    ------
    ValueError
        If no label of the training set is known, or no epoch of a seed has a validation score.
    """
    config = config or HeadConfig()
    place = resolve_device(device)
    x, labels = (torch.as_tensor(part, dtype=torch.float32, device=place) for part in train)
    rows = torch.nonzero((~torch.isnan(labels)).any(dim=1)).flatten()
    if len(rows) < 2:
        raise ValueError("the training set needs at least two labelled molecules")
    x, labels = x[rows], labels[rows]
    valid_x = torch.as_tensor(valid[0], dtype=torch.float32, device=place)
    together = max(1, STACK.get(place.type, STACK["cpu"]) // (min(len(rows), config.batch) * config.hidden))
    fitted: list[FittedHead] = []
    with torch.random.fork_rng(devices=[]):  # a new layer draws weights, also where others are put into it
        for start in range(0, len(seeds), together):
            part = seeds[start : start + together]
            fitted += _train(kind, metric, (x, labels), (valid_x, valid[1]), part, config, on_seed)
    return fitted


class _Stack(nn.Module):
    """The heads of S seeds side by side: (B, d) → (S, B, t)."""

    def __init__(self, heads: Sequence[Head]) -> None:
        super().__init__()
        self.size = len(heads)
        self.dropout = heads[0].dropout.p
        width = heads[0].fc1.out_features
        self.fc1 = nn.Linear(heads[0].fc1.in_features, self.size * width)
        self.bn1 = nn.BatchNorm1d(self.size * width)
        self.weight = nn.Parameter(torch.stack([head.fc2.weight.detach().T for head in heads]))  # (S, hidden, t)
        self.bias = nn.Parameter(torch.stack([head.fc2.bias.detach()[None] for head in heads]))  # (S, 1, t)
        for layer, name in ((self.fc1, "fc1"), (self.bn1, "bn1")):
            states = [getattr(head, name).state_dict() for head in heads]
            layer.load_state_dict({key: _joined([state[key] for state in states]) for key in states[0]})

    def forward(self, x: Tensor, masks: Tensor | None = None) -> Tensor:
        """Map (B, d) embeddings to (S, B, t); `masks` (B, S · hidden) is 1 for units that are kept."""
        hidden = F.gelu(self.bn1(self.fc1(x)))
        if masks is not None:
            hidden = hidden * masks
        by_seed = hidden.view(len(x), self.size, -1).transpose(0, 1)
        return torch.baddbmm(self.bias, by_seed, self.weight)

    def head(self, index: int) -> dict[str, Tensor]:
        """Return a copy of the weights of one head."""
        width = self.weight.shape[1]
        mine = slice(index * width, (index + 1) * width)
        state = {f"fc1.{name}": value[mine] for name, value in self.fc1.state_dict().items()}
        for name, value in self.bn1.state_dict().items():
            state[f"bn1.{name}"] = value[mine] if value.ndim else value
        state |= {"fc2.weight": self.weight.detach()[index].T, "fc2.bias": self.bias.detach()[index, 0]}
        return {name: value.clone() for name, value in state.items()}


def _train(
    kind: Kind,
    metric: Metric,
    train: tuple[Tensor, Tensor],
    valid: tuple[Tensor, Floats],
    seeds: Sequence[int],
    config: HeadConfig,
    on_seed: Callable[[int], None] | None,
) -> list[FittedHead]:
    x, labels = train
    best = [float("nan")] * len(seeds)
    best_epoch, last_epoch = [0] * len(seeds), [0] * len(seeds)
    best_weights: list[dict[str, Tensor] | None] = [None] * len(seeds)
    going = list(range(len(seeds)))
    stack = _Stack([_new_head(seed, x, labels, config) for seed in seeds]).to(x.device)
    optimiser = _adam(stack, config)
    drops = [np.random.Generator(np.random.SFC64([seed, 1])) for seed in seeds]
    order = np.random.default_rng(0)
    for epoch in range(1, config.epochs + 1):
        stack.train()
        for batch in _batches(len(x), config.batch, order, x.device):
            inputs, wanted = (x, labels) if batch is None else (x[batch], labels[batch])
            optimiser.zero_grad()
            out = stack(inputs, _masks(drops, len(inputs), config).to(x.device))
            # The sum over seeds: the gradient of each is that of its own mean.
            sum(masked_loss(kind, one, wanted) for one in out).backward()  # type: ignore[union-attr]
            optimiser.step()
        stack.eval()
        with torch.no_grad():
            answers = answer(stack(valid[0]), kind)
        stopped = []
        for place, seed in enumerate(going):
            now = score(metric, valid[1], answers[place]).mean
            if better(metric, now, best[seed]) or (best_weights[seed] is None and not np.isnan(now)):
                best[seed], best_epoch[seed], best_weights[seed] = now, epoch, stack.head(place)
            last_epoch[seed] = epoch
            if epoch - best_epoch[seed] >= config.patience or epoch == config.epochs:
                stopped.append(place)
                if on_seed is not None:
                    on_seed(seeds[seed])
        if stopped:
            left = [place for place in range(len(going)) if place not in stopped]
            going, drops = [going[place] for place in left], [drops[place] for place in left]
            if not going:
                break
            stack, optimiser = _without(stack, optimiser, left, x.shape[1], labels.shape[1], config)
    fitted = []
    for seed, weights in enumerate(best_weights):
        if weights is None:
            raise ValueError("no task of the validation set can be scored")
        head = Head(x.shape[1], labels.shape[1], config).to(x.device)
        head.load_state_dict(weights)
        fitted.append(FittedHead(head.eval(), kind, best[seed], best_epoch[seed], last_epoch[seed]))
    return fitted


def _new_head(seed: int, x: Tensor, labels: Tensor, config: HeadConfig) -> Head:
    torch.manual_seed(seed)
    return Head(x.shape[1], labels.shape[1], config)


def _adam(stack: _Stack, config: HeadConfig) -> torch.optim.Adam:
    return torch.optim.Adam(stack.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, foreach=True)


def _without(
    stack: _Stack, optimiser: torch.optim.Adam, left: Sequence[int], width: int, n_tasks: int, config: HeadConfig
) -> tuple[_Stack, torch.optim.Adam]:
    """Return the stack of the heads that go on, and their optimiser with what it remembers of them."""
    heads = []
    for place in left:
        head = Head(width, n_tasks, config)
        head.load_state_dict(stack.head(place))
        heads.append(head)
    smaller = _Stack(heads).to(stack.weight.device)
    moved = _adam(smaller, config)
    for old, new in zip(stack.parameters(), smaller.parameters(), strict=True):
        for name, value in optimiser.state[old].items():
            if value.ndim:
                # All parameters are S equal parts along their first axis.
                by_head = value.view(stack.size, -1)
                moved.state[new][name] = by_head[list(left)].reshape(new.shape).clone()
            else:
                moved.state[new][name] = value
    return smaller, moved


def _joined(values: Sequence[Tensor]) -> Tensor:
    return torch.cat(list(values)) if values[0].ndim else values[0]


def _masks(drops: Sequence[np.random.Generator], size: int, config: HeadConfig) -> Tensor:
    """Return (size, S · hidden) float32: 0 for a dropped unit, else what keeps the mean.

    One byte a unit, of NumPy's fastest generator: torch's bernoulli took two fifths of the training. So the share that
    is dropped is a multiple of 1/256.
    """
    dropped = round(256 * config.dropout)
    masks = np.empty((size, len(drops), config.hidden), dtype=np.float32)
    keep = np.float32(256 / (256 - dropped)) if dropped < 256 else np.float32(0)
    for place, drop in enumerate(drops):
        drawn = np.frombuffer(drop.bytes(size * config.hidden), dtype=np.uint8).reshape(size, config.hidden)
        np.multiply(drawn >= dropped, keep, out=masks[:, place])
    return torch.from_numpy(masks.reshape(size, -1))


def _batches(n: int, size: int, order: np.random.Generator, device: torch.device) -> list[Tensor | None]:
    """Return the batches of an epoch; None stands for all n rows, whose order does not matter."""
    if n <= size:
        return [None]
    return [torch.from_numpy(rows).to(device) for rows in shuffled_batches(n, size, order)]
