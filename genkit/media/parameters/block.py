"""The text block "parameters" of the common web UI, which many programs after it write too (Forge, SD.Next, Fooocus).

    the prompt, over any number of lines
    Negative prompt: what not to draw, likewise
    Steps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 42, Size: 512x768, Model: name, Lora hashes: "a: 1, b: 2"

Standard library only.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

NEGATIVE = "Negative prompt:"
MOST, LONGEST = 500, 1 << 18  # settings of a line, and its letters: each value that does not end is looked for to the end
ENOUGH = 3  # settings on one line, so that it is one of settings though it does not begin with the steps
_BETWEEN = re.compile(r"[\s,]*")
_NAME = re.compile(r"([A-Za-z][\w \-/.]{0,60}):\s{0,8}")
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"(?=\s*(?:,|$))')
_STEPS = re.compile(r"\s*Steps: ?\d+\s*(?:,|$)")
_ONE_LINE = re.compile(r"(?<=\s)Steps: ?\d+, (?=[A-Z][\w ]{0,30}: )")
_KNOWN = {"Steps", "Sampler", "Schedule type", "CFG scale", "Seed", "Size", "Model", "Model hash", "Version"}


@dataclass(frozen=True)
class Parameters:
    """Prompts as the web UI writes them, settings by the names that it gives them, what else a program says that has no such
    name (`lost`), and which program it was."""

    prompt: str
    negative: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    lost: tuple[str, ...] = ()
    program: str = "web UI"


def parse(text: str) -> Parameters:
    """Part a block into its three parts. Lines behind the settings, which programs add for themselves (templates, wildcards),
    are no prompt and left out."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").strip().split("\n")
    settings: dict[str, str] = {}
    place = _place_of_settings(lines)
    if place is not None:
        settings = settings_of(lines[place])
        lines = lines[:place]
    elif found := list(_ONE_LINE.finditer(text)):  # pasted from where line ends are lost
        settings = settings_of(text[found[-1].start() :].partition("\n")[0])
        lines = text[: found[-1].start()].split("\n")
    prompt, negative = _prompts(lines)
    return Parameters(prompt, negative, settings)


def _place_of_settings(lines: list[str]) -> int | None:
    """The last line that begins with the steps; where none does, the last one of several known settings."""
    places = [place for place, line in enumerate(lines) if _STEPS.match(line)]
    places = places or [place for place, line in enumerate(lines) if len(_KNOWN & settings_of(line).keys()) >= ENOUGH]
    return places[-1] if places else None


def _prompts(lines: list[str]) -> tuple[str, str]:
    """What to draw and what not: from the first line that begins so on, all is negative."""
    start = next((place for place, line in enumerate(lines) if line.lstrip().startswith(NEGATIVE)), None)
    if start is None:
        prompt, _, negative = "\n".join(lines).partition(f" {NEGATIVE}")
        return prompt.strip(), negative.strip()
    negatives = [line.lstrip().removeprefix(NEGATIVE).strip() for line in lines[start:]]
    return "\n".join(lines[:start]).strip(), "\n".join(negatives).strip()


def settings_of(line: str) -> dict[str, str]:
    """The settings of one line; of a name that stands twice the first. A value ends at a comma, unless it is quoted or JSON."""
    found: dict[str, str] = {}
    line, place, count = line[:LONGEST], 0, 0
    while place < len(line) and count < MOST:
        place = between.end() if (between := _BETWEEN.match(line, place)) else place
        name = _NAME.match(line, place)
        if name is None:
            comma = line.find(",", place)
            place = comma + 1 if comma >= 0 else len(line)
            continue
        value, place = _value(line, name.end())
        found.setdefault(name[1].strip(), value)
        count += 1
    return found


def _value(line: str, place: int) -> tuple[str, int]:
    if (quoted := _QUOTED.match(line, place)) is not None:
        try:
            return str(json.loads(quoted[0])).strip(), quoted.end()
        except ValueError:
            return quoted[0].strip('"').strip(), quoted.end()
    if line.startswith(("{", "["), place):  # "Hashes: {...}", "Civitai resources: [...]"
        end = _end_of_json(line, place)
        if end is not None:
            return line[place:end], end
    end = line.find(",", place)
    end = len(line) if end < 0 else end
    return line[place:end].strip().strip('"'), end


def _end_of_json(line: str, place: int) -> int | None:
    try:
        return json.JSONDecoder().raw_decode(line, place)[1]
    except (ValueError, RecursionError):
        return None
