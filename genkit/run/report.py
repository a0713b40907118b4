"""What a verb says while it runs: paths on stdout and talk on stderr for people, or JSON events for programs.

The events are listed in `genkit.run.events`; how far it is, `genkit.run.progress` shows.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from genkit.run.events import SCHEMA
from genkit.run.progress import Progress, duration

if TYPE_CHECKING:
    from genkit.cards import Card


def write_event(event: str, /, **fields: Any) -> None:
    """Print one JSON event. ASCII, so that any file name can be told on any terminal or pipe."""
    sys.stdout.write(json.dumps({"schema": SCHEMA, "event": event, **fields}, default=str) + "\n")
    sys.stdout.flush()


class Reporter:
    """Who is told what happens. This one is deaf: others take what they show. `hints`: stronger models may be named."""

    as_json = False
    quiet = True
    hints = False
    says_how_to_go_on = True  # after an interrupt

    def __call__(self, event: str, /, **fields: Any) -> None:
        """Take an event."""

    def say(self, message: str) -> None:
        self("notice", message=message)

    def steps(self) -> Callable[[int, int], None] | None:
        """Where a model that works in steps may tell `(done, of)` after each; None where nobody is shown them."""
        return None

    def preview(self) -> Callable[[Any], None] | None:
        """Where a model may show what it is at, pixels (H, W, 3) uint8; None where nothing can be shown."""
        return None

    def close(self) -> None:
        """Nothing is open."""


class StreamReporter(Reporter):
    """Tells people on a terminal, or programs by JSON events. `pipe` says that stdout carries the output itself."""

    hints = True

    def __init__(self, *, as_json: bool, quiet: bool, verbose: bool, pipe: bool = False):
        self.as_json, self.quiet, self._verbose, self._pipe = as_json, quiet, verbose, pipe
        self._said: set[str] = set()
        self._skipped: dict[str, int] = {}
        self._progress: Progress | None = None
        self._total: tuple[int, float] = (0, 0.0)
        self._sound_s = 0.0
        self._lock = threading.Lock()

    def __call__(self, event: str, /, **fields: Any) -> None:
        with self._lock:
            if self.as_json:
                write_event(event, **fields)
                return
            tell = getattr(self, "_on_" + event.replace("-", "_"), None)
            if tell is not None:
                tell(**fields)

    def close(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def steps(self) -> Callable[[int, int], None] | None:
        return None if self.as_json or self.quiet else self._show_step

    def preview(self) -> Callable[[Any], None] | None:
        """Where a model may show what it is at, pixels (H, W, 3) uint8, above the bar; None where the terminal has no colours
        for that."""
        from genkit.run.preview import can_show

        drawn = not self.as_json and not self.quiet and sys.stderr.isatty() and can_show()
        return self._show_picture if drawn else None

    def _show_step(self, done: int, of: int, amount: str = "") -> None:
        with self._lock:
            if self._progress is not None:
                self._progress.step(done, of, amount)

    def _show_picture(self, pixels: Any) -> None:
        with self._lock:
            if self._progress is not None:
                self._progress.show(pixels)

    def _on_plan(self, *, items: int, model: str, megapixels: float, **_: Any) -> None:
        self._total = (items, megapixels)
        if self._verbose:
            more = f", {megapixels:.1f} megapixels of input" if megapixels else ""
            self._talk(f"{items} to make with {model}{more}")

    def _on_planned(
        self, *, input: str, output: str, width: int | None, height: int | None, format: str, bytes: int, **_: Any
    ) -> None:
        about = f"about {size(bytes)}" if bytes else "size not known"
        shape = f"{width} x {height}, {about}" if width else about
        print(f"{input} -> {output}  ({format}, {shape})")

    def _on_start(self, *, input: str, **_: Any) -> None:
        if self._progress is None and not self.quiet:
            from genkit.run.progress import Bar, Lines

            self._progress = (Bar if sys.stderr.isatty() else Lines)(*self._total)
        if self._progress is not None:
            self._progress.begin(input)

    def _on_step(self, *, step: int, steps: int, sound_s: float | None = None, **_: Any) -> None:
        if self._progress is not None:
            self._progress.step(step, steps, "" if sound_s is None else f"{duration(sound_s)} of sound")

    def _on_done_item(
        self,
        *,
        input: str,
        output: str,
        seconds: float,
        megapixels: float,
        width: int | None = None,
        height: int | None = None,
        sound_s: float | None = None,
        **_: Any,
    ) -> None:
        if not self._pipe:
            self._show_path(output)
        self._sound_s += sound_s or 0.0
        if self._verbose:
            made = f"{width} x {height}" if sound_s is None else f"{duration(sound_s)} of sound"
            self._talk(f"{input}: {made} in {seconds:.2f} s")
        self._end(megapixels)

    def _on_failed(self, *, message: str, hint: str | None, megapixels: float, **_: Any) -> None:
        self._talk(f"failed: {message}" + (f"\n  hint: {hint}" if hint else ""))
        self._end(megapixels)

    def _on_skipped(self, *, input: str, reason: str, megapixels: float, **_: Any) -> None:
        self._skipped[reason] = self._skipped.get(reason, 0) + 1
        if self._verbose:
            self._talk(f"{input}: skipped, {reason}")
        self._end(megapixels)

    def _on_notice(self, *, message: str, input: str | None = None, **_: Any) -> None:
        # What holds for many inputs is said once, with the first of them; -v says it every time.
        if self.quiet or (message in self._said and not self._verbose):
            return
        self._said.add(message)
        self._talk(f"note: {f'{input}: ' if input and not message.startswith(input) else ''}{message}")

    def _on_direction(self, *, index: int, name: str, share: float, **_: Any) -> None:
        if not self.quiet:
            if index == 0:
                self._talk("  no.    share  name; the share is of all the change that was found")
            self._talk(f"{index:>5}  {share:7.2%}  {name}")

    def _on_done(
        self,
        *,
        done: int,
        failed: int,
        skipped: int,
        left: int = 0,
        seconds: float | None = None,
        speed: float | None = None,
        files: Sequence[str] = (),
        **_: Any,
    ) -> None:
        self.close()
        for path in files:  # of work without items
            self._show_path(path)
        if self.quiet or seconds is None:
            return
        parts = [f"{done} done"]
        parts += [f"{failed} failed"] if failed else []
        parts += [f"{skipped} skipped ({', '.join(self._skipped)})"] if skipped else []
        parts += [f"{left} left"] if left else []
        self._talk(f"{', '.join(parts)} in {duration(seconds)}{self._pace(done, seconds, speed)}")

    def _pace(self, done: int, seconds: float, speed: float | None) -> str:
        """How fast it was, in what the verb makes: sound, megapixels, or the time of each."""
        if self._sound_s and seconds:
            return f", {duration(self._sound_s)} of sound, {self._sound_s / seconds:.2g} times as fast as it is heard"
        if speed and speed >= 0.1:
            return f", {speed:.2g} megapixels/s"
        return f", {duration(seconds / done)} each" if done > 1 else ""

    def _show_path(self, path: str) -> None:
        (self._progress or Progress(0, 0.0)).path(path)

    def _end(self, megapixels: float) -> None:
        if self._progress is not None:
            self._progress.end(megapixels)

    def _talk(self, text: str) -> None:
        (self._progress or Progress(0, 0.0)).print(text)


@contextmanager
def quiet_libraries(verbose: bool) -> Iterator[None]:
    """Keep other libraries' warnings, logs and bars off the terminal; genkit's own warnings stay as they are."""
    if verbose:
        yield
        return
    import logging
    import os
    import warnings

    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TQDM_DISABLE", "1")
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"(?!genkit)")
            yield
    finally:
        logging.disable(before)


def fetching(reporter: Reporter) -> Callable[[str, int, int | None], None] | None:
    """A progress callback for downloads: one line that is written over, on a terminal only."""
    if not sys.stderr.isatty() or reporter.quiet or reporter.as_json:
        return None

    def show(name: str, done: int, total: int | None) -> None:
        share = f" of {size(total)}" if total else ""
        sys.stderr.write(f"\r\x1b[2K{name}: {size(done)}{share}" + ("\n" if total and done >= total else ""))
        sys.stderr.flush()

    return show


def hint_once(verb: str, card: Card, device: str, reporter: Reporter) -> None:
    """Say what a shipped model is for, and name the published one that we recommend beside it, or one that this machine can
    run; once for each user and verb."""
    from contextlib import suppress

    from genkit import runtime
    from genkit.cards import cache_folder, recommended

    if card.origin != "shipped" or (cache_folder() / f"hinted-{verb}").exists() or recommended(verb) is None:
        return
    most = runtime.bearable_bytes(runtime.choose(device).device)
    best = recommended(verb, most)
    if best is None:
        return
    stronger = f"a stronger model: --model {best.name} ({size(best.size)}, {best.licence}); see genkit models list"
    hint = f"{card.name}: {card.summary.rstrip('.')}; {stronger}"
    flag = cache_folder() / f"hinted-{verb}"
    with suppress(OSError):  # where it cannot be remembered it is not said, rather than said each time
        flag.parent.mkdir(parents=True, exist_ok=True)
        flag.touch(exist_ok=False)
        reporter.say(hint)


def size(count: int | None) -> str:
    from genkit.files import size_text

    return size_text(count)
