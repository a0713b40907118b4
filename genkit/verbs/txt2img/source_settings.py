"""`--like FILE`: the source settings that a picture carries with its prompt, ours or the common web UI's."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.errors import GenkitError, InputError, UsageError
from genkit.files import is_input
from genkit.verbs.txt2img.values import Values, of_the_run, per_line, texts_of

if TYPE_CHECKING:
    from genkit.cards import Card
    from genkit.media.pictures.parameters import Parameters

WEB_UI = {"Steps": "steps", "Distilled CFG Scale": "guidance", "CFG scale": "guidance", "Seed": "seed", "Size": "size"}
SPOKEN = ("Sampler", "Schedule type", "Denoising strength", "Clip skip", "VAE", "Hires upscale", "Variation seed", "ENSD")
OTHER_NAMES = {"plms": "pndm", "euler-ancestral": "euler-a", "unipc-bh2": "unipc"}  # the same samplers


@dataclass
class SourceSettings:
    """What a file says: prompts, options by name, the model, and what of it could not be taken."""

    prompts: list[str]
    values: Values = field(default_factory=dict)
    model: str | None = None
    lost: list[str] = field(default_factory=list)


def read_source_settings(file: str | Path) -> SourceSettings:
    """Read a picture's recipe, or the block of settings that the web UI writes.

    Raises:
        UsageError: not there, made by another verb, or nothing of the kind is in it.
    """
    from genkit.media.pictures.parameters import read_parameters
    from genkit.media.recipe import read_recipe
    from genkit.run.journal import look_up

    path = Path(file)
    if not is_input(path):
        raise UsageError(f"--like {path}: {'no picture' if path.exists() else 'not found'}", code="missing-input")
    try:
        recipe = read_recipe(path) or look_up(path)
        if recipe is not None:
            return _of_recipe(path, recipe)
        block = read_parameters(path)
    except (OSError, InputError) as error:
        reason = error.message if isinstance(error, InputError) else error.strerror or str(error)
        raise UsageError(f"--like {path}: cannot be read: {reason}") from error
    if block is None:
        raise UsageError(
            f"--like {path}: no recipe of genkit and no settings of the web UI in it",
            "programs and sites that save pictures again often drop them; give the file as it was made",
            code="no-recipe",
        )
    return _of_block(block)


def _of_recipe(path: Path, recipe: dict[str, Any]) -> SourceSettings:
    from genkit.run.further_files import find_files
    from genkit.run.recipe import files_of, flag_of, spelling_of

    if recipe["verb"] != "txt2img":
        raise UsageError(f"--like {path}: made by genkit {recipe['verb']}, not from a prompt", "genkit show tells how")
    prompts = recipe.get("prompt")
    found = SourceSettings([text for text in (prompts if isinstance(prompts, list) else [prompts]) if isinstance(text, str)])
    found.model = str(recipe["model"]) if recipe.get("model") else None
    options = recipe.get("options")
    for name, value in options.items() if isinstance(options, dict) else ():
        if name not in of_the_run():
            pairs = value.items() if isinstance(value, dict) else [(name, value)]
            found.values |= {str(key): texts_of(one) for key, one in pairs if one is not None and one is not False}
    if isinstance(recipe.get("seed"), int):
        found.values["seed"] = [str(recipe["seed"])]
    wanted = files_of(recipe)
    places = find_files(path, wanted)
    if "from" in wanted:
        raise UsageError(
            f"--like {path}: a sheet of the list {wanted['from']['name']}", f"draw that again: --from {places['from']}"
        )
    for option, one in wanted.items():
        before, after = spelling_of(one)
        found.values.setdefault(flag_of(option)[2:].replace("-", "_"), []).append(f"{before}{places[option]}{after}")
    return found


def _of_block(block: Parameters) -> SourceSettings:
    from genkit.verbs.txt2img.prompts import from_web_ui

    prompt, loras, lost = from_web_ui(block.prompt)
    negative, _, more = from_web_ui(block.negative)
    found = SourceSettings([prompt] if prompt else [], lost=[*lost, *(one for one in more if one not in lost)])
    for theirs, ours in WEB_UI.items():
        if theirs in block.settings:
            found.values.setdefault(ours, [block.settings[theirs]])
    if negative:
        found.values["negative"] = [negative]
    for called, weight in loras:
        lora = _lora(called)
        if lora is not None:
            found.values.setdefault("lora", []).append(f"{lora}:{weight:g}")
        else:
            found.lost.append(f"LoRA {called} (give it with --lora PATH:{weight:g})")
    scheduler = _scheduler(block.settings.get("Sampler", ""), block.settings.get("Schedule type", ""))
    if scheduler is not None:
        found.values["scheduler"] = [scheduler]
    if model := block.settings.get("Model"):
        found.model = _card_named(model)
        if found.model is None:
            found.lost.append(f"model {model} (choose one with --model)")
    taken = ("Sampler", "Schedule type") if scheduler is not None else ()
    spoken = [name for name in SPOKEN if name in block.settings and name not in taken]
    found.lost += [f"{name} {block.settings[name]}" for name in spoken if block.settings[name] not in ("Automatic", "0")]
    return found


def _scheduler(sampler: str, schedule: str) -> str | None:
    """Our name of one of the web UI's samplers."""
    from genkit.run.pipelines import scheduler_names

    name = re.sub(r"[\s_]+", "-", sampler.strip().lower().replace("++", "pp"))
    name = OTHER_NAMES.get(name, name)
    if schedule.strip().lower() == "karras" and not name.endswith("-karras"):
        name += "-karras"
    elif schedule.strip().lower() not in ("", "automatic", "normal", "karras", "uniform"):
        return None
    return name if name in scheduler_names() else None


def _card_named(name: str) -> str | None:
    from genkit import cards

    with suppress(GenkitError):
        return cards.find(re.sub(r"[\s_]+", "-", name.lower()), "txt2img").name
    return None


def _lora(name: str) -> str | None:
    """A LoRA of that name in the current folder, or a card's."""
    from genkit import cards

    if Path(f"{name}.safetensors").is_file():
        return f"{name}.safetensors"
    with suppress(GenkitError):
        return cards.find(name).name
    return None


def without_foreign(source: SourceSettings, card: Card) -> SourceSettings:
    """Leave out what this model has no option for, and say so."""
    own = {each.name for each in card.options}
    of_model = {name: each.key for name, each in per_line().items() if each.option.of_model}
    foreign = [
        name for name in source.values if of_model.get(name, name) not in own and (name in of_model or name not in per_line())
    ]
    return replace(
        source,
        values={name: texts for name, texts in source.values.items() if name not in foreign},
        lost=[*source.lost, *(f"{name.replace('_', '-')} ({card.name} has none)" for name in foreign)],
    )
