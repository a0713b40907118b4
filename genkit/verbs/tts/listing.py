"""`genkit tts --list-voices`: what can speak, and which languages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def list_voices(language: str | None, as_json: bool) -> int:
    """List the models with their voices, those that speak a language alone if one is named.

    Raises:
        UsageError: none speaks it.
    """
    from genkit import cards, weights
    from genkit.errors import UsageError
    from genkit.run.report import write_event
    from genkit.text.languages import speaks

    found = [card for card in cards.all_cards("tts") if language is None or speaks(card.params.get("languages", ()), language)]
    if not found:
        known = sorted({str(one) for card in cards.all_cards("tts") for one in card.params.get("languages", ())})
        raise UsageError(f"no voice speaks {language}", f"languages: {', '.join(known)}", code="language")
    rows = []
    for card in found:
        languages = [str(one) for one in card.params.get("languages", ())]
        voices = voices_of(card, language)
        facts = {
            "model": card.name,
            "languages": languages,
            "voices": voices,
            "rate": card.params.get("sample_rate"),
            "licence": card.licence,
            "commercial": card.commercial,
            "verified": card.verified,
            "state": weights.state(card),
            "bytes": card.size,
            "summary": card.summary,
        }
        if as_json:
            write_event("voice", **facts)
        size = weights.size_text(card.size)
        rows.append((card.name, ", ".join(languages), f"{facts['rate'] or '?'} Hz", size, facts["state"], card.licence))
        rows += [(f"  --voice {one}", "", "", "", "", "") for one in voices]
    if as_json:
        write_event("done", done=len(found), failed=0, skipped=0, exit=0)
        return 0
    widths = [max(len(str(row[column])) for row in rows) for column in range(6)]
    for row in rows:
        print("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def voices_of(card: Any, language: str | None = None) -> list[str]:
    """The speakers that a card names, those of one language alone where it tells them apart."""
    from genkit.text.languages import speaks

    voices = card.params.get("voices", ())
    if isinstance(voices, Mapping):
        return [str(one) for one, spoken in voices.items() if language is None or speaks([str(spoken)], language)]
    return [str(one) for one in voices]
