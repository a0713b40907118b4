"""Which language a text seems to be in, by its commonest small words (standard library only).

Scripts tell Russian from English (`text/scripts.py`); this tells languages apart that share one, from words that each uses all
the time and others do not have. It is for refusing a text that a voice would mumble, so it says nothing where it is not sure.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

LEAST_WORDS, LEAST_HITS = 5, 3
MOST = 16_000  # letters that are looked at
WORDS = {
    "en": "the and of to is was that with for are have this from not but you they his her which were been would their what",
    "de": "der die das und ist nicht ein eine mit von zu den dem auf für sich auch es ich wir sie wird sind war aber wie heute",
    "fr": "le la les et est une des que qui dans pour pas sur avec ce il elle nous vous sont du au cette mais être avoir je",
    "es": "el la los las y es una que de en por con para no se del al como pero más está este son muy todo ella también",
    "it": "il lo la gli e è una che di non per con sono del della nel come più anche questo ma io ho alla dei",
    "pt": "o os as e é uma que de não para com por do da em no na mas mais como está são você ele ela também",
    "nl": "de het een en van is niet met op te dat die zijn voor ook maar wij ik er aan naar was heeft wordt deze",
    "pl": "i w nie na się jest że z do to jak ale co tak przez był była są dla od po może tylko",
    "sv": "och att det som en är på för med av inte den till har jag vi han hon om men ett var",
    "tr": "ve bir bu için ile çok da de ne var olarak gibi daha ama değil ben sen kadar sonra",
}
SETS = {language: frozenset(words.split()) for language, words in WORDS.items()}


def guess_language(text: str) -> str | None:
    """The language whose small words the text is full of, clearly more than any other's; None where that is not clear."""
    words = [one.casefold() for one in re.findall(r"[^\W\d_]+", text[:MOST])]
    if len(words) < LEAST_WORDS:
        return None
    hits = sorted(((sum(one in known for one in words), language) for language, known in SETS.items()), reverse=True)
    (most, language), (second, _) = hits[0], hits[1]
    return language if most >= LEAST_HITS and most > 1.5 * second and most > 0.12 * len(words) else None


def sample(texts: Sequence[str]) -> str:
    """Parts of a text as one that is short enough, from its beginning to its end: a preface may be in another language."""
    if sum(map(len, texts)) <= MOST:
        return " ".join(texts)
    some = [texts[place * len(texts) // 16] for place in range(16)] if len(texts) > 16 else list(texts)
    share = MOST // (4 * len(some))
    return " ".join(one[at * len(one) // 4 :][:share] for one in some for at in range(4))


def speaks(languages: Collection[str], language: str) -> bool:
    """Whether one of a voice's languages (`en-US`) is the wanted one (`en`, or `en-US` to the letter)."""
    wanted = language.replace("_", "-").lower()
    return any(one.lower() == wanted or ("-" not in wanted and one.lower().partition("-")[0] == wanted) for one in languages)
