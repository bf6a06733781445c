"""Checkpoints: what a run needs to go on, and what others need of its encoder.

A file of plain tensors, numbers and texts (``torch.load(weights_only=True)``), written to a temporary name and renamed.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor, nn

from graphdb.errors import ArtefactError, InputError
from graphdb.files import replacing_file, versions
from graphdb.schema import FINGERPRINT_SPACE, NodeType
from learn.config import CONSTANTS, TrainConfig
from learn.decoders import Decoders, DecoderSpec
from learn.encoder import Encoder
from learn.objectives import recipe_of

KIND = "infoalign-checkpoint"
SCHEMA = 3

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class HeldOut:
    """A downstream data set whose molecules pretraining did not see.

    Attributes
    ----------
    name, sha256
        Of the task, and of its file.
    molecules
        How many nodes of the graph were left out for it.
    """

    name: str
    sha256: str
    molecules: int


@dataclass(frozen=True)
class Position:
    """Where a run stands: the next epoch and batch, and the number of steps done."""

    epoch: int = 0
    batch: int = 0
    step: int = 0


@dataclass(frozen=True)
class Checkpoint:
    """A run at one moment.

    Attributes
    ----------
    config
        Its settings.
    specs
        What its decoders rebuild.
    encoder_state, objective_state
        Weights by name.
    optimizer_state
        None in a checkpoint that only gives an encoder (the one before the first step).
    position
        Where it stands.
    snapshot_id, graph_hash
        Of the graph that it is trained on.
    holdout
        What was left out.
    simulated
        Feature spaces that no instrument measured.
    scalers
        For each of `specs` the id of what brings its targets to [0, 1] (`learn.batches.scaler_id`).
    tautomers
        What tautomers its molecules had (`graphdb.feature_store.FeatureStore.tautomers`): so are others encoded.
    averaged_state
        Running mean of the encoder's weights; None where the settings keep none.
    versions
        Of the packages that made it.
    """

    config: TrainConfig
    specs: tuple[DecoderSpec, ...]
    encoder_state: Mapping[str, Tensor]
    objective_state: Mapping[str, Tensor]
    optimizer_state: Mapping[str, Any] | None
    position: Position
    snapshot_id: str
    graph_hash: str
    holdout: tuple[HeldOut, ...] = ()
    simulated: tuple[str, ...] = ()
    scalers: tuple[str, ...] = ()
    tautomers: Literal["keep", "canonical"] = "keep"
    averaged_state: Mapping[str, Tensor] | None = None
    versions: Mapping[str, str] = field(default_factory=versions)

    @property
    def model_hash(self) -> str:
        """SHA-256 over the weights that make an embedding: names its origin."""
        embeds = recipe_of(self.config).embeds
        return _digest(self.objective_state if embeds == "smiles" else self.averaged_state or self.encoder_state)

    @property
    def decoding_hash(self) -> str:
        """SHA-256 over what makes a decoded profile: the encoder's last weights (`as_trained`) and the decoders'."""
        return _digest({**self.encoder_state, **{f"objective.{name}": t for name, t in self.objective_state.items()}})

    @property
    def width(self) -> int:
        """Width of its embeddings."""
        return recipe_of(self.config).width(self.config)

    def encoder(self) -> Encoder:
        """Return the encoder, in eval mode, on the CPU: the running mean of its weights where one was kept.

        Raises
        ------
        ArtefactError
            If the objective of this checkpoint did not train it, but a language model.
        """
        if recipe_of(self.config).embeds == "smiles":
            raise ArtefactError(
                f"a checkpoint of the objective {self.config.objective} embeds SMILES and has no trained graph encoder"
            )
        encoder = Encoder(self.config.layers, self.config.dropout)
        encoder.load_state_dict(dict(self.averaged_state or self.encoder_state))
        return encoder.eval()

    def as_trained(self) -> Checkpoint:
        """Return the same with the encoder's last weights, not their running mean.

        The decoders learned with these: what is decoded by the mean's embeddings is worse, and after a short training
        it is nothing.
        """
        return replace(self, averaged_state=None)

    def decoders(self) -> Decoders:
        """Return the decoders, in eval mode, on the CPU.

        Raises
        ------
        ArtefactError
            If the objective of this checkpoint has none.
        """
        decoders = Decoders(self.specs, self.config.dropout)
        start = "decoders."
        state = {name[len(start) :]: tensor for name, tensor in self.objective_state.items() if name.startswith(start)}
        if not state:
            raise ArtefactError(f"a checkpoint of the objective {self.config.objective} has no decoders")
        decoders.load_state_dict(state)
        return decoders.eval()


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write `checkpoint`, all or nothing."""
    content = {
        "kind": KIND,
        "schema": SCHEMA,
        "config": checkpoint.config.as_dict(),
        "constants": asdict(CONSTANTS),
        "specs": [[str(spec.node_type), spec.feature_space, spec.dimension] for spec in checkpoint.specs],
        "encoder": _on_cpu(checkpoint.encoder_state),
        "objective": _on_cpu(checkpoint.objective_state),
        "averaged": None if checkpoint.averaged_state is None else _on_cpu(checkpoint.averaged_state),
        "optimizer": checkpoint.optimizer_state,
        "position": asdict(checkpoint.position),
        "snapshot_id": checkpoint.snapshot_id,
        "graph_hash": checkpoint.graph_hash,
        "holdout": [asdict(item) for item in checkpoint.holdout],
        "simulated": list(checkpoint.simulated),
        "scalers": list(checkpoint.scalers),
        "tautomers": checkpoint.tautomers,
        "versions": dict(checkpoint.versions),
    }
    save_tensors(path, content)


