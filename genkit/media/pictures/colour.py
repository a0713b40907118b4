"""Pixels in sRGB, whatever profile a file describes them by: for verbs that make new colours.

A verb that measures lightness or makes colours needs to know what numbers mean, and what it makes is sRGB. So pixels with
another profile, grey ones included, are converted to sRGB first (littleCMS, relative colorimetric; colours beyond sRGB are
clipped), and the profile is left out of the result. A profile that is sRGB's by what it does is left alone.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from genkit.media.pictures.picture import Picture

STRIP = 256  # rows converted at once
SAME = 257 * 1.5  # of 65535: a profile within one and a half 8-bit steps of sRGB is sRGB


def to_srgb(picture: Picture, notice: Callable[[str], None] = lambda message: None) -> Picture:
    """The picture with pixels in sRGB (or grey on sRGB's curve) and without a profile, unless it is sRGB's own."""
    from dataclasses import replace

    profile = picture.metadata.icc
    if profile is None:
        return picture
    import imagecodecs

    grey = picture.pixels.shape[2] == 1
    metadata = replace(picture.metadata, icc=None)
    try:
        probe = _probe(grey)
        shown = _convert(probe, profile, grey)
        if np.abs(shown.astype(int) - probe.astype(int)).max() <= SAME:
            return replace(picture, metadata=metadata) if grey else picture
        pixels = np.empty_like(picture.pixels)
        for top in range(0, len(pixels), STRIP):
            pixels[top : top + STRIP] = _convert(picture.pixels[top : top + STRIP], profile, grey)
    except (imagecodecs.CmsError, ValueError):
        notice("colour profile dropped: it is damaged")
        return replace(picture, metadata=metadata)
    notice("colours converted to sRGB from the file's own profile, which the result does not carry")
    return replace(picture, pixels=pixels, metadata=metadata)


def _probe(grey: bool) -> np.ndarray:
    """A few colours (1, n, C) uint16 that tell profiles apart."""
    steps = np.linspace(0, 65535, 17).astype(np.uint16)
    if grey:
        return steps[None, :, None]
    corners = np.stack(np.meshgrid([0, 32768, 65535], [0, 32768, 65535], [0, 32768, 65535]), -1).reshape(-1, 3)
    return np.concatenate([np.repeat(steps[:, None], 3, 1), corners]).astype(np.uint16)[None]


def _convert(pixels: np.ndarray, profile: bytes, grey: bool) -> np.ndarray:
    import imagecodecs

    converted = imagecodecs.cms_transform(
        np.ascontiguousarray(pixels[..., 0] if grey else pixels),
        profile,
        imagecodecs.cms_profile("srgb"),
        colorspace="gray" if grey else "rgb",
        outcolorspace="rgb",
        outdtype=pixels.dtype,
        intent=1,
    )
    return converted[..., 1:2] if grey else converted
