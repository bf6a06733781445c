"""Modality against modality, task by task (the paper's Figure 3), as SVG in the page."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

from learn.evaluation.figures import picture, scale
from learn.evaluation.reading import METRICS
from learn.evaluation.summary_types import Duel, TaskCard

IN_A_LINE = 3
_PANEL, _LEFT, _TOP, _SIDE = 300, 50, 30, 215
_HEIGHT = _TOP + _SIDE + 50


def duel_plot(card: TaskCard, duels: Sequence[Duel]) -> Markup:
    """Return a panel a pair of systems: a dot a task, the first one's score across, the second one's upwards.

    An empty text where there is no pair.
    """
    if not duels:
        return Markup("")
    values = [value for duel in duels for pair in duel.scores.values() for value in pair]
    low, high, step = scale(min(values), max(values))
    parts = []
    for place, duel in enumerate(duels):
        line, column = divmod(place, IN_A_LINE)
        parts.append(
            f'<g transform="translate({column * _PANEL} {line * _HEIGHT})">{_panel(duel, low, high, step)}</g>'
        )
    height = _HEIGHT * -(-len(duels) // IN_A_LINE)
    said = "; ".join(
        f"{duel.second} is better than {duel.first} on {duel.second_better} of {len(duel.scores)}" for duel in duels
    )
    text = f"{METRICS[card.metric]} by task of {card.title}, system against system. {said}."
    return picture(parts, _PANEL * IN_A_LINE, height, text)


def _panel(duel: Duel, low: float, high: float, step: float) -> str:
    def along(value: float) -> float:
        return (value - low) / (high - low) * _SIDE

    bottom = _TOP + _SIDE
    parts = [f'<rect class="frame" x="{_LEFT}" y="{_TOP}" width="{_SIDE}" height="{_SIDE}"/>']
    ticks = round((high - low) / step)
    for tick in range(0, ticks + 1, 1 if ticks <= 5 else 2):
        at = low + tick * step
        x, y = _LEFT + along(at), bottom - along(at)
        parts.append(f'<text class="tick" x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{at:.3g}</text>')
        parts.append(f'<text class="tick" x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{at:.3g}</text>')
    parts.append(f'<path class="grid" d="M{_LEFT} {bottom}L{_LEFT + _SIDE} {_TOP}"/>')
    for task, (first, second) in duel.scores.items():
        said = escape(f"{task}: {first:.3f} and {second:.3f}")
        x, y = _LEFT + along(first), bottom - along(second)
        parts.append(
            f'<circle class="dot encoder" fill-opacity=".6" cx="{x:.1f}" cy="{y:.1f}" r="3.5">'
            f"<title>{said}</title></circle>"
        )
    middle = _LEFT + _SIDE / 2
    side = "above" if duel.metric == "auc" else "below"
    counted = f"{len(duel.scores)} tasks, {duel.molecules:,} molecules; {side}: {duel.second_better}"
    parts.append(f'<text class="tick" x="{middle}" y="{_TOP - 10}" text-anchor="middle">{counted}</text>')
    parts.append(f'<text x="{middle}" y="{bottom + 36}" text-anchor="middle">{escape(duel.first)}</text>')
    parts.append(
        f'<text transform="translate(12 {_TOP + _SIDE / 2}) rotate(-90)" text-anchor="middle">'
        f"{escape(duel.second)}</text>"
    )
    return "".join(parts)
