"""How much of what was said a recogniser understands: word error rates by PocketSphinx with its open English vocabulary, and by
Whisper where that is here.

It understands a natural voice at home only to about three words in four, so its rate on recordings belongs beside a voice's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from genkit.errors import UsageError
from genkit.evaluate.instruments import absent, instrument

RATE_HZ = 16_000
WHISPER = "whisper-tiny-en"
Recognise = Callable[[np.ndarray], str]


def pocketsphinx() -> Recognise:
    """A recogniser of mono float audio at 16 kHz.

    Raises:
        UsageError: it is not installed.
    """
    try:
        from pocketsphinx import Decoder
    except ImportError as error:
        raise UsageError("measuring speech needs PocketSphinx", "pip install 'genkit-media[speech]'") from error

    decoder: Any = Decoder(loglevel="FATAL")
    fresh = decoder.get_cmn(False)

    def recognise(audio: np.ndarray) -> str:
        decoder.set_cmn(fresh)  # it adapts to what it hears, and the order of the texts would matter
        decoder.start_utt()
        decoder.process_raw((np.clip(audio, -1, 1) * 32767).astype("<i2").tobytes(), full_utt=True)
        decoder.end_utt()
        hypothesis = decoder.hyp()
        return "" if hypothesis is None else hypothesis.hypstr

    return recognise


def whisper(notify: Callable[[str], None]) -> dict[str, Recognise]:
    """Whisper by the measuring card of that name, if it is here and its library is installed; else none, told by `notify`."""
    try:
        network = instrument(WHISPER)
    except UsageError as error:  # the library
        notify(f"{error.message}; {error.hint}")
        return {}
    if network is None:
        notify(absent(WHISPER, "Whisper's word errors"))
        return {}
    return {WHISPER: network}


def words_of(text: str) -> list[str]:
    """Words for comparison: small letters and apostrophes within; hyphens divide."""
    return re.findall(r"[a-z0-9]+(?:'[a-z]+)*", text.lower().replace("’", "'"))


def edit_distance(first: Sequence[str], second: Sequence[str]) -> int:
    """Substitutions, insertions and deletions between two rows of words or sounds (Levenshtein)."""
    row = list(range(len(second) + 1))
    for place, item in enumerate(first, 1):
        corner, row[0] = row[0], place
        for column, other in enumerate(second, 1):
            corner, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, corner + (item != other))
    return row[-1]