def save_tensors(path: Path, content: Mapping[str, Any]) -> None:
    """Write tensors, numbers and texts, all or nothing.

    Raises
    ------
    OSError
        If it cannot be written: ``torch.save`` to a file on a full disk raises a `RuntimeError` about its own insides.
    """
    buffer = io.BytesIO()
    torch.save(dict(content), buffer)
    with replacing_file(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def load(path: Path | str) -> Checkpoint:
    """Read a checkpoint of this platform.

    Raises
    ------
    ArtefactError
        If it is missing, damaged, no such checkpoint, or of another schema.
    """
    content = read_tensors(Path(path), KIND)
    if content.get("schema") != SCHEMA:
        raise ArtefactError(f"{path}: checkpoint schema {content.get('schema')}, this platform reads {SCHEMA}")
    try:
        return Checkpoint(
            config=TrainConfig.from_mapping(content["config"]),
            specs=tuple(DecoderSpec(NodeType(kind), space, int(d)) for kind, space, d in content["specs"]),
            encoder_state=content["encoder"],
            objective_state=content["objective"],
            averaged_state=content["averaged"],
            optimizer_state=content["optimizer"],
            position=Position(**content["position"]),
            snapshot_id=content["snapshot_id"],
            graph_hash=content["graph_hash"],
            holdout=tuple(HeldOut(**item) for item in content["holdout"]),
            simulated=tuple(content["simulated"]),
            scalers=tuple(content["scalers"]),
            tautomers="canonical" if content.get("tautomers") == "canonical" else "keep",
            versions=content["versions"],
        )
    except (KeyError, TypeError, ValueError, InputError) as error:
        raise ArtefactError(f"{path}: damaged ({error!r})") from None


def load_published(path: Path | str) -> Encoder:
    """Read the encoder of a checkpoint in the layout of the authors' release (method, section 4), in eval mode.

    Decoders and the bond embeddings that the release carries but never uses are passed over.

    Raises
    ------
    ArtefactError
        If a weight is missing, unknown or of another shape; the message names it.
    """
    state = {
        name: tensor
        for name, tensor in _published_state(path).items()
        if not re.match(r"(decoder_list|graph_encoder\.bond_encoder)\.", name)
    }
    layers = len({name.split(".")[2] for name in state if name.startswith("graph_encoder.convs.")})
    return _filled(Encoder(max(1, layers)), state, path)


PUBLISHED_SPACES: tuple[DecoderSpec, ...] = (
    DecoderSpec(NodeType.MOLECULE, FINGERPRINT_SPACE, 1024),
    DecoderSpec(NodeType.GENE, "crispr-1111", 1111),
    DecoderSpec(NodeType.GENE, "orf-862", 862),
    DecoderSpec(NodeType.MORPHOLOGY, "bray-1783", 1783),
    DecoderSpec(NodeType.MORPHOLOGY, "jump-966", 966),
    DecoderSpec(NodeType.EXPRESSION, "l1000-978", 978),
)
"""What the decoders of the authors' release rebuild, in their order (method, section 4)."""


def load_published_decoders(path: Path | str) -> Decoders:
    """Read the decoders of a checkpoint in the layout of the authors' release, in eval mode.

    Returns
    -------
    Decoders
        Of `PUBLISHED_SPACES`: they turn a latent (B, 300) into logits (B, D) of every space.

    Raises
    ------
    ArtefactError
        If a weight is missing, unknown or of another shape; the message names it.
    """
    state = {name: tensor for name, tensor in _published_state(path).items() if name.startswith("decoder_list.")}
    return _filled(Decoders(PUBLISHED_SPACES, TrainConfig().dropout), state, path)


def _published_state(path: Path | str) -> Mapping[str, Any]:
    content = _read(Path(path))
    state: Mapping[str, Any] = content.get("model_state_dict", content.get("state_dict", content))
    return state


def _filled(module: Network, state: Mapping[str, Any], path: Path | str) -> Network:
    """Return `module` with the weights `state`, in eval mode; an `ArtefactError` names a weight that does not fit."""
    expected = module.state_dict()
    for name, tensor in expected.items():
        if name not in state:
            raise ArtefactError(f"{path}: the weight {name} {tuple(tensor.shape)} is missing")
        if not isinstance(state[name], Tensor) or state[name].shape != tensor.shape:
            shape = tuple(getattr(state[name], "shape", ()))
            raise ArtefactError(f"{path}: the weight {name} has shape {shape}, expected {tuple(tensor.shape)}")
    unknown = sorted(set(state) - set(expected))
    if unknown:
        raise ArtefactError(f"{path}: unknown weight {unknown[0]}")
    module.load_state_dict(dict(state))
    return module.eval()


def read_tensors(path: Path, kind: str, *, made_by: str = "python -m learn.pretrain") -> dict[str, Any]:
    """Read what `save_tensors` wrote.

    Raises
    ------
    ArtefactError
        If it is missing (the message names the command `made_by`), damaged, or not of this kind.
    """
    content = _read(path, made_by)
    if content.get("kind") != kind:
        raise ArtefactError(f"{path}: expected an {kind}, found something else")
    return content


def _read(path: Path, made_by: str = "python -m learn.pretrain") -> dict[str, Any]:
    if not path.is_file():
        raise ArtefactError(f"{path}: no checkpoint here; make one with: {made_by}")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle may raise anything
        reason = str(error).strip().splitlines()[0][:120] if str(error).strip() else type(error).__name__
        raise ArtefactError(f"{path}: damaged, or no checkpoint ({reason})") from None
    if not isinstance(content, dict):
        raise ArtefactError(f"{path}: expected an {KIND}, found a {type(content).__name__}")
    return content


def _digest(state: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _on_cpu(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in state.items()}
