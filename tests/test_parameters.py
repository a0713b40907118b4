"""The web UI's block "parameters": its three parts, whatever stands around them."""

from __future__ import annotations

import pytest

from genkit.media.parameters.block import Parameters, parse

LINE = "Steps: 8, Sampler: Euler a, CFG scale: 7, Seed: 12, Size: 64x64"
SETTINGS = {"Steps": "8", "Sampler": "Euler a", "CFG scale": "7", "Seed": "12", "Size": "64x64"}


@pytest.mark.parametrize(
    ("text", "prompt", "negative"),
    [
        (f"a red heart\n{LINE}", "a red heart", ""),
        (f"a red heart\nNegative prompt: ugly\n{LINE}", "a red heart", "ugly"),
        (f"a red heart\nNegative prompt: ugly\n{LINE}\nTemplate: x", "a red heart", "ugly"),
        (f"a heart\nNegative prompt: ugly\n{LINE}\nTemplate: a __x__\nNegative Template: y", "a heart", "ugly"),
        (f"a red heart\n{LINE}\n\nWildcards used:\nred", "a red heart", ""),
        (f"a red heart\r\nNegative prompt: ugly\r\n{LINE}\r\nTemplate: x\r\n", "a red heart", "ugly"),
        (f"two\nlines\nNegative prompt: and\ntwo\n{LINE}\nx", "two\nlines", "and\ntwo"),
        (f"{LINE}\nTemplate: x", "", ""),
        (f"Steps: of a staircase\n{LINE}", "Steps: of a staircase", ""),
        (f"a heart\n  {LINE}", "a heart", ""),
        (f"a heart\nNegative prompt: \n{LINE}\nSteps: are many", "a heart", ""),
    ],
)
def test_lines_behind_the_settings_are_no_prompt(text: str, prompt: str, negative: str) -> None:
    assert parse(text) == Parameters(prompt, negative, SETTINGS)


def test_without_settings_all_is_prompt() -> None:
    assert parse("a heart\nSteps: are many\nTemplate: x") == Parameters("a heart\nSteps: are many\nTemplate: x")


@pytest.mark.parametrize(
    ("line", "settings"),
    [
        ("Steps: 8", {"Steps": "8"}),
        ("Steps: 8,Seed: 1", {"Steps": "8", "Seed": "1"}),
        ('Steps: 8, Lora hashes: "a: 1, b: 2", Version: v1.9', {"Steps": "8", "Lora hashes": "a: 1, b: 2", "Version": "v1.9"}),
        ('Steps: 8, Model: "a \\"b\\"", Seed: 2', {"Steps": "8", "Model": 'a "b"', "Seed": "2"}),
        ('Steps: 8, Model: "open, Seed: 2', {"Steps": "8", "Model": "open", "Seed": "2"}),
        (
            "Steps: 8, Face restoration: GFPGAN, Hires. fix: on",
            {"Steps": "8", "Face restoration": "GFPGAN", "Hires. fix": "on"},
        ),
    ],
)
def test_settings_are_read_by_name(line: str, settings: dict[str, str]) -> None:
    found = parse(f"x\n{line}").settings
    assert {name: value.strip('"') for name, value in found.items()} == {
        name: value.strip('"') for name, value in settings.items()
    }
