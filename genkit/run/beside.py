"""What lies beside an output: its recipe (--sidecar), what it brings along (subtitles, plots, latents), pictures on the way.

Standard library only.
"""

from __future__ import annotations

import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Beside:
    """What lies beside an output: files with its stem and one of `suffixes` (.srt), without which it is not whole; pictures on
    the way to it, with one of `marks` behind its stem (step0050); and its recipe, where there is a `sidecar`."""

    suffixes: Sequence[str] = ()
    marks: Sequence[str] = ()
    sidecar: bool = False

    def parts(self, target: Path) -> list[Path]:
        """What an output is not whole without."""
        return [target.with_suffix(suffix) for suffix in self.suffixes]

    def of(self, target: Path) -> list[Path]:
        """All of it."""
        recipe = [sidecar_of(target)] if self.sidecar else []
        return [*recipe, *self.parts(target), *(marked(target, mark) for mark in self.marks)]


NOTHING = Beside()


def sidecar_of(target: Path) -> Path:
    """Where the recipe of an output lies if it is asked for in a file of its own."""
    return target.with_name(f"{target.name}.json")


def marked(target: Path, mark: str) -> Path:
    """Where a picture on the way to an output lies: photo_styled_step0050.jpg beside photo_styled.jpg."""
    return target.with_stem(f"{target.stem}_{mark}")


def is_device(path: Path | str | None) -> bool:
    """Whether something is there that is written to and never replaced: /dev/null, a pipe."""
    mode = _mode_of(path)
    return mode is not None and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def takes_all(path: Path | str | None) -> bool:
    """Whether any number of outputs may go there, one after another: /dev/null and its like."""
    mode = _mode_of(path)
    return mode is not None and stat.S_ISCHR(mode)


def _mode_of(path: Path | str | None) -> int | None:
    try:
        return Path(path).stat().st_mode if path is not None else None
    except (OSError, ValueError):
        return None
