"""How far a run is, told to people: a bar on a terminal, and where stderr is a file a line every half minute.

Rich is imported for a bar alone, and not before work begins.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

EVERY_S = 30.0  # between two lines


def duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


class Progress:
    """Of `items` inputs with so many `megapixels` (0 where they have none) it is told what begins, steps and ends."""

    def __init__(self, items: int, megapixels: float):
        self.items, self.megapixels = items, megapixels
        self.ended, self.done_megapixels = 0, 0.0

    def begin(self, name: str) -> None:
        """The work on an input begins."""

    def step(self, done: int, of: int, amount: str = "") -> None:
        """Within one input; `amount` says how far it is in words of the verb's own."""

    def end(self, megapixels: float) -> None:
        """An input is done with."""
        self.ended += 1
        self.done_megapixels += megapixels

    def show(self, pixels: Any) -> None:
        """What a model is at, (H, W, 3) uint8."""

    def print(self, text: str) -> None:
        """Something else that is said meanwhile."""
        print(text, file=sys.stderr, flush=True)

    def path(self, path: str) -> None:
        """The path of an output, on standard output."""
        sys.stdout.write(path + "\n")
        sys.stdout.flush()

    def stop(self) -> None:
        """Nothing more comes."""


class Lines(Progress):
    """A line of how far it is every `EVERY_S` seconds."""

    def __init__(self, items: int, megapixels: float):
        super().__init__(items, megapixels)
        self._begun = time.monotonic()
        self._name, self._share, self._amount = "", 0.0, ""
        self._over = threading.Event()
        self._teller = threading.Thread(target=self._tell, name="progress", daemon=True)
        self._teller.start()

    def begin(self, name: str) -> None:
        self._name, self._share, self._amount = name, 0.0, ""

    def step(self, done: int, of: int, amount: str = "") -> None:
        self._share, self._amount = done / max(of, 1), amount or f"step {done} of {of}"

    def end(self, megapixels: float) -> None:
        super().end(megapixels)
        self._share, self._amount = 0.0, ""

    def stop(self) -> None:
        self._over.set()
        self._teller.join()  # what it is saying belongs before what comes next

    def _tell(self) -> None:
        while not self._over.wait(EVERY_S):
            self.print(self.line(time.monotonic() - self._begun))

    def line(self, seconds: float) -> str:
        """What is said after so many seconds: 3 of 12 done after 1 min 30 s, about 4 min left; a.jpg: step 20 of 300."""
        share = (self.ended + self._share) / max(self.items, 1)
        left = f", about {duration(seconds / share - seconds)} left" if share else ""
        now = ": ".join(part for part in (self._name, self._amount) if part) if self.ended < self.items else ""
        return f"{self.ended} of {self.items} done after {duration(seconds)}{left}" + (f"; {now}" if now else "")


class Bar(Progress):
    """A bar, with a second one for the steps of what takes long, and pictures above them."""

    def __init__(self, items: int, megapixels: float):
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        class WithPicture(RichProgress):
            picture: Any = None

            def get_renderables(self) -> Iterator[Any]:
                if self.picture is not None:
                    yield self.picture
                yield from super().get_renderables()

        super().__init__(items, megapixels)
        self._bar = WithPicture(
            TextColumn("{task.fields[place]}"),
            BarColumn(),
            TextColumn("{task.fields[name]}", markup=False),
            TextColumn("{task.fields[amount]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=False,  # else paths for a pipe would end up on the terminal
            redirect_stderr=False,
        )
        self._bar.start()
        self._task = self._bar.add_task("", total=max(megapixels, 1e-6), name="", **self._fields())
        self._steps: Any = None

    def _fields(self) -> dict[str, Any]:
        amount = f"{self.done_megapixels:.1f}/{self.megapixels:.1f} megapixels" if self.megapixels >= 1 else ""
        return {"place": f"{self.ended}/{self.items}", "amount": amount}

    def begin(self, name: str) -> None:
        self._bar.update(self._task, name=name[-40:])

    def step(self, done: int, of: int, amount: str = "") -> None:
        """One picture may take several rounds of steps: each begins anew."""
        if self._steps is None:
            self._steps = self._bar.add_task("", total=of, place="", name="", amount="")
        if done <= 1:
            self._bar.reset(self._steps, total=of)
        amount = amount or f"step {done} of {of}"
        self._bar.update(self._steps, completed=done, total=of, visible=done < of, amount=amount)

    def end(self, megapixels: float) -> None:
        super().end(megapixels)
        # Inputs whose header could not be read still move the bar a little.
        self._bar.update(self._task, advance=max(megapixels, 1e-6), **self._fields())

    def show(self, pixels: Any) -> None:
        from genkit.run.preview import in_blocks

        self._bar.picture = in_blocks(pixels)

    def print(self, text: str) -> None:
        self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def path(self, path: str) -> None:
        if sys.stdout.isatty():
            self.print(path)
        else:
            super().path(path)

    def stop(self) -> None:
        self._bar.stop()
