"""The events that every call tells: with --json one JSON object a line, with `"schema": "genkit/1"` and its name as `event`.

An event about an item carries its input, its output and the input's megapixels. Commands that list things have events of their
own kind (`model`, `class`, `voice`, `recipe`, ...), and end in `done` too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

SCHEMA = "genkit/1"
TEXT, WHOLE, NUMBER = "string", "integer", "number"


class Event(NamedTuple):
    """When it comes, and the JSON types of its fields; a type with ? may be null or absent."""

    when: str
    fields: Mapping[str, str]


_ITEM = {"input": TEXT, "output": TEXT}

EVENTS: Mapping[str, Event] = {
    "plan": Event(
        "what will be made, before it begins; bytes and seconds are estimates",
        {"items": WHOLE, "model": TEXT, "megapixels": NUMBER, "bytes": WHOLE, "seconds": f"{NUMBER}?"},
    ),
    "planned": Event(
        "one an item, with --dry-run only",
        _ITEM | {"width": f"{WHOLE}?", "height": f"{WHOLE}?", "format": TEXT, "bytes": WHOLE},
    ),
    "start": Event("the work on an item begins", _ITEM),
    "step": Event(
        "within work that takes minutes; a verb may add facts of its own", {"input": TEXT, "step": WHOLE, "steps": WHOLE}
    ),
    "saved": Event("a picture on the way was written beside the output", _ITEM),
    "done-item": Event(
        "an output was written; a sound has sound_s and rate in place of width and height, a film frames",
        _ITEM
        | {
            "megapixels": NUMBER,
            "seconds": NUMBER,
            "width": f"{WHOLE}?",
            "height": f"{WHOLE}?",
            "sound_s": f"{NUMBER}?",
            "rate": f"{WHOLE}?",
            "format": TEXT,
            "bytes": WHOLE,
            "frames": f"{WHOLE}?",
        },
    ),
    "skipped": Event(
        "--resume found the output whole and made in the same way", _ITEM | {"megapixels": NUMBER, "reason": TEXT}
    ),
    "failed": Event(
        "an item could not be made; the others go on",
        _ITEM | {"megapixels": NUMBER, "code": TEXT, "message": TEXT, "hint": f"{TEXT}?"},
    ),
    "notice": Event("what one should know; with the input where it is about one", {"message": TEXT, "input": f"{TEXT}?"}),
    "error": Event("the whole call cannot go on", {"code": TEXT, "message": TEXT, "hint": f"{TEXT}?"}),
    "done": Event(
        "the last one, but after a second Ctrl-C",
        {
            "done": WHOLE,
            "failed": WHOLE,
            "skipped": WHOLE,
            "left": f"{WHOLE}?",
            "seconds": f"{NUMBER}?",
            "speed": f"{NUMBER}?",
            "exit": WHOLE,
        },
    ),
}

# What a process of genkit ends with.
EXIT_CODES: Mapping[int, str] = {
    0: "all was done",
    1: "some of it failed; the rest was done",
    2: "the command or its plan cannot be carried out; nothing was begun",
    3: "weights cannot be had, or are damaged",
    130: "interrupted (Ctrl-C)",
    143: "ended by SIGTERM",
}
