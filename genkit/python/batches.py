"""Many inputs through a verb, with each result or error as it comes."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from genkit.errors import GenkitError, RunError, UsageError
from genkit.python.functions import Request, function_of, unmistakable
from genkit.run import call as calls
from genkit.run import callers
from genkit.run.settings import PictureRun
from genkit.run.verb import PictureVerb, Verb


@dataclass(frozen=True)
class Result:
    """One output of `batch`: the input, and the path that was written, or without an output the picture, or the error."""

    input: str
    output: Path | None = None
    value: Any = None
    error: GenkitError | None = None
    skipped: str | None = None


def batch(verb: str, inputs: Iterable[Any], output: str | Path | None = None, **values: Any) -> Iterator[Result]:
    """Take many inputs through a verb, and give each result or error as it comes; one that fails does not end the others.

    With `output` (a folder) files are written as the command writes them; without it each `Result.value` is a picture. Closing
    the iterator ends the work after the input in hand.

    Raises:
        UsageError: the plan cannot start.
    """
    from genkit import verbs

    declaration = verbs.find(verb)
    if output is None or not issubclass(declaration, PictureVerb):
        function = function_of(declaration)
        for each in inputs:
            name = str(each) if callers.is_path(each) else callers.NO_FILE
            try:
                value = function(each, output, **values)
            except UsageError:
                raise
            except GenkitError as error:
                yield Result(name, error=error)
            else:
                yield Result(name, value=value) if output is None else Result(name, output=value)
        return
    yield from _batch_files(declaration, [unmistakable(Path(each)) for each in inputs], output, values)


def _batch_files(verb: type[Verb], paths: list[str], output: str | Path, values: dict[str, Any]) -> Iterator[Result]:
    results: queue.SimpleQueue[Any] = queue.SimpleQueue()
    events = values.pop("events", None)
    stop = threading.Event()

    def listen(event: dict[str, Any]) -> None:
        if events is not None:
            events(event)
        kind = event["event"]
        if kind == "done-item":
            results.put(Result(event["input"], output=Path(event["output"])))
        elif kind == "skipped":
            results.put(Result(event["input"], output=Path(event["output"]), skipped=event["reason"]))
        elif kind == "failed":
            error = RunError(event["message"], event["hint"], code=event["code"])
            results.put(Result(event["input"], error=error))

    asked = Request(verb, paths[0], values | {"output": output, "events": listen})
    run = asked.call.run
    assert isinstance(run, PictureRun)
    call = replace(asked.call, run=replace(run, paths=paths))
    context = call.verb.context(call.run)

    def work() -> None:
        try:
            calls.carry_out(call, asked.reporter, context=context, stop=stop)
        except BaseException as error:  # handed to the thread that asked
            results.put(error)
        finally:
            results.put(None)

    thread = threading.Thread(target=work, name="genkit-batch", daemon=True)
    with asked.files:
        thread.start()
        try:
            while (each := results.get()) is not None:
                if isinstance(each, BaseException):
                    raise each
                yield each
        finally:
            stop.set()
            thread.join()
