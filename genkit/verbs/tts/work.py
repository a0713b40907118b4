"""Speech in files: the plan, and the stages of one output, which is said sentence by sentence and written with what lies
beside it."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.errors import InputError, UsageError
from genkit.run.call import run_plan
from genkit.run.verb import Outcome
from genkit.run.work import Work, make_folder, naming
from genkit.verbs.tts import subtitles

if TYPE_CHECKING:
    import numpy as np

    from genkit.media.sound.tags import Chapter
    from genkit.media.sound.unfinished import Unfinished
    from genkit.models.shapes import SpeakModel
    from genkit.run.batch import Process
    from genkit.run.plan import Item, Plan
    from genkit.run.report import Reporter
    from genkit.run.session import Session
    from genkit.run.settings import Run
    from genkit.run.verb import Context
    from genkit.verbs.tts.declaration import TtsDeclaration
    from genkit.verbs.tts.request import SpeechRequest

UNIT = "letters"  # what the work of a plan is counted in
LETTERS_A_SECOND = 15.0  # of English read aloud
SHARES = {"FLAC": 0.6, "OGG": 0.2, "MP3": 0.2}  # of the bytes of bare samples


def run_speech(
    verb: TtsDeclaration,
    request: SpeechRequest,
    context: Context,
    reporter: Reporter,
    session: Session,
    stop: threading.Event | None,
) -> Outcome:
    """Plan what a request asks for, and say it into files.

    Raises:
        GenkitError: the plan cannot start, or the model cannot be had.
    """
    plan = plan_speech(verb, request, context)
    refuse_unfinished(plan.items, context.run)
    for notice in request.notices:
        reporter.say(notice)
    if request.drawn and not context.run.dry_run and reporter.hints:  # a caller from Python would get it as a warning
        reporter.say(f"seed {request.seed}")
    stop = stop or threading.Event()
    work = partial(SpeechWork, verb, request, context, reporter, session, stop)
    stopping = "finishing the sentence in hand; Ctrl-C again leaves at once"
    return run_plan(verb, context, plan, reporter, work, stop=stop, stopping=stopping)


def plan_speech(verb: TtsDeclaration, request: SpeechRequest, context: Context) -> Plan:
    """Where every output goes, and about how large it will be.

    Raises:
        UsageError: the plan cannot start.
    """
    from genkit.media.sound.unfinished import Unfinished
    from genkit.run import plan as paths

    beside = paths.Beside(verb.suffixes, sidecar=context.run.sidecar)
    run, card, encoding = context.run, context.card, request.encoding
    plan = paths.plan_drawn(
        [
            paths.Wanted(script.name, script.stem, film=encoding.format, seed=request.seed, beside=beside)
            for script in request.scripts
        ],
        paths.Naming("", run.output, None, run.name, {"verb": verb.name, "model": card.name}),
        overwrite=run.overwrite,
        resume=run.resume,
        number=run.number,
        reads=[
            *(("--from", path) for path in request.sources),
            *((f"--{option}", path) for option, path in context.files.items()),
        ],
        taken=lambda target: Unfinished(target).head() is not None,
    )
    plan.unit = UNIT
    plan.items = [
        replace(item, bytes=size_of(verb, request, context, item.index), effort=request.scripts[item.index].letters)
        for item in plan.items
    ]
    return plan


def size_of(verb: TtsDeclaration, request: SpeechRequest, context: Context, script: int) -> int:
    """About how many bytes an output will have."""
    encoding = request.encoding
    rate = (encoding.rate or int(context.card.params.get("sample_rate", 22_050))) * encoding.bits // 8
    seconds = request.scripts[script].letters / LETTERS_A_SECOND / verb.speed
    return int(seconds * rate * SHARES.get(encoding.format, 1.0))


def refuse_unfinished(items: Sequence[Item], run: Run) -> None:
    """Refuse to lose, or to take up unasked, what a killed run has said already.

    Raises:
        UsageError: says how much it is.
    """
    from genkit.media.sound.unfinished import Unfinished

    for item in items:
        if item.target is None or run.resume or run.overwrite or run.dry_run:
            continue
        hidden = Unfinished(item.target)
        if hidden.head() is not None:
            count = sum(1 for _ in hidden.sentences())
            raise UsageError(
                f"{item.target}: a run that was stopped has said {count} utterances of it",
                "--resume goes on there, --overwrite begins anew, --number takes another name",
                code="unfinished",
            )


@dataclass(frozen=True)
class _Speech:
    """A whole output, in its hidden files still."""

    hidden: Unfinished
    rate: int
    recipe: dict[str, Any]


class SpeechWork(Work):
    """Once `stop` is set, an output is left at the end of its sentence: books take hours."""

    verb: TtsDeclaration

    def __init__(
        self,
        verb: TtsDeclaration,
        request: SpeechRequest,
        context: Context,
        reporter: Reporter,
        session: Session,
        stop: threading.Event,
    ):
        super().__init__(verb, context, reporter, session)
        self._request, self._stop = request, stop
        self._model: SpeakModel | None = None

    def read(self, item: Item) -> Any:
        from genkit.media.sound.unfinished import Unfinished
        from genkit.run.batch import Skip

        recipe = self.wanted_recipe(item)
        if not self.is_made(item, recipe):
            return recipe
        if item.target:
            Unfinished(item.target).discard()  # a kill between the output's name and this left them
        return Skip("already made")

    def prepare(self) -> list[Process]:
        from genkit.verbs.tts.task import Synthesizer

        _, self._model = self.load()
        Synthesizer(self._model, self._request.settings).check()
        return [partial(self._process, self._model)]

    def _process(self, model: SpeakModel, item: Item, recipe: dict[str, Any]) -> _Speech:
        """Say what is not said yet; what is stays in the hidden files, whatever happens."""
        from genkit.run.batch import Stopped
        from genkit.verbs.tts.task import Synthesizer

        script, rate = self._request.scripts[item.index], model.sample_rate
        hidden = self._begin(item, recipe, rate)
        before = [0]  # letters before each passage
        for part in script.passages:
            before.append(before[-1] + len(part.text))
        utterances = Synthesizer(model, self._request.settings, recipe.get("seed") or 0).utterances(
            script.passages,
            skip=hidden.count,
            rest=float(hidden.last.get("rest", 0.0)),
            now=lambda: hidden.samples / rate,
        )
        try:
            with naming(item):
                for utterance in utterances:
                    sound = utterance.with_silence(rate)
                    end = (hidden.samples + len(sound)) / rate
                    start = (hidden.samples + len(sound) - len(utterance.sound)) / rate
                    source = script.passages[utterance.passage].text
                    cue = subtitles.cue_of(utterance.marks, " ".join(utterance.text.split()), start, end, source)
                    # "said": a run goes on with what one of any former version has left
                    facts = {"passage": utterance.passage, "rest": utterance.rest, "said": subtitles.to_data(cue)}
                    if utterance.overrun > subtitles.UNHEARD_S:
                        facts["overrun"] = round(utterance.overrun, 3)
                    hidden.add(sound, facts)
                    letters = before[utterance.passage] + utterance.end
                    self.reporter("step", input=item.name, step=letters, steps=before[-1], sound_s=round(end, 3))
                    if self._stop.is_set() and letters < before[-1]:
                        raise Stopped
        finally:
            hidden.close()
        if not hidden.samples:
            hidden.discard()
            raise InputError(f"{item.name}: there is nothing in it that can be said")
        overruns = [(script.passages[one["passage"]].id, one["overrun"]) for one in hidden.sentences() if "overrun" in one]
        self.notify(item, subtitles.overrun_notices(overruns, len(script.passages)))
        return _Speech(hidden, rate, recipe)

    def _begin(self, item: Item, recipe: dict[str, Any], rate: int) -> Unfinished:
        """The hidden files of an output: new ones, or with --resume those that a run left which was asked for the same."""
        from genkit.media.sound.unfinished import Unfinished
        from genkit.run.journal import same_making

        assert item.target is not None
        make_folder(item.target.parent)
        hidden = Unfinished(item.target)
        head = hidden.head() if self.context.run.resume else None
        go_on = head is not None and head.get("rate") == rate and same_making(head["recipe"], recipe)
        hidden.begin(recipe, rate, go_on=go_on)
        if head is not None and not go_on:
            self.notify(item, ["what a stopped run had said of it was asked for in another way: it begins anew"])
        if go_on and hidden.count:
            self.notify(item, [f"goes on after {hidden.count} utterances"])
        return hidden

    def write(self, item: Item, result: _Speech, cover: bytes | None = None) -> dict[str, Any]:
        """What lies beside the output first, then the output itself; then the hidden files go."""
        from genkit.media.sound.audio import write_sound

        assert item.target is not None
        hidden, rate, encoding = result.hidden, result.rate, self._request.encoding
        gain, notices = loudness(hidden.blocks(), rate, self.verb.lufs)
        self.notify(item, notices)
        self.write_beside(item, self._brought(hidden, rate))
        size = write_sound(
            item.target,
            hidden.blocks(),
            rate,
            encoding,
            gain=gain,
            recipe=None if self.context.run.strip_metadata else result.recipe,
            chapters=self._chapters(item, hidden, rate),
            cover=cover,
            before_naming=self.keep_recipe(item, item.target, result.recipe),
        )
        hidden.discard()
        return {
            "sound_s": round(hidden.samples / rate, 3),
            "rate": encoding.rate or rate,
            "format": item.format,
            "bytes": size,
        }

    def _brought(self, hidden: Unfinished, rate: int) -> dict[str, bytes]:
        """What lies beside the sound, by suffix."""
        brought = {}
        if (kind := self.verb.subtitles) is not None:
            brought[f".{kind}"] = b"".join(line.encode() for line in subtitles.lines_of(kind, _cues(hidden)))
        if self.verb.plot:
            from genkit.media.sound.plot import draw_plot

            png = io.BytesIO()
            draw_plot(hidden.blocks(), rate, _cues(hidden)).save(png, "PNG")
            brought[".png"] = png.getvalue()
        return brought

    def close(self) -> None:
        """Tell once, of all outputs together, what the voice could not read."""
        from genkit.verbs.tts.voices import unread_notice

        if self._model is not None and (notice := unread_notice(self._model)):
            self.reporter.say(notice)

    def _chapters(self, item: Item, hidden: Unfinished, rate: int) -> list[Chapter]:
        from genkit.media.sound.tags import Chapter

        titles = [part.title for part in self._request.scripts[item.index].passages]
        if len(titles) < 2 or not any(titles):
            return []
        starts: list[tuple[str, float]] = []
        last = None
        for facts in hidden.sentences():
            if facts["passage"] != last and (title := titles[facts["passage"]]):
                starts.append((title, float(facts["said"]["start"]) if starts else 0.0))
            last = facts["passage"]
        ends = [start for _, start in starts[1:]] + [hidden.samples / rate]
        return [Chapter(title, start, end) for (title, start), end in zip(starts, ends, strict=True)]

    def wanted_recipe(self, item: Item) -> dict[str, Any]:
        """How an output is made. Where no seed was given, a run that goes on takes that of the one before."""
        from genkit.run.journal import same_making
        from genkit.verbs.tts.voices import reference

        script, context = self._request.scripts[item.index], self.context
        files: dict[str, Any] = {
            option: self.facts(option, path) for option, path in [*script.files.items(), *context.files.items()]
        }
        files |= {"from": dict(script.source)} if script.source else {}
        files |= self._request.files
        recipe = self.recipe(item, self.verb.recorded(context), seed=self._request.seed, source=None, files=files)
        recipe["model"] = reference(context.card)
        if script.text is not None:
            recipe["text"] = script.text if isinstance(script.text, str) else list(script.text)
        if self._request.drawn and context.run.resume and item.target is not None:
            for earlier in _earlier(item.target):
                if same_making(earlier | {"seed": recipe["seed"]}, recipe):
                    recipe["seed"] = earlier.get("seed")
                    break
        return recipe


def loudness(blocks: Iterable[np.ndarray], rate: int, lufs: float | None) -> tuple[float, list[str]]:
    """What to multiply a sound by so that it is as loud as `lufs` (1 for None), and what is to be told of it."""
    from genkit.media.sound.audio import loudness_gain

    if lufs is None:
        return 1.0, []
    gain, loud = loudness_gain(blocks, rate, lufs)
    return gain, [f"its peaks leave room for {loud:.1f} LUFS, not {lufs:g}"] if loud < lufs - 0.5 else []


def _earlier(target: Path) -> Iterator[dict[str, Any]]:
    """Recipes of what is there of an output: whole, or unfinished."""
    from genkit.media.recipe import read_recipe
    from genkit.media.sound.unfinished import Unfinished
    from genkit.run.journal import look_up

    if target.is_file() and (recipe := read_recipe(target) or look_up(target)):
        yield recipe
    if head := Unfinished(target).head():
        yield head["recipe"]


def _cues(hidden: Unfinished) -> Iterator[subtitles.Cue]:
    for facts in hidden.sentences():
        yield subtitles.from_data(facts["said"])
