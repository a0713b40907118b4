"""Find cards by task, name or alias. File names answer what they can; a TOML file is opened only when it is needed."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from genkit.cards.card import Card
from genkit.cards.places import user_folder, weights_folder
from genkit.cards.reading import read_card
from genkit.cards.sources import card_of_folder, card_of_source
from genkit.errors import UsageError, WeightsError
from genkit.files import read_regular

FIRST = {
    "style": "genkit-style",
    "translate": "genkit-photo2sketch",
}  # where a verb ships several models, the one it takes when none is named


def card_paths(task: str | None = None) -> list[Path]:
    """Every card file, shipped ones first, by name. Nothing is opened."""
    found: list[Path] = []
    for folder in (weights_folder(), user_folder()):
        for path in sorted(folder.glob(f"{task or '*'}/*.toml")):
            if not path.name.endswith(".train.toml"):
                found.append(path)
    return found


def names(task: str | None = None) -> list[str]:
    """Names alone, for shell completion."""
    return sorted({path.stem for path in card_paths(task)})


def all_cards(task: str | None = None) -> list[Card]:
    """Read every card, sorted by task and name. A card of the user's own that is malformed, or claims a name that another has,
    is left out (`faults` names it): it must not stop what is done with the others.

    Raises:
        WeightsError: the same of a card that came with genkit.
    """
    cards, _ = _read_all()
    return sorted((card for card in cards if task is None or task in card.tasks), key=lambda card: (card.task, card.name))


def faults() -> list[WeightsError]:
    """What is wrong with the user's own cards that `all_cards` leaves out, one error a card."""
    return _read_all()[1]


def _read_all() -> tuple[list[Card], list[WeightsError]]:
    cards: list[Card] = []
    wrong: list[WeightsError] = []
    owners: dict[str, Card] = {}
    for path in card_paths():
        try:
            card = read_card(path)
            claimed = {plain_name(name) for name in (card.name, *card.aliases)}
            if taken := sorted(claimed & owners.keys()):
                raise _clash(taken[0], owners[taken[0]].toml, path)
        except WeightsError as error:
            if path.is_relative_to(weights_folder()):
                raise
            wrong.append(error)
            continue
        cards.append(card)
        owners |= dict.fromkeys(claimed, card)
    return cards, wrong


def _clash(name: str, first: Path, second: Path) -> WeightsError:
    return WeightsError(f"two cards claim the name {name}: {first} and {second}", "rename or delete one")


def able(task: str, *abilities: str) -> list[str]:
    """Names of the verb's models that can all of these (words of `cards/abilities.py`), in the order of `all_cards`."""
    return [card.name for card in all_cards(task) if card.can.issuperset(abilities)]


def find(name: str, task: str | None = None) -> Card:
    """Find a model by name or alias (case, `_` and `-` do not matter), or read the card that a path ending in .toml names. What
    was trained here (`genkit train`) goes by its name too: its card is `runs/NAME/NAME.toml` below the current folder.

    `hub:OWNER/NAME@REVISION`, a folder laid out as those repositories are and a .safetensors file (`sources.py`) get a card on
    the spot, for the verbs that take any pipeline.

    Raises:
        UsageError: unknown, with near matches; or a model of another verb, which is named.
        WeightsError: the card is malformed, or another has its name, too.
    """
    if name.endswith(".toml"):
        if not Path(name).exists():
            raise UsageError(
                f"--model {name}: no such card", "a name, or the card that genkit train wrote", code="missing-input"
            )
        return _of_task(read_card(Path(name).resolve()), task)
    if (found := card_of_source(name, task)) is not None:
        return found
    exact = [path for path in card_paths() if path.stem == name]
    if len(exact) > 1:
        raise _clash(name, *exact[:2])
    if exact:
        return _of_task(read_card(exact[0]), task)
    cards = all_cards()
    for card in cards:
        if plain_name(name) in (plain_name(one) for one in (card.name, *card.aliases)):
            return _of_task(card, task)
    if (trained := card_of_run(name)).is_file():
        return _of_task(read_card(trained), task)
    if (found := card_of_folder(name, task)) is not None:
        return found
    import difflib

    fitting = [card for card in cards if task is None or task in card.tasks]
    known = {plain_name(one): card.name for card in fitting for one in (card.name, *card.aliases)}
    near = dict.fromkeys(known[one] for one in difflib.get_close_matches(plain_name(name), known, n=5, cutoff=0.55))
    near |= dict.fromkeys(full for one, full in known.items() if len(name) > 2 and plain_name(name) in one)
    listing = f"genkit models list{f' --task {task}' if task else ''}"
    hint = f"did you mean {', '.join(list(near)[:4])}? All: {listing}" if near else f"see {listing}"
    raise UsageError(f"unknown model {name!r}", hint, code="unknown-model")


