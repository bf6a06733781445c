"""Measured against predicted features, as an SVG that names each point."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from markupsafe import Markup

SIZE, MARGIN = 360, 44
MOST = 2_000
"""Points that are drawn; of more the most extreme ones."""


def scatter(measured: Iterable[float], predicted: Iterable[float], names: Iterable[str]) -> Markup:
    """Return a square scatter plot of deviations, with the line on which both agree.

    Parameters
    ----------
    measured, predicted
        (n,) each, in standard deviations; pairs with a missing value are left out.
    names
        (n,) of the features, shown at the points.
    """
    x, y = np.asarray(list(measured), dtype=float), np.asarray(list(predicted), dtype=float)
    labels = list(names)
    places = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    if not len(places):
        return Markup("<p>No feature is both measured and predicted.</p>")
    places = places[np.argsort(-(np.abs(x[places]) + np.abs(y[places])), kind="stable")][:MOST]
    reach = max(1.0, float(np.abs(x[places]).max()), float(np.abs(y[places]).max())) * 1.05
    inner = SIZE - 2 * MARGIN

    def across(value: float) -> str:
        return f"{MARGIN + (value / reach + 1) / 2 * inner:.1f}"

    def up(value: float) -> str:
        return f"{SIZE - MARGIN - (value / reach + 1) / 2 * inner:.1f}"

    points = Markup("").join(
        Markup('<circle cx="{}" cy="{}" r="2.5"><title>{}: measured {}, predicted {}</title></circle>').format(
            across(x[place]), up(y[place]), labels[place], f"{x[place]:.2f}", f"{y[place]:.2f}"
        )
        for place in places.tolist()
    )
    ticks = Markup("").join(
        Markup(
            '<text x="{}" y="{}" text-anchor="middle">{}</text><text x="{}" y="{}" text-anchor="end">{}</text>'
        ).format(across(value), SIZE - MARGIN + 16, f"{value:.1f}", MARGIN - 6, up(value), f"{value:.1f}")
        for value in (-reach / 1.05, 0.0, reach / 1.05)
    )
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" width="{size}" height="{size}" role="img" '
        'aria-label="measured against predicted deviations" font-family="system-ui, sans-serif" font-size="11">'
        '<rect x="{margin}" y="{margin}" width="{inner}" height="{inner}" fill="#fff" stroke="#999" />'
        '<line x1="{low_x}" y1="{low_y}" x2="{high_x}" y2="{high_y}" stroke="#999" stroke-dasharray="4 3" />'
        '<g fill="#0072B2" fill-opacity=".55">{points}</g><g fill="#444">{ticks}'
        '<text x="{middle}" y="{bottom}" text-anchor="middle">measured (standard deviations)</text>'
        '<text transform="translate(12 {middle}) rotate(-90)" text-anchor="middle">predicted</text></g></svg>'
    ).format(
        size=SIZE,
        margin=MARGIN,
        inner=inner,
        middle=SIZE // 2,
        bottom=SIZE - 8,
        low_x=across(-reach),
        low_y=up(-reach),
        high_x=across(reach),
        high_y=up(reach),
        points=points,
        ticks=ticks,
    )
