"""Whether what is given as a mask is one: photographs, colours and labels told from black and white, and what to do instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from genkit.errors import InputError
from genkit.nets.luma import LUMA

if TYPE_CHECKING:
    import numpy as np

LOOKED_AT = 1 << 20  # pixels: what a mask is shows in so many
DARK, BRIGHT = 0.1, 0.9  # of white: between them lie the soft edges of masks, and most of a photograph
SOFT = 0.3  # a larger share between them is no edge
TONES, FEW_TONES, RARE = 32, 8, 0.005  # a photograph has many tones, of which each takes some share
COLOURED, CHROMA = 0.02, 0.2
MOSTLY = 0.9


@dataclass(frozen=True)
class MaskPicture:
    """A mask that somebody drew: pixels (h, w, 1 or 3), alpha (h, w) or None, and what messages call it."""

    pixels: np.ndarray
    alpha: np.ndarray | None
    name: str


def judge(mask: MaskPicture, way_out: str) -> str | None:
    """What to say of a mask that is not black and white; None of one that is.

    Raises:
        InputError: it is a photograph with transparency, which is meant as the mask; `way_out` says how to give it.
    """
    import numpy as np

    step = max(1, int((mask.pixels.shape[0] * mask.pixels.shape[1] / LOOKED_AT) ** 0.5))
    values = mask.pixels[::step, ::step].astype(np.float32) / int(np.iinfo(mask.pixels.dtype).max)
    shown = np.ones(values.shape[:2], bool)
    if mask.alpha is not None:
        shown = mask.alpha[::step, ::step] > int(np.iinfo(mask.alpha.dtype).max) // 2
    values = values[shown]
    if not len(values):
        return None
    tones = values[:, 0] if values.shape[1] == 1 else values @ np.array(LUMA, np.float32)
    shares = np.histogram(tones, TONES, (0, 1))[0] / len(tones)
    soft = ((tones > DARK) & (tones < BRIGHT)).mean()
    if soft > SOFT and (shares > RARE).sum() >= FEW_TONES:
        if not shown.all():
            raise InputError(
                f"{mask.name}: looks like a picture with a transparent part, and not like a mask", way_out, code="no-mask"
            )
        return f"{mask.name} looks like a photograph, and not like a mask: what is brighter than half counts as white"
    if (np.ptp(values, axis=1) > CHROMA).mean() > COLOURED:
        return f"{mask.name} has colours, which count by their brightness: red and blue as black, yellow and green as white"
    return None


def brightest(mask: MaskPicture) -> str:
    """What to say of a mask in which nothing counts as white though it is not black: labels, 8 bits stored in 16."""
    import numpy as np

    top, peak = int(mask.pixels.max()), int(np.iinfo(mask.pixels.dtype).max)
    return f"; its brightest value is {top} of {peak}, and half of that is needed" if 0 < top < peak / 2 else ""


def hidden_share(alpha: np.ndarray, mask: np.ndarray) -> float:
    """How much of what a mask covers is transparent."""
    import numpy as np

    return float((alpha[mask] <= int(np.iinfo(alpha.dtype).max) // 2).mean()) if mask.any() else 0.0
