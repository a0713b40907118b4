"""What a picture that takes minutes says and leaves behind while it is being made."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.errors import OutputError
from genkit.run.beside import marked

if TYPE_CHECKING:
    from genkit.media.pictures.images import Picture
    from genkit.run.item import Item
    from genkit.run.report import Reporter
    from genkit.run.settings import Run, Settings


@dataclass(frozen=True)
class Steps:
    """One item on its way: `step` tells how far it is, `save` writes a picture beside the output; what is put into `brought`
    (by suffix) is written beside it with it."""

    item: Item
    recipe: dict[str, Any]
    run: Run
    settings: Settings
    reporter: Reporter
    brought: dict[str, bytes] = field(default_factory=dict)

    def step(self, done: int, of: int, **facts: Any) -> None:
        """Tell of `done` steps of so many; `facts` go into the event."""
        self.reporter("step", input=self.item.name, step=done, steps=of, **facts)

    def place(self, mark: str) -> Path:
        """Where the picture called `mark` goes: photo_styled.jpg has photo_styled_step0050.jpg beside it.

        Raises:
            OutputError: the output is a stream, which has nothing beside it.
        """
        if self.item.target is None:
            raise OutputError("standard output has no place for pictures on the way", "write to a file: -o FILE")
        return marked(self.item.target, mark)

    def reserve(self, marks: Iterable[str]) -> None:
        """Refuse what `save` would have to replace, before the work begins.

        Raises:
            OutputError: one of these pictures is there, and neither --overwrite was given, nor --resume and it is genkit's own.
        """
        from genkit.run import journal

        for path in map(self.place, marks):
            target, verb = self.item.target, str(self.recipe.get("verb"))
            mine = self.run.resume and target is not None and journal.is_ours(path, target, verb)
            if os.path.lexists(path) and not (self.run.overwrite or mine):
                raise OutputError(f"{path}: is there already", "--overwrite replaces it, or choose another -o", code="exists")

    def save(self, picture: Picture, mark: str) -> None:
        """Write a picture whole or not at all, with the recipe of the output it is on the way to.

        Raises:
            OutputError: the place refuses it.
        """
        from genkit.media.pictures import images
        from genkit.run import journal

        target, recipe, strip = self.place(mark), self.recipe | {"part": mark}, self.run.strip_metadata

        def keep(written: Path) -> None:
            if strip or self.item.format in journal.WITHOUT_RECIPE:
                journal.note_down(target, written, recipe)

        target.parent.mkdir(parents=True, exist_ok=True)
        images.write(
            picture,
            target,
            format=self.item.format,
            quality=self.settings.quality,
            recipe=None if strip else recipe,
            strip=strip,
            before_naming=keep,
        )
        self.reporter("saved", input=self.item.name, output=str(target))
