"""`genkit tts --list-voices`: what can speak, and which languages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from genkit.errors import UsageError

if TYPE_CHECKING:
    from genkit.cards import Card


def list_voices(language: str | None, as_json: bool) -> int:
    """List the models with their voices, those that speak a language alone if one is named.

    Raises:
        UsageError: none speaks it.
    """
    from genkit import cards
    from genkit.files import size_text
    from genkit.run.call import state_of
    from genkit.run.report import write_event
    from genkit.text.languages import speaks
    from genkit.verbs.tts.voices import languages_of

    models = [card for card in cards.all_cards("tts") if language is None or speaks(languages_of(card), language)]
    if not models:
        known = sorted({code for card in cards.all_cards("tts") for code in languages_of(card)})
        raise UsageError(f"no voice speaks {language}", f"languages: {', '.join(known)}", code="language")
    rows = []
    for card in models:
        languages, voices, rate, state = (
            list(languages_of(card)),
            voices_of(card, language),
            card.params.get("sample_rate"),
            state_of(card),
        )
        if as_json:
            write_event(
                "voice",
                model=card.name,
                languages=languages,
                voices=voices,
                rate=rate,
                licence=card.licence,
                commercial=card.commercial,
                verified=card.verified,
                state=state,
                bytes=card.size,
                summary=card.summary,
            )
        rows.append((card.name, ", ".join(languages), f"{rate or '?'} Hz", size_text(card.size), state, card.licence))
        rows += [(f"  --voice {voice}", "", "", "", "", "") for voice in voices]
    if as_json:
        write_event("done", done=len(models), failed=0, skipped=0, exit=0)
        return 0
    widths = [max(len(str(row[column])) for row in rows) for column in range(6)]
    for row in rows:
        print("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def voices_of(card: Card, language: str | None = None) -> list[str]:
    """The speakers that a card names, those of one language alone where it tells them apart."""
    from genkit.text.languages import speaks

    voices = card.params.get("voices", ())
    if isinstance(voices, Mapping):
        return [str(name) for name, spoken in voices.items() if language is None or speaks([str(spoken)], language)]
    return [str(name) for name in voices]
