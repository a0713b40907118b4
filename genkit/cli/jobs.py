"""`genkit jobs`: many calls out of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def jobs(
    file: Annotated[Path, typer.Argument(metavar="FILE.jsonl", help="Calls, a JSON object a line.", show_default=False)],
    resume: Annotated[bool, typer.Option("--resume", help="Skip outputs already made in the same way.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace outputs that exist.")] = False,
    memory: Annotated[
        str | None,
        typer.Option("--memory", metavar="SIZE", show_default="half of what is free", help="For models that stay loaded: 4GB."),
    ] = None,
    device: Annotated[
        str | None, typer.Option("--device", metavar="NAME", show_default="auto", help="auto, cpu, cuda, cuda:N or mps.")
    ] = None,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Fetch models whose licence must be accepted.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every line, show its plan, and do nothing.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON event a line on standard output, each with its line.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing but paths and errors.")] = False,
) -> int:
    """Run many calls of several verbs and recipes. They are taken in an order in which each model is loaded once; a line that
    fails is told by its number, and the others go on.

    \b
      {"verb": "upscale", "paths": ["a.png"], "scale": 2, "output": "out/"}
      {"verb": "txt2img", "prompts": ["a heart"], "output": "heart.png"}
      {"verb": "run", "command": "colorize | upscale", "paths": ["b.png"]}
    """
    import threading

    from genkit.chain.jobs import read_jobs, run_jobs
    from genkit.chain.keep import parse_size
    from genkit.chain.several import SeveralReporter
    from genkit.run.report import StreamReporter, quiet_libraries
    from genkit.run.session import Session

    session = Session(parse_size(memory) if memory is not None else None)
    shared = {"resume": resume, "overwrite": overwrite, "device": device, "accept_licence": accept_licence, "dry_run": dry_run}
    stream = StreamReporter(as_json=json, quiet=quiet, verbose=False)
    with quiet_libraries(verbose=False):
        try:
            found = read_jobs(file, shared)
            reporter = SeveralReporter(stream)
            code = run_jobs(found, reporter, session, threading.Event())
            code = 2 if dry_run and code == 1 else code
            reporter.finish(code)
        finally:
            stream.close()
    return code
