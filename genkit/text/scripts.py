"""Which words a voice cannot speak, by the script they are written in."""

from __future__ import annotations

from collections.abc import Collection


def unspeakable(text: str, languages: Collection[str], *, most: int = 5) -> list[str]:
    """The first words of a text that are written in a script which none of the languages (such as "en", "ru") is written in.

    Accents are no script: naïve, Zoë and São are fine everywhere Latin is. Empty where all can be said.
    """
    raise NotImplementedError
