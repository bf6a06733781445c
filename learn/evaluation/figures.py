"""Pictures of the report as SVG in the page: they take its colours, light or dark, and need no script.

What they show stands in tables as well, so each is one image with a text in its place (``role="img"``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import ceil, floor, isfinite

from markupsafe import Markup, escape

from learn.evaluation import numbers
from learn.evaluation.paper import of_hard_labels
from learn.evaluation.reading import METRICS, best, best_baseline
from learn.evaluation.summary_types import Row, TaskCard

MOST_LABELLED_TASKS = 60
"""With more tasks than these, a heat map names none and draws narrow columns."""

AUC_STEPS = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95)
"""Where a heat map of AUC changes its colour: chance, and the paper's thresholds."""

_LABEL, _WIDTH, _LINE = 330, 930, 22
_STEPS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


def score_plot(card: TaskCard, rows: Sequence[Row]) -> Markup:
    """Return scores with their intervals, a line a system, beside what the paper prints.

    Rows without a score have a line without a mark. An empty text where no row has a score.
    """
    marks = [value for row in rows for value in _marks(row)]
    if not marks:
        return Markup("")
    low, high, step = scale(min(marks), max(marks))
    top = 58

    def x(value: float) -> float:
        return _LABEL + (value - low) / (high - low) * (_WIDTH - _LABEL - 20)

    height = top + _LINE * len(rows) + 30
    bottom = height - 30
    parts = [_legend(rows)]
    for tick in range(round((high - low) / step) + 1):
        at = low + tick * step
        parts.append(f'<path class="grid" d="M{x(at):.1f} {top}V{bottom}"/>')
        parts.append(f'<text class="tick" x="{x(at):.1f}" y="{bottom + 16}" text-anchor="middle">{at:.3g}</text>')
    baseline = best_baseline(rows)
    if baseline is not None:
        parts.append(f'<path class="baseline" d="M{x(baseline.score.mean):.1f} {top}V{bottom}"/>')
    for place, row in enumerate(rows):
        parts.append(_score_line(row, top + _LINE * place + _LINE / 2, x))
    first = best(rows)
    text = f"{METRICS[card.metric]} of {len(rows)} systems on {card.title}, with 95 % intervals"
    if first is not None:
        text += f"; the best is {first.system} with {numbers.plain(first.score.mean)}"
    return picture(parts, _WIDTH, height, f"{text}. The numbers stand in the table of scores.")


def task_map(card: TaskCard, rows: Sequence[Row]) -> Markup:
    """Return a heat map of tasks (columns, by assay type and then by mean score) and systems (lines).

    An empty text where no row has scores of tasks.
    """
    rows = [row for row in rows if any(_known(row.by_task.get(task)) for task in row.by_task)]
    tasks = ordered_tasks(card, rows)
    if not tasks:
        return Markup("")
    labelled = len(tasks) <= MOST_LABELLED_TASKS
    edges = AUC_STEPS if card.metric == "auc" else _equal_steps(rows, tasks)
    cell = min(34.0, (_WIDTH - _LABEL - 20) / len(tasks))
    top, line = 34, 16
    bottom = top + line * len(rows)
    cells: dict[int, list[str]] = {}
    missing: list[str] = []
    parts = [_steps_legend(edges, rising=card.metric == "auc")]
    for place, row in enumerate(rows):
        y = top + line * place
        parts.append(_label(row, y + line / 2))
        for column, task in enumerate(tasks):
            value = row.by_task.get(task)
            at = _LABEL + column * cell
            if value is None or not isfinite(value):
                missing.append(f"M{at:.1f} {y + line - 1}l{cell:.2f} -{line - 1}")
                continue
            shade = _shade(value, edges, rising=card.metric == "auc")
            if labelled:
                said = escape(f"{row.system}, {task}: {value:.3f}")
                parts.append(
                    f'<rect class="h{shade}" x="{at:.1f}" y="{y}" width="{cell - 1:.1f}" height="{line - 1}">'
                    f"<title>{said}</title></rect>"
                )
            else:
                cells.setdefault(shade, []).append(f"M{at:.1f} {y}h{cell:.2f}v{line - 1}h-{cell:.2f}z")
    parts += [f'<path class="h{shade}" d="{"".join(found)}"/>' for shade, found in sorted(cells.items())]
    parts.append(
        f'<rect class="frame" x="{_LABEL}" y="{top}" width="{cell * len(tasks):.1f}" height="{bottom - top}"/>'
    )
    if labelled:
        parts += [_task_label(task, _LABEL + (column + 0.5) * cell, bottom + 6) for column, task in enumerate(tasks)]
    if card.types:
        parts += _type_borders(card, tasks, cell, top, bottom)
    height = bottom + (16 + 7 * max(len(_short(task)) for task in tasks) if labelled else 14)
    text = (
        f"Heat map: {METRICS[card.metric]} of {len(rows)} systems (lines) on {len(tasks)} tasks of {card.title} "
        f"(columns, {'by assay type and then ' if card.types else ''}from the worst to the best mean over systems). "
        "A stronger colour is better. The numbers stand in the tables."
    )
    return picture(parts, _WIDTH, height, text)