def card_of_run(name: str) -> Path:
    """Where the card of a model that was trained here lies, if there is one."""
    return (Path("runs") / name / f"{name}.toml").resolve()


def lasting_name(name: str, task: str) -> str:
    """The verb's model of that name or place, named so that it is found again: a card by its name, a place by its path.

    Raises:
        UsageError, WeightsError: as `find`.
    """
    card = find(name, task)
    if name.endswith(".toml") or card.toml == card_of_run(card.name):
        return str(card.toml)
    return name if card.name.startswith("./") else card.name


def default_model(task: str, *, scale: float | None = None, worn: bool = False) -> str:
    """The model a verb takes when none is named: the configured one, else a shipped one (for upscale by `scale`, and by whether
    the picture is `worn` by strong compression)."""
    from genkit import config

    if configured := config.get(f"{task}.model"):
        try:
            return lasting_name(str(configured), task)
        except UsageError as error:
            hint = f"genkit config set {task}.model NAME, or genkit config unset {task}.model"
            raise UsageError(f"{config.path()}: {task}.model: {error.message}", hint, code=error.code) from None
    if task == "upscale" and worn:
        return "genkit-x4-photo"  # for half as much, too: there it is followed by a reduction
    if task == "upscale":
        return "genkit-x2" if scale is not None and scale <= 2 else "genkit-x4"
    with_genkit = [path for path in card_paths(task) if path.is_relative_to(weights_folder())]
    shipped = [card.name for path in with_genkit if (card := read_card(path)).origin == "shipped"]
    if shipped:
        return FIRST[task] if FIRST.get(task) in shipped else shipped[0]
    raise UsageError(f"{task} has no default model", f"choose one with --model; see genkit models list --task {task}")


def recommended(task: str, most: int | None = None) -> Card | None:
    """The published model that a hint names first, if one is marked. Where its weights are more than `most` bytes, of those
    that are no more the one that takes the least work (weights times steps), one for commercial use before others."""
    marked = _marked(task)
    if marked is None or most is None or (marked.size or 0) <= most:
        return marked
    whole = [card for card in all_cards(task) if card.origin == "catalogue" and "part" not in card.params]
    fitting = [card for card in whole if card.size is not None and card.size <= most]
    return min(fitting, key=lambda card: (not card.commercial, (card.size or 0) * _steps(card)), default=None)


def _steps(card: Card) -> int:
    return next((int(option.default) for option in card.options if option.name == "steps" and option.default), 1)


def _marked(task: str) -> Card | None:
    for path in card_paths(task):
        with suppress(WeightsError, OSError, ValueError):  # a bad card of the user's recommends nothing
            # most cards are not it, and a search is quicker than a parser
            if b"recommended" in read_regular(path) and (card := read_card(path)).recommended:
                return card
    return None


def plain_name(name: str) -> str:
    """A name as it is compared: case and `_` or `-` do not matter."""
    return name.lower().replace("_", "-")


def _of_task(card: Card, task: str | None) -> Card:
    if task is None or task in card.tasks:
        return card
    if card.task == "measure":
        raise UsageError(
            f"{card.name} measures, and is no model for {task}", "genkit eval uses it where it is here", code="wrong-task"
        )
    if card.task == "mask":
        raise UsageError(
            f"{card.name} finds what words name, and is no model for {task}",
            f"--mask WORD --mask-model {card.name}, of genkit inpaint and style",
            code="wrong-task",
        )
    raise UsageError(
        f"{card.name} is a model for {card.task}, not for {task}",
        f"use it with genkit {card.task} --model {card.name}, or see genkit models list --task {task}",
        code="wrong-task",
    )
