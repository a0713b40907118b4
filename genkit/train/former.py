"""How former versions spelt the options of a training and what its state holds: configurations and states of theirs are read.

Nothing else of genkit knows these words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genkit.errors import UsageError

SUFFIX = ".train.toml"
OPTIONS = {  # (table, former key): key
    ("loop", "rival_rate"): "discriminator_rate",
    ("data", "rival"): "discriminator",
    ("rival", "naming"): "aux_classifier",
    ("data", "naming_from"): "aux_classifier_from",
    ("data", "naming"): "aux_classifier",
    ("data", "adversary_from"): "discriminator_from",
    ("data", "rival_width"): "discriminator_width",
    ("data", "opinion_weight"): "adversarial_weight",
    ("data", "made"): "augmentation",
    ("made", "worn_by"): "hat_wearers",
    ("data", "further"): "augmented",
    ("stages", "words"): "prior",
    ("network", "words"): "text_encoder",
}
MODULES = {"rival": "discriminator", "ledger": "training_state"}  # of a state; "words" is the encoder, or the prior with it
TENSORS = {"opinion": "logits", "naming": "aux_classifier", "domain": "aux_classifier"}  # of discriminators
# shipped configurations that have another network now: a tensor of the one that NAME had, and NAME-first still has
NETWORKS = {"colorize": "levels.0.0.weight"}
FIRST = "-first"
STAGES = {"prior": "words"}  # a stage's folder in a run of several


def current_path(path: Sequence[str]) -> list[str]:
    """The path of an option as it is spelt now, such as data.rival.naming."""
    return [OPTIONS.get((table, key), key) for table, key in zip(["", *path], path, strict=False)]


def current_table(table: Mapping[str, Any], origin: str, name: str = "") -> dict[str, Any]:
    """A configuration, or its table `name`, with the keys of today.

    Raises:
        UsageError: it has an option in both spellings.
    """
    renamed: dict[str, Any] = {}
    for key, value in table.items():
        new = OPTIONS.get((name, key), key)
        if new in renamed or (new != key and new in table):
            raise UsageError(f"{origin}: {key} and {new} are the same option", f"leave {new} alone")
        renamed[new] = current_table(value, origin, key) if isinstance(value, Mapping) else value
    return renamed


def read_state(path: Path) -> dict[str, Any] | None:
    """A run's `state.pt` on the CPU, with the names of today, or None if it is another checkpoint. The order of tensors, by
    which optimisers know them, stays."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(state, dict) or not {"modules", "averages"} <= set(state):
        return None
    names = MODULES | {"words": "text_encoder" if "denoiser" in state["modules"] else "prior"}
    learnt_against = set(state["modules"]) - set(state["averages"])
    for kind in ("modules", "averages"):
        state[kind] = {
            names.get(name, name): _current_tensors(tensors) if name in learnt_against else tensors
            for name, tensors in state[kind].items()
        }
    return state


def _current_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {".".join(TENSORS.get(part, part) for part in key.split(".")): tensor for key, tensor in tensors.items()}


def begun_with(config: Path, run: Path) -> Path:
    """The configuration that a run goes on with: where `config` is one that ships and has another network than the run was
    begun with, the one that still has that."""
    from genkit.cards.places import weights_folder

    folder, state = config.resolve().parent, run / "state.pt"
    tensor = NETWORKS.get(folder.name)
    if tensor is None or folder.parent != weights_folder().resolve() or not state.is_file():
        return config
    name = config.name.removesuffix(SUFFIX)
    first = config.with_name(f"{name}{FIRST}{SUFFIX}")
    found = read_state(state)
    held = {key for module in found["modules"].values() for key in module} if found else set()
    return first if tensor in held and first.is_file() else config


def stage_folder(run: Path, stage: str) -> Path:
    """Where a stage of a run is kept: below the run's folder, under its former name if it was begun so."""
    former = run / STAGES.get(stage, stage)
    return former if (former / "state.pt").exists() else run / stage
