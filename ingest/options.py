"""What a graph is made of beside its sources: the options of an ingest, and how a later one takes them up."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from graphdb.errors import ArtefactError
from graphdb.schema import EdgeType
from ingest.edges.rules import EdgeRules
from ingest.perturbations import GeneProfiles
from ingest.standardise.molecules import KEEP, Tautomers


@dataclass(frozen=True)
class IngestOptions:
    """What a graph is made of.

    Attributes
    ----------
    gene_profiles
        Whether a perturbed gene carries its profile (``features``, the paper's way) or has profile nodes (``nodes``).
    without
        Edge types that are left out.
    rules
        Criteria of the computed edges.
    tautomers
        Whether molecules keep the tautomer that they are drawn in.
    """

    gene_profiles: GeneProfiles = "features"
    without: frozenset[EdgeType] = frozenset()
    rules: EdgeRules = field(default_factory=EdgeRules)
    tautomers: Tautomers = KEEP

    def as_dict(self) -> dict[str, Any]:
        """Return the options as a report has them."""
        return {
            "gene_profiles": self.gene_profiles,
            "without": sorted(self.without),
            "edges": self.rules.as_dict(),
            "tautomers": self.tautomers,
        }

    @classmethod
    def from_dict(cls, options: Mapping[str, Any]) -> IngestOptions:
        """Return the options that `as_dict` describes.

        Raises
        ------
        ArtefactError
            If they are not of that form.
        """
        try:
            return cls(
                gene_profiles=options["gene_profiles"],
                without=frozenset(EdgeType(name) for name in options["without"]),
                rules=EdgeRules.from_dict(options["edges"]),
                tautomers=options["tautomers"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ArtefactError(f"the options of the last ingest cannot be read ({error!r})") from None


def chosen_options(arguments: argparse.Namespace, last: Mapping[str, Any] | None) -> IngestOptions:
    """Return the options of the command line.

    Parameters
    ----------
    arguments
        Of ``ingest.all``: ``gene_profiles``, ``without``, ``edge`` and ``tautomers``, empty or None where not given.
    last
        Report of the ingest whose graph is added to: what is not given stays as it was there. None: has the defaults.
    """
    options = IngestOptions() if last is None else IngestOptions.from_dict(last["options"])
    if arguments.edge:
        options = replace(options, rules=EdgeRules.parse(arguments.edge, options.rules))
    if arguments.without:
        options = replace(options, without=frozenset(arguments.without))
    if arguments.gene_profiles:
        options = replace(options, gene_profiles=arguments.gene_profiles)
    if arguments.tautomers:
        options = replace(options, tautomers=arguments.tautomers)
    return options
