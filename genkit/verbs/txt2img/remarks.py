"""What to say, before anything is drawn, of wishes that a model cannot quite fulfil: words, sizes, pictures to begin with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from genkit.verbs.txt2img.job import size_after
from genkit.verbs.txt2img.known_words import read_words, strange_words
from genkit.verbs.txt2img.prompts import plain

if TYPE_CHECKING:
    from genkit.cards import Card
    from genkit.verbs.txt2img.job import Job, Size

SMALL = 128  # the side up to which a model draws icons
WALLPAPER = 16.0  # times the native number of pixels: from here on a picture is nothing but repetition
STRETCH = 1.1  # of proportions: less is not seen
FEW = 16.0  # times as many pixels as are drawn: an --init picture of more is a photograph to an icon model


def remarks_of(card: Card, jobs: Sequence[Job], native: int | None) -> list[str]:
    """Each once, however many pictures it holds for."""
    known = read_words(card.toml.parent / card.folder.path) if card.folder else {}
    strange = strange_words([plain(job.prompt) for job in jobs], known) if known else []
    found = [f"{card.name} {said}" for said in strange]
    for size in dict.fromkeys(job.size for job in jobs if job.size):
        if native and size[0] * size[1] >= WALLPAPER * native**2:
            found.append(
                f"--size {size[0]}x{size[1]}: {card.name} draws {native}x{native}, and so much more only as wallpaper; "
                f"leave it out and enlarge what is drawn: --upscale genkit-x4"
            )
    for init, size in dict.fromkeys((job.init, job.size) for job in jobs if job.init and job.size):
        assert init is not None and size is not None
        found += _of_init(card, Path(init.name).name, init.size, size, asked=size != size_after(*init.size, native))
    return found


def _of_init(card: Card, name: str, given: Size, drawn: Size, *, asked: bool) -> list[str]:
    """Of a picture to begin with; `asked`: the size that is drawn is not the one that follows from it."""
    found = []
    across, down = given[0] / drawn[0], given[1] / drawn[1]
    if asked and max(across, down) / min(across, down) > STRETCH:
        scale = min(across, down)
        whole = f"{round(given[0] / scale / 8) * 8}x{round(given[1] / scale / 8) * 8}"
        found.append(
            f"--init {name} is {given[0]}x{given[1]}: cut to the proportions of {drawn[0]}x{drawn[1]} "
            f"(--size {whole} has all of it)"
        )
    if max(drawn) <= SMALL and given[0] * given[1] > FEW * drawn[0] * drawn[1]:
        found.append(
            f"--init {name} is {given[0]}x{given[1]}, and {card.name} draws icons of {drawn[0]}x{drawn[1]}: little of it "
            "remains; a picture of that size is best, or a larger --model"
        )
    elif asked and min(across, down) < 1 / STRETCH:
        found.append(f"--init {name} is {given[0]}x{given[1]}: enlarged to {drawn[0]}x{drawn[1]} before it is drawn over")
    return found
