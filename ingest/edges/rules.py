"""Which computed edges a graph gets: the paper's criteria, and how to ask for others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from graphdb.errors import InputError
from graphdb.schema import EdgeType
from ingest.edges.cosine import SPARSITY, THRESHOLD
from ingest.edges.expression import FRACTION

SIMILARITIES = (EdgeType.SIMILAR_STRUCTURE, EdgeType.SIMILAR_MORPHOLOGY, EdgeType.SIMILAR_EXPRESSION)


@dataclass(frozen=True)
class Similarity:
    """When two rows of a feature space are joined (InfoAlign, appendix B).

    Attributes
    ----------
    least
        Smallest cosine.
    share
        Largest share of all pairs; the most similar ones are taken.
    """

    least: float = THRESHOLD
    share: float = round(1 - SPARSITY, 12)

    @property
    def criterion(self) -> str:
        """The criterion in words, as it stands on each edge."""
        return f"cosine at least {self.least:g}, best {self.share:g} of all pairs"


@dataclass(frozen=True)
class EdgeRules:
    """Criteria of the computed edges; the defaults are the paper's.

    Attributes
    ----------
    similarity
        By edge type; what is not there has the defaults.
    expression_share
        Share of the expression values, the largest ones by size, that become edges.
    """

    similarity: Mapping[EdgeType, Similarity] = field(default_factory=dict)
    expression_share: float = FRACTION

    def of(self, edge_type: EdgeType) -> Similarity:
        """Return the criterion of a similarity edge."""
        return self.similarity.get(edge_type, Similarity())

    @property
    def expression_criterion(self) -> str:
        """The criterion of an expression edge in words."""
        return f"absolute value among the largest {self.expression_share:g} of all values"

    def as_dict(self) -> dict[str, Any]:
        """Return the criteria of every computed edge type, for the record of a run."""
        found: dict[str, Any] = {str(edge_type): asdict(self.of(edge_type)) for edge_type in SIMILARITIES}
        return {**found, str(EdgeType.CHANGES_EXPRESSION): {"share": self.expression_share}}

    @classmethod
    def from_dict(cls, criteria: Mapping[str, Any]) -> EdgeRules:
        """Return the rules that `as_dict` describes."""
        similarity = {
            edge_type: Similarity(**criteria[edge_type]) for edge_type in SIMILARITIES if edge_type in criteria
        }
        share = criteria.get(EdgeType.CHANGES_EXPRESSION, {}).get("share", FRACTION)
        return cls({key: rule for key, rule in similarity.items() if rule != Similarity()}, share)

    @classmethod
    def parse(cls, texts: Sequence[str], before: EdgeRules | None = None) -> EdgeRules:
        """Read ``EDGE_TYPE:least=0.85,share=0.01`` texts, as ``--edge`` takes them.

        What they do not say is as in `before`, or the paper's.

        Raises
        ------
        InputError
            For an edge type that is not computed, an unknown name, a number out of range, or what stands twice.
        """
        before = cls() if before is None else before
        similarity = dict(before.similarity)
        expression = before.expression_share
        seen: set[str] = set()
        for text in texts:
            name, _, settings = text.partition(":")
            if name in seen:  # the later one would silently undo the earlier one
                raise InputError(f"--edge {text}: {name} stands twice; write all its numbers in one, with commas")
            seen.add(name)
            allowed = {"share"} if name == EdgeType.CHANGES_EXPRESSION else {"least", "share"}
            if name not in (*SIMILARITIES, EdgeType.CHANGES_EXPRESSION):
                computed = ", ".join((*SIMILARITIES, EdgeType.CHANGES_EXPRESSION))
                raise InputError(f"--edge {text}: expected one of {computed}, then a colon")
            numbers = _numbers(text, settings, allowed)
            if name == EdgeType.CHANGES_EXPRESSION:
                expression = numbers.get("share", expression)
            else:
                similarity[EdgeType(name)] = replace(before.of(EdgeType(name)), **numbers)
        return cls(similarity, expression)


def _numbers(text: str, settings: str, allowed: set[str]) -> dict[str, float]:
    found = {}
    for part in settings.split(","):
        name, _, value = part.partition("=")
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if name not in allowed or not 0 <= number <= 1:
            names = " and ".join(f"{one}=NUMBER" for one in sorted(allowed))
            raise InputError(f"--edge {text}: expected {names}, numbers from 0 to 1, found {part!r}")
        if name in found:
            raise InputError(f"--edge {text}: {name} stands twice")
        found[name] = number
    return found
