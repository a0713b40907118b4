"""One verb asked for once: its options, and the run's. Every surface makes a `Call`, and `carry_out` does what it asks.

A call comes from a command line (`cli/verbs.py`), from Python (`python/functions.py`), from data (`from_values`: JSON, TOML, a
step of a chain) or from an output's recipe (`run/recipe.py`).
"""

from __future__ import annotations

import dataclasses
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from genkit.errors import UsageError
from genkit.run import option
from genkit.run import recipe as recipes
from genkit.run.settings import ChainRun, PictureRun, Run
from genkit.run.verb import Context, DrawingVerb, Outcome, PictureVerb, SeveralVerbs, Verb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from genkit.cards import Card
    from genkit.run.batch import Counts
    from genkit.run.plan import Plan
    from genkit.run.report import Reporter
    from genkit.run.session import Session
    from genkit.run.work import Work


STOPPING = "finishing the file in hand; Ctrl-C again drops it"
STOPPING_FILM = "keeping what is whole of the film in hand; Ctrl-C again leaves at once"


@dataclass(frozen=True)
class Call:
    """`verb` is an instance of its declaration, `run` one of the verb's `Run`."""

    verb: Verb
    run: Run

    def to_data(self) -> dict[str, Any]:
        """What was chosen, as data that JSON and TOML can hold: {"verb": "upscale", "scale": 2.0, "paths": ["a.png"]}."""
        chosen = [*option.given(self.verb), *option.given(self.run)]
        return {"verb": self.verb.name, **{each.name: _plain(value) for each, value in chosen}}

    @property
    def pipes(self) -> bool:
        """Whether standard output carries the output itself."""
        streamed = isinstance(self.run, (PictureRun, ChainRun)) and self.run.output is None and "-" in (self.run.paths or ())
        return self.run.output == "-" or streamed


def from_values(verb: type[Verb], values: Mapping[str, Any]) -> Call:
    """A call of a verb from values by name.

    Raises:
        UsageError: a name or a value that the verb does not take.
    """
    values = verb.adopt(values)
    own = {each.name for each in option.declared(verb)} | {old for each in option.declared(verb) for old in each.option.former}
    of_verb = {name: value for name, value in values.items() if name in own}
    others = {name: value for name, value in values.items() if name not in own}
    try:
        run = option.build(verb.run_type, others, known=verb.name)
    except UsageError as error:
        names = [each.name for each in (*option.declared(verb), *option.declared(verb.run_type))]
        if error.hint and error.hint.startswith("its options"):
            error.hint = f"its options: {', '.join(names)}"
        raise
    return Call(option.build(verb, of_verb, known=verb.name), run)


def from_recipe(
    verb: type[Verb], recipe: Mapping[str, Any], source: Path | None, places: Mapping[str, Path], run: Mapping[str, Any]
) -> Call:
    """The call that makes an output again: the options of its recipe, `source` as its input, its further files where `places`
    has them, and what concerns the machine (`output`, `device` ...), which no recipe decides, from `run`.

    Raises:
        UsageError: a name or a value that the verb does not take.
    """
    values = values_of(verb, recipe, places)
    for each in (*option.declared(verb), *option.declared(verb.run_type)):
        if source is not None and (each.name == "paths" or (each.option.argument and each.kind is not str)):
            values[each.name] = str(source)
    return from_values(verb, {**values, **run})


