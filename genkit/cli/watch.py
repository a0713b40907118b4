"""`genkit watch`: a folder whose pictures go through a recipe as they arrive."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False)
TERMINATED = 143


@app.command()
def watch(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where pictures arrive, in sub-folders too.", show_default=False)
    ],
    do: Annotated[
        str,
        typer.Option(
            "--do", metavar="RECIPE", show_default=False, help="A recipe, one that was saved, or a line: 'upscale -s 2'."
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="OUT", show_default=False, help="The folder that outputs go to.")
    ],
    once: Annotated[bool, typer.Option("--once", help="Take what is there, and end: for cron.")] = False,
    settle: Annotated[
        float, typer.Option("--settle", metavar="S", min=0, max=3600, help="Seconds that a file must not have changed.")
    ] = 2.0,
    poll: Annotated[
        bool, typer.Option("--poll", help="Look again and again, where the system tells of no changes (network disks).")
    ] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", show_default=False, help="As genkit run --set; may be repeated."),
    ] = None,
    allow_outside: Annotated[
        bool, typer.Option("--allow-outside", help="Let the recipe name files outside its own folder.")
    ] = False,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Fetch models whose licence must be accepted.")
    ] = False,
    device: Annotated[
        str | None, typer.Option("--device", metavar="NAME", show_default="auto", help="auto, cpu, cuda, cuda:N or mps.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON event a line on standard output.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing but paths and errors.")] = False,
) -> int:
    """Take every picture that arrives in a folder through a recipe, once it is whole. What was made is known by its output:
    started again, nothing is made twice. SIGTERM and Ctrl-C end it behind the picture in hand.

    \b
      genkit watch inbox --do restore.toml -o done
      genkit watch inbox --do 'colorize | upscale -s 2' -o done
      genkit watch inbox --do old -o done --once
    """
    from genkit.chain.declaration import RunChain
    from genkit.chain.several import SeveralReporter
    from genkit.chain.watching import Watch
    from genkit.errors import UsageError
    from genkit.run.report import StreamReporter, quiet_libraries
    from genkit.run.session import DEFAULT
    from genkit.run.settings import ChainRun
    from genkit.verbs import VERBS

    if not folder.is_dir():
        raise UsageError(f"{folder}: is no folder", "make it first", code="missing-input")
    if output.exists() and (not output.is_dir() or output.samefile(folder)):
        raise UsageError(f"-o {output}: is no folder of its own", "give another one")
    line = "|" in do or " " in do or (do in VERBS and not Path(do).exists())
    verb = RunChain(command=do if line else None, settings=settings, allow_outside=allow_outside)
    run = ChainRun(
        paths=[] if line else [do],
        output=f"{output}/",
        recursive=True,
        resume=True,
        again=True,
        accept_licence=accept_licence,
        device=device,
        json=json,
        quiet=quiet,
    )
    stop, stream = threading.Event(), StreamReporter(as_json=json, quiet=quiet, verbose=False)
    with quiet_libraries(verbose=False), _ending(stop) as ended:
        try:
            reporter = SeveralReporter(stream)
            watched = Watch(verb, verb.context(run), folder, settle, reporter, DEFAULT)
            reporter.say(f"watching {folder}, outputs go to {output}")
            if once:
                watched.once(stop)
            else:
                watched.go_on(stop, poll=poll)
            code = TERMINATED if ended else 130 if stop.is_set() else int(reporter.counts["failed"] > 0)
            reporter.finish(code)
        finally:
            stream.close()
    return code


@contextmanager
def _ending(stop: threading.Event) -> Iterator[list[Any]]:
    """Let SIGTERM set `stop`; what it gives is not empty then."""
    ended: list[Any] = []

    def on_end(number: int, frame: Any) -> None:
        ended.append(number)
        stop.set()

    if threading.current_thread() is not threading.main_thread():
        yield ended
        return
    before = signal.signal(signal.SIGTERM, on_end)
    try:
        yield ended
    finally:
        signal.signal(signal.SIGTERM, before)
