"""Text to sentences of words that are said, with what is needed to find each of them again in the text.

Texts come as a string, a sentence is made when it is asked for, and nothing is kept of those before: the memory that a book
takes beyond its own text does not grow with it. Offsets count characters of the text that was given (with `ssml`: of the
markup), so that work which stopped can go on at a sentence.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genkit.text.lexicon import Lexicon
    from genkit.text.sentence import Sentence


def sentences(
    text: str, *, language: str = "en", lexicon: Lexicon | None = None, ssml: bool = False, start: int = 0
) -> Iterator[Sentence]:
    """Read a text sentence by sentence, lazily.

    English is read in full; in other languages numbers are said where num2words knows the language (digits stay where it
    does not), and words and marks are kept. `start` is the offset of a sentence (its `start`, or the `end` of the one before)
    at which to go on. `lexicon` matters here only in that its words are kept as they are written and not read as acronyms,
    units or abbreviations.

    Raises: InputError where `ssml` is wrong or `[[...]]` holds no phonemes; its message names the tag and its place.
    """
    from genkit.text.composing import compose, compose_ssml
    from genkit.text.others.numbers import language_tag

    language = language_tag(language)
    return compose_ssml(text, language, lexicon, start) if ssml else compose(text, language, lexicon, start)
