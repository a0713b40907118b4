"""Which encoder writes a film, and how: what was asked for, what the container and the pictures need, what this PyAV can.

All of it is decided, and refused, before the first frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from genkit.errors import UsageError
from genkit.media.film import names
from genkit.media.film.facts import Colour, VideoFacts
from genkit.media.film.library import library

LIKE = "copy-like"  # the source's own codec
CODECS = ("h264", "hevc", "av1", "vp9", "prores", "ffv1", LIKE)
ENCODERS: Mapping[str, str] = {
    "h264": "libx264",
    "hevc": "libx265",
    "av1": "libsvtav1",
    "vp9": "libvpx-vp9",
    "prores": "prores_ks",
    "ffv1": "ffv1",
}
_ANIMATED = {"GIF": "gif", "PNG": "apng", "WEBP": "libwebp_anim", "AVIF": "libsvtav1"}
_HELD: Mapping[str, Sequence[str]] = {
    "MP4": ("h264", "hevc", "av1", "vp9"),
    "MOV": ("h264", "hevc", "prores"),
    "MKV": ("h264", "hevc", "av1", "vp9", "prores", "ffv1"),
    "WEBM": ("vp9", "av1"),
    "AVI": ("h264", "ffv1"),
    "TS": ("h264", "hevc"),
}
# by codec, first those that come next to what players open
_FORMATS: Mapping[str, Sequence[str]] = {
    "h264": ("yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p10le"),
    "hevc": ("yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p10le"),
    "av1": ("yuv420p", "yuv420p10le"),
    "vp9": ("yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p10le", "yuva420p"),
    "prores": ("yuv422p10le", "yuv444p10le", "yuva444p10le"),
    "ffv1": (
        *("yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p10le"),
        *("yuva420p", "yuva422p", "yuva444p", "yuva420p10le", "yuva422p10le", "yuva444p10le"),
    ),
    "gif": ("pal8",),
    "png": ("rgb24", "rgba", "rgb48be", "rgba64be"),
    "webp": ("bgra",),
    "avif": ("yuv420p", "yuv420p10le"),
}
_CRF: Mapping[str, tuple[int, int]] = {"h264": (18, 51), "hevc": (20, 51), "av1": (26, 63), "vp9": (24, 63)}  # default, most
_SPEEDS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
_SVT = dict(zip(_SPEEDS, (12, 11, 10, 9, 8, 7, 5, 4, 2), strict=True))
_VPX = dict(zip(_SPEEDS, (8, 8, 7, 6, 5, 4, 2, 1, 0), strict=True))
SMALL = 256  # pixels: of narrower pictures x264's weighing of blocks over time is not the same twice
_ROTATES = ("MP4", "MOV", "MKV")  # which say how they are to be turned; the others hold upright pictures
WHITE = "holds no transparency: the film is laid on white"


@dataclass(frozen=True)
class Wish:
    """What was asked for of the encoder; None leaves it to the film."""

    codec: str | None = None
    crf: int | None = None
    preset: str | None = None
    pix_fmt: str | None = None
    quality: int | None = None


@dataclass(frozen=True)
class Encoding:
    """How pictures of one size are written. `width` and `height` are as they are stored, before rotation; times are counted in
    `time_base`."""

    kind: str
    codec: str
    encoder: str
    pix_fmt: str
    width: int
    height: int
    time_base: Fraction
    rate: Fraction
    colour: Colour
    sample_aspect: Fraction = Fraction(1)
    rotation: int = 0
    alpha: bool = False
    loop: int = 0
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def segmented(self) -> bool:
        """Whether it is written in closed pieces that can be joined; an animation is one piece."""
        return not names.is_animation(self.kind)


def choose(
    kind: str, size: tuple[int, int], video: VideoFacts, wish: Wish, *, rate: Fraction | None = None, loop: int | None = None
) -> tuple[Encoding, list[str]]:
    """The encoding of a film of upright `size` (width, height) made of `video`, and what is to be said of it.

    Raises:
        UsageError: it cannot be written so.
    """
    notices: list[str] = []
    codec = _codec(kind, video, wish)
    rotation = video.rotation if kind in _ROTATES else 0
    width, height = size[::-1] if rotation % 180 else size
    aspect = video.sample_aspect if rotation or not video.turned else 1 / video.sample_aspect
    alpha = video.alpha and any(_has_alpha(one) for one in _FORMATS[codec])
    if codec == "gif":
        alpha = video.alpha
    if video.alpha and not alpha:
        way = "" if names.is_animation(kind) else " (.webm, .mov or .mkv with vp9, prores or ffv1 keep it)"
        notices.append(f"{kind if codec == 'avif' else codec} {WHITE}{way}")
    pix_fmt = _format(codec, video, wish, alpha, width, height, notices)
    colour = video.colour
    if colour.hdr and not _is_deep(pix_fmt):
        raise UsageError(
            f"{colour.hdr} pictures need 10 bits, and {pix_fmt} has 8", "leave out --pix-fmt, or take --codec hevc"
        )
    if codec in ("gif", "png", "webp"):
        colour = Colour()
    if video.mastering and codec != "hevc":
        notices.append(f"the mastering display's data is left out: {codec} is not written with it here")
    encoder = _ANIMATED.get(kind) or ENCODERS[codec]
    _check_encoder(encoder, codec)
    time_base = 1 / rate if rate is not None else video.time_base
    if kind == "GIF":
        time_base = Fraction(1, 100)
    elif kind == "AVI" and rate is None:  # which numbers its frames, and has no times
        time_base = 1 / video.rate
    options = _options(codec, wish, colour, pix_fmt, video.mastering)
    if codec == "h264" and width < SMALL:
        options["x264-params"] = "mbtree=0"
    return Encoding(
        kind,
        codec,
        encoder,
        pix_fmt,
        width,
        height,
        time_base,
        rate or video.rate,
        colour,
        aspect,
        rotation,
        alpha,
        0 if loop is None else loop,
        options,
    ), notices


def check(wish: Wish) -> None:
    """Refuse what no film could be written with.

    Raises:
        UsageError: says what.
    """
    if wish.codec is not None and wish.codec != LIKE:
        _check_encoder(ENCODERS[wish.codec], wish.codec)
    if wish.preset is not None and wish.preset not in _SPEEDS:
        raise UsageError(f"--preset {wish.preset}: no such preset", f"presets: {', '.join(_SPEEDS)}")
    if wish.pix_fmt is not None and not any(wish.pix_fmt in several for several in _FORMATS.values()):
        known = dict.fromkeys(one for several in _FORMATS.values() for one in several if one.startswith("yuv"))
        raise UsageError(f"--pix-fmt {wish.pix_fmt}: no pixel format that is written", f"formats: {', '.join(known)}")


def _codec(kind: str, video: VideoFacts, wish: Wish) -> str:
    if names.is_animation(kind):
        if wish.codec is not None:
            raise UsageError(f"--codec {wish.codec}: {kind} animations have a codec of their own", "leave it out")
        return kind.lower()
    asked = wish.codec
    if asked == LIKE:
        asked = video.codec
        if asked not in ENCODERS:
            raise UsageError(
                f"--codec {LIKE}: {video.codec} cannot be encoded here", f"choose one: --codec {', '.join(CODECS[:-1])}"
            )
    if asked is not None:
        if asked not in _HELD[kind]:
            able = [each for each, held in _HELD.items() if asked in held]
            raise UsageError(f"{kind} holds no {asked} here", f"-o with {', '.join(names.SUFFIX_OF[one] for one in able)}")
        return asked
    if video.alpha and (keeps := {"MOV": "prores", "WEBM": "vp9", "MKV": "ffv1"}.get(kind)):
        return keeps
    if kind == "WEBM":
        return "vp9"
    return "hevc" if video.bits > 8 and "hevc" in _HELD[kind] else "h264"


def _format(codec: str, video: VideoFacts, wish: Wish, alpha: bool, width: int, height: int, notices: list[str]) -> str:
    """The pixel format that keeps most of the source's: its transparency, then its depth, then its chroma."""
    known = _FORMATS[codec]
    if wish.pix_fmt is not None:
        if wish.pix_fmt not in known:
            raise UsageError(f"--pix-fmt {wish.pix_fmt}: {codec} is not written so", f"formats: {', '.join(known)}")
        _check_even(wish.pix_fmt, codec, width, height)
        return wish.pix_fmt
    deep, chroma = video.bits > 8, _chroma(video.pix_fmt)
    even = [one for one in known if _fits(one, codec, width, height)]
    if not even:
        raise UsageError(f"{codec} cannot hold {width} x {height} pixels here", "--codec h264, hevc, vp9 or ffv1")
    best = min(
        even,
        key=lambda one: (_has_alpha(one) != alpha, _is_deep(one) != deep, abs(_chroma(one) - chroma), known.index(one)),
    )
    if deep and not _is_deep(best):
        notices.append(f"{video.bits} bits are reduced to 8: {codec} holds no more here")
    if _chroma(best) > chroma and codec in ENCODERS:
        notices.append(f"{width} x {height} is odd: {best}, which keeps every column; some players open even sizes only")
    elif _chroma(best) < chroma <= 3 and codec in ENCODERS and not video.pix_fmt.startswith("rgb"):
        notices.append(f"{video.pix_fmt} becomes {best}, which {codec} holds")
    return best


