"""Whether a voice can say what it is given: its scripts, its languages, what markup asks of it; told before it speaks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from genkit import cards
from genkit.errors import InputError, UsageError
from genkit.run import ability
from genkit.text.languages import guess_language, sample, speaks
from genkit.text.scripts import Foreign, foreign_words, unspeakable

if TYPE_CHECKING:
    from genkit.cards import Card
    from genkit.models.shapes import SpeakModel
    from genkit.verbs.tts.task import SpeechSettings

MOST_FOREIGN = 0.2  # of the words of a text: with more of them in another script it is a text for another voice
SPEEDS, SEMITONES = (0.25, 4.0), 12.0  # what a part of a text may ask for (models/tts/speaking.py)
NAMED = 5  # of what a voice could not read


def languages_of(card: Card, voice: str | None = None) -> tuple[str, ...]:
    """The languages of a card's voices, or of one of them where the card tells them apart."""
    voices = card.params.get("voices")
    if voice is not None and isinstance(voices, Mapping) and voice in voices:
        return (str(voices[voice]),)
    return tuple(str(one) for one in card.params.get("languages", ()))


def reference(card: Card) -> str:
    """What a recipe calls a card: its name, or `./FILE.toml` where that name finds none, or another."""
    try:
        same = cards.find(card.name, "tts").toml == card.toml
    except UsageError:
        same = False
    return card.name if same else f"./{card.toml.name}"


def refuse_foreign(texts: Sequence[str], card: Card, voice: str | None = None, language: str | None = None) -> Foreign:
    """Refuse a text (in its parts) that is mainly in another script, or clearly in another language than the voice's.

    `language` is the text's where that was said. Single foreign words in it are counted.

    Raises:
        UsageError: the hint names voices that can say it.
    """
    languages = languages_of(card, voice)
    foreign = sum((foreign_words(one, languages) for one in texts), Foreign())
    mainly = foreign.share > MOST_FOREIGN
    spoken = language or (None if mainly else guess_language(sample(texts), languages))
    if not mainly and (spoken is None or speaks(languages, spoken)):
        return foreign
    script = f"is in another script: {' '.join(foreign.examples)}"
    what = script if mainly else f"is in another language ({spoken})"
    able = [one.name for one in cards.all_cards("tts") if can_say(one, " ".join(foreign.examples) if mainly else "", spoken)]
    more = f", and {len(able) - 6} more" if len(able) > 6 else ""
    hint = f"voices that can: {', '.join(able[:6])}{more}" if able else "no voice here speaks it; see genkit tts --list-voices"
    raise UsageError(
        f"{card.name} speaks {', '.join(languages)}, and the text {what}",
        hint + ("" if mainly else "; or say --language"),
        code="language",
    )


def can_say(card: Card, foreign: str, language: str | None) -> bool:
    """Whether one of a card's languages is the wanted one, or is written as the words that are foreign to another."""
    languages = languages_of(card)
    if language is not None:
        return speaks(languages, language)
    return bool(foreign) and any(not unspeakable(foreign, [one], most=1) for one in languages)


def parts_notice(parts: Sequence[tuple[str, str]], card: Card, voice: str | None = None) -> str | None:
    """What is to be told of chapters (title, text) that seem to be in another language than the rest of their book, and of a
    text that is too short to be sure of."""
    languages = languages_of(card, voice)
    if len(parts) == 1:
        likely = guess_language(parts[0][1], languages, sure=False)
        if likely is None or speaks(languages, likely):
            return None
        voices = f"genkit tts --list-voices --language {likely}"
        return f"the text may be in another language ({likely}) than {card.name} speaks; {voices}"
    guessed = ((title, guess_language(text[:4000], languages)) for title, text in parts)
    strange = [f"{title} ({found})" for title, found in guessed if found is not None and not speaks(languages, found)]
    if not strange:
        return None
    count = "1 part seems" if len(strange) == 1 else f"{len(strange)} parts seem"
    more = ", ..." if len(strange) > NAMED else ""
    return f"{count} to be in another language than {card.name} speaks: {', '.join(strange[:NAMED])}{more}"


def foreign_notice(foreign: Foreign) -> str | None:
    """What is to be told of foreign words in a text, once."""
    if not foreign.count:
        return None
    words = "1 word is" if foreign.count == 1 else f"{foreign.count} words are"
    some = ", ".join(foreign.examples) + (", ..." if foreign.count > len(foreign.examples) else "")
    return f"{words} in another script: read by their letters where those have Latin ones, else left out ({some})"


def unread_notice(model: SpeakModel) -> str | None:
    """What is to be told of words and signs that a voice had no sound for, once: from here on they are counted anew."""
    unread, count = model.unread.most_common(), model.unread.total()
    if not unread:
        return None
    model.unread.clear()
    some = ", ".join(sign for sign, _ in unread[:NAMED]) + (", ..." if len(unread) > NAMED else "")
    what = "1 word or sign, which was" if count == 1 else f"{count} words or signs, which were"
    return f"{model.card.name} has no sound for {what} left out, whole or in part: {some}"


def check_markup(text: str, card: Card, settings: SpeechSettings) -> tuple[str, Sequence[str]]:
    """Read all markup of a text (`<...>` with `settings.ssml`, `[[...]]`) before any of it is said, and return the text
    without it, and what is to be told of markup that is passed over.

    Raises:
        InputError: it is wrong; the message names the tag and its line. UsageError: the voice cannot do what it asks for.
    """
    from genkit.text.composing import check
    from genkit.text.ssml import place

    if not settings.ssml and "[[" not in text:
        return text, ()
    try:
        asked = check(text, settings.language, settings.lexicon, settings.ssml)
    except InputError as error:
        error.exit_code = 2
        raise
    if asked.phonemes is not None:
        ability.need(card, "phonemes", f"[[...]] (the first at {place(text, asked.phonemes)})")
    for at, rate, pitch in asked.prosody:
        tag = f"<prosody> at {place(text, at)}"
        if rate != 1:
            ability.need(card, "speed", tag)
        if pitch:
            ability.need(card, "pitch", tag)
        speed, semitones = rate * settings.speed, pitch + settings.pitch
        if not SPEEDS[0] <= speed <= SPEEDS[1]:
            raise UsageError(f"{tag}: {speed:g} times the speed", f"{SPEEDS[0]:g} to {SPEEDS[1]:g} can be made")
        if abs(semitones) > SEMITONES:
            raise UsageError(f"{tag}: {semitones:g} semitones", f"up to {SEMITONES:g} can be made")
    return re.sub(r"\[\[.*?\]\]", " ", asked.plain), asked.notes
