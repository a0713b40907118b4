"""What a call of `tts` asks for: texts, settings and an encoding, checked before a voice is loaded."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.errors import GenkitError, InputError, UsageError
from genkit.run.settings import SpeechRun

if TYPE_CHECKING:
    from genkit.media.sound.audio import Encoding
    from genkit.run.verb import Context
    from genkit.text.lexicon import Lexicon
    from genkit.text.scripts import Foreign
    from genkit.verbs.tts.declaration import TtsDeclaration
    from genkit.verbs.tts.inputs import Script
    from genkit.verbs.tts.task import SpeechSettings

KINDS = "formats: wav, flac, ogg, mp3"


@dataclass(frozen=True)
class SpeechRequest:
    """`sources` are the files that were read. `seed` was given or drawn (`drawn`); None where the voice draws nothing. `files`
    is what recipes say of what would be a file; `notices` are told before it begins."""

    scripts: Sequence[Script]
    sources: Sequence[Path]
    settings: SpeechSettings
    encoding: Encoding
    seed: int | None
    drawn: bool = False
    files: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    notices: Sequence[str] = ()


def make_request(verb: TtsDeclaration, context: Context) -> SpeechRequest:
    """Read all that is to be said, and check all that can be checked before a voice is loaded.

    Raises:
        UsageError: the voice cannot do what is asked for, or a text is none that it speaks.
    """
    import secrets

    from genkit.media.sound.audio import Encoding
    from genkit.verbs.tts.inputs import files_of, read_scripts
    from genkit.verbs.tts.task import SpeechSettings
    from genkit.verbs.tts.voices import languages_of

    run, card = context.run, context.card
    assert isinstance(run, SpeechRun)
    scripts = read_scripts(verb.texts or (), verb.source or (), split=verb.split, join=verb.join)
    sources = [path for source in verb.source or () if source != "-" for path in files_of(source)]
    language = verb.language or languages_of(card, verb.voice)[0]
    lexicon, digest = _lexicon_of(verb.lexicon)
    settings = SpeechSettings(
        language=language,
        voice=verb.voice,
        speed=verb.speed,
        pitch=verb.pitch,
        pause=verb.pause,
        lexicon=lexicon,
        ssml=verb.ssml,
        options=context.model_options,
    )
    notices = _check_texts(scripts, settings, context, verb.language)
    encoding = Encoding(
        _format_of(run, context.settings.format, streamed=verb.streams(run)), verb.bits, verb.rate, context.settings.quality
    )
    draws = "seed" in card.can
    return SpeechRequest(
        scripts,
        sources,
        settings,
        encoding,
        seed=(run.seed if run.seed is not None else secrets.randbelow(1 << 31)) if draws else None,
        drawn=draws and run.seed is None,
        files={"lexicon": {"name": "lexicon.lex", "sha256": digest}} if digest else {},
        notices=notices,
    )


def _lexicon_of(given: Path | Mapping[str, Any] | None) -> tuple[Lexicon | None, str | None]:
    """Pronunciations from a file, or from Python: those with the digest of the file that they would be.

    Raises:
        InputError, UsageError: what is no phoneme.
    """
    from genkit.text.lexicon import phonemes_from, read_lexicon

    if given is None:
        return None, None
    if isinstance(given, Path):
        try:
            return read_lexicon(given), None
        except InputError as error:
            error.exit_code = 2
            raise
    lexicon = {}
    for word, phonemes in given.items():
        try:
            lexicon[str(word).lower()] = phonemes_from(phonemes if isinstance(phonemes, str) else " ".join(phonemes))
        except ValueError as error:
            raise UsageError(f"--lexicon: {word}: {error}", 'such as {"nginx": "EH1 N JH IH0 N EH1 K S"}') from error
    lines = "".join(f"{word}  {' '.join(phonemes)}\n" for word, phonemes in sorted(lexicon.items()))
    return lexicon, hashlib.sha256(lines.encode()).hexdigest()


def _check_texts(scripts: Sequence[Script], settings: SpeechSettings, context: Context, language: str | None) -> list[str]:
    """Refuse markup that is wrong and texts that are not for this voice; return what is to be told of the others."""
    from genkit.text.scripts import Foreign
    from genkit.verbs.tts.voices import check_markup, foreign_notice, parts_notice, refuse_foreign

    card = context.card
    foreign: Foreign = Foreign()
    notices: list[str | None] = []
    for script in scripts:
        try:
            checked = [check_markup(part.text, card, settings) for part in script.passages]
        except GenkitError as error:
            error.message = f"{script.name}: {error.message}"
            raise
        plain = [text for text, _ in checked]
        notices += dict.fromkeys(note for _, notes in checked for note in notes)
        foreign += refuse_foreign(plain, card, settings.voice, language)
        if not language:
            titles = [part.title or part.id for part in script.passages]
            notices.append(parts_notice(list(zip(titles, plain, strict=True)), card, settings.voice))
    notices.append(foreign_notice(foreign))
    return [notice for notice in notices if notice]


def _format_of(run: SpeechRun, kept: str | None, *, streamed: bool) -> str:
    """The format by -o, --format, the user's settings (`kept`), else WAV; RAW only in a stream.

    Raises:
        UsageError: none that can be written there, or two that contradict each other.
    """
    from genkit.media.sound.audio import sound_format
    from genkit.run.plan import output_folder

    if run.format is not None and run.format.lower() == "raw":
        if not streamed:
            raise UsageError(
                "--format raw is for a stream: a file of bare samples says nothing of its rate", "-o - --format raw"
            )
        return "RAW"
    asked = sound_format(run.format)
    if run.format is not None and asked is None:
        raise UsageError(f"--format {run.format}: not a format that can be written", KINDS)
    if streamed:
        if asked not in (None, "WAV"):
            raise UsageError(f"--format {run.format}: a stream is wav or raw", "write to a file, or encode it behind the pipe")
        return "WAV"
    file = run.output if run.output and output_folder(run.output) is None else None
    named = sound_format(file)
    if file is not None and named is None:
        raise UsageError(f"-o {file}: {Path(file).suffix} is not a format that can be written", f"{KINDS}; a folder ends in /")
    if named and asked and named != asked:
        raise UsageError(f"--format {run.format} and -o {file} contradict each other", "leave out one of them")
    return asked or named or sound_format(kept) or "WAV"