def _options(codec: str, wish: Wish, colour: Colour, pix_fmt: str, mastering: str) -> dict[str, str]:
    preset = wish.preset or "medium"
    if codec not in _CRF:
        for name, value in (("--crf", wish.crf), ("--preset", wish.preset)):
            if value is not None:
                raise UsageError(f"{name} {value}: {codec} has none", "leave it out")
        if codec == "webp":
            return {"quality": str(wish.quality or 80), "compression_level": "4"}
        if codec == "avif":
            return {"crf": str(round(63 - 0.6 * (wish.quality or 70))), "preset": "8"}
        return {"prores": {"profile": "4" if "444" in pix_fmt else "3"}, "ffv1": {"level": "3", "slicecrc": "1"}}.get(codec, {})
    default, most = _CRF[codec]
    crf = wish.crf
    if crf is None:
        crf = default if wish.quality is None else round(most * (1 - 0.008 * wish.quality))
    if crf > most:
        raise UsageError(f"--crf {crf}: {codec} takes 0 to {most}")
    if codec == "av1":
        return {"crf": str(crf), "preset": str(_SVT[preset])}
    if codec == "vp9":
        return {"crf": str(crf), "b": "0", "deadline": "good", "cpu-used": str(_VPX[preset]), "row-mt": "1"}
    options = {"crf": str(crf), "preset": preset}
    if codec == "hevc":
        options["x265-params"] = "log-level=none:repeat-headers=0" + (":hdr10-opt=1" if colour.hdr == "PQ" else "")
        options["x265-params"] += f":{mastering}" if mastering else ""
    return options


