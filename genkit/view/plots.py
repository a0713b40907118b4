"""`genkit show --plot`: what a sound looks like."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from genkit.errors import UsageError
from genkit.view.targets import check_target


def write_plot(files: Sequence[Path], target: Path, *, overwrite: bool) -> None:
    """Draw waveform and mel spectrogram of a sound's first minute.

    Raises:
        UsageError: several files, or a target that cannot be. InputError: it is no sound.
    """
    from genkit.media.atomic import write_atomic
    from genkit.media.sound.audio import read_sound
    from genkit.media.sound.plot import draw_plot
    from genkit.run.outputs import put

    if len(files) > 1:
        raise UsageError("--plot draws one sound", "give one FILE")
    if not files[0].exists():
        raise UsageError(f"not found: {files[0]}", code="missing-input")
    if target.suffix.lower() != ".png":
        raise UsageError(f"--plot {target}: not a kind that can be written", "a plot is a png")
    check_target(target, "--plot", (), overwrite=overwrite)
    samples, rate = read_sound(files[0])
    drawn = draw_plot([samples], rate, [])
    stream = io.BytesIO()
    drawn.save(stream, "PNG")
    write_atomic(target, partial(put, stream.getvalue()))
