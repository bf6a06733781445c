"""The report of an ingest as one page of HTML that needs nothing else: no script, no picture, no address."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from graphdb.files import replacing_file
from graphdb.schema import NodeType

MOST_REJECTS = 100


def render(report: Mapping[str, Any]) -> str:
    """Return the page of a report (``ingest.json``, with its entry ``quality``); every text in it is escaped."""
    environment = Environment(
        loader=PackageLoader("ingest.quality", package_path=""), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("report.html.j2").render(
        report=report,
        quality=report["quality"],
        node_types=[str(node_type) for node_type in NodeType],
        simulated=[space["name"] for space in report["quality"]["feature_spaces"] if space["simulated"]],
        most_rejects=MOST_REJECTS,
    )


def write_page(path: Path, report: Mapping[str, Any]) -> None:
    """Write the page."""
    with replacing_file(path) as temporary:
        temporary.write_text(render(report), encoding="utf-8")
