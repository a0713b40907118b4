"""The sound formats: names and suffixes (standard library only)."""

from __future__ import annotations

from typing import Any

FORMATS = {".wav": "WAV", ".flac": "FLAC", ".ogg": "OGG", ".oga": "OGG", ".mp3": "MP3"}
LOSSY = ("OGG", "MP3")  # what --quality is for
BITS = (16, 24)


def sniff_sound(head: Any) -> str | None:
    """Name the format by the first bytes (12 are enough), or None."""
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "WAV"
    if head[:4] == b"fLaC":
        return "FLAC"
    if head[:4] == b"OggS":
        return "OGG"
    if head[:3] == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2):
        return "MP3"
    return None