def _check_encoder(encoder: str, codec: str) -> None:
    av = library()
    try:
        av.Codec(encoder, "w")
    except Exception as error:  # PyAV has several for this, by its version
        there = [one for one, name in ENCODERS.items() if name in av.codecs_available]
        raise UsageError(
            f"this build of PyAV cannot encode {codec} ({encoder} is not in it)", f"it can: {', '.join(there)}", code="requires"
        ) from error


def _check_even(pix_fmt: str, codec: str, width: int, height: int) -> None:
    if not _fits(pix_fmt, codec, width, height):
        raise UsageError(f"--pix-fmt {pix_fmt} takes even sizes, and this is {width} x {height}", "--pix-fmt yuv444p")


def _fits(pix_fmt: str, codec: str, width: int, height: int) -> bool:
    if codec in ("vp9", "ffv1"):
        return True
    chroma = _chroma(pix_fmt) if pix_fmt.startswith("yuv") else 3
    return not ((width % 2 and chroma < 3) or (height % 2 and chroma < 2))


def _chroma(pix_fmt: str) -> int:
    """1 of 4:2:0, 2 of 4:2:2, 3 of 4:4:4; what has no chroma planes of its own or fewer is taken for 4:2:0."""
    if "444" in pix_fmt or pix_fmt.startswith(("gbr",)):
        return 3
    return 2 if "422" in pix_fmt or pix_fmt in ("yuyv422", "uyvy422") else 1


def _is_deep(pix_fmt: str) -> bool:
    return any(mark in pix_fmt for mark in ("10", "12", "16", "48", "64"))


def _has_alpha(pix_fmt: str) -> bool:
    return pix_fmt.startswith(("yuva", "rgba", "bgra", "gbrap"))