def values_of(verb: type[Verb], recipe: Mapping[str, Any], places: Mapping[str, Path]) -> dict[str, Any]:
    """The options, texts, model and seed of a recipe by name, its further files where `places` has them.

    Raises:
        UsageError: a name or a value that the verb does not take.
    """
    options = (*option.declared(verb), *option.declared(verb.run_type))
    by_flag = {spelling: each for each in options for spelling in each.flags if not each.option.argument}
    values: dict[str, Any] = {}
    for spelling, value in recipes.spelled_options(recipes.as_meant(recipe, options), places):
        each = by_flag.get(spelling)
        if each is None:
            raise UsageError(f"genkit {verb.name} has no option {spelling}", "install the newest genkit")
        if isinstance(value, str) and each.kind in (int, float):
            value = each.parse(value)
        values[each.name] = [*values.get(each.name, []), value] if each.several and not isinstance(value, list) else value
    for each in options:
        if each.option.argument and each.kind is str and each.name != "paths" and (texts := recipes.texts_of(recipe)):
            values[each.name] = texts
    return values | {name: recipe[name] for name in ("model", "seed") if recipe.get(name) is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value if isinstance(value, (str, int, float, bool)) else str(value)


@contextmanager
def reporting(call: Call) -> Iterator[Reporter]:
    """A terminal, or a stream of JSON events, that is told what happens.

    Raises:
        UsageError: standard output cannot carry what is asked of it.
    """
    from genkit.run.report import StreamReporter, quiet_libraries

    run, pipe = call.run, call.pipes
    if pipe and run.json:
        raise UsageError("--json and -o - both want standard output", "write to a file: -o FILE")
    if pipe and not run.dry_run and sys.stdout.isatty():
        raise UsageError("a picture would be written to the terminal", "redirect it (> FILE), or give -o FILE")
    reporter = StreamReporter(as_json=run.json, quiet=run.quiet, verbose=run.verbose, pipe=pipe)
    with quiet_libraries(run.verbose):
        try:
            yield reporter
        finally:
            reporter.close()


def carry_out(
    call: Call,
    reporter: Reporter,
    *,
    context: Context | None = None,
    session: Session | None = None,
    stop: threading.Event | None = None,
    data: bytes | None = None,
) -> Outcome:
    """Plan a call, and make what it asks for; `data` is a picture in memory that takes the place of standard input.

    Raises:
        GenkitError: the plan cannot start, or the model cannot be had.
    """
    from genkit.run import session as sessions

    verb = call.verb
    context = context or verb.context(call.run)
    session = sessions.DEFAULT if session is None else session  # an empty one is false
    if isinstance(verb, SeveralVerbs):
        return verb.carry_out(context, reporter, session, stop)
    notes: Sequence[str] = ()
    if isinstance(verb, PictureVerb):
        from genkit.run.pictures import PictureWork, plan_pictures, settled

        stop = stop or threading.Event()
        plan = plan_pictures(verb, context, reporter, data)
        context = obtained(verb, settled(context, plan), reporter)
        work: Callable[[], Work] = partial(PictureWork, verb, context, reporter, session, plan, data is not None, stop)
    elif isinstance(verb, DrawingVerb):
        from genkit.run.outputs import DrawingWork, plan_outputs

        wanted = verb.outputs(context)
        plan = plan_outputs(verb, context, wanted)
        context = obtained(verb, context, reporter)
        work = partial(DrawingWork, verb, context, reporter, session, wanted, plan.items)
        notes = [*wanted.notes, *(wanted.remarks if reporter.hints else ())]
    else:
        return verb.carry_out(obtained(verb, context, reporter), reporter, session, stop)
    say_plan(plan, call.run.quality, reporter)
    for note in notes:
        reporter.say(note)
    return run_plan(verb, context, plan, reporter, work, stop=stop, stopping=stopping_of(plan))


def obtained(verb: Verb, context: Context, reporter: Reporter) -> Context:
    """The context with the model that is to be had, where that is another release of the one asked for. For a plan alone
    nothing is fetched: then it is the other only where the network is off and it is here.

    Raises:
        WeightsError: neither can be had.
    """
    card, run = context.card, context.run
    if not card.instead:
        return context
    from genkit import weights

    if run.dry_run:
        had = weights.at_hand(card)
    else:
        from genkit import runtime
        from genkit.run.report import fetching

        settings = context.settings  # looked at before anything is fetched for it
        runtime.choose(settings.device, settings.dtype, card.dtypes, settings.engine)
        had, _ = weights.obtain(card, announce=reporter.say, progress=fetching(reporter), accept_licence=run.accept_licence)
    if had is card:
        return context
    checked = verb.context(dataclasses.replace(run, model=had.name), had)  # type: ignore[arg-type] # its options may be others
    return dataclasses.replace(checked, session=context.session, notify=context.notify, steps=context.steps)


def say_plan(plan: Plan, quality: int | None, reporter: Reporter) -> None:
    """Say what is not as one might expect."""
    from genkit.media.pictures.formats import LOSSY

    for notice in plan.notices:
        reporter.say(notice)
    whole = sorted({item.format for item in plan.items} - {*LOSSY, "MP4"})
    if quality is not None and whole:
        reporter.say(
            f"--quality changes nothing in {' and '.join(whole)} files, which are lossless; it is for {', '.join(LOSSY)}"
        )


def run_plan(
    verb: Verb,
    context: Context,
    plan: Plan,
    reporter: Reporter,
    work_of: Callable[[], Work],
    *,
    stop: threading.Event | None = None,
    stopping: str = STOPPING,
) -> Outcome:
    """Show the plan, or run the batch with what `work_of` gives. The first Ctrl-C sets `stop`, and tells what is done then."""
    from genkit.run.estimate import estimate, remember
    from genkit.run.report import hint_once

    card, settings, run = context.card, context.settings, context.run
    pace = pace_of(verb, card, plan.unit)
    seconds = estimate(plan.work, pace, settings.device)
    say_begin(plan, card.name, seconds, reporter)
    work = work_of()
    say_made_otherwise(work, plan, run, reporter)
    if run.dry_run:
        show_plan(plan, card, seconds, reporter)
        return Outcome(plan, None, 0)

    def settled(counts: Counts) -> None:
        remember(counts, pace, settings.device)
        if counts.done and not counts.interrupted and reporter.hints:
            hint_once(verb.task, card, settings.device, reporter)

    return Outcome(plan, *drive(plan, work, reporter, stop=stop, stopping=stopping, settled=settled))


def stopping_of(plan: Plan) -> str:
    """What is said at the first Ctrl-C: a film takes too long to be finished, and can go on later."""
    return STOPPING if all(item.film is None for item in plan.items) else STOPPING_FILM


def pace_of(verb: Verb, card: Card, unit: str) -> str:
    """What the speed of a verb with a model is kept under: the further commands of a verb have paces of their own."""
    return " ".join(filter(None, (card.name, verb.name.partition(" ")[2], unit)))


def say_begin(plan: Plan, model: str, seconds: float | None, reporter: Reporter) -> None:
    megapixels = round(plan.megapixels, 3)
    reporter("plan", items=len(plan.items), model=model, megapixels=megapixels, bytes=plan.bytes, seconds=seconds)


def say_made_otherwise(work: Work, plan: Plan, run: Run, reporter: Reporter) -> None:
    if run.resume and (count := work.made_otherwise(plan.items)):
        reporter.say(f"{count} made with other options {'is' if count == 1 else 'are'} made anew")


def drive(
    plan: Plan,
    work: Work,
    reporter: Reporter,
    *,
    stop: threading.Event | None = None,
    stopping: str = STOPPING,
    settled: Callable[[Counts], None] = lambda counts: None,
) -> tuple[Counts, int]:
    """Run the batch, and tell how it ended; `settled` sees the counts before that."""
    from genkit.files import clean_leftovers
    from genkit.run import batch

    for folder in plan.folders:
        for leftover in clean_leftovers(folder):
            reporter.say(f"{leftover}: unfinished output of a killed run, deleted")
    stop = stop or threading.Event()
    with batch.interruptible(stop, "" if reporter.as_json else f"\n{stopping}\n"):
        try:
            counts = batch.run(plan.items, read=work.read, prepare=work.prepare, write=work.write, emit=reporter, stop=stop)
        finally:
            work.close()
    settled(counts)
    speed = counts.megapixels / counts.seconds if counts.done and counts.seconds else None
    reporter(
        "done",
        done=counts.done,
        failed=counts.failed,
        skipped=counts.skipped,
        left=counts.left,
        seconds=round(counts.seconds, 3),
        speed=round(speed, 4) if speed else None,
        exit=counts.exit_code,
    )
    if counts.interrupted and not reporter.as_json and reporter.says_how_to_go_on:
        print("interrupted; the same command with --resume goes on where it stopped", file=sys.stderr)
    return counts, counts.exit_code


def show_plan(plan: Plan, card: Card, seconds: float | None, reporter: Reporter) -> None:
    """Tell what would be made, in how many seconds, where that is known, and whether the model would be fetched first."""
    say_planned(plan, reporter)
    if missing := not_here(card):
        reporter.say(missing)
    say_nothing_done(plan, seconds, card.name, reporter)


def say_planned(plan: Plan, reporter: Reporter) -> None:
    for item in plan.items:
        width, height = item.size or (None, None)
        reporter(
            "planned",
            input=item.name,
            output="-" if item.target is None else str(item.target),
            width=width,
            height=height,
            format=item.format,
            bytes=item.bytes,
        )


def say_nothing_done(plan: Plan, seconds: float | None, model: str, reporter: Reporter) -> None:
    """The end of a plan that was only shown; `model` is one whose speed is not known yet, where `seconds` are not."""
    from genkit.run.progress import duration
    from genkit.run.report import size

    time = f"about {duration(seconds)}" if seconds is not None else f"not known, {model} has not run here yet"
    reporter.say(f"{len(plan.items)} to make, about {size(plan.bytes)}; time: {time}; nothing was written")
    if reporter.as_json:
        reporter("done", done=0, failed=0, skipped=0, left=len(plan.items), seconds=0.0, speed=None, exit=0)


def not_here(card: Card) -> str | None:
    """What to say of a model that would have to be fetched first: how large it is, and how to have it beforehand."""
    from genkit import weights

    state = state_of(card)
    if state in ("shipped", "cached") or card.name.startswith("./"):
        return None
    other = weights.other_release(card)
    else_runs = f"; where it cannot be had {other.name}, which is here, runs" if other else ""
    return f"{card.name} is {state} ({weights.size_text(card.size)}); fetch it with genkit models pull {card.name}{else_runs}"


def state_of(card: Card) -> str:
    """Whether a model's files are here: shipped, cached, partial or not downloaded."""
    from genkit import weights

    return weights.state(card)
