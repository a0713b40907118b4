"""`--like FILE`: the source settings that a picture carries with its prompt, ours or another program's."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.errors import GenkitError, InputError, UsageError
from genkit.files import is_input
from genkit.verbs.txt2img.job import LARGEST_SEED
from genkit.verbs.txt2img.samplers import scheduler_of
from genkit.verbs.txt2img.values import Values, of_the_run, per_line, texts_of

if TYPE_CHECKING:
    from genkit.cards import Card
    from genkit.media.parameters.block import Parameters

_WHOLE, _NUMBER = r"\d{1,19}", r"\d{1,4}(?:\.\d{1,16})?"
WEB_UI = {  # their names: ours, and what a value looks like
    "Steps": ("steps", _WHOLE),
    "Distilled CFG Scale": ("guidance", _NUMBER),
    "CFG scale": ("guidance", _NUMBER),
    "Seed": ("seed", _WHOLE),
    "Size": ("size", r"\d{1,6}x\d{1,6}"),
}
SPOKEN = (
    *("Sampler", "Schedule type", "Denoising strength", "Clip skip", "VAE", "Hires upscale", "Variation seed", "ENSD"),
    *("ADetailer model", "ControlNet 0", "Refiner", "Mask blur"),
)
MOST_TOLD, LONGEST_TOLD = 20, 120  # of what cannot be taken over, and letters of each
PROGRAMS = "the web UIs, InvokeAI, ComfyUI, Fooocus, NovelAI, SwarmUI, Draw Things, Easy Diffusion"


@dataclass
class SourceSettings:
    """What a file says: prompts, options by name, the model, and what of it could not be taken."""

    prompts: list[str]
    values: Values = field(default_factory=dict)
    model: str | None = None
    lost: list[str] = field(default_factory=list)


def read_source_settings(file: str | Path) -> SourceSettings:
    """Read a picture's recipe, or the settings that another program notes down.

    Raises:
        UsageError: not there, made by another verb, or nothing of the kind is in it, or nothing that can be read.
    """
    from genkit.media.parameters.reading import read_parameters
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
    except OSError as error:
        raise UsageError(f"--like {path}: cannot be read: {error.strerror or error}") from error
    except InputError as error:
        raise UsageError(f"--like {error.message}", error.hint, code=error.code) from error
    if block is None:
        raise UsageError(
            f"--like {path}: no recipe of genkit in it, and no settings of {PROGRAMS}",
            "programs and sites that save pictures again often drop them; give the file as it was made",
            code="no-recipe",
        )
    found = _of_block(block)
    return replace(found, lost=[_shown(one) for one in found.lost[:MOST_TOLD]])


def _shown(text: str) -> str:
    text = "".join(letter if letter.isprintable() else " " for letter in text[: 2 * LONGEST_TOLD])
    return text if len(text) <= LONGEST_TOLD else f"{text[: LONGEST_TOLD - 3]}..."


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
    found = SourceSettings([prompt] if prompt else [], lost=[*block.lost, *dict.fromkeys([*lost, *more])])
    for theirs, (ours, form) in WEB_UI.items():
        if (value := block.settings.get(theirs)) is None:
            continue
        value = value.removesuffix(".0") if form == _WHOLE else value
        if not re.fullmatch(form, value) or (ours == "seed" and int(value) > LARGEST_SEED):
            found.lost.append(f"{theirs} {value}")
        elif float(value) if form == _NUMBER else value:  # a guidance of 0 is that there is none
            found.values.setdefault(ours, [value])
    if negative:
        found.values["negative"] = [negative]
    for called, weight in loras:
        lora = _lora(called)
        if lora is not None:
            found.values.setdefault("lora", []).append(f"{lora}:{weight:g}")
        else:
            found.lost.append(f"LoRA {called} (give it with --lora PATH:{weight:g})")
    sampler, schedule = block.settings.get("Sampler", ""), block.settings.get("Schedule type", "")
    scheduler, whole = scheduler_of(sampler, schedule)
    if scheduler is not None:
        found.values["scheduler"] = [scheduler]
    if model := block.settings.get("Model"):
        found.model = _card_named(model)
        if found.model is None:
            found.lost.append(f"model {model} (choose one with --model)")
    taken = (*(("Sampler",) if scheduler is not None else ()), *(("Schedule type",) if whole else ()))
    spoken = [name for name in SPOKEN if name in block.settings and name not in taken]
    found.lost += [f"{name} {block.settings[name]}" for name in spoken if block.settings[name] not in ("Automatic", "0")]
    return found


def _card_named(name: str) -> str | None:
    """The card of a checkpoint that is named by its file, or as the program calls it."""
    from genkit import cards

    stem = re.sub(r"\.(?:safetensors|ckpt|gguf|sft)$", "", name.replace("\\", "/").rpartition("/")[2].lower())
    with suppress(GenkitError):
        return cards.find(re.sub(r"[\s_]+", "-", stem), "txt2img").name
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
