"""The verbs: a folder each, with its declaration (`verb.py`; the options in `declaration.py`, where further files take them),
its algorithm (`task.py`) and what only it needs.

This table is all that the list of commands needs; a declaration is imported when its verb is called.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from genkit.errors import UsageError

if TYPE_CHECKING:
    from genkit.run.verb import Verb

PICTURES, SOUNDS = "Make pictures", "Make sounds"


class Entry(NamedTuple):
    """`place` is module:class of the declaration, below `genkit.verbs`."""

    place: str
    panel: str
    summary: str


VERBS = {
    "upscale": Entry("upscale.verb:Upscale", PICTURES, "Enlarge pictures, one or a whole tree of folders."),
    "colorize": Entry("colorize.verb:Colorize", PICTURES, "Give black-and-white pictures colours."),
    "inpaint": Entry("inpaint.verb:Inpaint", PICTURES, "Remove things from pictures, fill holes, extend the canvas."),
    "cutout": Entry("cutout.verb:Cutout", PICTURES, "Cut out the subject of pictures, or put it before another background."),
    "style": Entry("style.verb:Style", PICTURES, "Put pictures into the style of a painting, or of several."),
    "translate": Entry(
        "translate.verb:Translate", PICTURES, "Turn photographs into drawings, edges into photographs, and the like."
    ),
    "gan": Entry("gan.verb:Gan", PICTURES, "Draw new pictures from a latent space, and films of walks through it."),
    "txt2img": Entry("txt2img.verb:Txt2img", PICTURES, "Draw pictures from words."),
    "tts": Entry("tts.verb:Tts", SOUNDS, "Read texts aloud."),
}

# The further verbs that stand under one: `genkit gan project`.
COMMANDS = {
    "gan project": "gan.project:Project",
    "gan edit": "gan.edit:Edit",
    "gan directions": "gan.find_directions:FindDirections",
}


def find(name: str) -> type[Verb]:
    """A verb's declaration (`gan`, `gan project`).

    Raises:
        UsageError: there is none of that name.
    """
    place = VERBS[name].place if name in VERBS else COMMANDS.get(name)
    if place is None:
        from difflib import get_close_matches

        near = get_close_matches(name, (*VERBS, *COMMANDS), n=3, cutoff=0.5)
        raise UsageError(
            f"there is no verb {name!r}", f"did you mean {' or '.join(near)}?" if near else f"verbs: {', '.join(VERBS)}"
        )
    module, _, owner = place.partition(":")
    verb: type[Verb] = getattr(import_module(f"genkit.verbs.{module}"), owner)
    return verb


def commands_of(name: str) -> list[str]:
    """The further verbs that stand under one, by name."""
    return [each for each in COMMANDS if each.startswith(f"{name} ")]
