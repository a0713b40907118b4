"""Tags of sound files through mutagen: the recipe, a title, chapters, a cover.

WAV and MP3 carry ID3v2.4 (the recipe in `TXXX:genkit`, chapters in `CHAP` under a `CTOC`); FLAC and OGG carry Vorbis comments
(`GENKIT`, and `CHAPTER001` with `CHAPTER001NAME`, as players read them).
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genkit.errors import OutputError

KEY = "genkit"
FRONT_COVER = 3  # the kind of picture, in ID3 and FLAC alike


@dataclass(frozen=True)
class Chapter:
    """A part of a longer sound, from `start_s` on."""

    title: str
    start_s: float
    end_s: float


def write_tags(
    path: Path,
    format: str,
    *,
    recipe: str | None = None,
    chapters: Sequence[Chapter] = (),
    title: str | None = None,
    cover: bytes | None = None,
) -> None:
    """Put tags into a file that has none; `recipe` is its text.

    Raises:
        OutputError: the file takes none.
    """
    if recipe is None and not chapters and title is None and cover is None:
        return
    from mutagen import MutagenError

    try:
        (_write_id3 if format in ("WAV", "MP3") else _write_comments)(path, format, recipe, chapters, title, cover)
    except MutagenError as error:
        raise OutputError(f"{path}: takes no tags: {error}", "--strip-metadata writes none") from error


def _write_id3(
    path: Path, format: str, text: str | None, chapters: Sequence[Chapter], title: str | None, cover: bytes | None
) -> None:
    from mutagen.id3 import APIC, CHAP, CTOC, TIT2, TXXX, CTOCFlags, Encoding
    from mutagen.mp3 import MP3
    from mutagen.wave import WAVE

    file: Any = WAVE(path) if format == "WAV" else MP3(path)
    if file.tags is None:
        file.add_tags()
    if text is not None:
        file.tags.add(TXXX(encoding=Encoding.UTF8, desc=KEY, text=[text]))
    if title is not None:
        file.tags.add(TIT2(encoding=Encoding.UTF8, text=[title]))
    if cover is not None:
        file.tags.add(APIC(encoding=Encoding.UTF8, mime=_mime(cover), type=FRONT_COVER, desc="", data=cover))
    names = [f"chp{number}" for number in range(len(chapters))]
    if chapters:
        flags = CTOCFlags.TOP_LEVEL | CTOCFlags.ORDERED
        # a table of contents counts its entries in one byte
        file.tags.add(CTOC(element_id="toc", flags=flags, child_element_ids=names[:255], sub_frames=[]))
    for name, one in zip(names, chapters, strict=True):
        heading = [TIT2(encoding=Encoding.UTF8, text=[one.title])]
        start, end = round(one.start_s * 1000), round(one.end_s * 1000)
        file.tags.add(CHAP(element_id=name, start_time=start, end_time=end, sub_frames=heading))
    file.save()


def _write_comments(
    path: Path, format: str, text: str | None, chapters: Sequence[Chapter], title: str | None, cover: bytes | None
) -> None:
    from mutagen.flac import FLAC, Picture
    from mutagen.oggvorbis import OggVorbis

    file: Any = FLAC(path) if format == "FLAC" else OggVorbis(path)
    if file.tags is None:
        file.add_tags()
    if text is not None:
        file[KEY] = text
    if title is not None:
        file["title"] = title
    if cover is not None:
        picture = Picture()
        picture.type, picture.mime, picture.data = FRONT_COVER, _mime(cover), cover
        if format == "FLAC":
            file.add_picture(picture)
        else:
            file["metadata_block_picture"] = [base64.b64encode(picture.write()).decode("ascii")]
    for number, one in enumerate(chapters, 1):
        file[f"CHAPTER{number:03}"] = _clock(one.start_s)
        file[f"CHAPTER{number:03}NAME"] = one.title
    file.save()


def _mime(cover: bytes) -> str:
    return "image/png" if cover.startswith(b"\x89PNG") else "image/jpeg"


def read_text(path: Path, format: str) -> str | None:
    """The recipe's text in a sound file, or None."""
    from mutagen import MutagenError

    try:
        if format in ("WAV", "MP3"):
            from mutagen.mp3 import MP3
            from mutagen.wave import WAVE

            tags = (WAVE(path) if format == "WAV" else MP3(path)).tags
            frame = tags.get(f"TXXX:{KEY}") if tags else None
            return str(frame.text[0]) if frame is not None and frame.text else None
        from mutagen.flac import FLAC
        from mutagen.oggvorbis import OggVorbis

        found = (FLAC(path) if format == "FLAC" else OggVorbis(path)).get(KEY)
        return str(found[0]) if found else None
    except (MutagenError, ValueError, IndexError, EOFError):  # damaged, or Ogg with something else in it
        return None


def _clock(seconds: float) -> str:
    whole = round(seconds * 1000)
    minutes, rest = divmod(whole, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"
