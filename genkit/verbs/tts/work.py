"""The three stages of one spoken output: is it made already, say it sentence by sentence, write it with what lies beside it."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.errors import GenkitError, InputError, UsageError
from genkit.run.drawing import put
from genkit.run.making import Making, facts_of_file, make_folder
from genkit.verbs.tts.inputs import Script
from genkit.verbs.tts.options import SpeechOptions

if TYPE_CHECKING:
    import threading

    from genkit.cards import Card
    from genkit.media.sound.audio import Chapter, Encoding
    from genkit.media.sound.unfinished import Unfinished
    from genkit.run.batch import Process
    from genkit.run.plan import Item
    from genkit.run.planning import Settings
    from genkit.run.report import Reporter
    from genkit.verbs.tts.subtitles import Said
    from genkit.verbs.tts.task import Manner


@dataclass(frozen=True)
class SpeechVerb:
    """What the command was asked for. `seed` was given or drawn (`drawn`); None where the voice draws nothing. `suffixes` are
    those of files beside each output; `options` go into recipes; `notices` are told before it begins."""

    card: Card
    scripts: Sequence[Script]
    manner: Manner
    encoding: Encoding
    seed: int | None
    drawn: bool = False
    lufs: float | None = None
    subtitles: str | None = None
    plot: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    notices: Sequence[str] = ()
    name: str = "tts"

    @property
    def suffixes(self) -> list[str]:
        return [*([f".{self.subtitles}"] if self.subtitles else []), *([".png"] if self.plot else [])]


@dataclass(frozen=True)
class _Made:
    unfinished: Unfinished
    recipe: dict[str, Any]


class SpeechWork:
    """Once `stop` is set, an output is left at the end of its sentence: books take hours."""

    def __init__(self, shared: SpeechOptions, verb: SpeechVerb, settings: Settings, reporter: Reporter, stop: threading.Event):
        self._shared, self._verb, self._reporter, self._stop = shared, verb, reporter, stop
        self._making = Making(shared, verb, settings, reporter)
        self._facts: dict[Path, dict[str, Any]] = {}
        self._rate = 0
        self._model: Any = None

    def read(self, item: Item) -> Any:
        from genkit.media.sound.unfinished import Unfinished
        from genkit.run.batch import Skip

        recipe = self._recipe(item)
        beside = [item.target.with_suffix(one) for one in self._verb.suffixes] if item.target else []
        made = self._making.is_made(item, recipe) and all(one.exists() for one in beside)
        if made and item.target:
            Unfinished(item.target).discard()  # a kill between the output's name and this left them
        return Skip("already made") if made else recipe

    def prepare(self) -> list[Process]:
        _, model = self._making.load()
        manner = self._verb.manner
        model.check(voice=manner.voice, speed=manner.speed, pitch=manner.pitch)
        self._model = model
        self._rate = model.sample_rate
        return [partial(self._process, model)]

    def _process(self, model: Any, item: Item, recipe: dict[str, Any]) -> _Made:
        """Say what is not said yet; what is stays in the hidden files, whatever happens."""
        from genkit.media.sound.unfinished import Unfinished
        from genkit.run.batch import Stopped
        from genkit.verbs.tts.subtitles import facts_of, said_of
        from genkit.verbs.tts.task import utterances

        assert item.target is not None
        make_folder(item.target.parent)
        script, rate = self._verb.scripts[item.index], model.sample_rate
        hidden = Unfinished(item.target)
        head = hidden.head()
        go_on = self._shared.resume and head is not None and head.get("rate") == rate and _alike(head["recipe"], recipe)
        hidden.begin(recipe, rate, go_on=go_on)
        if self._shared.resume and head is not None and not go_on:
            message = "what a stopped run had said of it was asked for in another way: it begins anew"
            self._reporter("notice", message=message, input=item.name)
        if go_on and hidden.count:
            self._reporter("notice", message=f"goes on after {hidden.count} utterances", input=item.name)
        before = [0]
        for part in script.passages:
            before.append(before[-1] + len(part.text))
        bar = self._reporter.steps()
        try:
            for one in utterances(
                model,
                script.passages,
                self._verb.manner,
                seed=recipe.get("seed") or 0,
                skip=hidden.count,
                rest=float(hidden.last.get("rest", 0.0)),
                now=lambda: hidden.samples / rate,
            ):
                sound = _with_silence(one.sound, one.silence, rate)
                start, end = (hidden.samples + len(sound) - len(one.sound)) / rate, (hidden.samples + len(sound)) / rate
                said = facts_of(said_of(one.marks, " ".join(one.text.split()), start, end))
                hidden.add(sound, {"passage": one.passage, "rest": one.rest, "said": said})
                letters = before[one.passage] + one.end
                if bar is not None:
                    bar(letters, before[-1])
                self._reporter("step", input=item.name, step=letters, steps=before[-1], sound_s=round(end, 3))
                if self._stop.is_set() and letters < before[-1]:
                    raise Stopped
        except GenkitError as error:
            if item.name not in error.message:
                error.message = f"{item.name}: {error.message}"
            raise
        finally:
            hidden.close()
        if not hidden.samples:
            hidden.discard()
            raise InputError(f"{item.name}: there is nothing in it that can be said")
        return _Made(hidden, recipe)

    def write(self, item: Item, made: _Made) -> dict[str, Any]:
        """What lies beside the output first, then the output itself; then the hidden files go."""
        from genkit.media.atomic import write_atomic
        from genkit.media.sound.audio import loudness_gain, write_sound
        from genkit.run import journal
        from genkit.verbs.tts.subtitles import lines_of

        hidden, verb, strip = made.unfinished, self._verb, self._shared.strip_metadata
        assert item.target is not None
        target = item.target
        rate = self._rate
        gain = 1.0
        if verb.lufs is not None:
            gain, loud = loudness_gain(hidden.blocks(), rate, verb.lufs)
            if loud < verb.lufs - 0.5:
                self._making.tell(item, [f"its peaks leave room for {loud:.1f} LUFS, not {verb.lufs:g}"])
        if verb.subtitles:
            kind = verb.subtitles

            def put_lines(stream: Any) -> None:
                for line in lines_of(kind, _sentences(hidden)):
                    stream.write(line.encode())

            write_atomic(target.with_suffix(f".{kind}"), put_lines)
        if verb.plot:
            from genkit.media.sound.plot import draw_plot

            picture = draw_plot(hidden.blocks(), rate, _sentences(hidden))
            drawn = io.BytesIO()
            picture.save(drawn, "PNG")
            write_atomic(target.with_suffix(".png"), partial(put, drawn.getvalue()))

        def keep_recipe(written: Path) -> None:
            """Before the output has its name: a kill must not leave one that a resume does not know."""
            if strip:
                journal.note_down(target, written, made.recipe)
            if self._shared.sidecar:
                journal.write_sidecar(target, made.recipe)

        size = write_sound(
            target,
            hidden.blocks(),
            rate,
            verb.encoding,
            gain=gain,
            recipe=None if strip else made.recipe,
            chapters=self._chapters(item, hidden),
            before_naming=keep_recipe,
        )
        hidden.discard()
        return {
            "sound_s": round(hidden.samples / rate, 3),
            "rate": verb.encoding.rate or rate,
            "format": item.format,
            "bytes": size,
        }

    def close(self) -> None:
        """Tell once, of all outputs together, what the voice could not read."""
        tell_unread(self._model, self._reporter)

    def _chapters(self, item: Item, hidden: Unfinished) -> list[Chapter]:
        from genkit.media.sound.audio import Chapter

        titles = [one.title for one in self._verb.scripts[item.index].passages]
        if len(titles) < 2 or not any(titles):
            return []
        starts: list[tuple[str, float]] = []
        last = None
        for facts in hidden.sentences():
            if facts["passage"] != last and (title := titles[facts["passage"]]):
                starts.append((title, float(facts["said"]["start"]) if starts else 0.0))
            last = facts["passage"]
        ends = [start for _, start in starts[1:]] + [hidden.samples / self._rate]
        return [Chapter(title, start, end) for (title, start), end in zip(starts, ends, strict=True)]

    def _recipe(self, item: Item) -> dict[str, Any]:
        """How an output is made. Where no seed was given, a run that goes on takes that of the one before."""
        from genkit.verbs.tts.voices import reference

        script = self._verb.scripts[item.index]
        files = {option: self._fact(option, path) for option, path in [*script.files.items(), *self._verb.files.items()]}
        files |= {"from": dict(script.source)} if script.source else {}
        recipe = self._making.recipe(item, self._verb.options, seed=self._verb.seed, source=None, files=files)
        recipe["model"] = reference(self._verb.card)
        if script.text is not None:
            recipe["text"] = script.text if isinstance(script.text, str) else list(script.text)
        if self._verb.drawn and self._shared.resume and item.target is not None:
            for earlier in _earlier(item.target):
                if _alike(earlier | {"seed": recipe["seed"]}, recipe):
                    recipe["seed"] = earlier.get("seed")
                    break
        return recipe

    def _fact(self, option: str, path: Path) -> dict[str, Any]:
        if path not in self._facts:
            self._facts[path] = facts_of_file(option, path)
        return self._facts[path]


def tell_unread(model: Any, reporter: Reporter) -> None:
    from genkit.verbs.tts.voices import unread_notice

    if notice := unread_notice(model.card.name, model.unread) if model is not None else None:
        reporter.say(notice)
        model.unread.clear()


def refuse_unfinished(items: Sequence[Item], shared: SpeechOptions) -> None:
    """Refuse to lose, or to take up unasked, what a killed run has said already.

    Raises:
        UsageError: says how much it is.
    """
    from genkit.media.sound.unfinished import Unfinished

    for item in items:
        if item.target is None or shared.resume or shared.overwrite or shared.dry_run:
            continue
        hidden = Unfinished(item.target)
        if hidden.head() is not None:
            count = sum(1 for _ in hidden.sentences())
            raise UsageError(
                f"{item.target}: a run that was stopped has said {count} utterances of it",
                "--resume goes on there, --overwrite begins anew",
                code="unfinished",
            )


def _earlier(target: Path) -> Iterator[dict[str, Any]]:
    """Recipes of what is there of an output: whole, or unfinished."""
    from genkit.media.recipe import read_recipe
    from genkit.media.sound.unfinished import Unfinished
    from genkit.run.journal import look_up

    if target.is_file() and (recipe := read_recipe(target) or look_up(target)):
        yield recipe
    if head := Unfinished(target).head():
        yield head["recipe"]


def _alike(made: dict[str, Any], wanted: dict[str, Any]) -> bool:
    from genkit.run.journal import same_making

    return same_making(made, wanted)


def _sentences(hidden: Unfinished) -> Iterator[Said]:
    from genkit.verbs.tts.subtitles import said_from

    for facts in hidden.sentences():
        yield said_from(facts["said"])


def _with_silence(sound: Any, seconds: float, rate: int) -> Any:
    import numpy as np

    return np.concatenate([np.zeros(round(seconds * rate), np.float32), sound]) if seconds > 0 else sound
