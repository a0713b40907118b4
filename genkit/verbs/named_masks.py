"""What a word in a mask's place (`run/mask_words.py`) names in a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from genkit.run import mask_words

if TYPE_CHECKING:
    from genkit.media.pictures.picture import Picture
    from genkit.pixels.mask_kinds import MaskPicture
    from genkit.run.verb import Context


def find(word: str | None, model: str | None, picture: Picture, context: Context) -> MaskPicture:
    """The subject of a picture, all around it, or what other words name, by a model.

    Raises:
        WeightsError: the model cannot be had.
    """
    from functools import partial

    from genkit.pixels.subject import mask_of

    finding = mask_words.model_of(context, model)
    if word not in mask_words.PLACES:
        finding = partial(finding, words=word)
    outside = word == mask_words.BACKGROUND
    return mask_of(finding, picture.pixels, picture.alpha, outside=outside, called=f"--mask {word}")
