"""Settings that programs note down as JSON: one table of where each has what (`PROGRAMS`), and how each writes prompts.

What is read becomes `Parameters` in the words of the web UI; prompts, too, are written as there: `(words:1.3)`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from genkit.media.parameters.block import Parameters

NOVEL_EMPHASIS, COMPEL_UP, COMPEL_DOWN = 1.05, 1.1, 0.9  # what one brace, one plus and one minus multiply by
LONGEST = 1 << 16  # letters of a prompt
_PLUS = re.compile(
    r"(?:\(([^()]{1,500})\)|([\w']{1,100}(?:-[\w']{1,100}){0,4}))(\+{1,9}|-{2,9}|-(?![\w-])|(?<=\))\d(?:\.\d{1,4})?)(?![\w+])"
)
_NOVEL_NUMBER = re.compile(r"(-?\d{1,2}(?:\.\d{1,4})?)::([^:]{1,500})::")
_DREAM = re.compile(r"\s-(\w)\s*([^\s-]\S*)")


@dataclass(frozen=True)
class Program:
    """Where a program has its settings: names of the web UI with paths into its JSON (`a.b`), of which the first that is
    there counts. Where all paths in `marks` are there, the JSON is of this program. `prompt_of` makes its prompts ours."""

    name: str
    marks: tuple[str, ...]
    prompt: tuple[str, ...]
    negative: tuple[str, ...] = ()
    settings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    loras: tuple[str, ...] = ()
    prompt_of: Callable[[str], str] = str


def plain_brackets(text: str) -> str:
    """Of programs whose brackets are plain text."""
    return re.sub(r"(?<!\\)([()\[\]])", r"\\\1", text)


def of_compel(text: str) -> str:
    """`(words)1.3`, `(words)++`, `word+` and `word--` of InvokeAI, whose other brackets are plain text."""

    def weighted(found: re.Match[str]) -> str:
        sign = found[3]
        weight = float(sign) if sign[0].isdigit() else COMPEL_UP ** len(sign) if sign[0] == "+" else COMPEL_DOWN ** len(sign)
        pieces.append(f"({plain_brackets(found[1] or found[2])}:{weight:.4g})")
        return f"\0{len(pieces) - 1}\0"

    pieces: list[str] = []
    marked = plain_brackets(_PLUS.sub(weighted, text[:LONGEST].replace("\0", " ")))
    return re.sub("\0(\\d+)\0", lambda found: pieces[int(found[1])], marked)


def of_novelai(text: str) -> str:
    """`{words}`, `[words]` and `1.3::words::` of NovelAI, whose round brackets are plain text."""
    text = re.sub(r"(?<!\\)([()])", r"\\\1", text[:LONGEST])
    text = _NOVEL_NUMBER.sub(lambda found: f"({found[2].strip()}:{max(float(found[1]), 0):g})", text)
    for opening, closing, factor in (("{", "}", NOVEL_EMPHASIS), ("[", "]", 1 / NOVEL_EMPHASIS)):
        pattern, weighted = re.compile(rf"\{opening}([^{{}}\[\]]*)\{closing}"), rf"(\1:{factor:.4g})"
        for _ in range(8):  # as deep as people write them
            text, count = pattern.subn(weighted, text)
            if not count:
                break
    return text


_SIZE = ("width", "height")
PROGRAMS = (
    Program(
        "InvokeAI",
        marks=("positive_prompt", "scheduler"),
        prompt=("positive_prompt",),
        negative=("negative_prompt",),
        settings={
            "Steps": ("steps",),
            "CFG scale": ("cfg_scale",),
            "Distilled CFG Scale": ("guidance",),
            "Seed": ("seed",),
            "Size": _SIZE,
            "Sampler": ("scheduler",),
            "Model": ("model.model_name", "model.name"),
            "VAE": ("vae.model_name", "vae.name"),
            "Denoising strength": ("strength",),
        },
        loras=("loras",),
        prompt_of=of_compel,
    ),
    Program(
        "InvokeAI",
        marks=("image.prompt", "image.sampler"),
        prompt=("image.prompt",),
        settings={
            "Steps": ("image.steps",),
            "CFG scale": ("image.cfg_scale",),
            "Seed": ("image.seed",),
            "Size": ("image.width", "image.height"),
            "Sampler": ("image.sampler",),
            "Model": ("model_weights",),
            "Denoising strength": ("image.strength",),
        },
        prompt_of=of_compel,
    ),
    Program(
        "NovelAI",
        marks=("uc", "sampler", "width"),
        prompt=("prompt", "v4_prompt.caption.base_caption"),
        negative=("uc", "v4_negative_prompt.caption.base_caption"),
        settings={
            "Steps": ("steps",),
            "CFG scale": ("scale",),
            "Seed": ("seed",),
            "Size": _SIZE,
            "Sampler": ("sampler",),
            "Schedule type": ("noise_schedule",),
        },
        prompt_of=of_novelai,
    ),
    Program(
        "Fooocus",
        marks=("prompt", "base_model", "sampler"),
        prompt=("prompt",),
        negative=("negative_prompt",),
        settings={
            "Steps": ("steps",),
            "CFG scale": ("guidance_scale",),
            "Seed": ("seed",),
            "Size": ("resolution",),
            "Sampler": ("sampler",),
            "Schedule type": ("scheduler",),
            "Model": ("base_model",),
            "VAE": ("vae",),
            "Styles": ("styles",),
        },
        loras=("loras",),
    ),
    Program(
        "SwarmUI",
        marks=("sui_image_params.prompt",),
        prompt=("sui_image_params.prompt",),
        negative=("sui_image_params.negativeprompt",),
        settings={
            "Steps": ("sui_image_params.steps",),
            "CFG scale": ("sui_image_params.cfgscale",),
            "Distilled CFG Scale": ("sui_image_params.fluxguidancescale",),
            "Seed": ("sui_image_params.seed",),
            "Size": ("sui_image_params.width", "sui_image_params.height"),
            "Sampler": ("sui_image_params.sampler",),
            "Schedule type": ("sui_image_params.scheduler",),
            "Model": ("sui_image_params.model",),
        },
    ),
    Program(
        "Draw Things",
        marks=("c", "uc", "sampler"),
        prompt=("c",),
        negative=("uc",),
        settings={
            "Steps": ("steps",),
            "CFG scale": ("scale",),
            "Seed": ("seed",),
            "Size": ("size",),
            "Sampler": ("sampler",),
            "Model": ("model",),
            "Denoising strength": ("strength",),
        },
        loras=("lora",),
    ),
    Program(
        "Easy Diffusion",
        marks=("prompt", "num_inference_steps", "guidance_scale"),
        prompt=("prompt",),
        negative=("negative_prompt",),
        settings={
            "Steps": ("num_inference_steps",),
            "CFG scale": ("guidance_scale",),
            "Seed": ("seed",),
            "Size": _SIZE,
            "Sampler": ("sampler_name",),
            "Model": ("use_stable_diffusion_model",),
            "VAE": ("use_vae_model",),
            "Denoising strength": ("prompt_strength",),
        },
    ),
    Program(
        "MFLUX",
        marks=("prompt", "mflux_version"),
        prompt=("prompt",),
        negative=("negative_prompt",),
        settings={
            "Steps": ("steps",),
            "Distilled CFG Scale": ("guidance",),
            "Seed": ("seed",),
            "Size": _SIZE,
            "Model": ("model",),
        },
        prompt_of=plain_brackets,
    ),
)


def read_program(found: Mapping[str, Any]) -> Parameters | None:
    """The settings of JSON that one of the programs wrote; None where it is none of theirs."""
    for program in PROGRAMS:
        if all(_at(found, path) is not None for path in program.marks):
            return _read(program, found)
    return None


def _read(program: Program, found: Mapping[str, Any]) -> Parameters:
    prompt = _prompt(_first(found, program.prompt))
    negative = _prompt(_first(found, program.negative))
    if program.name == "InvokeAI" and not program.negative:  # old ones have it in the prompt, in square brackets
        prompt, negative = _parted(prompt)
    settings: dict[str, str] = {}
    for name, paths in program.settings.items():
        values = [value for path in paths if _plain(value := _at(found, path))]
        if name == "Size":
            text = "x".join(map(str, values)) if len(values) == len(paths) else ""
            # "512x768", and "(512, 768)"
            text = "x".join(re.findall(r"\d{1,6}", text)[:2])
        else:
            text = str(values[0]) if values else ""
        if text and not (name == "Denoising strength" and text in ("1", "1.0")):  # which says nothing
            settings[name] = text
    loras = [one for path in program.loras for one in _loras(_at(found, path))]
    lost = [f"{name} {settings.pop(name)}" for name in ("Styles",) if name in settings and settings[name] != "[]"]
    return Parameters(
        " ".join([program.prompt_of(prompt), *loras]), program.prompt_of(negative), settings, tuple(lost), program.name
    )


def _at(found: Any, path: str) -> Any:
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _plain(value: Any) -> bool:
    return isinstance(value, (str, int, float)) and not isinstance(value, bool) and value != ""


def _first(found: Mapping[str, Any], paths: tuple[str, ...]) -> Any:
    return next((value for path in paths if (value := _at(found, path))), "")


def _prompt(value: Any) -> str:
    """A prompt, or those of a list: {"prompt": ..., "weight": ...}."""
    several = value if isinstance(value, list) else [value]
    texts = [one.get("prompt") if isinstance(one, dict) else one for one in several]
    return " ".join(text.strip() for text in texts if isinstance(text, str))


def _parted(prompt: str) -> tuple[str, str]:
    negatives = re.findall(r"\[([^\[\]]*)\]", prompt)
    return " ".join(re.sub(r"\[[^\[\]]*\]", " ", prompt).split()).strip(" ,"), ", ".join(one.strip(" ,") for one in negatives)


def _loras(found: Any) -> list[str]:
    """LoRAs as the web UI writes them into prompts, from the ways in which programs list them."""
    names: list[str] = []
    for one in found if isinstance(found, list) else ():
        if isinstance(one, list) and len(one) >= 2:  # Fooocus: [name, weight, hash]
            name, weight = one[0], one[1]
        elif isinstance(
            one, dict
        ):  # InvokeAI: {"model": {"name": ...}, "weight": ...}; Draw Things: {"model": ..., "weight": ...}
            model = one.get("model", one.get("lora"))
            name = model.get("name", model.get("model_name")) if isinstance(model, dict) else model
            weight = one.get("weight", 1)
        else:
            continue
        if isinstance(name, str) and isinstance(weight, (int, float)):
            names.append(f"<lora:{re.sub(r'[:<>]', '-', name.removesuffix('.safetensors'))}:{weight:g}>")
    return names


def read_dream(text: str) -> Parameters | None:
    """The oldest form of InvokeAI's, a command: `"a cat [ugly]" -s 50 -S 42 -W 512 -H 512 -C 7.5 -A k_lms`."""
    whole = re.fullmatch(r'\s*"(.*)"([^"]*)', text[:LONGEST], re.DOTALL)
    if whole is None:
        return None
    given = dict(_DREAM.findall(whole[2]))
    names = {"s": "Steps", "S": "Seed", "C": "CFG scale", "A": "Sampler", "m": "Sampler", "f": "Denoising strength"}
    settings = {name: given[letter] for letter, name in names.items() if letter in given}
    if "W" in given and "H" in given:
        settings["Size"] = f"{given['W']}x{given['H']}"
    prompt, negative = _parted(whole[1])
    return Parameters(of_compel(prompt), of_compel(negative), settings, program="InvokeAI") if settings else None
