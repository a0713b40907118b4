"""`genkit jobs`: many calls of several verbs, a line each, in an order in which each model is loaded once."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit import verbs
from genkit.chain.declaration import RunChain
from genkit.chain.recipe import nearest
from genkit.chain.sweeping import swept_call
from genkit.errors import GenkitError, UsageError
from genkit.files import LARGEST_TEXT, parse_json, read_input
from genkit.run import option
from genkit.run.call import Call, carry_out, from_values
from genkit.run.verb import Context, Verb

if TYPE_CHECKING:
    from genkit.chain.several import SeveralReporter
    from genkit.run.session import Session

NOT_IN_LINES = ("open", "dry_run", "json", "quiet", "verbose", "debug")


@dataclass(frozen=True)
class Job:
    """A line of a file: a call with its context, or why it cannot be."""

    line: int
    call: Call | None = None
    context: Context | None = None
    error: GenkitError | None = None

    @property
    def models(self) -> tuple[str, ...]:
        if self.call is None or self.context is None:
            return ()
        if isinstance(self.call.verb, RunChain):
            return tuple(dict.fromkeys(node.context.card.name for node in self.call.verb.graph(self.context).nodes))
        return (self.context.card.name,)


def read_jobs(path: Path, run: Mapping[str, Any]) -> list[Job]:
    """The calls of a file, checked one by one; `run` is what holds for all of them.

    Raises:
        UsageError: the file cannot be read, or has no line.
    """
    try:
        lines = read_input(path, LARGEST_TEXT).decode("utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}", code="unreadable") from error
    jobs = [
        _job(number, line, run) for number, line in enumerate(lines, 1) if line.strip() and not line.lstrip().startswith("#")
    ]
    if not jobs:
        raise UsageError(f"{path}: no jobs in it", 'a line each: {"verb": "upscale", "paths": ["a.png"], "output": "out/"}')
    return jobs


def _job(number: int, line: str, run: Mapping[str, Any]) -> Job:
    try:
        call = _call(line, run)
        return Job(number, call, call.verb.context(call.run))
    except GenkitError as error:
        return Job(number, error=error)
    except (TypeError, ValueError) as error:  # a value of a kind that no option has
        return Job(number, error=UsageError(f"a value of a wrong kind: {error}"))


def _call(line: str, run: Mapping[str, Any]) -> Call:
    try:
        values = parse_json(line)
    except ValueError as error:
        raise UsageError(f"not JSON: {error}") from None
    if not isinstance(values, dict):
        raise UsageError("no JSON object", '{"verb": "upscale", "paths": ["a.png"], "output": "out/"}')
    name = values.pop("verb", None)
    known = (*verbs.VERBS, *verbs.COMMANDS, RunChain.name)
    if name not in known:
        raise UsageError(f"there is no verb {name!r}" if name else "verb is missing", nearest(str(name), known))
    verb: type[Verb] = RunChain if name == RunChain.name else verbs.find(name)
    for key in NOT_IN_LINES:
        if key in values:
            raise UsageError(f"{key} belongs to the whole command", f"genkit jobs FILE --{key.replace('_', '-')}")
    taken = {each.name for each in option.declared(verb.run_type)}
    call = swept_call(from_values(verb, {**values, **{key: value for key, value in run.items() if value and key in taken}}))
    if call.pipes or "-" in (getattr(call.run, "paths", None) or ()):
        raise UsageError("a job neither reads standard input nor writes standard output", "name files")
    return call


def in_order(jobs: Sequence[Job]) -> Iterator[Job]:
    """Jobs by their models, each as early as its first line; within one model in the order of the file."""
    groups: dict[tuple[str, ...], list[Job]] = {}
    for job in jobs:
        groups.setdefault(job.models, []).append(job)
    waiting = list(groups.items())
    last: tuple[str, ...] = ()
    while waiting:
        # next what shares a model with what was just run, else the first that waits
        place = next((number for number, (models, _) in enumerate(waiting) if set(models) & set(last)), 0)
        last, group = waiting.pop(place)
        yield from group


def run_jobs(jobs: Sequence[Job], reporter: SeveralReporter, session: Session, stop: threading.Event) -> int:
    """Run them one after another, and return the exit code; one that fails is told by its line, and the others go on."""
    refused = broken = False
    for job in in_order(jobs):
        if stop.is_set():
            reporter.counts["left"] += 1
            continue
        reporter.line = job.line
        error = job.error
        if job.call is not None:
            try:
                outcome = carry_out(job.call, reporter, context=job.context, session=session, stop=stop)
                broken = broken or outcome.exit_code != 0
            except GenkitError as raised:
                error = raised
        if error is not None:
            refused = True
            reporter("failed", input="", output="", megapixels=0.0, code=error.code, message=error.message, hint=error.hint)
            reporter.counts["failed"] += 1
    reporter.line = None
    if stop.is_set():
        return 130
    return int(refused or broken)
