"""What Kokoro-82M and its pupils read: phonemes as misaki writes them, by number.

The numbers are those of the published config.json ("vocab"); 0 stands at both ends. Only what English text gives is listed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from genkit.models.tts.speaking import Speak
from genkit.text.english.misaki import spoken

if TYPE_CHECKING:
    from genkit.text.sentence import Sentence

NUMBERS = {
    ";": 1, ":": 2, ",": 3, ".": 4, "!": 5, "?": 6, "—": 9, "…": 10, " ": 16, "A": 24, "I": 25, "O": 31, "Q": 33, "T": 36,
    "W": 39, "Y": 41, "ᵊ": 42, "a": 43, "b": 44, "d": 46, "f": 48, "h": 50, "i": 51, "j": 52, "k": 53, "l": 54, "m": 55,
    "n": 56, "p": 58, "s": 61, "t": 62, "u": 63, "v": 64, "w": 65, "z": 68, "ɑ": 69, "ɐ": 70, "ɒ": 71, "æ": 72, "ɔ": 76,
    "ð": 81, "ʤ": 82, "ə": 83, "ɛ": 86, "ɜ": 87, "ɡ": 92, "ɪ": 102, "ŋ": 112, "θ": 119, "ɹ": 123, "ʃ": 131, "ʧ": 133,
    "ʊ": 135, "ʌ": 138, "ʒ": 147, "ˈ": 156, "ˌ": 157, "ː": 158, "ᵻ": 177,
}  # fmt: skip
MOST_PHONES = 510  # that one call takes
LONGEST = 320  # letters of a call: with marks of stress and figures read out that stays below MOST_PHONES


class SpeakPhones(Speak):
    """A voice that reads them."""

    takes = "phonemes"
    longest = LONGEST

    def ids(self, sentence: Sentence, options: Mapping[str, Any]) -> list[int]:
        """The numbers of a sentence between its two zeros; empty where nothing in it is said."""
        return numbers(self.phones(sentence, options.get("lexicon")))

    def phones(self, sentence: Sentence, lexicon: Any = None) -> str:
        """A sentence as one row of phonemes: words parted by spaces, marks behind their words."""
        parts: list[str] = []
        for piece in sentence.pieces:
            words = []
            for word, sounds in spoken(piece, lexicon):
                words.append(sounds)
                if not sounds and word.text:
                    self._pass_over(word.text)
            if said := " ".join(filter(None, words)):
                parts.append(said + piece.mark)
        return " ".join(parts)


def numbers(phones: str) -> list[int]:
    """Phonemes by number with a zero at both ends, MOST_PHONES at most; empty for none."""
    row = [NUMBERS[one] for one in phones if one in NUMBERS][:MOST_PHONES]
    return [0, *row, 0] if row else []
