"""From recordings and their texts to what a voice learns from: phonemes with their lengths, pitch and energy.

Each recording is brought to one rate and one level, its phonemes are found by forced alignment (`phone_alignment.py`), and what
lies outside speech is cut off but for a little.

Symbols: the phonemes of each word; after a word its mark of punctuation, with the silence that was made there (perhaps none);
SIL where the speaker rested without a mark. The first phoneme has what is left before it, the last symbol lasts to the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from genkit.data.utterances import Recordings, Utterance, resample
from genkit.errors import GenkitError, UsageError
from genkit.nets.mel import MelScale, magnitudes
from genkit.text.english.phonemes import SYMBOLS as PHONEMES
from genkit.text.english.phonemes import words_of
from genkit.text.front import sentences
from genkit.text.lexicon import Lexicon
from genkit.text.sentence import MARKS
from genkit.train.tts.corpus import AlignedUtterance, Corpus, quantised
from genkit.train.tts.phone_alignment import RATE_HZ, SILENCE, Aligner, Span

SYMBOLS = ("", *PHONEMES, *MARKS, SILENCE)  # the indices that a voice reads; the first is padding
BEFORE_S, AFTER_S = 0.03, 0.12  # what is left of the silence around speech
LEVEL = 0.09  # root mean square of what is not silence
QUIET = 10 ** (-30 / 20)  # of the loudest frame: below it is silence
PITCH_HZ = (70.0, 420.0)
LAG_BIAS, STEP_COST, VOICED = 0.03, 0.03, 0.5  # for an octave; for a quarter tone; the correlation of voiced sound

Said = list[tuple[str, ...] | str]  # the phonemes of each word, and marks of punctuation
Reader = Callable[[str], Said]


def read_aloud(text: str, lexicon: Lexicon | None = None) -> Said:
    """What the front end says of a text."""
    said: Said = []
    for sentence in sentences(text, lexicon=lexicon):
        for piece in sentence.pieces:
            said += [phonemes for _, phonemes in words_of(piece, lexicon) if phonemes]
            said += [piece.mark] if piece.mark else []
    return said


@dataclass(frozen=True)
class Symbol:
    symbol: str
    start_s: float
    end_s: float


def prepare(
    sources: Sequence[Path],
    scale: MelScale,
    *,
    holdout: frozenset[str] = frozenset(),
    read: Reader = read_aloud,
    report: Callable[[int, int, int], None] = lambda done, of, lost: None,
) -> Corpus:
    """Prepare all utterances of LJSpeech folders or zips; `report(done, of, lost)` follows the progress.

    Raises:
        UsageError: a source that cannot be read, a library that is missing, or not one recording that fits its text.
    """
    aligner, kept, lost = Aligner(), [], []
    with_names = [(source, Recordings(source)) for source in sources]
    total = sum(len(recordings.utterances) for _, recordings in with_names)
    for _, recordings in with_names:
        with recordings:
            for utterance in recordings.utterances:
                aligned = _align(recordings, utterance, aligner, scale, read)
                if aligned is None:
                    lost.append(utterance.name)
                else:
                    kept.append(replace(aligned, held=utterance.name in holdout))
                report(len(kept) + len(lost), total, len(lost))
    if not kept:
        raise UsageError("not one recording fits its text", "is metadata.csv that of these recordings?")
    origin = ", ".join(source.name for source in sources)
    return Corpus(scale.rate_hz, scale.hop, SYMBOLS, tuple(kept), tuple(lost), origin)


def _align(
    recordings: Recordings, utterance: Utterance, aligner: Aligner, scale: MelScale, read: Reader
) -> AlignedUtterance | None:
    try:
        audio, rate = recordings.read(utterance)
        said = read(utterance.text)
    except GenkitError:
        return None  # one damaged file or one odd line does not end the work of an hour; it is counted
    words = [word for word in said if not isinstance(word, str)]
    if not words or len(audio) < rate // 10:
        return None
    audio = levelled(resample(audio, rate, scale.rate_hz))
    spans = aligner.align(resample(audio, scale.rate_hz, RATE_HZ), words)
    if spans is None:
        return None
    spoken = [span for span in spans if span.word >= 0]
    begin = max(0.0, spoken[0].start_s - BEFORE_S)
    end = min(len(audio) / scale.rate_hz, spoken[-1].end_s + AFTER_S)
    audio = audio[round(begin * scale.rate_hz) : round(end * scale.rate_hz)]
    return _measured(utterance, quantised(audio), symbols_of(said, spans, begin, end), scale)


def levelled(audio: np.ndarray) -> np.ndarray:
    """Without a constant part, and so loud that speech in it has the level that voices are trained at."""
    audio = audio - audio.mean()
    whole = audio[: len(audio) // 512 * 512].reshape(-1, 512)
    level = np.sqrt((whole**2).mean(1)) if len(whole) else np.array([np.sqrt((audio**2).mean())])
    loud = np.sqrt((level[level >= QUIET * level.max()] ** 2).mean())
    peak = float(np.abs(audio).max())
    gain = min(LEVEL / max(1e-6, float(loud)), 0.98 / max(1e-6, peak))
    return (audio * gain).astype(np.float32)


def symbols_of(said: Said, spans: Sequence[Span], begin_s: float, end_s: float) -> list[Symbol]:
    """Every symbol with its time, counted from `begin_s`; without gaps."""
    silences: dict[int, tuple[float, float]] = {}  # by the word before
    before = -1
    for span in spans:
        if span.word >= 0:
            before = span.word
        else:
            start, _ = silences.get(before, (span.start_s, 0.0))
            silences[before] = start, span.end_s
    by_word: dict[int, list[Span]] = {}
    for span in spans:
        by_word.setdefault(span.word, []).append(span)
    starts: list[tuple[str, float]] = []
    number, marked = -1, True
    for part in said:
        if isinstance(part, str):
            if not marked and number >= 0:
                rest = silences.get(number)
                starts.append((part, rest[0] if rest else by_word[number][-1].end_s))
            marked = True
            continue
        if not marked and number in silences:
            starts.append((SILENCE, silences[number][0]))
        number, marked = number + 1, False
        starts += [(symbol, span.start_s) for symbol, span in zip(part, by_word[number], strict=True)]
    if not marked:
        starts.append((SILENCE, by_word[number][-1].end_s))
    starts[0] = starts[0][0], begin_s
    ends = [start for _, start in starts[1:]] + [end_s]
    return [Symbol(name, start - begin_s, end - begin_s) for (name, start), end in zip(starts, ends, strict=True)]


def _measured(utterance: Utterance, audio: np.ndarray, symbols: Sequence[Symbol], scale: MelScale) -> AlignedUtterance:
    wave = audio.astype(np.float32) / 2048
    total = scale.frames(len(wave))
    bounds = np.array([round(each.start_s * scale.rate_hz / scale.hop) for each in symbols] + [total]).clip(0, total)
    frames = np.diff(np.maximum.accumulate(bounds))
    hertz, voiced = pitch_of(wave, scale)
    energy = magnitudes(torch.from_numpy(wave)[None], scale.window, scale.hop)[0].square().sum(0).sqrt().log().numpy()
    starts = bounds[:-1]
    pitch = np.zeros(len(symbols), np.float32)
    loud = np.zeros(len(symbols), np.float32)
    for place, (start, count) in enumerate(zip(starts, frames, strict=True)):
        inside = slice(int(start), int(start + max(1, count)))
        if voiced[inside].any():
            pitch[place] = np.log(hertz[inside][voiced[inside]]).mean()
        loud[place] = energy[min(int(start), total - 1) : int(start + max(1, count))].mean()
    index = {symbol: place for place, symbol in enumerate(SYMBOLS)}
    return AlignedUtterance(
        utterance.name,
        utterance.text,
        audio,
        np.array([index[each.symbol] for each in symbols], np.int16),
        frames.astype(np.int16),
        pitch,
        loud,
    )


def pitch_of(audio: np.ndarray, scale: MelScale) -> tuple[np.ndarray, np.ndarray]:
    """Hertz (F,) and whether voiced (F,), a value for each frame of the mel spectrogram.

    Normalised cross-correlation with a bias to short lags, and a path through its peaks by dynamic programming (Talkin 1995, "A
    robust algorithm for pitch tracking", the idea of RAPT), on a grid of quarter tones.
    """
    low, high = PITCH_HZ
    width = scale.window
    padded = np.pad(audio, (width // 2, width // 2 + width))
    count = scale.frames(len(audio))
    frames = np.lib.stride_tricks.sliding_window_view(padded, width)[:: scale.hop][:count].astype(np.float64)
    grid = low * 2 ** (np.arange(int(np.log2(high / low) * 24) + 1) / 24)  # (P,)
    lags = np.round(scale.rate_hz / grid).astype(int)
    spectrum = np.fft.rfft(frames, 2 * width)
    product = np.fft.irfft(np.abs(spectrum) ** 2)[:, : lags.max() + 1]
    sums = np.concatenate([np.zeros((count, 1)), np.cumsum(frames**2, 1)], 1)
    heads, tails = sums[:, width - lags], sums[:, -1:] - sums[:, lags]
    alike = product[:, lags] / np.sqrt(heads * tails + 1e-9)  # (F, P)
    score = alike - LAG_BIAS * np.log2(high / grid)
    steps = np.abs(np.arange(len(grid))[:, None] - np.arange(len(grid))) * STEP_COST
    best, back = score[0], np.zeros((count, len(grid)), int)
    for place in range(1, count):
        moved = best[None] - steps
        back[place] = moved.argmax(1)
        best = moved.max(1) + score[place]
    path = np.zeros(count, int)
    path[-1] = best.argmax()
    for place in range(count - 1, 0, -1):
        path[place - 1] = back[place, path[place]]
    level = np.sqrt(sums[:, -1] / width)
    voiced = (alike[np.arange(count), path] > VOICED) & (level > QUIET * level.max())
    return grid[path], voiced
