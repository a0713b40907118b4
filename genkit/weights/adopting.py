"""Make a checkpoint from anywhere one of the user's own models: safetensors, or the files as they are, and a card in their
folder."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.cards import Card, all_cards, card_paths, card_text, parse_card, plain_name, read_card, user_folder
from genkit.errors import UsageError, WeightsError
from genkit.files import clean_leftovers, replacing
from genkit.weights.foreign.stylegan_pickle import is_plain_pickle, read_stylegan
from genkit.weights.reading import read_state_dict
from genkit.weights.store import digest_file

if TYPE_CHECKING:
    from torch import Tensor


def read_any(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a checkpoint, or the generator of a StyleGAN pickle: its tensors, and what else it says of its network.

    Raises:
        WeightsError: unreadable, or it holds more than tensors and plain values.
    """
    if is_plain_pickle(path):
        network = read_stylegan(path)
        return network.state, network.params
    return read_state_dict(path), {}


def adopt(fields: Mapping[str, Any], states: Mapping[str, Mapping[str, Tensor] | Path]) -> Card:
    """Write the tensors of each role, or a copy of its file, and the card (`fields` as in its TOML, without `files`) among the
    user's own.

    Raises:
        UsageError: the name is taken.
        WeightsError: a field that cannot be right, or a folder that cannot be written to.
    """
    name, task = str(fields["name"]), str(fields["tasks"][0])
    folder = user_folder() / task
    target = folder / f"{name}.toml"
    endings = {role: held.suffix if isinstance(held, Path) else ".safetensors" for role, held in states.items()}
    paths = {role: folder / f"{name}{'' if role == 'weights' else f'.{role}'}{end}" for role, end in endings.items()}
    draft = {**fields, "files": {role: {"path": path.name} for role, path in paths.items()}}
    parse_card(draft, target)
    refuse_taken(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        clean_leftovers(folder)
        with ExitStack() as renamings:  # all is written before anything gets its name, the card last
            draft_card = renamings.enter_context(replacing(target))
            files = {role: _save(states[role], path, renamings.enter_context(replacing(path))) for role, path in paths.items()}
            draft_card.write_text(card_text({**fields, "files": files}), encoding="utf-8")
    except OSError as error:
        for path in paths.values():
            path.unlink(missing_ok=True)
        raise WeightsError(
            f"{folder}: cannot be written ({error.strerror})", "set GENKIT_HOME to a folder you can write to"
        ) from error
    return read_card(target)


def _save(state: Mapping[str, Tensor] | Path, path: Path, temporary: Path) -> dict[str, Any]:
    """Write what will be `path`, and say what its card says of it."""
    if isinstance(state, Path):
        shutil.copyfile(state, temporary)
    else:
        from safetensors.torch import save_file

        # Clones, because tensors that share memory cannot be written as they are.
        save_file({key: value.contiguous().clone() for key, value in state.items()}, temporary, metadata={"format": "pt"})
    size = temporary.stat().st_size
    return {"path": path.name, "hash": f"sha256:{digest_file(temporary, None).sha256}", "size": size}


def refuse_taken(name: str) -> None:
    """Raise UsageError if a card has this name or alias."""
    for card in all_cards():
        if plain_name(name) in map(plain_name, (card.name, *card.aliases)):
            way_out = (
                f"genkit models rm {card.name}, or choose another name" if card.origin == "user" else "choose another name"
            )
            raise UsageError(f"the name {name} is taken by {card.toml}", way_out, code="name-taken")
    for path in card_paths():
        if plain_name(path.stem) == plain_name(name):  # malformed, and so in no list
            raise UsageError(
                f"the name {name} is taken by {path}", "mend or delete that card, or choose another name", code="name-taken"
            )