def ordered_tasks(card: TaskCard, rows: Iterable[Row]) -> list[str]:
    """Return the tasks that some row has a score of: by assay type, then from the worst mean over rows to the best."""
    scores: dict[str, list[float]] = {}
    for row in rows:
        for task, value in row.by_task.items():
            if value is not None and isfinite(value):
                scores.setdefault(task, []).append(value)
    sign = 1 if card.metric == "auc" else -1
    return sorted(
        scores, key=lambda task: (card.types.get(task, ""), sign * sum(scores[task]) / len(scores[task]), task)
    )


def _known(value: float | None) -> bool:
    return value is not None and isfinite(value)


def _marks(row: Row) -> list[float]:
    values = [row.score.mean, row.score.low, row.score.high, row.goal, None if row.paper is None else row.paper[0]]
    hard = _hard(row)
    return [value for value in [*values, hard] if value is not None and isfinite(value)]


def _hard(row: Row) -> float | None:
    """Return the AUC of hard labels where the paper's number is one."""
    hard = row.others.get("hard_auc")
    return hard.mean if hard is not None and of_hard_labels(row.task, row.system) else None


def scale(low: float, high: float) -> tuple[float, float, float]:
    """Return where an axis begins and ends, and the step of its at most eight or so ticks."""
    span = max(high - low, 0.01)
    step = next((step for step in _STEPS if span / step <= 8), span / 8)
    begin, end = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return begin * step, max(end, begin + 1) * step, step


def _score_line(row: Row, y: float, x: Callable[[float], float]) -> str:
    parts = [_label(row, y)]
    kind = "leak" if row.leakage is not None else row.group.replace(" ", "-")
    score = row.score
    said = escape(f"{row.system}: {numbers.score(score)}, 95 % {numbers.interval(score.low, score.high)}")
    if score.low is not None and score.high is not None and isfinite(score.low) and isfinite(score.high):
        parts.append(f'<path class="range {kind}" d="M{x(score.low):.1f} {y}H{x(score.high):.1f}"/>')
    if isfinite(score.mean):
        parts.append(
            f'<circle class="dot {kind}" cx="{x(score.mean):.1f}" cy="{y}" r="4.5"><title>{said}</title></circle>'
        )
    if row.paper is not None and isfinite(row.paper[0]):
        parts.append(_diamond(x(row.paper[0]), y, f"the paper: {numbers.printed(row.paper)}"))
    hard = _hard(row)
    if hard is not None and isfinite(hard):
        parts.append(_cross(x(hard), y, f"by hard labels: {hard:.3f}"))
    if row.goal is not None and isfinite(row.goal):
        parts.append(_goal(x(row.goal), y, f"goal: {row.goal:.3f}"))
    return "".join(parts)


def _label(row: Row, y: float) -> str:
    name = row.system if len(row.system) <= 44 else row.system[:43] + "…"
    style = "name leak" if row.leakage is not None else "name"
    return (
        f'<text class="{style}" x="{_LABEL - 10}" y="{y + 4}" text-anchor="end">{escape(name)}'
        f"<title>{escape(row.system)}</title></text>"
    )


def _diamond(x: float, y: float, said: str = "") -> str:
    return f'<path class="paper" d="M{x - 5.5:.1f} {y}l5.5 -5.5l5.5 5.5l-5.5 5.5z"><title>{escape(said)}</title></path>'


def _cross(x: float, y: float, said: str = "") -> str:
    return f'<path class="hard" d="M{x - 4:.1f} {y - 4}l8 8m0 -8l-8 8"><title>{escape(said)}</title></path>'


def _goal(x: float, y: float, said: str = "") -> str:
    return f'<path class="goal" d="M{x:.1f} {y - 9}v18"><title>{escape(said)}</title></path>'


