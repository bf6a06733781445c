"""Whether the embeddings in the graph are those of the newest model, and whether every molecule has one."""

from __future__ import annotations

from pathlib import Path

from graphdb.console import say
from graphdb.errors import InputError
from graphdb.store import GraphStore
from graphdb.vectors import Published, published_state
from graphdb.workspace import Workspace
from learn.runs import newest_checkpoint, recorded_model

RENEW = "renew them with: python -m learn.encode --graph --publish"
TRAIN = "no run has a checkpoint: python -m learn.pretrain, then python -m learn.encode --graph --publish"


def staleness(state: Published, model: str | None) -> str | None:
    """Say in one line what is out of date about a graph's embeddings, and how to renew them; None: nothing.

    Parameters
    ----------
    state
        What the graph holds.
    model
        Hash of the newest model; None where there is none (then only what the graph says of itself is judged).
    """
    if not state.models:
        return f"the graph has no embeddings; {RENEW}" if model is not None else f"the graph has no embeddings; {TRAIN}"
    said = []
    if len(state.models) > 1:
        listed = ", ".join(each[:16] or "unknown" for each in state.models)
        said.append(f"the graph's embeddings are of {len(state.models)} models ({listed})")
    elif model is not None and state.models[0] != model:
        said.append(f"the graph's embeddings are of model {state.models[0][:16]}, the newest model is {model[:16]}")
    if state.missing:
        said.append(f"{state.missing:,} of {state.molecules:,} molecules have no embedding (the graph has changed)")
    return f"{'; '.join(said)}; {RENEW}" if said else None


def newest_model(workspace: Workspace, checkpoint: Path | None = None) -> str | None:
    """Return the hash of a checkpoint's model (None: the newest run's), or None where no run has one."""
    try:
        path = checkpoint or newest_checkpoint(workspace)
    except InputError:
        return None
    # PyTorch takes seconds to import, and is needed only where the run has not ended.
    recorded = recorded_model(path)
    if recorded is not None:
        return recorded
    from learn.checkpoint import load

    return load(path).model_hash


def note_of(store: GraphStore, workspace: Workspace) -> str | None:
    """Return what a command that has used the graph's embeddings should say about them, without loading PyTorch."""
    try:
        model = recorded_model(newest_checkpoint(workspace))
    except InputError:
        model = None
    return staleness(published_state(store), model)


def say_status(store: GraphStore, workspace: Workspace, checkpoint: Path | None = None) -> None:
    """Print one line about the embeddings of a graph.

    Raises
    ------
    ArtefactError
        If the checkpoint that is named is missing or damaged.
    """
    state = published_state(store)
    model = newest_model(workspace, checkpoint)
    stale = staleness(state, model)
    if stale is not None:
        say(stale)
        return
    newest = "of the newest model" if model is not None else "of a model whose checkpoint is not here"
    say(f"up to date: {state.molecules:,} molecules, each with an embedding {newest} ({state.models[0][:16]})")
