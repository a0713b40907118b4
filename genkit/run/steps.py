"""What a picture that takes minutes says and leaves behind while it is being made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.errors import OutputError

if TYPE_CHECKING:
    from genkit.media.pictures.images import Picture
    from genkit.run.plan import Item
    from genkit.run.report import Reporter
    from genkit.run.settings import Run, Settings


@dataclass(frozen=True)
class Steps:
    """One item on its way: `step` tells how far it is, `save` writes a picture beside the output."""

    item: Item
    recipe: dict[str, Any]
    run: Run
    settings: Settings
    reporter: Reporter

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
        return self.item.target.with_stem(f"{self.item.target.stem}_{mark}")

    def reserve(self, marks: Iterable[str]) -> None:
        """Refuse what `save` would have to replace, before the work begins.

        Raises:
            OutputError: one of these pictures is there, and neither --overwrite nor --resume was given.
        """
        for path in map(self.place, marks):
            if path.exists() and not (self.run.overwrite or self.run.resume):
                raise OutputError(f"{path}: is there already", "--overwrite replaces it, or choose another -o", code="exists")

    def save(self, picture: Picture, mark: str) -> None:
        """Write a picture whole or not at all, with the recipe of the output it is on the way to.

        Raises:
            OutputError: the place refuses it.
        """
        from genkit.media.pictures import images

        target = self.place(mark)
        target.parent.mkdir(parents=True, exist_ok=True)
        images.write(
            picture,
            target,
            format=self.item.format,
            quality=self.settings.quality,
            recipe=None if self.run.strip_metadata else self.recipe | {"part": mark},
            strip=self.run.strip_metadata,
        )
        self.reporter("saved", input=self.item.name, output=str(target))