def _legend(rows: Sequence[Row]) -> str:
    """Say what each mark is, those that are in the picture alone, in two lines."""
    entries = [('<circle class="dot {}" cx="{:.1f}" cy="{:.1f}" r="4.5"/>', group) for group in _groups(rows)]
    signs = [(shape.replace("{}", group.replace(" ", "-"), 1), group) for shape, group in entries]
    drawn = "".join(_entry(shape, text, place) for place, (shape, text) in enumerate(signs))
    second: list[tuple[str, str]] = []
    if any(row.leakage is not None for row in rows):
        second.append(('<circle class="dot leak" cx="{:.1f}" cy="{:.1f}" r="4.5"/>', "leakage"))
    if any(row.paper is not None for row in rows):
        second.append(
            (_diamond(0, 0).replace("<path", '<path transform="translate({:.1f} {:.1f})"'), "printed in the paper")
        )
    if any(_hard(row) is not None for row in rows):
        second.append((_cross(0, 0).replace("<path", '<path transform="translate({:.1f} {:.1f})"'), "by hard labels"))
    if any(row.goal is not None for row in rows):
        second.append((_goal(0, 0).replace("<path", '<path transform="translate({:.1f} {:.1f})"'), "goal"))
    if best_baseline(rows) is not None:
        second.append(('<path class="baseline" transform="translate({:.1f} {:.1f})" d="M0 -8v16"/>', "best baseline"))
    return drawn + "".join(_entry(shape, text, place, line=1) for place, (shape, text) in enumerate(second))


def _entry(shape: str, text: str, place: int, line: int = 0) -> str:
    x, y = 20 + 145 * place, 12 + 22 * line
    return shape.format(x, y) + f'<text class="tick" x="{x + 11}" y="{y + 4}">{escape(text)}</text>'


def _groups(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row.group for row in rows if row.leakage is None))


def _equal_steps(rows: Sequence[Row], tasks: Sequence[str]) -> tuple[float, ...]:
    values = [
        value for row in rows for task in tasks if (value := row.by_task.get(task)) is not None and isfinite(value)
    ]
    low, high = min(values), max(values)
    width = (high - low) / 8 or 0.01
    return tuple(low + width * step for step in range(1, 8))


def _shade(value: float, edges: Sequence[float], *, rising: bool) -> int:
    """Return 0 for the worst of eight shades, 7 for the best."""
    above = sum(value > edge for edge in edges) if rising else sum(value >= edge for edge in edges)
    return above if rising else len(edges) - above


def _steps_legend(edges: Sequence[float], *, rising: bool) -> str:
    """Show the shades from the worst to the best, with the scores where they change."""
    ordered = list(edges) if rising else list(reversed(edges))
    parts = [f'<text class="tick" x="{_LABEL - 10}" y="17" text-anchor="end">worse to better</text>']
    for shade in range(8):
        parts.append(f'<rect class="h{shade}" x="{_LABEL + 46 * shade}" y="4" width="45" height="8"/>')
        if shade:
            at = _LABEL + 46 * shade
            parts.append(f'<text class="tick" x="{at}" y="24" text-anchor="middle">{ordered[shade - 1]:.2f}</text>')
    return "".join(parts)


def _task_label(task: str, x: float, y: float) -> str:
    return (
        f'<text class="task" transform="translate({x + 3:.1f} {y}) rotate(-90)" text-anchor="end">'
        f"{escape(_short(task))}<title>{escape(task)}</title></text>"
    )


def _short(task: str) -> str:
    """Return a name with a gap in its middle if it is long: names of tasks often differ at their ends alone."""
    return task if len(task) <= 36 else f"{task[:18]}…{task[-17:]}"


def _type_borders(card: TaskCard, tasks: Sequence[str], cell: float, top: int, bottom: int) -> list[str]:
    types = [card.types.get(task, "") for task in tasks]
    borders = [place for place in range(1, len(types)) if types[place] != types[place - 1]]
    return [
        f'<path class="border" d="M{_LABEL + place * cell - 0.5:.1f} {top - 4}V{bottom + 4}"/>' for place in borders
    ]


def picture(parts: Iterable[str], width: int, height: float, text: str) -> Markup:
    """Return parts as one image, with a text in its place for those who do not see it."""
    # Every text among the parts has been escaped where it was put in.
    return Markup(  # noqa: S704
        f'<svg viewBox="0 0 {width} {height:.0f}" role="img" aria-label="{escape(text)}">{"".join(parts)}</svg>'
    )
