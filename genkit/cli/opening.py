"""Open what was made in the program that the system has for such files (`--open`)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

MOST = 4  # more windows help nobody: their folder is opened


def open_results(outputs: Sequence[Path]) -> None:
    """Open those that are there, or, of many, the folder that they lie in."""
    made = [path for path in outputs if path.exists()]
    places = made if len(made) <= MOST else list(dict.fromkeys(path.parent for path in made))[:1]
    program = opener()
    if places and program is None:
        print("note: --open: nothing here opens files (there is no xdg-open)", file=sys.stderr)
        return
    for place in places:
        # Programs that stay open must not keep the command waiting, nor write into its output.
        subprocess.Popen(
            [*(program or ()), str(place.absolute())],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


def opener() -> list[str] | None:
    """The command that opens a file or a folder with the program for it; None where there is none."""
    if sys.platform == "darwin":
        return ["open"]
    if os.name == "nt":
        return ["explorer"]
    found = shutil.which("xdg-open")
    return [found] if found else None
