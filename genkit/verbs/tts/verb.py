"""`genkit tts`: text to speech."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genkit.cli.options import parse_model_options, spread
from genkit.verbs.tts.options import SoundOptions, SpeechOptions, TextOptions, VoiceOptions

if TYPE_CHECKING:
    from genkit.cards import Card
    from genkit.run.plan import Plan
    from genkit.run.planning import Settings
    from genkit.verbs.tts.inputs import Script
    from genkit.verbs.tts.work import SpeechVerb

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
@spread
def tts(
    shared: SpeechOptions,
    text: TextOptions,
    voice: VoiceOptions,
    sound: SoundOptions,
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="[TEXT]...", help="What to say; each text is an output.", show_default=False)
    ] = None,
) -> int:
    """Read text aloud.

    \b
      genkit tts "Hello there." -o hello.wav
      genkit tts --from book.epub -o book.mp3 --subtitles srt
      genkit tts --from lines.txt --split -o lines/
      genkit tts "Hello there." -o - | aplay
      genkit tts --list-voices --language ru
    """
    from genkit import cards
    from genkit.errors import UsageError
    from genkit.verbs.tts.stream import run_stream

    if voice.list_voices:
        from genkit.verbs.tts.listing import list_voices

        return list_voices(text.language, shared.json)
    from genkit.verbs.tts.inputs import read_scripts

    card = cards.find(shared.model or cards.default_model("tts"), "tts")
    scripts = read_scripts(texts or [], text)
    streamed = shared.output == "-" or (sound.play and shared.output is None)
    if streamed and (sound.subtitles or sound.plot or sound.lufs is not None or shared.sidecar):
        named = next(
            one
            for one, wanted in (
                ("--subtitles", sound.subtitles),
                ("--plot", sound.plot),
                ("--lufs", sound.lufs is not None),
                ("--sidecar", shared.sidecar),
            )
            if wanted
        )
        raise UsageError(f"{named} needs the whole sound, and a stream goes out as it is made", "write to a file: -o FILE")
    verb = describe(card, scripts, shared, text, voice, sound, streamed)
    if streamed:
        return run_stream(shared, verb, play=sound.play)
    code = run_speech(shared, verb)
    if sound.play and code == 0:
        from genkit.verbs.tts.stream import play_files

        play_files([item.target for item in plan_speech(shared, verb, again=True).items if item.target])
    return code


def describe(
    card: Card,
    scripts: list[Script],
    shared: SpeechOptions,
    text: TextOptions,
    voice: VoiceOptions,
    sound: SoundOptions,
    streamed: bool,
) -> SpeechVerb:
    """Check all that can be checked before a voice is loaded.

    Raises:
        UsageError: the voice cannot do what is asked for, or a text is none that it speaks.
    """
    import secrets

    from genkit.errors import GenkitError, InputError, UsageError
    from genkit.media.sound.audio import Encoding
    from genkit.text.scripts import Foreign
    from genkit.verbs.tts.subtitles import KINDS
    from genkit.verbs.tts.task import Manner
    from genkit.verbs.tts.voices import check_markup, foreign_notice, languages_of, parts_notice, refuse_foreign, refuse_lacking
    from genkit.verbs.tts.work import SpeechVerb

    if not 0.5 <= voice.speed <= 2:  # False for not-a-number
        raise UsageError(f"--speed {voice.speed:g}: expected 0.5 to 2")
    if not -12 <= voice.pitch <= 12:
        raise UsageError(f"--pitch {voice.pitch:g}: expected -12 to 12 semitones")
    if voice.pause is not None and not 0 <= voice.pause <= 60:
        raise UsageError(f"--pause {voice.pause:g}: expected 0 to 60 seconds")
    if sound.lufs is not None and not -70 <= sound.lufs <= 0:
        raise UsageError(f"--lufs {sound.lufs:g}: expected -70 to 0")
    if sound.subtitles is not None and sound.subtitles not in KINDS:
        raise UsageError(f"--subtitles {sound.subtitles}: expected one of {', '.join(KINDS)}")
    for option, wanted, needed in (
        ("--speed", voice.speed != 1, "speed"),
        ("--pitch", voice.pitch != 0, "pitch"),
        ("--lexicon", text.lexicon is not None, "phonemes"),
    ):
        if wanted:
            refuse_lacking(card, {needed}, option)
    given = [*(shared.model_options or ()), *([f"vocoder={voice.vocoder}"] if voice.vocoder else [])]
    options = parse_model_options(card, given)
    lexicon = None
    if text.lexicon is not None:
        from genkit.text.lexicon import read_lexicon

        if not text.lexicon.is_file():
            raise UsageError(f"--lexicon {text.lexicon}: not found", code="missing-input")
        try:
            lexicon = read_lexicon(text.lexicon)
        except InputError as error:
            error.exit_code = 2
            raise
    language = text.language or languages_of(card, voice.voice)[0]
    manner = Manner(
        language=language,
        voice=voice.voice,
        speed=voice.speed,
        pitch=voice.pitch,
        pause=voice.pause,
        lexicon=lexicon,
        ssml=text.ssml,
        options=options,
    )
    foreign, told = Foreign(), list[str | None]()
    for script in scripts:
        try:
            plain = [check_markup(part.text, card, manner, told) for part in script.passages]
        except GenkitError as error:
            error.message = f"{script.name}: {error.message}"
            raise
        foreign += refuse_foreign(plain, card, voice.voice, text.language)
        if not text.language:
            titles = [one.title or one.id for one in script.passages]
            told.append(parts_notice(list(zip(titles, plain, strict=True)), card, voice.voice))
    told.append(foreign_notice(foreign))
    encoding = Encoding(format_of(shared, streamed), sound.bits, sound.rate, shared.quality)
    draws = "seed" in card.params.get("can", ())
    seed = (voice.seed if voice.seed is not None else secrets.randbelow(1 << 31)) if draws else None
    is_file = voice.voice is not None and Path(voice.voice).is_file()
    recorded: dict[str, Any] = {
        "voice": None if is_file else voice.voice,
        "speed": voice.speed if voice.speed != 1 else None,
        "pitch": voice.pitch or None,
        "pause": voice.pause,
        "language": text.language,
        "ssml": text.ssml or None,
        "join": text.join or None,
        "rate": sound.rate,
        "bits": sound.bits if sound.bits != 16 else None,
        "lufs": sound.lufs,
        "format": encoding.format.lower() if shared.format else None,
        "quality": shared.quality if encoding.format in ("OGG", "MP3") else None,
        "model_options": options or None,
    }
    files = {"voice": Path(voice.voice or "")} if is_file else {}
    return SpeechVerb(
        card=card,
        scripts=scripts,
        manner=manner,
        encoding=encoding,
        seed=seed,
        drawn=voice.seed is None and draws,
        lufs=sound.lufs,
        subtitles=sound.subtitles,
        plot=sound.plot,
        options={key: value for key, value in recorded.items() if value is not None},
        files=files | ({"lexicon": text.lexicon} if text.lexicon else {}),
        notices=[one for one in told if one],
    )


def format_of(shared: SpeechOptions, streamed: bool) -> str:
    """The format by -o, --name, --format, the user's settings, else WAV; RAW only in a stream.

    Raises:
        UsageError: none that can be written there, or two that contradict each other.
    """
    from genkit import config
    from genkit.errors import UsageError
    from genkit.media.sound.audio import sound_format
    from genkit.run.plan import output_folder

    kinds = "formats: wav, flac, ogg, mp3"
    if shared.format is not None and shared.format.lower() == "raw":
        if not streamed:
            raise UsageError(
                "--format raw is for a stream: a file of bare samples says nothing of its rate", "-o - --format raw"
            )
        return "RAW"
    asked = sound_format(shared.format)
    if shared.format is not None and asked is None:
        raise UsageError(f"--format {shared.format}: not a format that can be written", kinds)
    if streamed:
        if asked not in (None, "WAV"):
            raise UsageError(
                f"--format {shared.format}: a stream is wav or raw", "write to a file, or encode it behind the pipe"
            )
        return "WAV"
    file = shared.output if shared.output and output_folder(shared.output) is None else None
    named = sound_format(file)
    if file is not None and named is None:
        raise UsageError(f"-o {file}: {Path(file).suffix} is not a format that can be written", f"{kinds}; a folder ends in /")
    if named and asked and named != asked:
        raise UsageError(f"--format {shared.format} and -o {file} contradict each other", "leave out one of them")
    kept = config.get("tts.format") if not (asked or named) else None
    return asked or named or sound_format(str(kept) if kept else None) or "WAV"


def plan_speech(shared: SpeechOptions, verb: SpeechVerb, *, again: bool = False) -> Plan:
    """Where every output goes. `again`: they are there by now, and that is well."""
    from dataclasses import replace

    from genkit.run import plan as paths

    naming = paths.Naming("", shared.output, None, shared.name, {"verb": verb.name, "model": verb.card.name})
    others = {f"--{option}": path for one in verb.scripts for option, path in one.files.items()}
    plan = paths.plan_drawn(
        [paths.Wanted(one.name, one.stem, None, False, verb.encoding.format, verb.seed) for one in verb.scripts],
        naming,
        overwrite=shared.overwrite,
        resume=shared.resume or again,
        sidecar=shared.sidecar,
        suffixes=verb.suffixes,
        others=others | {f"--{option}": path for option, path in verb.files.items()},
    )
    rate = (verb.encoding.rate or int(verb.card.params.get("sample_rate", 22_050))) * verb.encoding.bits // 8
    share = {"FLAC": 0.6, "OGG": 0.2, "MP3": 0.2}.get(verb.encoding.format, 1.0)
    seconds = [one.letters / LETTERS_A_SECOND / verb.manner.speed for one in verb.scripts]
    plan.items = [replace(item, bytes=int(seconds[item.index] * rate * share)) for item in plan.items]
    return plan


LETTERS_A_SECOND = 15.0  # of English read aloud


def run_speech(shared: SpeechOptions, verb: SpeechVerb) -> int:
    """Say everything a verb describes into files, and return the exit code.

    Raises:
        GenkitError: the plan cannot start, or the model cannot be had.
    """
    from genkit.run.making import reporting, run_plan
    from genkit.run.planning import settings_of
    from genkit.verbs.tts.work import SpeechWork, refuse_unfinished

    with reporting(shared, pipe=False) as reporter:
        settings: Settings = settings_of(shared, verb.name)
        plan = plan_speech(shared, verb)
        refuse_unfinished(plan.items, shared)
        for notice in verb.notices:
            reporter.say(notice)
        if verb.drawn and not shared.dry_run:
            reporter.say(f"seed {verb.seed}")
        stop = threading.Event()
        work = partial(SpeechWork, shared, verb, settings, reporter, stop)
        stopping = "finishing the sentence in hand; Ctrl-C again leaves at once"
        return run_plan(shared, verb, settings, plan, reporter, work, stop=stop, stopping=stopping)
