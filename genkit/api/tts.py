"""Speak, from Python."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genkit.api.models import chosen, recipe_of


def tts(
    text: str,
    output: str | Path | None = None,
    *,
    voice: str | None = None,
    speed: float = 1.0,
    pitch: float = 0.0,
    pause: float | None = None,
    seed: int = 0,
    language: str | None = None,
    lexicon: Mapping[str, tuple[str, ...]] | None = None,
    ssml: bool = False,
    rate: int | None = None,
    bits: int = 16,
    options: Mapping[str, Any] | None = None,
    model: Any = None,
    device: str = "auto",
    dtype: str = "auto",
) -> Any:
    """Read a text aloud: (samples (T,) float32 [-1, 1], samples a second), or with `output` the path of the file written there.

    The format is the suffix's: wav, flac, ogg or mp3. `lexicon` gives words (small letters) their ARPAbet phonemes. `options`
    are the model's own. `model` is a name or what `load` gave.

    Raises:
        GenkitError: its kind says what failed (`genkit.UsageError`, `genkit.RunError`, ...).
    """
    import hashlib
    import warnings

    import numpy as np

    from genkit.errors import InputError, UsageError
    from genkit.media.sound.audio import Encoding, resampled, sound_format, write_sound
    from genkit.text.books.passages import Passage
    from genkit.verbs.tts.task import LONGEST_TEXT, Manner, slug, utterances
    from genkit.verbs.tts.voices import check_markup, foreign_notice, languages_of, reference, refuse_foreign, unread_notice

    model = chosen("tts", model, device, dtype)
    model.check(voice=voice, speed=speed, pitch=pitch)
    spoken = language or languages_of(model.card, voice)[0]
    options = {one.name: one.default for one in model.card.options if one.default is not None} | dict(options or {})
    manner = Manner(spoken, voice, speed, pitch, pause, lexicon, ssml, options)
    told = foreign_notice(refuse_foreign([check_markup(text, model.card, manner)], model.card, voice, language))
    if told:
        warnings.warn(told, stacklevel=2)
    parts: list[np.ndarray] = []
    for one in utterances(model, [Passage("", text)], manner, seed=seed):
        parts += [np.zeros(round(one.silence * model.sample_rate), np.float32), one.sound]
    if told := unread_notice(model.card.name, model.unread):
        warnings.warn(told, stacklevel=2)
        model.unread.clear()
    if not any(map(len, parts)):
        raise InputError("there is nothing in the text that can be said")
    if output is None:
        given = list(resampled(parts, model.sample_rate, rate))
        return (np.concatenate(given) if given else np.zeros(0, np.float32)), rate or model.sample_rate
    target = Path(output)
    format = sound_format(target.name)
    if format is None:
        raise UsageError(f"{target}: {target.suffix or 'no suffix'} is not a format that can be written", "wav, flac, ogg, mp3")
    recorded = {
        "voice": voice,
        "speed": speed if speed != 1 else None,
        "pitch": pitch or None,
        "pause": pause,
        "language": language,
        "ssml": ssml or None,
        "rate": rate,
        "bits": bits if bits != 16 else None,
        "model_options": options or None,
    }
    recipe = recipe_of("tts", model, {key: value for key, value in recorded.items() if value is not None}, None)
    recipe |= {"model": reference(model.card), "seed": seed}
    if len(text) <= LONGEST_TEXT:
        recipe["text"] = text
    else:  # no recipe repeats a book: it is known by its hash, and replayed with --file from=PATH
        digest = hashlib.sha256(text.encode()).hexdigest()
        recipe["files"] = {"from": {"name": f"{slug(text)}.txt", "sha256": digest}}
    write_sound(target, parts, model.sample_rate, Encoding(format, bits, rate), recipe=recipe)
    return target
