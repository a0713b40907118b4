"""What `--mask subject` and `--mask background` (`run/mask_words.py`) name in a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from genkit.run import mask_words

if TYPE_CHECKING:
    from genkit.media.pictures.picture import Picture
    from genkit.pixels.mask_kinds import MaskPicture
    from genkit.run.verb import Context


def find(word: str | None, model: str | None, picture: Picture, context: Context) -> MaskPicture:
    """The subject of a picture, or all around it, by a model of `genkit cutout`.

    Raises:
        WeightsError: the model cannot be had.
    """
    from genkit.pixels.subject import mask_of

    outside = word == mask_words.BACKGROUND
    return mask_of(mask_words.model_of(context, model), picture.pixels, picture.alpha, outside=outside, called=f"--mask {word}")
