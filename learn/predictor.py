"""A predictor of a user's own labels: an ensemble of heads, the encoder they were trained on, and their domain.

One file of plain tensors, numbers and texts (``torch.load(weights_only=True)``). The encoder's weights are in it, so
that no other encoder can be put under the heads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from graphdb.errors import ArtefactError, InputError
from graphdb.molecule_graphs import MoleculeGraphs
from learn.applicability import ApplicabilityDomain
from learn.checkpoint import read_tensors, save_tensors
from learn.config import WIDTH
from learn.device import resolve_device
from learn.encode import embed_graphs
from learn.encoder import Encoder
from learn.head import Head, HeadConfig, answer
from learn.standard_graphs import standard_graphs
from learn.tasks.task import Kind

KIND = "infoalign-predictor"
SCHEMA = 1

State = Mapping[str, Tensor]


@dataclass(frozen=True)
class Prediction:
    """What a predictor says of n structures; rows that cannot be used are NaN or None.

    Attributes
    ----------
    values
        (n, t) the mean over the ensemble: probabilities of label 1, or values in the labels' units.
    spread
        (n, t) the standard deviation over the ensemble (NaN for an ensemble of one).
    similarity, nearest, inside
        (n,) Tanimoto similarity to the nearest training molecule, its SMILES, and whether the structure lies in the
        domain (`learn.applicability`).
    reasons
        Why a structure cannot be used; None where it can.
    """

    values: npt.NDArray[np.float64]
    spread: npt.NDArray[np.float64]
    similarity: npt.NDArray[np.float64]
    nearest: tuple[str | None, ...]
    inside: tuple[bool | None, ...]
    reasons: tuple[str | None, ...]


@dataclass(frozen=True)
class Predictor:
    """A fitted ensemble.

    Attributes
    ----------
    kind, names
        What is predicted, and the t label columns.
    layers, dropout
        Of the encoder.
    tautomers
        What tautomers the encoder was trained with; structures are standardised so.
    encoders
        Weights of one encoder for all heads (frozen), or of one a head (fine-tuned).
    heads
        Weights of the heads.
    hidden
        Their width.
    centre, scale
        (t,) what the heads' output is multiplied by and shifted to, to be in the labels' units; 0 and 1 for
        probabilities.
    domain
        The training molecules.
    about
        Where it comes from, as JSON values: data with hash, columns, settings, encoder, leakage, scores, versions.
    """

    kind: Kind
    names: tuple[str, ...]
    layers: int
    dropout: float
    tautomers: Literal["keep", "canonical"]
    encoders: tuple[State, ...]
    heads: tuple[State, ...]
    hidden: int
    centre: npt.NDArray[np.float64]
    scale: npt.NDArray[np.float64]
    domain: ApplicabilityDomain
    about: Mapping[str, Any]

    def predict(self, smiles: Sequence[str], *, device: str = "auto") -> Prediction:
        """Predict n structures, given as SMILES; see `Prediction`."""
        n, n_tasks = len(smiles), len(self.names)
        graphs, place, standard = standard_graphs(smiles, self.tautomers)
        values, spread = np.full((n, n_tasks), np.nan), np.full((n, n_tasks), np.nan)
        similarity = np.full(n, np.nan)
        nearest: list[str | None] = [None] * n
        inside: list[bool | None] = [None] * n
        reasons = [None if text is None else str(text) for text in standard["reason"]]
        usable = np.flatnonzero(place >= 0)
        if len(usable):
            by_member = self.members(graphs, device=device)[:, place[usable]]
            values[usable] = by_member.mean(axis=0)
            if len(by_member) > 1:
                spread[usable] = by_member.std(axis=0, ddof=1)
            near = self.domain.nearest(standard["smiles"].iloc[usable].tolist())
            similarity[usable] = near.similarity
            for k, row in enumerate(usable):
                nearest[row], inside[row] = near.smiles[k], bool(near.inside[k])
            finite = np.isfinite(values[usable]).all(axis=1)
            for row in usable[~finite]:
                reasons[row] = "the encoder gives no finite number for it"
        return Prediction(values, spread, similarity, tuple(nearest), tuple(inside), tuple(reasons))

    def members(self, graphs: MoleculeGraphs, *, device: str = "auto") -> npt.NDArray[np.float64]:
        """Return what each of the m heads says of n molecules, (m, n, t), in the labels' units."""
        answers = []
        embeddings: npt.NDArray[np.float32] | None = None
        for member in range(len(self.heads)):
            if embeddings is None or len(self.encoders) > 1:
                encoder = Encoder(self.layers, self.dropout)
                encoder.load_state_dict(dict(self.encoders[member]))
                embeddings = embed_graphs(encoder.eval(), graphs, device=device)
            answers.append(self._answer(member, embeddings, device))
        return np.stack(answers)

    def of_embeddings(self, embeddings: npt.NDArray[np.float32], *, device: str = "auto") -> npt.NDArray[np.float64]:
        """Return the mean over the heads, (n, t), for the embeddings (n, 300) that their own encoder gives.

        Raises
        ------
        InputError
            If the encoder was fine-tuned: then each head has its own.
        """
        if len(self.encoders) > 1:
            raise InputError("each head of this predictor has an encoder of its own: predict from structures")
        each = [self._answer(member, embeddings, device) for member in range(len(self.heads))]
        mean: npt.NDArray[np.float64] = np.stack(each).mean(axis=0)
        return mean

    def _answer(self, member: int, embeddings: npt.NDArray[np.float32], device: str) -> npt.NDArray[np.float64]:
        where = resolve_device(device)
        head = Head(WIDTH, len(self.names), HeadConfig(hidden=self.hidden))
        head.load_state_dict(dict(self.heads[member]))
        with torch.no_grad():
            out = answer(head.eval().to(where)(torch.from_numpy(embeddings).to(where)), self.kind)
        return out * self.scale + self.centre

    def save(self, path: Path) -> None:
        """Write it, all or nothing."""
        save_tensors(
            path,
            {
                "kind": KIND,
                "schema": SCHEMA,
                "predicts": self.kind,
                "names": list(self.names),
                "layers": self.layers,
                "dropout": self.dropout,
                "tautomers": self.tautomers,
                "encoders": [_on_cpu(state) for state in self.encoders],
                "heads": [_on_cpu(state) for state in self.heads],
                "hidden": self.hidden,
                "centre": torch.from_numpy(self.centre),
                "scale": torch.from_numpy(self.scale),
                "domain": self.domain.as_content(),
                "about": dict(self.about),
            },
        )

    @classmethod
    def load(cls, path: Path) -> Predictor:
        """Read what `save` wrote.

        Raises
        ------
        ArtefactError
            If it is missing, damaged, no predictor, or of another schema.
        """
        content = read_tensors(path, KIND, made_by="python -m learn.predict --task TABLE")
        if content.get("schema") != SCHEMA:
            raise ArtefactError(f"{path}: predictor schema {content.get('schema')}, this platform reads {SCHEMA}")
        try:
            heads, encoders = tuple(content["heads"]), tuple(content["encoders"])
            if not heads or len(encoders) not in (1, len(heads)):
                raise ValueError(f"{len(encoders)} encoders for {len(heads)} heads")
            return cls(
                kind=cast(Kind, content["predicts"]),
                names=tuple(content["names"]),
                layers=int(content["layers"]),
                dropout=float(content["dropout"]),
                tautomers="canonical" if content["tautomers"] == "canonical" else "keep",
                encoders=encoders,
                heads=heads,
                hidden=int(content["hidden"]),
                centre=content["centre"].numpy(),
                scale=content["scale"].numpy(),
                domain=ApplicabilityDomain.from_content(content["domain"]),
                about=content["about"],
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ArtefactError(f"{path}: damaged ({error!r})") from None


def _on_cpu(state: State) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in state.items()}
